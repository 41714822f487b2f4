#!/usr/bin/env python3
"""Embeddings of 200 real sentences over HTTP against ONNX Runtime + tokenizers in Python at f32:
cosine >= 0.999999 and largest absolute difference <= 1e-4. run.py --binary mlnode --home DIR --model DIR [--texts FILE]
Without --texts the sentences are those of this project's own licence and documents."""
import argparse, json, os, pathlib, re, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "process"), str(HERE.parent / "conformance")]


def sentences(count=200):
    root, found = HERE.parents[1], []
    for path in [root / "LICENSE", *sorted((root / "docs").rglob("*.md")), *sorted(root.glob("*.md"))]:
        for line in re.split(r"\n\s*\n|\n[-|#>*]", path.read_text()):
            found += [" ".join(s.split()) for s in re.split(r"(?<=[.;:?])\s+", line) if 20 <= len(s) <= 1500]
    return list(dict.fromkeys(found))[:count]


def compare(options):
    """in the clients' venv"""
    import numpy as np
    import onnxruntime
    from api import ML, Api, demo_archive
    from node_process import NodeProcess
    from tokenizers import Tokenizer

    texts = json.load(open(options.texts))[:200] if options.texts else sentences()
    tokenizer = Tokenizer.from_file(f"{options.model}/tokenizer.json")
    tokenizer.no_padding()
    session = onnxruntime.InferenceSession(str(next(pathlib.Path(options.model).glob("*.onnx"))), providers=["CPUExecutionProvider"])

    def reference(text):
        encoding = tokenizer.encode(text)
        ids, mask = np.array([encoding.ids], np.int64), np.array([encoding.attention_mask], np.int64)
        hidden = session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids * 0})[0]
        mean = (hidden * mask[..., None]).sum(1)[0] / mask.sum()
        return mean / np.linalg.norm(mean)

    with NodeProcess(options.binary) as node:
        api = Api(node.url)
        model = api.register(demo_archive(options.model), "accuracy")
        assert api.deploy(model)["state"] == "COMPLETED"
        explained = api.ok("GET", f"{ML}/models/{model}/_explain")
        assert explained["this_node"]["precision"] == "f32", explained
        vectors = []
        for n in range(0, len(texts), 40):
            vectors += api.embed(model, texts[n:n + 40])
    worst_cosine, worst_difference = 1.0, 0.0
    for text, vector in zip(texts, vectors, strict=True):
        want, got = reference(text).astype(np.float64), np.array(vector)
        worst_cosine = min(worst_cosine, float(want @ got / np.linalg.norm(want) / np.linalg.norm(got)))
        worst_difference = max(worst_difference, float(np.abs(want - got).max()))
    print(f"{len(texts)} texts: lowest cosine {worst_cosine:.9f} (limit 0.999999), largest difference {worst_difference:.2e} (limit 1e-4)")
    return 0 if worst_cosine >= 0.999999 and worst_difference <= 1e-4 and len(texts) >= 200 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("binary", "home", "model"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--texts")
    options = parser.parse_args()
    if os.environ.get("IN_CLIENTS_VENV"):
        return compare(options)
    subprocess.run([sys.executable, str(HERE.parent / "conformance/setup.py"), options.home, options.model], check=True)
    return subprocess.run([f"{options.home}/venv/bin/python", *sys.argv], env=dict(os.environ, IN_CLIENTS_VENV="1")).returncode


if __name__ == "__main__":
    sys.exit(main())
