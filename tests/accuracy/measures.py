"""What two answers have in common, as numbers with limits. Standard library only; agreement_test.py shows that each limit can be missed."""
import math
from typing import NamedTuple

from functions import COSINE_LEAST, COSINE_MEAN, COSINE_SAME, LENGTH, RANKED, TOKEN_LEAST, TOKEN_SHARE, cosine

EQUAL_LISTS = 0.99  # of the rankings: their first RANKED documents are the same ones in the same order


class Finding(NamedTuple):
    """One measured number and what it must not be below, or above. Not a number is never good."""
    what: str
    value: float
    limit: float
    least: bool = True

    @property
    def good(self):
        return self.value >= self.limit if self.least else self.value <= self.limit

    def text(self):
        value = f"{self.value:.7f}" if self.least else f"{self.value:.2e}"
        return f"{self.what} {value}" + ("" if self.good else f" {'<' if self.least else '>'} {self.limit}")


def any_unusable(values):
    return not values or any(math.isnan(value) for value in values)


def lowest(values):
    """not a number for no values and where one of them is none: min() would depend on the order"""
    return math.nan if any_unusable(values) else min(values)


def highest(values):
    return math.nan if any_unusable(values) else max(values)


def mean(values):
    return math.nan if any_unusable(values) else math.fsum(values) / len(values)


def cosines(what, values, quantised):
    """[Finding] of vectors against the reference: their mean and the least of them"""
    return [Finding(f"{what} mean", mean(values), COSINE_MEAN), Finding(f"{what} lowest", lowest(values), COSINE_SAME if quantised else COSINE_LEAST)]


def same(values):
    """of one text alone and in company"""
    return Finding("alone and in company", lowest(values), COSINE_SAME)


def length_difference(got, wanted):
    """of two vectors, relative to the second: cosines do not see it"""
    lengths = math.hypot(*got), math.hypot(*wanted)
    if lengths[1] == 0:
        return 0.0 if lengths[0] == 0 else math.inf
    return abs(lengths[0] - lengths[1]) / lengths[1]


def lengths(values):
    return Finding("length", highest(values), LENGTH, least=False)


def weight_difference(got, wanted):
    """The largest relative difference between the weights of two sparse vectors. A token that one of them lacks counts whole, unless the
    other gives it no more than TOKEN_LEAST (and the share by which a weight may differ)."""
    worst = 0.0
    for token in got.keys() | wanted.keys():
        weight, other = got.get(token, 0.0), wanted.get(token, 0.0)
        if max(weight, other) > TOKEN_LEAST * (1 + TOKEN_SHARE):
            worst = max(worst, abs(weight - other) / other if other else math.inf)
    return worst


def weights(what, values):
    return Finding(f"{what}: weights differ by", highest(values), TOKEN_SHARE, least=False)


def sparse_cosine(a, b):
    tokens = sorted(a.keys() | b.keys())
    return cosine([a.get(token, 0.0) for token in tokens], [b.get(token, 0.0) for token in tokens])


def first(scores):
    """places of the RANKED highest, the highest first"""
    return sorted(range(len(scores)), key=lambda place: -scores[place])[:RANKED]


def share(pairs, alike):
    """of the pairs that are alike; not a number without any"""
    return mean([float(alike(a, b)) for a, b in pairs])


def rankings(what, pairs):
    """[Finding] of (scores, expected scores) of lists of documents"""
    return Finding(f"{what}: first {RANKED} equal", share(pairs, lambda a, b: first(a) == first(b)), EQUAL_LISTS)


def equal(what, pairs):
    """all must be"""
    return Finding(f"{what}: equal", share(pairs, lambda a, b: a == b), 1.0)
