"""docs/benchmarks.md and its plots, from the medians of a comparison."""
import datetime

from . import machine
from .svg_plot import line_plot


class Results:
    """medians over the rounds: rows[name][(clients, documents)] → Row; onnx: what contenders.onnx gives, or None"""

    def __init__(self, rows, onnx):
        self.rows, self.onnx = rows, onnx

    def series(self, documents, value):
        out = {}
        for name, cells in self.rows.items():
            out[name] = [(clients, value(row)) for (clients, docs), row in sorted(cells.items()) if docs == documents and value(row) > 0]
        return {name: points for name, points in out.items() if points}

    def documents(self):
        return sorted({docs for cells in self.rows.values() for _, docs in cells})


ONNX_NAME = "ONNX Runtime, one by one"


def plots(results):
    """file name → SVG"""
    out = {}
    for docs in results.documents():
        words = "1 document" if docs == 1 else f"{docs} documents"
        throughput, p99 = results.series(docs, lambda row: row.docs_s), results.series(docs, lambda row: row.p99)
        if not throughput:
            continue
        reference = {ONNX_NAME: results.onnx["docs_s"]} if results.onnx else {}
        out[f"throughput-{docs}.svg"] = line_plot(f"Throughput, {words} a request", "documents/s", throughput, reference)
        out[f"p99-{docs}.svg"] = line_plot(f"99th percentile, {words} a request", "ms", p99, logarithmic=True)
    return out


def table(results):
    yield "| contender | clients × documents | documents/s | p50 ms | p99 ms | server CPU ms a document | resident MB | answers other than 200 |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, cells in results.rows.items():
        for (clients, docs), row in sorted(cells.items(), key=lambda item: (item[0][1], item[0][0])):
            local = (f"{row.cpu_ms_per_doc:.2f}", f"{row.resident_mb:.0f}") if row.resident_mb else ("", "")
            others = ", ".join(f"{code}: {n}" for code, n in row.failures().items()) or "0"
            yield f"| {name} | {clients} × {docs} | {row.docs_s:.0f} | {row.p50:.1f} | {row.p99:.1f} | {local[0]} | {local[1]} | {others} |"
    if results.onnx:
        yield f"| {ONNX_NAME}, two lanes, in process | | {results.onnx['docs_s']:.0f} | {results.onnx['p50_ms']:.1f} | {results.onnx['p99_ms']:.1f} | | | |"


def page(results, about, drawn):
    """about: texts, precision, rounds, seconds, command, load (average before); drawn: names of the plots there are"""
    yield "# Benchmarks"
    yield ""
    yield (f"Written by `{about['command']}` at commit {machine.commit()}, {datetime.date.today()}, on {machine.cores()} cores of {machine.processor()} "
           f"({'with' if machine.has_amx() else 'without'} AMX), load average {about['load']:.1f} at its beginning.")
    yield ""
    yield (f"all-MiniLM-L6-v2 (ONNX), {about['texts']}; mlnode a fresh node at {about['precision']}; ONNX Runtime at fp32 in process, two lanes of one thread, "
           f"a text a call. The load generator runs on the same cores, closed loop, keep-alive. Contenders take turns in each of {about['rounds']} rounds of "
           f"{about['seconds']:g} s a cell after 1 s of warm-up; a cell is the median of the rounds, value by value. Compare only within one page: "
           f"another machine, or the same one on another day, gives other numbers.")
    yield ""
    for docs in results.documents():
        for kind in ("throughput", "p99"):
            if f"{kind}-{docs}.svg" in drawn:
                yield f"![{kind}, {docs} a request](benchmarks/{kind}-{docs}.svg)"
        yield ""
    yield from table(results)


def write(results, about, docs):
    """docs/benchmarks.md and docs/benchmarks/*.svg; plots of an earlier page go"""
    folder, drawn = docs / "benchmarks", plots(results)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for name, svg in drawn.items():
        (folder / name).write_text(svg)
    (docs / "benchmarks.md").write_text("\n".join(page(results, about, drawn)) + "\n")
