"""A line of bench/check: what is asked, what was found, and whether that is enough."""
import dataclasses, sys

from .machine import median

PASS, FAIL, SKIP = "PASS", "FAIL", "SKIP"


@dataclasses.dataclass
class Line:
    name: str  # of the check, as --only takes it
    what: str
    limit: str
    measured: str
    status: str
    rounds: list = dataclasses.field(default_factory=list)  # what the median is of

    def text(self):
        rounds = f"  of {' '.join(f'{value:.3g}' for value in self.rounds)}" if len(self.rounds) > 1 else ""
        return f"{self.status}  {self.name:2} {self.what}: {self.measured} (limit {self.limit}){rounds}"


def at_least(name, what, limit, values, unit, detail=""):
    found = median(values)
    return Line(name, what, f">= {limit:g} {unit}", f"{found:.3g} {unit}{detail}", PASS if found >= limit else FAIL, values)


def at_most(name, what, limit, values, unit, detail=""):
    found = median(values)
    return Line(name, what, f"<= {limit:g} {unit}", f"{found:.3g} {unit}{detail}", PASS if found <= limit else FAIL, values)


def skip(name, what, limit, why):
    return Line(name, what, limit, why, SKIP)


def say(words):
    print(words, file=sys.stderr, flush=True)
