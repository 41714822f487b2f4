#!/usr/bin/env python3
"""Our ONNX Runtime plug-in beside ONNX Runtime's own Python package, on the same tokens, one thread, one document a call:
engine_speed.py --texts TEXTS.json --model FOLDER [--build build/release] [--engine onnxruntime] [--rounds 5] [--documents 500]

TEXTS: a JSON list of strings. FOLDER holds tokenizer.json and one .onnx. Needs numpy, onnxruntime and tokenizers. The runs
are interleaved; the medians of documents per second of own CPU time are printed, and how well the vectors agree."""

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import tempfile

import numpy as np
import onnxruntime
import tokenizers


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def tokenize(folder, texts):
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def python_run(session, ids):
    names = {node.name for node in session.get_inputs()}
    first = session.get_outputs()[0].name
    vectors, used = [], 0.0
    for document in ids:
        values = np.array([document], np.int64)
        feeds = {"input_ids": values, "attention_mask": np.ones_like(values), "token_type_ids": np.zeros_like(values)}
        before = cpu_seconds()
        output = session.run([first], {k: v for k, v in feeds.items() if k in names})[0]
        used += cpu_seconds() - before
        vectors.append(output[0].mean(0))
    return len(ids) / used, np.array(vectors)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--engine", default="onnxruntime")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--documents", type=int, default=500)
    arguments = parser.parse_args()
    model, = arguments.model.glob("*.onnx")
    ids = tokenize(arguments.model, json.loads(arguments.texts.read_text())[:arguments.documents])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    with tempfile.TemporaryDirectory() as folder:
        lines, vectors = pathlib.Path(folder) / "ids", pathlib.Path(folder) / "vectors"
        lines.write_text("".join(" ".join(map(str, document)) + "\n" for document in ids))
        command = [arguments.build / "bin" / "engine_speed", arguments.build / "lib" / f"libmlnode_engine_{arguments.engine}.so",
                   model, lines, "--vectors", vectors]
        theirs, ours = [], []
        python_run(session, ids[:20])
        for _ in range(arguments.rounds):
            speed, expected = python_run(session, ids)
            theirs.append(speed)
            ours.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        actual = np.fromfile(vectors, np.float32).reshape(expected.shape)
    cosines = (actual * expected).sum(1) / np.linalg.norm(actual, axis=1) / np.linalg.norm(expected, axis=1)
    ours_median, theirs_median = statistics.median(o["docs_per_cpu_second"] for o in ours), statistics.median(theirs)
    print(f"{len(ids)} documents, mean {statistics.mean(map(len, ids)):.1f} tokens, {arguments.rounds} rounds interleaved")
    print(f"Python onnxruntime {onnxruntime.__version__}: {theirs_median:.0f} documents per CPU-second ({min(theirs):.0f}-{max(theirs):.0f})")
    speeds = [o["docs_per_cpu_second"] for o in ours]
    print(f"{ours[0]['engine']} {ours[0]['precision']}: {ours_median:.0f} ({min(speeds):.0f}-{max(speeds):.0f}), ratio "
          f"{ours_median / theirs_median:.3f}; resident {ours[-1]['resident_mb_loaded']} MB loaded, {ours[-1]['resident_mb']} MB after")
    print(f"cosine of the vectors: min {cosines.min():.6f}, mean {cosines.mean():.6f}")


if __name__ == "__main__":
    main()
