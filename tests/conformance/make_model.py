"""The test model: all-MiniLM-L6-v2 (ONNX + tokenizer.json), packed as a model archive. make_model.py FOLDER DEMO_MODEL_FOLDER"""
import os, pathlib, shutil, sys, zipfile


def build(folder, source=None):
    """folder → (archive, onnx, tokenizer) paths; `source` holds one .onnx file and tokenizer.json; the archive always has the same bytes"""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    archive, onnx, tokenizer = folder / "all-MiniLM-L6-v2-onnx.zip", folder / "all-MiniLM-L6-v2.onnx", folder / "tokenizer.json"
    if not (archive.exists() and onnx.exists() and tokenizer.exists()):
        source = pathlib.Path(source or os.environ["DEMO_MODEL"])
        shutil.copyfile(next(source.glob("*.onnx")), onnx)
        shutil.copyfile(source / "tokenizer.json", tokenizer)
        with zipfile.ZipFile(f"{archive}.part", "w") as z:
            for path, name in ((onnx, "all-MiniLM-L6-v2.onnx"), (tokenizer, "tokenizer.json")):
                z.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), path.read_bytes(), zipfile.ZIP_DEFLATED)
        pathlib.Path(f"{archive}.part").rename(archive)
    return archive, onnx, tokenizer


if __name__ == "__main__":
    for p in build(*sys.argv[1:]):
        print(p)
