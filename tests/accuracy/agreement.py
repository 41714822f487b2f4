#!/usr/bin/env python3
"""Every function and format over HTTP against its fp32 reference over many texts: agreement.py --binary mlnode (--home DIR --model DIR |
--torch-venv DIR) [--texts FILE] [--only NAME,NAME] [--precision auto|f32]

Each model of tests/data/functions is deployed at a node that chooses its precision itself, and asked about every text alone, then in requests
of any size side by side. The reference computes one text at a time from the file itself: ONNX Runtime, or torch for TorchScript
(tests/data/function_models/reference.py, which shares nothing with src/). Limits: functions.py and measures.py.
--torch-venv (or MLNODE_TORCH_VENV): a venv with torch, onnxruntime, tokenizers and numpy as the README of the data names them. Without it the
clients' venv below --home is used, a TorchScript file is held against the ONNX file of the same network, and those without one are SKIPped.
--texts (or MLNODE_TEXTS): a JSON list; without it the sentences of this project. Exit status 1 if a folder FAILs."""
import argparse, importlib.util, json, os, pathlib, subprocess, sys, time, traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "process"), str(HERE.parent / "data")]

import agreement_checks
from api import ML, Api
from functions import Different, Folder, require
from node_process import NodeProcess
from real_models import PATIENT
from run import in_clients_venv, sentences

MOST_TEXTS = 2000
# Folders whose TorchScript file holds the weights of another folder's ONNX file (NETWORKS of make_function_models.py).
SAME_WEIGHTS = {"text_embedding_neuron": "text_embedding_onnx", "sparse_encoding": "sparse_encoding_onnx", "text_similarity": "text_similarity_onnx",
                "question_answering": "question_answering_onnx", "sentence_highlighting": "sentence_highlighting_onnx",
                "sentence_highlighting_chunks": "sentence_highlighting_onnx"}
SHOWN = 3  # of the answers that should be equal and are not


def reference_file(folder):
    """(file the reference runs, or None where it needs no model; what is said of it); (None, None) where nothing here can run it"""
    found = [folder.path / place for name, place in folder.config["files"].items() if name.endswith((".pt", ".onnx"))]
    if not found:
        return None, "tokenizers"
    if found[0].suffix == ".onnx":
        return found[0], "ONNX Runtime"
    if importlib.util.find_spec("torch"):
        return found[0], "torch"
    other = SAME_WEIGHTS.get(folder.name)
    return (folder.path.parent / other / "model.onnx", f"ONNX Runtime on {other}") if other else (None, None)


def reference(folder, model):
    from function_models.reference import Reference
    place = folder.config["files"].get("idf.json")
    idf = json.loads((folder.path / place).read_text()) if place else None
    return Reference(folder.config, model, folder.path / folder.config["files"]["tokenizer.json"], idf)


def judge(api, folder, texts):
    """prints a line, and what differs below it; its first word"""
    begin = time.monotonic()
    model_file, source = reference_file(folder)
    if source is None:
        print(f"SKIP {folder.name}: no torch here, and no ONNX file has its weights", flush=True)
        return "SKIP"
    model = api.register(folder.archive(), folder.name, **folder.registration())
    try:
        task = api.deploy(model)
        require(task["state"] == "COMPLETED", "was not deployed:", task.get("error"))
        explained = api.ok("GET", f"{ML}/models/{model}/_explain").get("this_node", {})
        trial = agreement_checks.Trial(lambda body: api.predict(model, body)["inference_results"], reference(folder, model_file).answer,
                                       folder.config, texts)
        function = folder.config["function_name"]
        findings = agreement_checks.CHECKS[function](trial)
    finally:
        api.undeploy(model)
        api.ok("DELETE", f"{ML}/models/{model}")
    word = "PASS" if all(finding.good for finding in findings) else "FAIL"
    print(f"{word} {folder.name} ({explained.get('engine')}, {explained.get('precision')}; reference: {source}), "
          f"{agreement_checks.WHAT.get(function, f'{len(texts)} texts')}, {time.monotonic() - begin:.0f} s: "
          + ", ".join(finding.text() for finding in findings), flush=True)
    for words in trial.different[:SHOWN]:
        print(f"       {words}", flush=True)
    return word


def compare(options):
    """in the venv"""
    texts = json.loads(pathlib.Path(options.texts).read_text())[:MOST_TEXTS] if options.texts else sentences(MOST_TEXTS)
    paths = sorted(path.parent for path in options.data.glob("*/config.json"))
    if options.only:
        paths = [path for path in paths if any(path.match(name) for name in options.only.split(","))]
    require(paths, "no such folder below", options.data)
    words = {}
    with NodeProcess(options.binary, "--set", f"mlnode.engine.precision={options.precision}", *PATIENT) as node:
        api = Api(node.url, timeout=1800)
        for path in paths:
            try:
                words[path.name] = judge(api, Folder(path), texts)
            except (Different, AssertionError, OSError, LookupError, TypeError, ValueError) as error:
                words[path.name] = "FAIL"
                print(f"FAIL {path.name}: {error}", flush=True)
                if not isinstance(error, (Different, AssertionError)):
                    traceback.print_exc()
    count = list(words.values()).count
    print(f"{count('PASS')} folders PASS, {count('SKIP')} SKIP, {count('FAIL')} FAIL")
    require(count("PASS") + count("FAIL"), "nothing was judged")
    return 1 if count("FAIL") else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--home", help="the clients' set-up (tests/conformance/setup.py)")
    parser.add_argument("--model", help="the demo model, which the set-up asks for")
    parser.add_argument("--torch-venv", default=os.environ.get("MLNODE_TORCH_VENV"))
    parser.add_argument("--texts", default=os.environ.get("MLNODE_TEXTS"))
    parser.add_argument("--data", type=pathlib.Path, default=HERE.parent / "data/functions")
    parser.add_argument("--only", help="names of folders, or beginnings of names ending in *, divided by commas")
    parser.add_argument("--precision", default="auto", choices=("auto", "f32"))
    options = parser.parse_args()
    if options.torch_venv and not os.environ.get("IN_CLIENTS_VENV"):
        return subprocess.run([f"{options.torch_venv}/bin/python", *sys.argv], env=dict(os.environ, IN_CLIENTS_VENV="1")).returncode
    if not options.torch_venv and not (options.home and options.model):
        parser.error("--torch-venv, or --home and --model")
    return in_clients_venv(options.home, options.model, lambda: compare(options))


if __name__ == "__main__":
    sys.exit(main())
