#!/usr/bin/env python3
"""Writes the small ONNX models of the engine tests: make_tiny_onnx.py [FOLDER] (by default this folder). Needs numpy and onnx,
only here: the models are committed.

tiny_encoder.onnx   word + type embedding, one attention over the sequence, layer norm; outputs last_hidden_state
                    [batch, sequence, 8] and sentence_embedding [batch, 8] (the masked mean)
tiny_int32.onnx     the same with int32 inputs and position_ids in place of token_type_ids
tiny_baked.onnx     the same as tiny_encoder with a batch of 1 baked into the graph's inputs
tiny_feature.onnx   the same as tiny_encoder with segment_ids in place of token_type_ids
tiny_double.onnx    the same as tiny_encoder, its outputs cast to double
tiny_quantised.onnx the same as tiny_encoder, its matrix product on integers with a scale chosen by the data
tiny_whole.onnx     input_ids, attention_mask, sentence_ids; output indices [n]: the sentence_ids that are not negative
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


def save(path, nodes, inputs, outputs, values):
    """One graph of named tensors: inputs as (name, type), outputs as (name, type, shape)."""
    graph = helper.make_graph(nodes, "tiny", [helper.make_tensor_value_info(name, kind, ["batch", "sequence"]) for name, kind in inputs],
                              [helper.make_tensor_value_info(*output) for output in outputs],
                              [numpy_helper.from_array(v, k) for k, v in values.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, path)


OUTPUTS = [("last_hidden_state", ["batch", "sequence", DIM]), ("sentence_embedding", ["batch", DIM])]
IDS = [(name, TensorProto.INT64) for name in ("input_ids", "attention_mask")]


def save_double(path):
    renamed = [helper.make_node(n.op_type, [i + "_f" if i in dict(OUTPUTS) else i for i in n.input],
                                [o + "_f" if o in dict(OUTPUTS) else o for o in n.output],
                                **{a.name: helper.get_attribute_value(a) for a in n.attribute})
               for n in nodes("token_type_ids", "types")]
    casts = [helper.make_node("Cast", [name + "_f"], [name], to=TensorProto.DOUBLE) for name, _ in OUTPUTS]
    values = {k: v for k, v in weights().items() if k != "positions"}
    save(path, renamed + casts, [*IDS, ("token_type_ids", TensorProto.INT64)],
         [(name, TensorProto.DOUBLE, shape) for name, shape in OUTPUTS], values)


def save_quantised(path):
    """As a dynamic quantisation leaves it: the activation's scale from its own range, the weight's fixed."""
    n = helper.make_node
    values = {k: v for k, v in weights().items() if k != "positions"}
    query = values.pop("query")
    scale = np.float32(np.abs(query).max() / 127)
    values |= {"query_q": np.round(query / scale).astype(np.int8), "query_scale": np.array(scale, np.float32),
               "query_zero": np.array(0, np.int8)}
    made = [x for x in nodes("token_type_ids", "types") if list(x.output) != ["q"]]
    at = next(i for i, x in enumerate(made) if list(x.output) == ["x"]) + 1
    made[at:at] = [
        n("DynamicQuantizeLinear", ["x"], ["x_q", "x_scale", "x_zero"]),
        n("MatMulInteger", ["x_q", "query_q", "x_zero", "query_zero"], ["q_i"]), n("Cast", ["q_i"], ["q_f"], to=TensorProto.FLOAT),
        n("Mul", ["x_scale", "query_scale"], ["q_scale"]), n("Mul", ["q_f", "q_scale"], ["q"])]
    save(path, made, [*IDS, ("token_type_ids", TensorProto.INT64)],
         [(name, TensorProto.FLOAT, shape) for name, shape in OUTPUTS], values)


def save_whole(path):
    """The ids and the mask take part with weight zero, so that no engine drops them as unused."""
    n = helper.make_node
    made = [n("Mul", ["input_ids", "attention_mask"], ["both"]), n("Mul", ["both", "zero"], ["nothing"]),
            n("Add", ["sentence_ids", "nothing"], ["same"]), n("Reshape", ["same", "flat"], ["list"]),
            n("GreaterOrEqual", ["list", "zero"], ["kept"]), n("Compress", ["list", "kept"], ["indices"], axis=0)]
    save(path, made, [*IDS, ("sentence_ids", TensorProto.INT64)], [("indices", TensorProto.INT64, ["n"])],
         {"zero": np.array(0, np.int64), "flat": np.array([-1], np.int64)})


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
    onnx.save(model(second="segment_ids"), folder / "tiny_feature.onnx")
    save_double(folder / "tiny_double.onnx")
    save_quantised(folder / "tiny_quantised.onnx")
    save_whole(folder / "tiny_whole.onnx")
    onnx.save(model(batch=1), folder / "tiny_baked.onnx")
    onnx.save(model(more=("pixel_values",)), folder / "tiny_unknown.onnx")
    (folder / "tiny_external.onnx.data").unlink(missing_ok=True)
    onnx.save(model(), folder / "tiny_external.onnx", save_as_external_data=True, location="tiny_external.onnx.data",
              size_threshold=64)
    (folder / "tiny_external.onnx.data").chmod(0o644)


if __name__ == "__main__":
    main()
