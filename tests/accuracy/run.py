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


class Reference:
    """Unit vectors of a model folder (one .onnx file and tokenizer.json), one text at a time, in ONNX Runtime. `first_token`: the vector is
    that of the first token, not the mean."""

    def __init__(self, folder, first_token=False):
        import onnxruntime
        from tokenizers import Tokenizer
        self.tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
        self.tokenizer.no_padding()
        limit = (self.tokenizer.truncation or {}).get("max_length", 512)
        self.tokenizer.enable_truncation(min(limit, 512))
        self.session = onnxruntime.InferenceSession(str(next(pathlib.Path(folder).glob("*.onnx"))), providers=["CPUExecutionProvider"])
        self.first_token = first_token

    def vector(self, text):
        import numpy as np
        ids = np.array([self.tokenizer.encode(text).ids], np.int64)
        hidden = self.session.run(None, {"input_ids": ids, "attention_mask": ids * 0 + 1, "token_type_ids": ids * 0})[0][0]
        vector = hidden[0] if self.first_token else hidden.mean(0)
        return vector / np.linalg.norm(vector)


def cosine(a, b):
    import numpy as np
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def compare(options):
    """in the clients' venv"""
    import numpy as np
    from api import ML, Api, demo_archive
    from node_process import NodeProcess

    texts = json.load(open(options.texts))[:200] if options.texts else sentences()
    reference = Reference(options.model)
    with NodeProcess(options.binary, "--set", "mlnode.engine.precision=f32") as node:
        api = Api(node.url)
        model = api.register(demo_archive(options.model), "accuracy")
        assert api.deploy(model)["state"] == "COMPLETED"
        explained = api.ok("GET", f"{ML}/models/{model}/_explain")
        assert explained["this_node"]["precision"] == "f32", explained
        vectors = []
        for n in range(0, len(texts), 40):
            vectors += api.embed(model, texts[n:n + 40])
    worst_cosine, worst_difference = 1.0, 0.0
    for text, got in zip(texts, vectors, strict=True):
        want = reference.vector(text)
        worst_cosine = min(worst_cosine, cosine(want, got))
        worst_difference = max(worst_difference, float(np.abs(want - np.array(got)).max()))
    print(f"{len(texts)} texts: lowest cosine {worst_cosine:.9f} (limit 0.999999), largest difference {worst_difference:.2e} (limit 1e-4)")
    return 0 if worst_cosine >= 0.999999 and worst_difference <= 1e-4 and len(texts) >= 200 else 1


def in_clients_venv(home, model, run):
    """run() in the venv below `home`, which is set up first: the script starts itself again there"""
    if os.environ.get("IN_CLIENTS_VENV"):
        return run()
    subprocess.run([sys.executable, str(HERE.parent / "conformance/setup.py"), home, model], check=True)
    return subprocess.run([f"{home}/venv/bin/python", *sys.argv], env=dict(os.environ, IN_CLIENTS_VENV="1")).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("binary", "home", "model"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--texts")
    options = parser.parse_args()
    return in_clients_venv(options.home, options.model, lambda: compare(options))


if __name__ == "__main__":
    sys.exit(main())
