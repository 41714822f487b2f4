#!/usr/bin/env python3
"""Measures a fresh node under closed-loop load and writes docs/benchmarks.md: bench/run.py [--texts FILE] [--secs S] [--print-only]
Needs build/release and the demo model (scripts/test makes both)."""
import argparse, datetime, json, os, pathlib, platform, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/process"), str(ROOT / "tests/accuracy")]
from api import ML, Api, demo_archive
from node_process import NodeProcess
from run import sentences

CLIENTS, DOCUMENTS = (1, 4, 16), (1, 8, 32)


def loadgen():
    program = ROOT / "build/loadgen"
    source = ROOT / "bench/loadgen.rs"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["rustc", "-O", str(source), "-o", str(program)], check=True)
    return program


def texts_file(given):
    if given:
        return given, f"{len(json.load(open(given)))} texts of {pathlib.Path(given).name}"
    path = ROOT / "build/bench-texts.json"
    lines = sentences(400)
    path.write_text("[\n" + ",\n".join(json.dumps(t) for t in lines) + "\n]\n")
    return str(path), f"{len(lines)} sentences of this project's documents"


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def measure(options, texts):
    with NodeProcess(str(ROOT / "build/release/bin/mlnode")) as node:
        api = Api(node.url)
        model = api.register(demo_archive(ROOT / ".deps/all-MiniLM-L6-v2"), "bench")
        assert api.deploy(model)["state"] == "COMPLETED"
        for clients in CLIENTS:
            for documents in DOCUMENTS:
                command = [str(loadgen()), "--port", str(api.port), "--path", f"{ML}/models/{model}/_predict", "--pre", '{"text_docs":[',
                           "--post", '],"target_response":["sentence_embedding"]}', "--conc", str(clients), "--docs", str(documents),
                           "--secs", str(options.secs), "--warm", "2", "--texts", texts, "--pid", str(node.process.pid)]
                row = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                print(f"{clients:3} x {documents:3}  {row['docs_s']:8.1f} docs/s  p50 {row['p50_ms']:8.1f} ms  p99 {row['p99_ms']:8.1f} ms  {row['codes']}", flush=True)
                yield row


def page(rows, described, options):
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    lines = ["# Benchmarks", "", f"Written by `bench/run.py{' --texts FILE' if options.texts else ''} --secs {options.secs:g}` at commit {commit}, "
             f"{datetime.date.today()}, on {os.cpu_count()} cores of {processor()}.",
             f"all-MiniLM-L6-v2 (ONNX) at f32, {described}, the load generator on the same cores, closed loop, {options.secs:g} s a row after 2 s of warm-up.", "",
             "| clients × documents | documents/s | p50 ms | p99 ms | server CPU ms a document | resident MB | answers other than 200 |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        other = sum(int(n) for code, n in (pair.split(": ") for pair in row["codes"].strip("{}").split(", ") if pair) if code != "200")
        lines.append(f"| {row['conc']} × {row['docs']} | {row['docs_s']:.0f} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['srv_cpu_ms_per_doc']:.2f} | {row['rss_mb']:.0f} | {other} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts"), parser.add_argument("--secs", type=float, default=6), parser.add_argument("--print-only", action="store_true")
    options = parser.parse_args()
    texts, described = texts_file(options.texts)
    rows = list(measure(options, texts))
    if not options.print_only:
        (ROOT / "docs/benchmarks.md").write_text(page(rows, described, options))


if __name__ == "__main__":
    main()
