"""Who is measured: a fresh mlnode, ONNX Runtime in process, the harness without HTTP, and servers that run already."""
import json, subprocess, sys, urllib.parse

from . import load
from .machine import BUILD, CLIENTS_HOME, MODEL, ROOT

sys.path.insert(0, str(ROOT / "tests/process"))
from api import DONE, ML, Api, demo_archive, demo_files, pack  # checks use some of these too
from node_process import NodeProcess
from scratch import Scratch

PREDICT = ('{"text_docs":[', '],"target_response":["sentence_embedding"]}')
KINDS = {"predict": PREDICT, "tei": ('{"inputs":[', "]}")}  # kind of server → what stands around the texts
PYTHON = CLIENTS_HOME / "venv/bin/python"


class Node:
    """a node of its own with the model deployed; use as a context"""

    def __init__(self, binary, *flags, data=None):
        self.process = NodeProcess(binary, *flags, data=data)
        self.api = self.model = None

    def __enter__(self):
        self.process.__enter__()
        self.api = Api(self.process.url, timeout=180)
        return self

    def __exit__(self, *what):
        self.process.__exit__(*what)

    @property
    def pid(self):
        return self.process.process.pid

    def deploy(self, archive=None, name="bench"):
        """registers and deploys; the model's id"""
        model = self.api.register(archive or demo_archive(MODEL), name)
        task = self.api.deploy(model)
        if task["state"] != "COMPLETED":
            raise RuntimeError(f"deploying {name} ended as {task}")
        self.model = self.model or model
        return model

    def endpoint(self, model=None):
        return load.Endpoint(self.api.host, self.api.port, f"{ML}/models/{model or self.model}/_predict", *PREDICT, self.pid)

    def precision(self):
        """of the deployed model, as the engine says"""
        return self.api.ok("GET", f"{ML}/models/{self.model}/_explain")["this_node"]["precision"]


def server_endpoint(kind, url):
    if kind not in KINDS:
        raise SystemExit(f"kind of server {kind}: one of {', '.join(KINDS)} is wanted")
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.path:
        raise SystemExit(f"{url}: http://HOST:PORT/PATH is wanted")
    return load.Endpoint(parts.hostname, parts.port or 80, parts.path, *KINDS[kind])


def prepare_onnx():
    """sets the venv up where it is not there"""
    ready = PYTHON.exists() and subprocess.run([str(PYTHON), "-c", "import onnxruntime, tokenizers"], capture_output=True).returncode == 0
    if not ready:
        subprocess.run([sys.executable, str(ROOT / "tests/conformance/setup.py"), str(CLIENTS_HOME), str(MODEL)], check=True, stdout=sys.stderr)


def onnx(texts, lanes, threads, seconds, warm=1.0):
    """docs_s, p50_ms, p99_ms, call_p50_ms of ONNX Runtime one by one"""
    words = [PYTHON, ROOT / "bench/measure/onnx_lanes.py", MODEL, texts, "--lanes", lanes, "--threads", threads, "--secs", seconds, "--warm", warm]
    return json.loads(subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout)


def prepare_harness():
    subprocess.run(["cmake", "--build", str(BUILD), "--target", "bench_harness"], check=True, stdout=sys.stderr)


def harness(texts, clients, documents, precision, seconds, warm=1.0):
    """docs_s, p50_ms, p99_ms of engine and tokenizer alone, fed as `clients` closed-loop clients would (bench/harness.cc)"""
    words = [BUILD / "bin/bench_harness", "--model", MODEL, "--engines", BUILD / "lib", "--texts", texts, "--clients", clients, "--documents", documents,
             "--precision", precision, "--seconds", seconds, "--warm-up", warm]
    return json.loads(subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout)
