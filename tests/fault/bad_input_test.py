"""Every bad input of the fault matrix against a real node with a real engine: the right 4xx, nothing half-made, and the node still
serves and still becomes ready. bad_input_test.py --binary mlnode --model DIR"""
import argparse, gzip, hashlib, http.client, json, pathlib, sys, unittest, zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from api import CHUNK, CONFIG, ML, Api, demo_archive, demo_files, pack
from node_process import NodeProcess

OPTIONS = argparse.Namespace()


class BadInputTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = NodeProcess(OPTIONS.binary, "--set", "mlnode.memory.limit_bytes=3gb").start()
        cls.api = Api(cls.node.url)
        cls.files = demo_files(OPTIONS.model)
        cls.model = cls.api.register(demo_archive(OPTIONS.model), "good")
        assert cls.api.deploy(cls.model)["state"] == "COMPLETED"

    @classmethod
    def tearDownClass(cls):
        api = Api(cls.node.url)
        api.undeploy(cls.model)
        cls.node.stop()

    def setUp(self):
        self.before = self.model_ids()

    def tearDown(self):
        """nothing half-made stays, and the node still does its work"""
        for model in self.model_ids() - self.before:
            self.api.undeploy(model)
            self.api.ok("DELETE", f"{ML}/models/{model}")
        self.assertEqual(self.api.call("GET", "/_ready")[0], 200)
        self.assertEqual(len(self.api.embed(self.model, ["still here"])[0]), 384)
        uploads = {p.name for p in (self.node.data / "chunks").iterdir()} if (self.node.data / "chunks").exists() else set()
        self.assertLessEqual(len(uploads), 1, f"parts without a model: {uploads}")

    def model_ids(self):
        hits = self.api.ok("POST", f"{ML}/models/_search", {"query": {"bool": {"must_not": [{"exists": {"field": "chunk_number"}}]}}, "size": 1000})
        return {h["_id"] for h in hits["hits"]["hits"]}

    def refused(self, status, text, method, path, body=None, headers=None):
        got, answer = self.api.call(method, path, body, headers)
        self.assertEqual(got, status, answer)
        self.assertIn(text, json.dumps(answer, ensure_ascii=False))
        return answer

    def deploy_fails(self, archive, text, **over):
        model = self.api.register(archive, "bad", **over)
        task = self.api.deploy(model)
        self.assertEqual(task["state"], "FAILED", task)
        (node, reason), = json.loads(task["error"]).items()
        self.assertEqual([node], task["worker_node"])
        self.assertIn(text, reason)
        self.assertEqual(self.api.state(model), "DEPLOY_FAILED")

    # ---- requests
    def test_malformed_json(self):
        for path in ("models/_register_meta", "models/_register", "models/_search", f"models/{self.model}/_predict", f"models/{self.model}/_deploy"):
            answer = self.refused(400, "", "POST", f"{ML}/{path}", b'{"name": nope}')
            self.assertEqual(answer["error"]["type"], "json_parse_exception", path)

    def test_wrong_types(self):
        meta = dict(name="x", model_format="ONNX", function_name="TEXT_EMBEDDING", model_config=CONFIG, model_content_hash_value="0" * 64)
        self.refused(400, "Integer value passed as String", "POST", f"{ML}/models/_register_meta", {**meta, "total_chunks": "nine"})
        self.refused(400, "", "POST", f"{ML}/models/_register_meta", {**meta, "total_chunks": 1, "model_config": "text"})
        self.refused(400, "", "POST", f"{ML}/models/{self.model}/_predict", {"text_docs": {"a": 1}})
        self.refused(400, "", "POST", f"{ML}/models/{self.model}/_deploy", {"node_ids": 5})

    def test_missing_fields(self):
        self.refused(400, "model name is null", "POST", f"{ML}/models/_register_meta", {"model_format": "ONNX"})
        self.refused(400, "Empty text docs", "POST", f"{ML}/models/{self.model}/_predict", {})

    def test_wrong_method_and_route(self):
        self.refused(405, "allowed: [POST]", "PUT", f"{ML}/models/_register_meta", {})
        self.refused(400, "no handler found for uri", "GET", f"{ML}/no/such/route")

    def test_unknown_node_id(self):
        model = self.api.register(demo_archive(OPTIONS.model), "nodes")
        self.refused(400, "no eligible node found", "POST", f"{ML}/models/{model}/_deploy", {"node_ids": ["no-such-node"]})
        self.assertEqual(self.api.state(model), "REGISTERED")

    # ---- uploads
    def test_wrong_hash(self):
        self.deploy_fails_with_hash("0" * 64, "model content changed")

    def deploy_fails_with_hash(self, digest, text):
        archive = pack(self.files)
        body = dict(name="hash", function_name="TEXT_EMBEDDING", model_format="ONNX", model_config=CONFIG, total_chunks=-(-len(archive) // CHUNK),
                    model_content_size_in_bytes=len(archive), model_content_hash_value=digest)
        model = self.api.ok("POST", f"{ML}/models/_register_meta", body)["model_id"]
        self.api.upload(model, archive)
        task = self.api.deploy(model)
        self.assertEqual(task["state"], "FAILED")
        self.assertIn(text, task["error"])

    def test_missing_chunk(self):
        archive = demo_archive(OPTIONS.model)
        model = self.api.register_meta(archive, "missing")
        for n in range(1, -(-len(archive) // CHUNK)):
            self.api.ok("POST", f"{ML}/models/{model}/upload_chunk/{n}", archive[n * CHUNK:(n + 1) * CHUNK])
        self.assertEqual(self.api.state(model), "REGISTERING")
        task = self.api.deploy(model)
        self.assertEqual(task["state"], "FAILED", task)
        self.assertTrue(task["error"])
        self.api.ok("POST", f"{ML}/models/{model}/upload_chunk/0", archive[:CHUNK])
        self.assertEqual(self.api.deploy(model)["state"], "COMPLETED")

    def test_oversized_chunk(self):
        model = self.api.register_meta(b"x", "big")
        self.refused(413, "Chunk size exceeds 10MB", "POST", f"{ML}/models/{model}/upload_chunk/0", bytes(CHUNK + 1))

    def test_chunk_out_of_order(self):
        archive = demo_archive(OPTIONS.model)
        model = self.api.register_meta(archive, "order")
        for n in reversed(range(-(-len(archive) // CHUNK))):
            self.api.ok("POST", f"{ML}/models/{model}/upload_chunk/{n}", archive[n * CHUNK:(n + 1) * CHUNK])
        self.api.wait_state(model, "REGISTERED")
        self.assertEqual(self.api.deploy(model)["state"], "COMPLETED")
        self.refused(400, "Chunk number exceeds total chunks", "POST", f"{ML}/models/{model}/upload_chunk/99", b"x")

    # ---- archives
    def test_zip_bomb(self):
        bomb = pack({**self.files, "zeros.bin": bytes(200_000_000)}, zipfile.ZIP_DEFLATED)
        self.deploy_fails(bomb, "zeros.bin")

    def test_path_traversal(self):
        self.deploy_fails(pack({**self.files, "../../evil": b"x"}), "Bad zip entry")
        self.assertFalse((self.node.data / "evil").exists() or (self.node.data.parent / "evil").exists())

    def test_not_a_zip(self):
        self.deploy_fails(b"not a zip at all" * 100, "Archive is not a ZIP archive")

    def test_wrong_format(self):
        self.deploy_fails(pack({"model.pt": b"x", "tokenizer.json": self.files["tokenizer.json"]}), "Model format is ONNX, but find .pt file")

    def test_corrupt_onnx(self):
        broken = bytearray(self.files["model.onnx"][:4_000_000])
        self.deploy_fails(pack({"model.onnx": bytes(broken), "tokenizer.json": self.files["tokenizer.json"]}), "")

    def test_corrupt_tokenizer(self):
        self.deploy_fails(pack({**self.files, "tokenizer.json": b'{"version": "1.0", "model": 5}'}), "tokenizer")

    # ---- texts
    def test_empty_text(self):
        self.assertEqual([len(v) for v in self.api.embed(self.model, ["", " "])], [384, 384])

    def test_huge_text(self):
        self.assertEqual(len(self.api.embed(self.model, ["long text " * 1_000_000])[0]), 384)

    def test_too_large_body(self):
        status, answer = self.api.call("POST", f"{ML}/models/_register", b"[" + b" " * (101 * 1024 * 1024))
        self.assertEqual(status, 413, answer)

    def test_non_utf8_text(self):
        self.refused(400, "", "POST", f"{ML}/models/{self.model}/_predict", b'{"text_docs": ["\xff\xfe broken"]}')

    def test_gzip_that_is_none(self):
        self.refused(400, "", "POST", f"{ML}/models/_search", b"not gzip", {"Content-Encoding": "gzip"})

    def test_gzip_bomb(self):
        self.refused(413, "", "POST", f"{ML}/models/_search", gzip.compress(bytes(200 * 1024 * 1024)), {"Content-Encoding": "gzip"})


class SmallMemoryTest(unittest.TestCase):
    def test_model_larger_than_memory(self):
        with NodeProcess(OPTIONS.binary, "--set", "mlnode.memory.limit_bytes=150mb") as node:
            api = Api(node.url)
            model = api.register(demo_archive(OPTIONS.model), "large")
            task = api.deploy(model)
            self.assertEqual(task["state"], "FAILED", task)
            for word in ("needs", "limit"):
                self.assertIn(word, task["error"])
            self.assertEqual(api.state(model), "DEPLOY_FAILED")
            api.wait_ready()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True), parser.add_argument("--model", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
