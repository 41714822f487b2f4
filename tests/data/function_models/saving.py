"""Writes networks as TorchScript and ONNX files without a trace of the machine that wrote them."""
import io
import pathlib
import warnings
import zipfile

import onnx
import torch

ALIGNMENT = 64  # of a record in a TorchScript file, as torch writes them
TORCH_INPUTS = {"input_ids": torch.int64, "attention_mask": torch.int64, "token_type_ids": torch.int64, "sentence_ids": torch.int32}


def example(names):
    """Tensors to trace with: two texts of seven tokens (one, where sentences are told apart), none of a size that a weight has."""
    rows = 1 if "sentence_ids" in names else 2
    tensors = {"input_ids": torch.randint(104, 900, (rows, 7), generator=torch.Generator().manual_seed(3)),
               "attention_mask": torch.ones(rows, 7, dtype=torch.int64),
               "token_type_ids": torch.tensor([[0, 0, 0, 1, 1, 1, 1]] * rows),
               "sentence_ids": torch.tensor([[-100, -100, -100, 0, 0, 1, -100]] * rows, dtype=torch.int32)}
    return {name: tensors[name].to(TORCH_INPUTS[name]) for name in names}


def strip(archive):
    """The archive without records of debugging, which name source files of the machine, and without the hash over them."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            if name.endswith((".debug_pkl", ".data/serialization_id")):
                continue
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            header = out.tell() + 30 + len(name.encode())
            padding = -(header + 4) % ALIGNMENT
            entry.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
            target.writestr(entry, source.read(name))
    return out.getvalue()


def save_torch(network, names, as_dict, path):
    tensors = example(names)
    arguments = (tensors,) if as_dict else tuple(tensors.values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        traced = torch.jit.trace(network, arguments, strict=False, check_trace=False)
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer)
    path.write_bytes(strip(buffer.getvalue()))


class Named(torch.nn.Module):
    """Tensors one by one in and out, in the order of the names: what the ONNX exporter wants."""

    def __init__(self, network, names, outputs, as_dict):
        super().__init__()
        self.network, self.names, self.outputs, self.as_dict = network, names, outputs, as_dict

    def forward(self, *tensors):
        result = self.network(dict(zip(self.names, tensors))) if self.as_dict else self.network(*tensors)
        if isinstance(result, dict):
            return tuple(result[name] for name in self.outputs)
        return result


def save_onnx(network, names, outputs, as_dict, path):
    """`outputs`: name → its axes that vary"""
    axes = {name: {0: "batch", 1: "tokens"} for name in names} | outputs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Named(network, names, list(outputs), as_dict), tuple(example(names).values()), str(path), dynamo=False,
                          opset_version=17, input_names=list(names), output_names=list(outputs), dynamic_axes=axes)
    onnx.checker.check_model(str(path), full_check=True)


def quantise(source, path):
    """Dynamically quantised as such files are made; seven bits a weight, so that CPUs without VNNI compute the same."""
    import logging
    from onnxruntime.quantization import QuantType, quantize_dynamic
    logging.disable(logging.WARNING)
    quantize_dynamic(str(source), str(path), weight_type=QuantType.QInt8, reduce_range=True, op_types_to_quantize=["MatMul", "Gemm"])
    logging.disable(logging.NOTSET)


def holds_path(path: pathlib.Path):
    """True when the file names a folder of the machine."""
    return any(word in path.read_bytes() for word in (b"site-packages", b"/home/", b"/root/", str(pathlib.Path(__file__).parent).encode()))
