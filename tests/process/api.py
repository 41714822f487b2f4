"""A small client of the REST API for tests that drive a real process; standard library only. MLNODE_EXCHANGES=FOLDER keeps every answer
there, for tests/conformance/check_exchanges.py."""
import hashlib, http.client, io, json, os, pathlib, sys, time, urllib.parse, zipfile

CHUNK = 10_000_000
ML = "/_plugins/_ml"
CONFIG = {"model_type": "bert", "embedding_dimension": 384, "framework_type": "sentence_transformers", "pooling_mode": "MEAN",
          "normalize_result": True}
DONE = ("COMPLETED", "FAILED", "COMPLETED_WITH_ERROR", "CANCELLED")


def keep(*answer):
    folder = os.environ.get("MLNODE_EXCHANGES")
    if folder:
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{pathlib.Path(sys.argv[0]).stem}-{os.getpid()}.jsonl", "a") as lines:
            lines.write(json.dumps(answer) + "\n")


class Api:
    def __init__(self, url, timeout=60):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.timeout = parts.hostname, parts.port, timeout

    def call(self, method, path, body=None, headers=None):
        """(status, parsed JSON or text). body: bytes as they are, anything else as JSON."""
        status, _, answer = self.exchange(method, path, body, headers)
        return status, answer

    def exchange(self, method, path, body=None, headers=None):
        """(status, headers, parsed JSON or text)"""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})} if data is not None else headers or {})
            reply = connection.getresponse()
            text = reply.read()
        finally:
            connection.close()
        try:
            answer = json.loads(text)
        except ValueError:
            answer = text.decode(errors="replace")
        keep(method, path, reply.status, reply.getheader("Content-Type"), answer)
        return reply.status, reply.headers, answer

    def ok(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        assert status == 200, f"{method} {path}: {status} {answer}"
        return answer

    def register_meta(self, archive, name="model", **over):
        chunks = max(1, -(-len(archive) // CHUNK))
        body = dict(name=name, version="1", function_name="TEXT_EMBEDDING", model_format="ONNX", model_config=CONFIG, total_chunks=chunks,
                    model_content_size_in_bytes=len(archive), model_content_hash_value=hashlib.sha256(archive).hexdigest()) | over
        return self.ok("POST", f"{ML}/models/_register_meta", body)["model_id"]

    def upload(self, model, archive):
        for n in range(max(1, -(-len(archive) // CHUNK))):
            self.ok("POST", f"{ML}/models/{model}/upload_chunk/{n}", archive[n * CHUNK:(n + 1) * CHUNK])

    def register(self, archive, name="model", **over):
        model = self.register_meta(archive, name, **over)
        self.upload(model, archive)
        return model

    def task(self, task, timeout=120):
        """the task once it has ended"""
        end = time.monotonic() + timeout
        while True:
            answer = self.ok("GET", f"{ML}/tasks/{task}")
            if answer["state"] in DONE:
                return answer
            assert time.monotonic() < end, f"still {answer}"
            time.sleep(0.02)

    def deploy(self, model, body=None):
        """the deploy's ended task"""
        return self.task(self.ok("POST", f"{ML}/models/{model}/_deploy", body)["task_id"])

    def undeploy(self, model):
        return self.ok("POST", f"{ML}/models/{model}/_undeploy", {})

    def state(self, model):
        return self.ok("GET", f"{ML}/models/{model}")["model_state"]

    def wait_state(self, model, wanted, timeout=60):
        end = time.monotonic() + timeout
        while (state := self.state(model)) != wanted:
            assert time.monotonic() < end, f"{model} is {state}, wanted {wanted}"
            time.sleep(0.02)

    def wait_ready(self, timeout=90):
        end = time.monotonic() + timeout
        while self.call("GET", "/_ready")[0] != 200:
            assert time.monotonic() < end, "not ready"
            time.sleep(0.05)

    def predict(self, model, body, patience=300):
        """the answer to a _predict; one that is refused because too much waits is asked again"""
        end = time.monotonic() + patience
        while True:
            status, answer = self.call("POST", f"{ML}/models/{model}/_predict", body)
            if status != 429 or time.monotonic() > end:
                assert status == 200, f"predict {model}: {status} {answer}"
                return answer
            time.sleep(1)

    def embed(self, model, texts):
        answer = self.ok("POST", f"{ML}/models/{model}/_predict", {"text_docs": texts, "target_response": ["sentence_embedding"]})
        return [r["output"][0]["data"] for r in answer["inference_results"]]


def pack(files, compression=zipfile.ZIP_STORED):
    """name → bytes, as a ZIP archive"""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data, compression)
    return out.getvalue()


def demo_files(folder):
    """name → bytes of the two files of the demo model"""
    folder = pathlib.Path(folder)
    return {"model.onnx": next(folder.glob("*.onnx")).read_bytes(), "tokenizer.json": (folder / "tokenizer.json").read_bytes()}


def demo_archive(folder):
    """the real all-MiniLM-L6-v2, as scripts/fetch_deps.py demo-model unpacks it"""
    return pack(demo_files(folder))
