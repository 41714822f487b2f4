#!/usr/bin/env python3
"""Writes tests/data/functions: tiny models of every function, requests, and what a node must answer. make_function_models.py [FOLDER]

Needs torch, onnx, onnxruntime, tokenizers and numpy in the versions that tests/data/functions/README.md names; the same versions on the same
kind of CPU write the same bytes, and tests/accuracy/functions.py holds a node against them. 25 seconds."""

import importlib.metadata
import json
import pathlib
import shutil
import sys

import numpy as np
import torch

from function_models import bodies, networks, reference, saving, wordpiece

ROWS = {0: "batch"}
TOKENS = {0: "batch", 1: "tokens"}
IDS = ("input_ids", "attention_mask")
TYPED = (*IDS, "token_type_ids")
NETWORK_INPUTS = {"SPARSE_ENCODING": IDS, "TEXT_SIMILARITY": TYPED, "QUESTION_ANSWERING": IDS}
# kind, seed, inputs, ONNX outputs, takes one dictionary as TorchScript
NETWORKS = {
    "sentence_transformer": (networks.SentenceTransformer, 122, IDS, None, True),
    "hugging_face": (networks.HuggingFace, 102, IDS, None, False),
    "hugging_face_types": (networks.HuggingFaceWithTypes, 107, TYPED, {"last_hidden_state": TOKENS, "sentence_vector": ROWS}, False),
    "sparse": (networks.Sparse, 104, IDS, {"output": ROWS}, True),
    "cross_encoder": (networks.CrossEncoder, 108, TYPED, {"logits": ROWS}, False),
    "question_answering": (networks.QuestionAnswering, 106, IDS, {"start_logits": TOKENS, "end_logits": TOKENS}, False),
    "highlighter": (networks.Highlighter, 112, (*TYPED, "sentence_ids"), {"sentences": {0: "chosen"}}, False),
}
EMBEDDING = {"model_type": "bert", "embedding_dimension": networks.HIDDEN}
SENTENCE = EMBEDDING | {"framework_type": "SENTENCE_TRANSFORMERS"}
HUGGING = EMBEDDING | {"framework_type": "HUGGINGFACE_TRANSFORMERS"}
BASE = {"model_type": "bert", "framework_type": "HUGGINGFACE_TRANSFORMERS"}
HIGHLIGHT = BASE | {"model_type": "sentence_highlighting"}
CHUNKS = HIGHLIGHT | {"all_config": json.dumps({"token_max_length": 64, "token_overlap_stride": 16})}
POOLINGS = ("CLS", "MAX", "MEAN_SQRT_LEN", "WEIGHTED_MEAN", "LAST_TOKEN", "NONE")
CLEAR_END = 0.2  # least lead of a span's ends, in standard deviations of the logits: ten times what bf16 adds
CLEAR_SENTENCE = 0.01  # least distance of a sentence's score from what would change the choice


def folders():
    """yields (folder, function, network, suffix, model_config, kind of requests); a folder without its own model file shares an earlier one's"""
    text = "TEXT_EMBEDDING"
    yield "text_embedding_dict", text, "sentence_transformer", "pt", SENTENCE, "sentence_transformer"
    yield "text_embedding_hf", text, "hugging_face", "pt", HUGGING | {"normalize_result": True, "model_max_length": 48}, "embedding"
    yield "text_embedding_neuron", text, "hugging_face_types", "pt", EMBEDDING | {"framework_type": "HUGGINGFACE_TRANSFORMERS_NEURON"}, "embedding"
    yield "text_embedding_onnx", text, "hugging_face_types", "onnx", SENTENCE | {"normalize_result": True}, "embedding"
    for mode in POOLINGS:
        config = {"pooling_mode": mode, "normalize_result": mode in ("MAX", "CLS")}
        yield f"text_embedding_hf_{mode.lower()}", text, "hugging_face", "pt", HUGGING | config, "embedding"
        yield f"text_embedding_onnx_{mode.lower()}", text, "hugging_face_types", "onnx", SENTENCE | config, "embedding"
    prefixes = {"query_prefix": "query: ", "passage_prefix": "passage: the "}
    yield "text_embedding_onnx_prefixes", text, "hugging_face_types", "onnx", SENTENCE | prefixes, "asymmetric"
    yield "text_embedding_onnx_quantised", text, "hugging_face_types", "quantised.onnx", SENTENCE, "embedding"
    yield "sparse_encoding", "SPARSE_ENCODING", "sparse", "pt", SENTENCE, "sparse"
    yield "sparse_encoding_onnx", "SPARSE_ENCODING", "sparse", "onnx", SENTENCE, "sparse"
    yield "sparse_tokenize", "SPARSE_TOKENIZE", None, None, BASE, "tokenize"
    for suffix, end in (("pt", ""), ("onnx", "_onnx"), ("quantised.onnx", "_onnx_quantised")):
        yield f"text_similarity{end}", "TEXT_SIMILARITY", "cross_encoder", suffix, BASE, "similarity"
    for suffix, end in (("pt", ""), ("onnx", "_onnx")):
        yield f"question_answering{end}", "QUESTION_ANSWERING", "question_answering", suffix, BASE, "questions"
        yield f"sentence_highlighting{end}", "QUESTION_ANSWERING", "highlighter", suffix, HIGHLIGHT, "highlights"
        yield f"sentence_highlighting_chunks{end}", "QUESTION_ANSWERING", "highlighter", suffix, CHUNKS, "highlights"


def write_model(network, suffix, path):
    kind, seed, names, outputs, as_dict = NETWORKS[network]
    made = networks.make(kind, seed)
    if suffix == "pt":
        saving.save_torch(made, names, as_dict, path)
    elif suffix == "onnx":
        saving.save_onnx(made, names, outputs, as_dict, path)
    else:
        whole = path.with_name("whole.onnx")
        saving.save_onnx(made, names, outputs, as_dict, whole)
        saving.quantise(whole, path)
        whole.unlink()
    if path.stat().st_size > 2_000_000 or saving.holds_path(path):
        raise AssertionError(f"{path} is too large or names a folder of this machine")


def check_masks(ref):
    """Padding must change nothing: rows of 5 and 9 tokens alone, and as one batch."""
    if ref.highlighter:
        return
    ids = [[wordpiece.CLS, *range(200, 200 + n), wordpiece.SEP] for n in (3, 7)]
    names = NETWORK_INPUTS[ref.function] if ref.function in NETWORK_INPUTS else TYPED if ref.pipeline == "C" or ref.neuron else IDS
    batch = {name: np.zeros((2, 9), np.int64) for name in names}
    alone = []
    for row, tokens in enumerate(ids):
        one = {name: np.zeros((1, len(tokens)), np.int64) for name in names}
        for tensors, place in ((batch, row), (one, 0)):
            tensors["input_ids"][place, :len(tokens)] = tokens
            tensors["attention_mask"][place, :len(tokens)] = 1
        alone.append(ref.graph.run(one))
    for row, outputs in enumerate(alone):
        for (name, together), (_, single) in zip(ref.graph.run(batch), outputs, strict=True):
            width = single.shape[1] if single.ndim > 1 else None
            if np.abs(together[row, :width].astype(np.float64) - single[0]).max() > 1e-4:
                raise AssertionError(f"{name} of a padded row differs from the row alone")


def lead(logits):
    """by how much the largest exceeds the next, in standard deviations"""
    if len(logits) < 2:
        return 0.0
    next_best, best = np.sort(logits)[-2:]
    return float((best - next_best) / (logits.std() + 1e-9))


def clear_span(ref):
    def accept(body):
        tokens, start, end = ref.ends(body)
        inner = start.argmax() != end.argmax() and abs(int(start.argmax()) - int(end.argmax())) < 40
        return inner and min(lead(start), lead(end)) > CLEAR_END
    return accept


def clear_sentences(ref, some):
    """accepts a context each of whose sentences is clearly in or out, in every chunk: `some` but not all, or none of them"""
    network = networks.make(*NETWORKS["highlighter"][:2])
    settings = json.loads(ref.model_config.get("all_config") or "{}")

    def accept(body):
        found = reference.highlighting.sentences(body["context"])
        for inputs in reference.highlighting.chunks(ref.tokenizer, body["question"], body["context"], found, settings):
            scores = network.scores(*(torch.from_numpy(x) for x in inputs.values())).numpy()
            scores = np.sort(scores[scores > -1e3])[::-1]
            if not len(scores):  # words behind the last one that white space divides: part of no sentence
                continue
            undecided = scores[0] <= CLEAR_SENTENCE and (len(scores) > 1 and scores[0] - scores[1] < CLEAR_SENTENCE)
            if undecided or (np.abs(scores) < CLEAR_SENTENCE).any() or abs(scores[0] - network.FALLBACK) < CLEAR_SENTENCE:
                return False
        chosen = len(ref.highlights(body)["dataAsMap"]["highlights"])
        return 0 < chosen < max(2, len(found)) if some else chosen == 0
    return accept


def make_bodies(kind, ref):
    if kind == "questions":
        return bodies.questions(clear_span(ref))
    if kind == "highlights":
        return bodies.highlights(clear_sentences(ref, True), clear_sentences(ref, False), chunked="all_config" in ref.model_config)
    return getattr(bodies, kind)()


def write_lines(path, items):
    lines = ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def check(function, answers):
    """Models that answer everything alike would test nothing."""
    if function == "TEXT_EMBEDDING":
        vectors = {json.dumps(t["data"]): t["data"] for a in answers for r in a for t in r.get("output", [])
                   if t["name"] == "sentence_embedding" and "data" in t}
        rows = np.array(list(vectors.values()))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        alike = rows @ rows.T - np.eye(len(rows))
        return f"{len(rows)} vectors, cosine mean {alike.mean():.2f}, largest {alike.max():.4f}"
    if function == "TEXT_SIMILARITY":
        scores = np.array([r["output"][0]["data"][0] for a in answers for r in a])
        return f"{len(scores)} scores of spread {scores.std():.2f}, {scores.min():.2f} to {scores.max():.2f}"
    if function.startswith("SPARSE"):
        counts = [len(r["output"][0]["dataAsMap"]["response"][0]) for a in answers for r in a if r]
        return f"{min(counts)} to {max(counts)} tokens, median {int(np.median(counts))}"
    values = [json.dumps(a[0]["output"][0], ensure_ascii=False) for a in answers]
    return f"{len(set(values))} different of {len(values)}: {values[3][:150]}"


def write_rerank(path, ref):
    queries, docs = bodies.rerank()
    scores = [[result["output"][0]["data"][0] for result in ref.answer({"query_text": query, "text_docs": docs})] for query in queries]
    lines = ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in scores)
    path.write_text(f'{{"queries":{json.dumps(queries)},\n"text_docs":{json.dumps(docs)},\n"scores":[\n{lines}\n]}}\n', encoding="utf-8")


def write_folder(root, spec, files, kept):
    name, function, network, suffix, model_config, kind = spec
    folder = root / name
    folder.mkdir(parents=True)
    contents = {"tokenizer.json": "../tokenizer.json"}
    if network:
        entry = "model.pt" if suffix == "pt" else "model.onnx"
        if (network, suffix) not in files:
            write_model(network, suffix, folder / entry)
            files[network, suffix] = f"{name}/{entry}"
        shared = files[network, suffix]
        contents[entry] = entry if shared.startswith(name + "/") else f"../{shared}"
    else:
        contents["idf.json"] = "idf.json"
        (folder / "idf.json").write_text(wordpiece.dump(wordpiece.idf()), encoding="utf-8")
    model = contents.get("model.pt") or contents.get("model.onnx")
    config = {"function_name": function, "model_format": "TORCH_SCRIPT" if suffix in ("pt", None) else "ONNX", "model_config": model_config,
              "files": contents, "quantised": suffix == "quantised.onnx"}
    if network == "cross_encoder" and not config["quantised"]:
        config["rerank"] = "rerank.json" if suffix == "pt" else "../text_similarity/rerank.json"
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    ref = reference.Reference(config, folder / model if model else None, root / "tokenizer.json", wordpiece.idf())
    if network and not config["quantised"]:
        check_masks(ref)
    if config.get("rerank") == "rerank.json":
        write_rerank(folder / "rerank.json", ref)
    key = (network, kind, json.dumps(model_config))
    if key not in kept:  # both formats of a network are asked the same
        kept[key] = make_bodies(kind, ref)
    answers = [ref.answer(body) for body in kept[key]]
    write_lines(folder / "requests.json", kept[key])
    write_lines(folder / "expected.json", [{"inference_results": answer} for answer in answers])
    print(f"{name}: {len(answers)} requests; {check(function, answers)}", flush=True)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "functions")
    torch.set_num_threads(1)
    for folder in [path.parent for path in root.glob("*/config.json")]:
        shutil.rmtree(folder)
    root.mkdir(parents=True, exist_ok=True)
    (root / "tokenizer.json").write_text(wordpiece.dump(wordpiece.tokenizer()), encoding="utf-8")
    files, kept = {}, {}
    for spec in folders():
        write_folder(root, spec, files, kept)
    packages = ("torch", "onnx", "onnxruntime", "tokenizers", "numpy")
    versions = {package: importlib.metadata.version(package) for package in packages}
    (root / "versions.json").write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
