"""What a node must answer, computed one document at a time with torch or ONNX Runtime from the files themselves: an implementation of its
own of tokenising, pooling, filtering and answers, shared with nothing under src/."""
import base64
import json

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from . import highlighting

LIMIT = 512
TYPES = {"float32": "FLOAT32", "int64": "INT64", "int32": "INT32"}


class Graph:
    """A model file: run(inputs in order) → [(name or None, array)]. Only a TorchScript file needs torch."""

    def __init__(self, path, as_dict):
        self.as_dict, self.module = as_dict, None
        if path.suffix == ".pt":
            import torch
            self.torch, self.module = torch, torch.jit.load(str(path)).eval()
        else:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, inputs):
        if self.module is None:
            wanted = {port.name for port in self.session.get_inputs()}
            arrays = self.session.run(None, {name: value for name, value in inputs.items() if name in wanted})
            return list(zip([port.name for port in self.session.get_outputs()], arrays))
        tensors = {name: self.torch.from_numpy(value) for name, value in inputs.items()}
        with self.torch.no_grad():
            result = self.module(tensors) if self.as_dict else self.module(*tensors.values())
        if isinstance(result, self.torch.Tensor):
            result = (result,)
        items = result.items() if isinstance(result, dict) else [(None, tensor) for tensor in result]
        return [(name, tensor.numpy()) for name, tensor in items]


def short(array):
    """numbers as the shortest decimals of float32"""
    if array.dtype.kind in "iub":
        return [int(x) for x in array.reshape(-1)]
    return [float(str(x)) for x in array.astype(np.float32).reshape(-1)]


def tensor(name, array, with_bytes):
    out = {"name": name, "data_type": TYPES[str(array.dtype)], "shape": list(array.shape), "data": short(array)}
    if with_bytes:
        out["byte_buffer"] = {"array": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode(), "order": "LITTLE_ENDIAN"}
    return out


def filtered(tensors, body):
    """a document's element of the answer"""
    rule = body.get("result_filter", body)
    names, places = rule.get("target_response") or [], rule.get("target_response_positions") or []
    kept = []
    for place, item in enumerate(tensors):
        if (names or places) and item.get("name") not in names and place not in places:
            continue
        item = dict(item)
        if not rule.get("return_bytes", False):
            item.pop("byte_buffer", None)
        if not rule.get("return_number", True):
            item.pop("data", None)
        kept.append(item)
    return {"output": kept} if kept else {}


def pool(mode, rows):
    if mode == "MEAN":
        return rows.mean(0)
    if mode == "MEAN_SQRT_LEN":
        return rows.sum(0) / np.sqrt(np.float32(len(rows)))
    if mode == "MAX":
        return rows.max(0)
    if mode == "WEIGHTED_MEAN":
        weight = np.arange(1, len(rows) + 1, dtype=np.float32)
        return (rows * weight[:, None]).sum(0) / weight.sum()
    return {"CLS": rows[0], "LAST_TOKEN": rows[-1]}[mode]


class Reference:
    """One folder's model behind the requests of its function."""

    def __init__(self, config, model, tokenizer, idf=None):
        self.config, self.function, self.idf = config, config["function_name"], idf
        self.model_config = config.get("model_config") or {}
        self.torch = config["model_format"] == "TORCH_SCRIPT"
        framework = (self.model_config.get("framework_type") or "").upper()
        self.pipeline = "C" if not self.torch else "A" if framework == "SENTENCE_TRANSFORMERS" else "B"
        self.neuron = framework.endswith("_NEURON")
        as_dict = self.function == "SPARSE_ENCODING" or (self.function == "TEXT_EMBEDDING" and self.pipeline == "A")
        self.graph = Graph(model, as_dict) if model else None
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.no_padding()
        limit = LIMIT
        if self.function == "TEXT_EMBEDDING" and self.pipeline == "B":
            limit = self.model_config.get("model_max_length") or LIMIT
        self.tokenizer.enable_truncation(limit)
        self.highlighter = self.model_config.get("model_type", "").lower() == "sentence_highlighting"

    def answer(self, body):
        """inference_results of a request"""
        if self.function == "QUESTION_ANSWERING":
            answer = self.highlights(body) if self.highlighter else self.span(body)
            return [{"output": [answer]}]
        if self.function == "TEXT_SIMILARITY":
            return [{"output": self.similarity(body["query_text"], doc)} for doc in body["text_docs"]]
        if self.function == "SPARSE_TOKENIZE":
            return [{"output": [self.tokenize(doc, body)]} for doc in body["text_docs"]]
        one = self.sparse if self.function == "SPARSE_ENCODING" else self.embed
        return [filtered(one(doc, body), body) for doc in body["text_docs"]]

    def inputs(self, encoding, *names):
        arrays = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask, "token_type_ids": encoding.type_ids}
        return {name: np.array([arrays[name]], np.int64) for name in ("input_ids", "attention_mask", *names)}

    def embed(self, doc, body):
        config = self.model_config
        if config.get("query_prefix") or config.get("passage_prefix"):
            passage = body["parameters"].get("content_type", "query").lower() == "passage"
            doc = (config.get("passage_prefix" if passage else "query_prefix") or "") + doc
        types = ["token_type_ids"] if self.pipeline == "C" or self.neuron else []
        outputs = self.graph.run(self.inputs(self.tokenizer.encode(doc), *types))
        if self.pipeline == "A":
            return [tensor(name, array[0], True) for name, array in outputs]
        mode = config.get("pooling_mode", "MEAN").upper()
        vector = self.pooled_output(mode, outputs)
        if mode != "NONE":
            vector = pool(mode, vector)
        if config.get("normalize_result"):
            vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
        leading = self.pipeline == "B" or mode in ("MAX", "NONE")
        return [tensor("sentence_embedding", vector.astype(np.float32).reshape((1, -1) if leading else -1), False)]

    def pooled_output(self, mode, outputs):
        """the output that the rules choose, without its batch axis"""
        names = {name: array for name, array in outputs}
        if mode != "NONE":
            return names.get("last_hidden_state", outputs[0][1])[0] if self.pipeline == "B" else outputs[0][1][0]
        if self.pipeline == "B":
            for name in ("sentence_embedding", "pooler_output"):
                if name in names:
                    return names[name][0]
        return outputs[1 if len(outputs) > 1 else 0][1][0]

    def token_text(self, number):
        return self.tokenizer.decode([int(number)], skip_special_tokens=True)

    def sparse(self, doc, body):
        by_id = body.get("parameters", {}).get("sparse_embedding_format", "word").lower() == "token_id"
        out = []
        for name, array in self.graph.run(self.inputs(self.tokenizer.encode(doc))):
            response = {}
            for number in np.flatnonzero(array[0]):
                key = str(number) if by_id else self.token_text(number)
                if key:
                    response[key] = short(array[0][number:number + 1])[0]
            out.append({"name": name, "dataAsMap": {"response": [response]}})
        return out

    def tokenize(self, doc, body):
        by_id = body.get("parameters", {}).get("sparse_embedding_format", "word").lower() == "token_id"
        response = {}
        for number in dict.fromkeys(self.tokenizer.encode(doc).ids):
            text = self.token_text(number)
            if text:
                response[str(number) if by_id else text] = self.idf.get(text, 1.0)
        return {"dataAsMap": {"response": [response]}}

    def similarity(self, query, doc):
        inputs = self.inputs(self.tokenizer.encode(query, doc), "token_type_ids")
        return [tensor("similarity", array[0], True) for _, array in self.graph.run(inputs)]

    def ends(self, body):
        """(tokens, start logits, end logits)"""
        encoding = self.tokenizer.encode(body["question"], body["context"])
        (_, start), (_, end) = self.graph.run(self.inputs(encoding))
        return encoding.tokens, start[0], end[0]

    def span(self, body):
        tokens, start, end = self.ends(body)
        first, last = sorted((int(start.argmax()), int(end.argmax())))
        return {"result": " ".join(tokens[first:last + 1]).replace(" ##", "").strip()}

    def highlights(self, body):
        settings = json.loads(self.model_config.get("all_config") or "{}")
        sentences = highlighting.sentences(body["context"])
        found = set()
        for inputs in highlighting.chunks(self.tokenizer, body["question"], body["context"], sentences, settings):
            for _, array in self.graph.run(inputs):
                found |= {int(i) for i in array.reshape(-1) if 0 <= i < len(sentences)}
        chosen = [dict(zip(("text", "position", "start", "end"), (text, i, start, end)))
                  for i, (text, start, end) in enumerate(sentences) if i in found]
        return {"name": "highlights", "dataAsMap": {"highlights": chosen}}
