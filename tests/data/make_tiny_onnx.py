#!/usr/bin/env python3
"""Writes the small ONNX models of the engine tests: make_tiny_onnx.py [FOLDER] (by default this folder). Needs numpy and onnx,
only here: the models are committed.

tiny_encoder.onnx   word + type embedding, one attention over the sequence, layer norm; outputs last_hidden_state
                    [batch, sequence, 8] and sentence_embedding [batch, 8] (the masked mean)
tiny_int32.onnx     the same with int32 inputs and position_ids in place of token_type_ids
tiny_baked.onnx     the same as tiny_encoder with a batch of 1 baked into the graph's inputs
tiny_unknown.onnx   as tiny_encoder, and an input pixel_values that no tokenizer can give
tiny_external.onnx  as tiny_encoder, its large weights in tiny_external.onnx.data beside it
"""

import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VOCABULARY, POSITIONS, DIM = 32, 64, 8


def weights():
    random = np.random.default_rng(20261123)
    def make(*shape):
        return random.standard_normal(shape).astype(np.float32)
    return {"words": make(VOCABULARY, DIM), "types": make(2, DIM), "positions": make(POSITIONS, DIM), "query": make(DIM, DIM),
            "gamma": make(DIM), "beta": make(DIM), "scale": np.array(DIM ** -0.5, np.float32),
            "blocked": np.array(-1e9, np.float32), "one": np.array(1, np.float32), "axis1": np.array([1], np.int64),
            "axis2": np.array([2], np.int64)}


def nodes(second, table):
    """Every token looks at every token that the mask allows, so that padding matters unless the mask is right."""
    n = helper.make_node
    return [
        n("Gather", ["words", "input_ids"], ["word"]), n("Gather", [table, second], ["extra"]), n("Add", ["word", "extra"], ["x"]),
        n("MatMul", ["x", "query"], ["q"]), n("Transpose", ["x"], ["xt"], perm=[0, 2, 1]), n("MatMul", ["q", "xt"], ["raw"]),
        n("Mul", ["raw", "scale"], ["scores"]), n("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        n("Unsqueeze", ["mask", "axis1"], ["mask3"]), n("Sub", ["one", "mask3"], ["hidden"]), n("Mul", ["hidden", "blocked"], ["bias"]),
        n("Add", ["scores", "bias"], ["masked"]), n("Softmax", ["masked"], ["p"], axis=-1), n("MatMul", ["p", "x"], ["mixed"]),
        n("Add", ["mixed", "x"], ["sum"]),
        n("LayerNormalization", ["sum", "gamma", "beta"], ["last_hidden_state"], axis=-1, epsilon=1e-5),
        n("Unsqueeze", ["mask", "axis2"], ["column"]), n("Mul", ["last_hidden_state", "column"], ["kept"]),
        n("ReduceSum", ["kept", "axis1"], ["total"], keepdims=0), n("ReduceSum", ["mask", "axis1"], ["count"], keepdims=1),
        n("Div", ["total", "count"], ["sentence_embedding"]),
    ]


def model(batch="batch", second="token_type_ids", table="types", integer=TensorProto.INT64, more=()):
    values = {k: v for k, v in weights().items() if k not in {"types", "positions"} - {table}}
    inputs = [helper.make_tensor_value_info(name, integer, [batch, "sequence"])
              for name in ("input_ids", "attention_mask", second, *more)]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [batch, "sequence", DIM]),
               helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, [batch, DIM])]
    graph = helper.make_graph(nodes(second, table), "tiny", inputs, outputs,
                              [numpy_helper.from_array(v, k) for k, v in values.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    onnx.save(model(), folder / "tiny_encoder.onnx")
    onnx.save(model(second="position_ids", table="positions", integer=TensorProto.INT32), folder / "tiny_int32.onnx")
    onnx.save(model(batch=1), folder / "tiny_baked.onnx")
    onnx.save(model(more=("pixel_values",)), folder / "tiny_unknown.onnx")
    (folder / "tiny_external.onnx.data").unlink(missing_ok=True)
    onnx.save(model(), folder / "tiny_external.onnx", save_as_external_data=True, location="tiny_external.onnx.data",
              size_threshold=64)
    (folder / "tiny_external.onnx.data").chmod(0o644)


if __name__ == "__main__":
    main()
