"""The texts that everybody embeds: a JSON array, one text a line, as loadgen.rs reads it."""
import json, pathlib, sys

from .machine import ROOT

sys.path.insert(0, str(ROOT / "tests/accuracy"))
from run import sentences

SENTENCES = 400


def texts_file(given=None):
    """(file, what it holds in words); without one, sentences of this project's documents"""
    texts = json.load(open(given)) if given else sentences(SENTENCES)
    name = f"texts of {pathlib.Path(given).name}" if given else "sentences of this project's documents"
    if not texts or not all(isinstance(text, str) for text in texts):
        raise SystemExit(f"{given}: a JSON array of strings is wanted")
    path = ROOT / "build/bench-texts.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text("[\n" + ",\n".join(json.dumps(text) for text in texts) + "\n]\n")
    return path, f"{len(texts)} {name}"
