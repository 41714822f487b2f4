"""loadgen.rs from Python: closed-loop and paced load against one server."""
import dataclasses, json, subprocess

from .machine import ROOT


@dataclasses.dataclass
class Endpoint:
    """where requests go and what stands around the texts in a body"""
    host: str
    port: int
    path: str
    pre: str
    post: str
    pid: int | None = None  # of a server on this machine, for its CPU time and memory


@dataclasses.dataclass
class Row:
    """what one closed-loop run gave; latencies in ms"""
    clients: int
    documents: int
    docs_s: float
    p50: float
    p90: float
    p99: float
    codes: dict
    cpu_ms_per_doc: float = 0
    resident_mb: float = 0

    def failures(self):
        return {code: n for code, n in self.codes.items() if code != "200"}


def program():
    built, source = ROOT / "build/loadgen", ROOT / "bench/loadgen.rs"
    if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
        built.parent.mkdir(exist_ok=True)
        subprocess.run(["rustc", "--edition", "2021", "-O", str(source), "-o", str(built)], check=True)
    return str(built)


def command(endpoint, texts, clients, documents, *more):
    words = [program(), "--host", endpoint.host, "--port", endpoint.port, "--path", endpoint.path, "--pre", endpoint.pre, "--post", endpoint.post,
             "--texts", texts, "--conc", clients, "--docs", documents, *more]
    return [str(word) for word in words]


def start_closed(endpoint, texts, clients, documents, seconds, warm):
    """a run under way; finish_closed gives its Row"""
    pid = ["--pid", endpoint.pid] if endpoint.pid else []
    words = command(endpoint, texts, clients, documents, "--secs", seconds, "--warm", warm, *pid)
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def finish_closed(running):
    out, _ = running.communicate()
    if running.returncode != 0:
        raise RuntimeError(f"loadgen ended with {running.returncode}")
    row = json.loads(out)
    return Row(row["conc"], row["docs"], row["docs_s"], row["p50_ms"], row["p90_ms"], row["p99_ms"], row["codes"], row["srv_cpu_ms_per_doc"], row["rss_mb"])


def closed(endpoint, texts, clients, documents, seconds, warm=1.0):
    return finish_closed(start_closed(endpoint, texts, clients, documents, seconds, warm))


def paced(endpoint, texts, clients, documents, phases):
    """phases: (requests a second, seconds) one after the other. A dictionary a second: second, codes, unsent, p50_ms, p99_ms"""
    words = ",".join(f"{rate:.3f}:{seconds:g}" for rate, seconds in phases)
    run = subprocess.run(command(endpoint, texts, clients, documents, "--phases", words), capture_output=True, text=True, check=True)
    return json.loads(run.stdout)["seconds"]
