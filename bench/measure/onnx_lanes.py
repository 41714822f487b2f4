#!/usr/bin/env python3
"""ONNX Runtime at fp32, one text a call, in process: onnx_lanes.py MODEL_DIR TEXTS --lanes N --threads N --secs S --warm S
Each lane is a process with a session of its own and takes every N-th text, round and round. A document is all from text to
normalised vector; "call" is session.run alone. Prints {"docs_s", "p50_ms", "p99_ms", "call_p50_ms"}. In the conformance suite's
venv (bench/measure/contenders.py)."""
import argparse, json, multiprocessing, pathlib, statistics, time

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


class Lane:
    def __init__(self, model, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(str(next(pathlib.Path(model).glob("*.onnx"))), options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(f"{model}/tokenizer.json")
        self.tokenizer.no_padding()
        self.inputs = {port.name for port in self.session.get_inputs()}

    def embed(self, text):
        """seconds that session.run took"""
        encoding = self.tokenizer.encode(text)
        ids, mask = np.array([encoding.ids], np.int64), np.array([encoding.attention_mask], np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        began = time.perf_counter()
        hidden = self.session.run(None, {name: value for name, value in given.items() if name in self.inputs})[0]
        took = time.perf_counter() - began
        mean = (hidden * mask[..., None]).sum(1)[0] / mask.sum()
        assert np.isfinite(mean / np.linalg.norm(mean)).all()
        return took


def run_lane(options, texts, ready, results):
    lane = Lane(options.model, options.threads)
    ready.wait()
    opens = time.perf_counter() + options.warm
    documents, calls, index = [], [], 0
    while (began := time.perf_counter()) < opens + options.secs:
        call = lane.embed(texts[index % len(texts)])
        if began >= opens:
            documents.append(time.perf_counter() - began)
            calls.append(call)
        index += 1
    results.put((documents, calls))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model"), parser.add_argument("texts")
    for name, kind in (("lanes", int), ("threads", int), ("secs", float), ("warm", float)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    options = parser.parse_args()
    texts = json.load(open(options.texts))
    ready, results = multiprocessing.Barrier(options.lanes), multiprocessing.Queue()
    lanes = [multiprocessing.Process(target=run_lane, args=(options, texts[n::options.lanes], ready, results)) for n in range(options.lanes)]
    for lane in lanes:
        lane.start()
    gathered = [results.get(timeout=120 + options.warm + options.secs) for _ in lanes]
    for lane in lanes:
        lane.join()
    documents = sorted(seconds * 1000 for of_lane, _ in gathered for seconds in of_lane)
    calls = [seconds * 1000 for _, of_lane in gathered for seconds in of_lane]
    print(json.dumps({"docs_s": len(documents) / options.secs, "p50_ms": statistics.median(documents),
                      "p99_ms": documents[min(int(0.99 * len(documents)), len(documents) - 1)], "call_p50_ms": statistics.median(calls)}))


if __name__ == "__main__":
    main()
