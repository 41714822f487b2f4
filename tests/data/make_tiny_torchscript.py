#!/usr/bin/env python3
"""Writes the small TorchScript models of the engine tests: make_tiny_torchscript.py [FOLDER] (by default this folder). Needs
torch and numpy, only here: the models are committed. Weights are those of make_tiny_onnx.py, so that both give the same.

tiny_encoder.pt   forward(features: Dict[str, Tensor]) -> Dict: needs token_type_ids; outputs as tiny_encoder.onnx
tiny_plain.pt     the same without types, as sentence-transformers saves: gives its inputs back before its outputs
tiny_feature.pt   forward(input_ids, attention_mask, segment_ids) -> tuple: segment_ids in place of token_type_ids
tiny_named.pt     forward(attention_mask, input_ids, token_type_ids=None) -> NamedTuple: known names in another order
tiny_unnamed.pt   forward(a, b) -> tuple(tensor, tuple(tensor)): ids and mask by position; no types
tiny_baked.pt     forward(input_ids, attention_mask, token_type_ids): a batch of 1 baked in
tiny_whole.pt     forward(input_ids, attention_mask, sentence_ids) -> the sentence_ids that are not negative
tiny_types.pt     as tiny_plain, with a bfloat16, an int16, a double and a bool output
tiny_writer.pt    writes a file when it is called
tiny_foreign.pt   forward(input_ids, depth: int)
tiny_meta.pt      returns a tensor on the device meta, which has no data
tiny_state.pt     a submodule that keeps long inputs in an attribute, `last`
tiny_history.pt   appends its input to a list that is an attribute, `seen`
tiny_object.pt    sets an attribute of an object that it makes for one call
tiny_talker.pt    prints its input and warns of it
"""

import pathlib
import sys
import warnings
from typing import Dict, List, NamedTuple, Optional, Tuple

import make_tiny_onnx
import torch
from torch import Tensor, nn


class Outputs(NamedTuple):
    last_hidden_state: Tensor
    sentence_embedding: Tensor


class Core(nn.Module):
    """The computation of tiny_encoder.onnx."""

    def __init__(self):
        super().__init__()
        w = {k: torch.from_numpy(v) for k, v in make_tiny_onnx.weights().items()}
        self.words, self.types = nn.Embedding.from_pretrained(w["words"]), nn.Embedding.from_pretrained(w["types"])
        self.query, self.norm = nn.Parameter(w["query"]), nn.LayerNorm(make_tiny_onnx.DIM, eps=1e-5)
        self.norm.weight, self.norm.bias = nn.Parameter(w["gamma"]), nn.Parameter(w["beta"])

    def forward(self, ids: Tensor, mask: Tensor, types: Optional[Tensor]) -> Outputs:
        x = self.words(ids)
        if types is not None:
            x = x + self.types(types)
        weight = self.query.dtype
        scores = torch.matmul(torch.matmul(x, self.query), x.transpose(1, 2)) * (make_tiny_onnx_dim() ** -0.5)
        kept = mask.to(weight)
        p = torch.softmax(scores + (1.0 - kept.unsqueeze(1)) * -1e9, -1)
        hidden = self.norm(torch.matmul(p, x) + x)
        total = (hidden * kept.unsqueeze(2)).sum(1)
        return Outputs(hidden, total / kept.sum(1, keepdim=True))


def make_tiny_onnx_dim() -> int:
    return 8


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.core = Core()

    def forward(self, features: Dict[str, Tensor]) -> Dict[str, Tensor]:
        out = self.core(features["input_ids"], features["attention_mask"], features["token_type_ids"])
        return {"last_hidden_state": out.last_hidden_state, "sentence_embedding": out.sentence_embedding}


class Plain(Encoder):
    def forward(self, features: Dict[str, Tensor]) -> Dict[str, Tensor]:
        out = self.core(features["input_ids"], features["attention_mask"], None)
        features["token_embeddings"] = out.last_hidden_state
        features["sentence_embedding"] = out.sentence_embedding
        return features


class Feature(Encoder):
    def forward(self, input_ids: Tensor, attention_mask: Tensor, segment_ids: Tensor) -> Outputs:
        return self.core(input_ids, attention_mask, segment_ids)


class Named(Encoder):
    def forward(self, attention_mask: Tensor, input_ids: Tensor, token_type_ids: Optional[Tensor] = None) -> Outputs:
        return self.core(input_ids, attention_mask, token_type_ids)


class Unnamed(Encoder):
    def forward(self, a: Tensor, b: Tensor) -> Tuple[Tensor, Tuple[Tensor]]:
        out = self.core(a, b, None)
        return out.last_hidden_state, (out.sentence_embedding,)


class Baked(Encoder):
    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Outputs:
        return self.core(input_ids.view(1, -1), attention_mask.view(1, -1), token_type_ids.view(1, -1))


class Whole(nn.Module):
    def forward(self, input_ids: Tensor, attention_mask: Tensor, sentence_ids: Tensor) -> Tensor:
        flat = sentence_ids.reshape(-1)
        return flat[flat >= 0]


class Types(Encoder):
    def forward(self, features: Dict[str, Tensor]) -> Dict[str, Tensor]:
        out = self.core(features["input_ids"], features["attention_mask"], None).sentence_embedding
        return {"bf16": out.to(torch.bfloat16), "short": features["input_ids"].to(torch.int16), "double": out.to(torch.float64),
                "flag": out > 0}


class Writer(nn.Module):
    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        torch.save(input_ids, "written_by_a_model")
        return input_ids


class Foreign(nn.Module):
    def forward(self, input_ids: Tensor, depth: int) -> Tensor:
        return input_ids + depth


class Meta(nn.Module):
    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return torch.empty_like(input_ids, device=torch.device("meta"))


class Last(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = torch.zeros(1, 1, dtype=torch.int64)

    def forward(self, ids: Tensor) -> Tensor:
        if ids.size(1) > 2:
            self.last = ids
        return ids + self.last.size(1)


class State(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Last()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.inner(input_ids)


class History(nn.Module):
    seen: List[Tensor]

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        self.seen.append(input_ids)
        return input_ids + len(self.seen)


class Sum:
    def __init__(self, start: Tensor):
        self.value = start

    def add(self, more: Tensor):
        self.value = self.value + more


class Object(nn.Module):
    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        total = Sum(input_ids)
        total.add(attention_mask)
        return total.value


class Talker(nn.Module):
    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        print("printed", input_ids)
        warnings.warn("warned " + str(input_ids))
        return input_ids + 0


def name_sources_without_folders():
    """Archives name the source of every line; where this machine keeps its files is nobody's business."""
    read = torch._sources.get_source_lines_and_file

    def read_short(*arguments):
        lines, first_line, path = read(*arguments)
        return lines, first_line, pathlib.Path(path).name

    torch._sources.get_source_lines_and_file = torch.jit.frontend.get_source_lines_and_file = read_short


def main():
    name_sources_without_folders()
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    for kind in (Encoder, Plain, Feature, Named, Unnamed, Baked, Whole, Types, Writer, Foreign, Meta, State, History, Object,
                 Talker):
        module = torch.jit.script(kind().eval())
        module.save(str(folder / f"tiny_{kind.__name__.lower()}.pt"))


if __name__ == "__main__":
    main()
