"""The peer's own integration tests and the story files of the official API description, as far as this node has the features, against a
real process. tests/its_map.txt says which row is which test. Names are those of the peer's tests.
its_test.py --binary mlnode [class or class.test ...]"""
import argparse, hashlib, pathlib, sys, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from api import ML, Api, pack
from node_process import NodeProcess
from scratch import Scratch

OPTIONS = argparse.Namespace()
DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
P = "plugins.ml_commons."
CONFIG = {"model_type": "bert", "embedding_dimension": 8, "framework_type": "sentence_transformers"}
# What the peer's test base sets before each test; the last is a bare number.
SETTINGS = {P + "only_run_on_ml_node": False, P + "allow_registering_model_via_url": True, P + "allow_registering_model_via_local_file": True,
            P + "jvm_heap_memory_threshold": 100, P + "native_memory_threshold": 100, P + "disk_free_space_threshold": 0}
MATCH_ALL = {"query": {"match_all": {}}, "size": 1000}


class Shared:
    """one node for all classes that do not need a fresh one"""
    scratch = archive = node = None


def setUpModule():
    Shared.scratch = Scratch()
    Shared.archive = pack({"model.onnx": (DATA / "tiny_encoder.onnx").read_bytes(), "tokenizer.json": (DATA / "wordpiece_tokenizer.json").read_bytes()})
    (Shared.scratch.path / "tiny.zip").write_bytes(Shared.archive)
    Shared.node = start_node()


def tearDownModule():
    Shared.node.stop()
    Shared.scratch.remove()


def start_node():
    return NodeProcess(OPTIONS.binary, "--set", f"mlnode.file_url_roots={Shared.scratch.path}").start()


class ItCase(unittest.TestCase):
    """settings before and after each test as the peer's base class does it; models it made are removed"""

    def setUp(self):
        self.api = Api(Shared.node.url)
        self.api.ok("PUT", "/_cluster/settings", {"persistent": SETTINGS})
        self.before = self.ids("models")

    def tearDown(self):
        for model in self.ids("models") - self.before:
            # 404: a registration whose task was deleted takes its model back, perhaps at this moment.
            for method, path in (("POST", f"{ML}/models/{model}/_undeploy"), ("DELETE", f"{ML}/models/{model}")):
                self.assertIn(self.api.call(method, path)[0], (200, 404), model)
        for key in self.api.ok("GET", "/_cluster/settings")["persistent"]:
            self.api.ok("PUT", "/_cluster/settings", {"persistent": {key + ".*": None}})
        self.assertEqual(self.api.ok("GET", "/_cluster/settings")["persistent"], {})

    def search(self, kind, body=None, method="POST"):
        return self.api.ok(method, f"{ML}/{kind}/_search", body or MATCH_ALL)["hits"]

    def ids(self, kind):
        return {h["_id"] for h in self.search(kind)["hits"] if "chunk_number" not in h["_source"]}

    def put_settings(self, **values):
        return self.api.ok("PUT", "/_cluster/settings", {"persistent": {P + k.replace("__", "."): v for k, v in values.items()}})

    def body(self, **over):
        return {"name": "test_model_name", "version": "1.0.0", "function_name": "TEXT_EMBEDDING", "model_format": "ONNX", "model_config": CONFIG,
                "model_content_hash_value": hashlib.sha256(Shared.archive).hexdigest(), "url": (Shared.scratch.path / "tiny.zip").as_uri(), **over}

    def register(self, path="models/_register", **over):
        """by URL; the completed task"""
        answer = self.api.ok("POST", f"{ML}/{path}", self.body(**over))
        task = self.api.task(answer["task_id"])
        self.assertEqual(task["state"], "COMPLETED", task)
        return task

    def deploy(self, model, path="_deploy"):
        answer = self.api.ok("POST", f"{ML}/models/{model}/{path}")
        self.assertNotIn("model_id", answer)
        self.assertEqual(self.api.ok("GET", f"{ML}/tasks/{answer['task_id']}")["model_id"], model)
        task = self.api.task(answer["task_id"])
        self.assertEqual(task["state"], "COMPLETED", task)
        return task

    def refused(self, status, text, method, path, body=None):
        got, answer = self.api.call(method, path, body)
        self.assertEqual(got, status, answer)
        self.assertIn(text, answer["error"]["reason"])
        return answer


class RestMLDeployModelActionIT(ItCase):
    def test_re_deploy_model(self):
        group = self.api.ok("POST", f"{ML}/model_groups/_register", {"name": "test_group_re_deploy"})["model_group_id"]
        model = self.register(model_group_id=group)["model_id"]
        self.deploy(model)
        undeployed = self.api.ok("POST", f"{ML}/models/{model}/_undeploy")
        self.assertTrue(undeployed)
        for node in undeployed.values():
            self.assertEqual(node["stats"][model], "undeployed")
        self.deploy(model)
        self.assertEqual(self.api.ok("GET", f"{ML}/models/{model}")["model_state"], "DEPLOYED")


class RestMLCustomModelActionIT(ItCase):
    def test_custom_model_workflow(self):
        task = self.register()
        self.assertEqual(task["function_name"], "TEXT_EMBEDDING")
        model = task["model_id"]
        self.assertEqual(self.deploy(model)["model_id"], model)
        answer = self.api.ok("POST", f"{ML}/models/{model}/_predict",
                             {"text_docs": ["today is sunny", "hello world"], "return_number": True, "target_response": ["sentence_embedding"]})
        self.assertEqual(len(answer["inference_results"]), 2)
        for result in answer["inference_results"]:
            tensor, = result["output"]
            self.assertEqual(set(tensor), {"name", "data_type", "shape", "data"})
            self.assertEqual((tensor["name"], tensor["data_type"], tensor["shape"]), ("sentence_embedding", "FLOAT32", [8]))
            self.assertEqual([type(v) for v in tensor["data"]], [float] * 8)
        for node in self.api.ok("POST", f"{ML}/models/{model}/_undeploy").values():
            self.assertEqual(node["stats"], {model: "undeployed"})


class RestMLCustomModelChunkActionIT(ItCase):
    def meta(self, path="models/_register_meta", **over):
        body = {"name": "test_model", "version": "1", "model_format": "TORCH_SCRIPT", "function_name": "TEXT_EMBEDDING", "model_config": CONFIG,
                "total_chunks": 2, "model_content_size_in_bytes": 12345, "model_content_hash_value": "ab" * 32, **over}
        return self.api.ok("POST", f"{ML}/{path}", body)

    def test_register_custom_meta_model_success(self):
        group = self.api.ok("POST", f"{ML}/model_groups/_register", {"name": "test_group_meta"})["model_group_id"]
        for path in ("models/meta", "models/_register_meta"):
            answer = self.meta(path, model_group_id=group)
            self.assertEqual(answer["status"], "CREATED")
            self.assertEqual(self.api.ok("GET", f"{ML}/models/{answer['model_id']}")["model_group_id"], group)

    def test_register_custom_meta_model_predict_exception(self):
        model = self.meta()["model_id"]
        status, answer = self.api.call("POST", f"{ML}/models/{model}/_predict", {"text_docs": ["a"]})
        self.assertIn(status, range(400, 500), answer)
        self.assertTrue(answer["error"]["reason"])

    def test_custom_model_workflow(self):
        for path in ("upload_chunk", "chunk"):
            model = self.meta()["model_id"]
            for number in (0, 1):
                self.assertEqual(self.api.ok("POST", f"{ML}/models/{model}/{path}/{number}", {"chunk": f"chunk{number}"})["status"], "Uploaded")
            self.api.wait_state(model, "REGISTERED")
            self.refused(400, "Chunk number exceeds total chunks", "POST", f"{ML}/models/{model}/{path}/2", {"chunk": "chunk2"})


class FreshNodeIT(unittest.TestCase):
    """what a node answers that never had a document"""

    @classmethod
    def setUpClass(cls):
        cls.node = start_node()
        cls.api = Api(cls.node.url)

    @classmethod
    def tearDownClass(cls):
        cls.node.stop()

    def test_get_model_empty_resources(self):
        status, answer = self.api.call("GET", f"{ML}/models/111222333")
        self.assertEqual((status, answer["error"]["reason"]), (404, "Fail to find model"))

    def test_get_task_empty_resources(self):
        status, answer = self.api.call("GET", f"{ML}/tasks/111222333")
        self.assertEqual(status, 404)
        self.assertIn("find task", answer["error"]["reason"])

    def test_get_model_group_empty_resources(self):
        status, answer = self.api.call("GET", f"{ML}/model_groups/111222333")
        self.assertEqual((status, answer["error"]["reason"]), (404, "Failed to find model group index"))

    def test_search_before_creation(self):
        for kind in ("models", "model_groups", "tasks"):
            for method in ("GET", "POST"):
                hits = self.api.ok(method, f"{ML}/{kind}/_search", MATCH_ALL)["hits"]
                self.assertEqual((hits["total"]["value"], hits["hits"]), (0, []), kind)


class RestMLModelActionsIT(ItCase):
    """RestMLGetModelActionIT, RestMLDeleteModelActionIT, RestMLSearchModelActionIT"""

    def test_get_model_success(self):
        model = self.register()["model_id"]
        self.assertEqual(self.api.ok("GET", f"{ML}/models/{model}")["model_state"], "REGISTERED")

    def test_delete_model_success(self):
        model = self.register()["model_id"]
        answer = self.api.ok("DELETE", f"{ML}/models/{model}")
        self.assertEqual((answer["_id"], answer["result"]), (model, "deleted"))
        self.refused(404, model, "GET", f"{ML}/models/{model}")
        self.assertEqual(self.search("models", {"query": {"term": {"model_id": model}}})["total"]["value"], 0)

    def test_search_model_success(self):
        model = self.register()["model_id"]
        self.assertIn(model, {h["_id"] for h in self.search("models", method="GET")["hits"]})


class RestMLTaskActionsIT(ItCase):
    """RestMLGetTaskActionIT, RestMLDeleteTaskActionIT, RestMLSearchTaskActionIT; SecureMLRestIT testRegisterModelWithFullAccess"""

    def test_get_task_success(self):
        answer = self.api.ok("POST", f"{ML}/models/_register", self.body())
        self.assertEqual((set(answer), answer["status"]), ({"task_id", "status"}, "CREATED"))
        self.assertEqual(self.api.ok("GET", f"{ML}/tasks/{answer['task_id']}")["function_name"], "TEXT_EMBEDDING")
        self.api.task(answer["task_id"])

    def test_delete_task_success(self):
        answer = self.api.ok("POST", f"{ML}/models/_register", self.body())
        self.api.task(answer["task_id"])
        deleted = self.api.ok("DELETE", f"{ML}/tasks/{answer['task_id']}")
        self.assertEqual((deleted["_id"], deleted["result"]), (answer["task_id"], "deleted"))
        self.refused(404, "find task", "GET", f"{ML}/tasks/{answer['task_id']}")

    def test_search_task_success(self):
        self.register()
        hits = self.search("tasks", {"query": {"term": {"function_name": "TEXT_EMBEDDING"}}})
        self.assertGreaterEqual(hits["total"]["value"], 1)

    def test_deploy_answers_with_a_task(self):
        """SecureMLRestIT testDeployModelWithFullAccess"""
        model = self.register()["model_id"]
        answer = self.api.ok("POST", f"{ML}/models/{model}/_deploy")
        self.assertNotIn("model_id", answer)
        self.assertEqual(answer["status"], "DEPLOYING")  # docs/compatibility.md
        self.api.task(answer["task_id"])


class EligibleNodesIT(ItCase):
    def test_excluded_nodes_do_not_deploy(self):
        """RestMLTrainAndPredictIT testTrainAndPredictKmeans_ExcludeNodes, with a deploy"""
        model = self.register()["model_id"]
        status, table = self.api.call("GET", "/_cat/nodes")
        self.assertEqual(status, 200)
        names = [line.split()[-1] for line in table.splitlines() if line.strip()]
        self.put_settings(exclude_nodes___name=",".join(names))
        answer = self.refused(400, "eligible node", "POST", f"{ML}/models/{model}/_deploy")
        self.assertEqual(answer["error"]["type"], "illegal_argument_exception")
        self.put_settings(exclude_nodes___name=None)
        self.deploy(model)

    def test_settings_of_the_memory_breaker_are_taken(self):
        """RestMLMemoryCircuitBreakerIT; what the breaker itself answers: fault/bad_input_test.py"""
        for value in (1, 100, 85):
            shown = self.put_settings(jvm_heap_memory_threshold=value)
            self.assertEqual(shown["persistent"]["plugins"]["ml_commons"]["jvm_heap_memory_threshold"], str(value))


class RestMLModelGroupIT(ItCase):
    def test_delete_an_empty_group_frees_its_name(self):
        body = {"name": "test_group_delete"}
        for _ in range(2):
            made = self.api.ok("POST", f"{ML}/model_groups/_register", body)
            self.assertEqual(made["status"], "CREATED")
            self.assertEqual(self.api.ok("DELETE", f"{ML}/model_groups/{made['model_group_id']}")["result"], "deleted")

    def test_access_control_is_off(self):
        text = "You cannot specify model access control parameters because the Security plugin or model access control is disabled on your cluster."
        self.refused(400, text, "POST", f"{ML}/model_groups/_register", {"name": "test_group_access", "access_mode": "private"})


class MLModelAutoReDeployerIT(ItCase):
    def test_model_auto_redeploy(self):
        over = dict(name="traced_small_model", model_task_type="text_embedding", model_config={**CONFIG, "all_config": "{\"vocab_size\":32}"})
        first, second = [self.register(**over)["model_id"] for _ in range(2)]
        for model in (first, second):
            self.deploy(model)
        shown = [self.api.ok("GET", f"{ML}/models/{m}") for m in (first, second)]
        self.assertEqual([m["model_state"] for m in shown], ["DEPLOYED"] * 2)
        self.assertEqual(shown[0]["model_group_id"], shown[1]["model_group_id"])
        self.assertEqual([int(m["model_version"]) for m in shown], [int(shown[0]["model_version"]), int(shown[0]["model_version"]) + 1])


class Stories(ItCase):
    """the story files of the official API description; their pretrained model is one by URL here"""

    def test_models(self):
        model = self.register()["model_id"]
        self.assertEqual(self.search("models", method="GET")["hits"][0]["_score"], 1)
        self.assertEqual(self.api.ok("GET", f"{ML}/models/{model}")["name"], "test_model_name")
        self.assertEqual(self.api.ok("DELETE", f"{ML}/models/{model}")["result"], "deleted")

    def test_models_search(self):
        self.register()
        self.assertEqual(self.search("models")["hits"][0]["_score"], 1)

    def test_models_register_custom(self):
        config = {**CONFIG, "additional_config": {"space_type": "l2"}}
        model = self.register(function_name="text_embedding", model_config=config)["model_id"]
        self.assertEqual(self.api.ok("GET", f"{ML}/models/{model}")["model_config"]["additional_config"], {"space_type": "l2"})

    def test_models_upload(self):
        self.assertTrue(self.register("models/_upload")["model_id"])

    def test_models_register_meta(self):
        body = {"name": "meta", "version": "1.0.0", "model_format": "TORCH_SCRIPT", "function_name": "TEXT_EMBEDDING", "model_config": CONFIG,
                "model_content_hash_value": "12" * 32, "total_chunks": 3}  # the story's hash is 123abc: docs/compatibility.md
        for path in ("models/_register_meta", "models/meta"):
            model = self.api.ok("POST", f"{ML}/{path}", body)["model_id"]
            for number in range(3):
                chunk = "upload_chunk" if path.endswith("_register_meta") else "chunk"
                answer = self.api.ok("POST", f"{ML}/models/{model}/{chunk}/{number}", {"chunk": f"chunk{number}"})
                self.assertEqual(answer["status"], "Uploaded")
            self.assertEqual(self.api.ok("DELETE", f"{ML}/models/{model}")["result"], "deleted")

    def test_models_load(self):
        model = self.register()["model_id"]
        self.deploy(model, "_load")
        self.api.ok("POST", f"{ML}/models/{model}/_undeploy")
        self.assertEqual(self.api.ok("DELETE", f"{ML}/models/{model}")["result"], "deleted")

    def test_models_undeploy_and_unload(self):
        self.put_settings(allow_custom_deployment_plan=True)
        model = self.register()["model_id"]
        for path in ("_undeploy", "_unload"):
            node, = self.deploy(model)["worker_node"]
            answer = self.api.ok("POST", f"{ML}/models/{path}", {"node_ids": [node], "model_ids": [model]})
            self.assertEqual(answer[node]["stats"], {model: "undeployed"})
            self.api.ok("POST", f"{ML}/models/{model}/{path}")  # has been undeployed: still 200

    def test_models_predict(self):
        self.api.ok("POST", f"{ML}/model_groups/_register", {"name": "NLP_Group"})
        model = self.register()["model_id"]
        self.deploy(model)
        answer = self.api.ok("POST", f"{ML}/models/{model}/_predict", {"query_text": "today is sunny", "text_docs": ["how is the weather"]})
        self.assertEqual(len(answer["inference_results"][0]["output"][-1]["data"]), 8)

    def test_tasks(self):
        answer = self.api.ok("POST", f"{ML}/models/_register", self.body())
        self.assertEqual(self.api.ok("DELETE", f"{ML}/tasks/{answer['task_id']}")["result"], "deleted")

    def test_tasks_search(self):
        self.register()
        self.assertEqual(self.search("tasks", method="GET")["hits"][0]["_score"], 1)
        hits = self.search("tasks", {"query": {"bool": {"filter": [{"term": {"function_name": "TEXT_EMBEDDING"}}]}}})
        self.assertEqual(hits["hits"][0]["_score"], 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
