"""The speed lines that one node with a deployed model answers under load. Each function takes the context of bench/check (node, texts,
rounds, seconds, ...) and yields its lines. What is compared takes turns within a round; a line holds the median of the rounds."""
import threading

from . import contenders, load, machine
from .verdict import FAIL, PASS, Line, at_least, at_most, say, skip

CLIENTS, DOCUMENTS = 16, 8  # the load of the throughput lines
LIMIT_AMX, LIMIT_F32 = 3.0, 1.1


def closed(context, clients, documents, model=None):
    row = load.closed(context.node.endpoint(model), context.texts, clients, documents, context.seconds)
    say(f"  {clients} x {documents}: {row.docs_s:.1f} docs/s, p50 {row.p50:.2f} ms, p99 {row.p99:.2f} ms {row.failures() or ''}")
    return row


def expect_success(row):
    if row.failures():
        raise RuntimeError(f"answers other than 200 where none may be: {row.failures()}")
    if not row.codes:
        raise RuntimeError("no answer")
    return row


def throughput(context):
    """a, b: against ONNX Runtime and against the harness"""
    to_onnx, to_harness, precision = [], [], context.node.precision()
    for _ in range(context.rounds):
        http = expect_success(closed(context, CLIENTS, DOCUMENTS)).docs_s
        onnx = contenders.onnx(context.texts, lanes=2, threads=1, seconds=context.seconds)["docs_s"]
        alone = contenders.harness(context.texts, CLIENTS, DOCUMENTS, precision, context.seconds)["documents_per_second"]
        say(f"  ONNX Runtime, two lanes: {onnx:.1f} docs/s; harness: {alone:.1f} docs/s")
        to_onnx.append(http / onnx)
        to_harness.append(http / alone)
    load_words = f"{CLIENTS} clients x {DOCUMENTS} documents over HTTP by"
    onnx_words = f"{load_words} ONNX Runtime fp32 one by one on two lanes"
    if machine.has_amx():
        yield at_least("a", f"{onnx_words}, with AMX", LIMIT_AMX, to_onnx, "x", f" at {precision}")
    else:
        yield skip("a", f"{onnx_words}, with AMX", f">= {LIMIT_AMX:g} x", "no AMX")
    if precision == "f32":
        yield at_least("a", f"{onnx_words}, at f32", LIMIT_F32, to_onnx, "x")
    else:
        yield skip("a", f"{onnx_words}, at f32", f">= {LIMIT_F32:g} x", f"the model runs at {precision} here")
    yield at_least("b", f"{load_words} the in-process harness", 0.9, to_harness, "x")


def single(context):
    """c: the latency of one document"""
    shares, medians, calls = [], [], []
    for _ in range(context.rounds):
        medians.append(expect_success(closed(context, 1, 1)).p50)
        calls.append(contenders.onnx(context.texts, lanes=1, threads=2, seconds=context.seconds)["call_p50_ms"])
        say(f"  ONNX Runtime, one call on two threads: {calls[-1]:.2f} ms")
        shares.append(medians[-1] / (0.8 * calls[-1] + 0.5))
    detail = f": {machine.median(medians):.2f} ms where ONNX Runtime's call takes {machine.median(calls):.2f} ms"
    yield at_most("c", "1 client x 1 document, median by (0.8 x ONNX Runtime's single call on two threads + 0.5 ms)", 1, shares, "x", detail)


def beside_bulk(context):
    """d: single documents while a request of 1,000 runs"""
    ratios = []
    for _ in range(context.rounds):
        idle = expect_success(closed(context, 1, 1)).p99
        bulk = load.start_closed(context.node.endpoint(), context.texts, 1, 1000, context.seconds + 2, 0)
        busy = expect_success(closed(context, 1, 1)).p99
        load.finish_closed(bulk)
        ratios.append(busy / idle)
    yield at_most("d", "p99 of single documents while a request of 1,000 runs, by the idle p99", 3, ratios, "x")


class DeployLoop:
    """deploys and undeploys a model until the end of the with block"""

    def __init__(self, api, model):
        self.api, self.model, self.rounds, self.failure = api, model, 0, None
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            while not self.stop.is_set():
                task = self.api.deploy(self.model)
                if task["state"] != "COMPLETED":
                    raise RuntimeError(f"a deploy ended as {task}")
                self.rounds += 1
                self.api.undeploy(self.model)
        except (RuntimeError, AssertionError, OSError) as error:
            self.failure = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        if self.failure:
            raise self.failure


def beside_deploys(context):
    """e: model A while model B deploys in a loop"""
    api = context.node.api
    other = api.register(context.other_archive(), "neighbour")
    ratios, deploys = [], 0
    for _ in range(context.rounds):
        idle = expect_success(closed(context, 1, 1)).p99
        with DeployLoop(api, other) as loop:
            busy = expect_success(closed(context, 1, 1)).p99
        deploys += loop.rounds
        ratios.append(busy / idle)
    yield at_most("e", "p99 of model A while model B deploys in a loop, by its idle p99", 2, ratios, "x", f" with {deploys} deploys of B")


def scaling(context):
    """f: more clients are never slower; errors only beyond the admission limit, and then only 429"""
    counts, runs, failures = context.client_counts, {}, {}
    for _ in range(context.rounds):
        for clients in counts:
            row = closed(context, clients, 1)
            runs.setdefault(clients, []).append(row.docs_s)
            for code, count in row.failures().items():
                failures[code] = failures.get(code, 0) + count
    medians = [machine.median(runs[clients]) for clients in counts]
    worst = min(now / max(medians[:i]) for i, now in enumerate(medians) if i > 0)
    shown = ", ".join(f"{clients}: {value:.0f}" for clients, value in zip(counts, medians))
    words = f"documents/s with {', '.join(map(str, counts))} clients, the least by the most with fewer"
    yield Line("f", words, ">= 0.9 x", f"{worst:.3g} x ({shown})", PASS if worst >= 0.9 else FAIL)
    yield Line("f", "answers other than 200 of these", "none", str(failures or "none"), FAIL if failures else PASS)
    over = load.closed(context.node.endpoint(), context.texts, 64, 1000, context.seconds, 1)
    status = PASS if set(over.codes) <= {"200", "429"} and over.codes.get("429") else FAIL
    yield Line("f", "64 clients x 1,000 documents, beyond the admission limit", "only 200 and 429, and some 429", str(over.codes), status)


NORMAL_P99 = 3  # times the p99 before the overload: a second that is served normally


def recovered_after(seconds, before, overload):
    """seconds from the end of the overload until all that follows is served normally; infinite when the last second is not"""
    calm = seconds[min(2, before - 1):before]  # without the first connections
    limit = NORMAL_P99 * max(row["p99_ms"] for row in calm)

    def is_normal(row):
        return set(row["codes"]) == {"200"} and not row["unsent"] and row["p99_ms"] <= limit

    after = seconds[before + overload:]
    abnormal = [index for index, row in enumerate(after) if not is_normal(row)]
    if not abnormal:
        return 0
    return float("inf") if abnormal[-1] == len(after) - 1 else abnormal[-1] + 1


def recovery(context):
    """g: after twice the load, 0.8 of it is served normally soon"""
    before, overload, after = context.overload_seconds
    values, codes = [], {}
    for _ in range(context.rounds):
        capacity = expect_success(closed(context, CLIENTS, DOCUMENTS)).docs_s / DOCUMENTS
        phases = [(0.8 * capacity, before), (2 * capacity, overload), (0.8 * capacity, after)]
        seconds = load.paced(context.node.endpoint(), context.texts, 800, DOCUMENTS, phases)
        for row in seconds[before:before + overload]:
            for code, count in row["codes"].items():
                codes[code] = codes.get(code, 0) + count
        values.append(recovered_after(seconds, before, overload))
        say(f"  {capacity:.1f} requests/s; recovered after {values[-1]} s")
    words = f"after {overload} s of twice the load, seconds until 0.8 of it is served normally (all 200, p99 <= {NORMAL_P99} x before)"
    yield at_most("g", words, 5, values, "s", f"; answers to the overload {codes}")
