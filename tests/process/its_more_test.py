"""As its_test.py, for features that are still being built: each class is one feature, and tests/CMakeLists.txt names those that run.
its_more_test.py --binary mlnode [class ...]"""
import argparse, pathlib, sys, time, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import its_test
from api import ML
from its_test import ItCase, setUpModule, tearDownModule  # unittest finds the two here


class PluginList(ItCase):
    """10_basic.yml"""

    def test_component_of_the_plugin(self):
        status, text = self.api.call("GET", "/_cat/plugins?h=component")
        self.assertEqual(status, 200)
        self.assertTrue(any(line.strip().endswith("opensearch-ml") for line in text.splitlines()), text)


class ModelUpdate(ItCase):
    def test_models_yaml_update(self):
        model = self.register()["model_id"]
        answer = self.api.ok("PUT", f"{ML}/models/{model}", {"name": "updated"})
        self.assertEqual((answer["_id"], answer["result"]), (model, "updated"))
        self.assertEqual(self.api.ok("GET", f"{ML}/models/{model}")["name"], "updated")

    def test_unknown_model(self):
        self.refused(404, "Failed to find model to update with the provided model id: nope", "PUT", f"{ML}/models/nope", {"name": "updated"})

    def test_no_body(self):
        model = self.register()["model_id"]
        status, answer = self.api.call("PUT", f"{ML}/models/{model}")
        self.assertEqual((status, answer["error"]["type"]), (400, "parse_exception"))

    def test_a_disabled_model_does_not_predict_until_it_is_enabled(self):
        model = self.register()["model_id"]
        self.deploy(model)
        self.api.ok("PUT", f"{ML}/models/{model}", {"is_enabled": False})
        self.refused(403, "Model is disabled.", "POST", f"{ML}/models/{model}/_predict", {"text_docs": ["a"]})
        self.api.ok("PUT", f"{ML}/models/{model}", {"is_enabled": True})
        self.api.ok("POST", f"{ML}/models/{model}/_predict", {"text_docs": ["a"]})


class Profile(ItCase):
    def node(self):
        node, = self.api.ok("GET", "/_nodes")["nodes"]
        return node

    def test_profile_yaml(self):
        self.register()
        body = {"node_ids": [self.node()], "return_all_tasks": True, "return_all_models": True}
        self.api.ok("GET", f"{ML}/profile", body)

    def test_profile_models_yaml(self):
        model = self.register()["model_id"]
        self.deploy(model)
        one = self.api.ok("GET", f"{ML}/profile/models/{model}")["nodes"][self.node()]["models"]
        self.assertEqual(set(one), {model})
        every = self.api.ok("GET", f"{ML}/profile/models", {"node_ids": [self.node()], "return_all_models": True})["nodes"][self.node()]["models"]
        self.assertIn(model, every)

    def test_profile_tasks_yaml(self):
        model = self.register()["model_id"]
        task = self.api.ok("POST", f"{ML}/models/{model}/_deploy")["task_id"]
        self.api.task(task)
        self.assertEqual(self.api.ok("GET", f"{ML}/profile/tasks/{task}"), {})  # ended, so no longer held
        self.api.ok("GET", f"{ML}/profile/tasks", {"node_ids": [self.node()], "return_all_tasks": True})

    def test_custom_model_workflow(self):
        """RestMLCustomModelActionIT"""
        model = self.register()["model_id"]
        self.deploy(model)
        profiles = [n["models"][model] for n in self.api.ok("GET", f"{ML}/profile/models/{model}")["nodes"].values() if model in n["models"]]
        self.assertTrue(profiles)
        for profile in profiles:
            if "model_state" in profile:
                self.assertEqual(profile["model_state"], "DEPLOYED")
                self.assertRegex(profile["predictor"], r"^\S.*@[0-9a-f]+$")  # the peer shows a Java class here, this node its engine
            self.assertTrue(profile["worker_nodes"])
        self.api.undeploy(model)
        self.assertNotIn(model, str(self.api.ok("GET", f"{ML}/profile/models/{model}")))


class Stats(ItCase):
    INDEX_STATUS = ("green", "non-existent", "red", "yellow")

    def test_stats_yaml(self):
        node, = self.api.ok("GET", "/_nodes")["nodes"]
        self.assertIn("nodes", self.api.ok("GET", f"{ML}/stats"))
        self.assertIn(self.api.ok("GET", f"{ML}/stats/ml_model_index_status")["ml_model_index_status"], self.INDEX_STATUS)
        self.assertEqual(set(self.api.ok("GET", f"{ML}/{node}/stats")["nodes"]), {node})
        self.assertIn(self.api.ok("GET", f"{ML}/{node}/stats/ml_task_index_status")["ml_task_index_status"], self.INDEX_STATUS)

    def count(self, action):
        nodes = self.api.ok("GET", f"{ML}/stats")["nodes"].values()
        return sum(n.get("algorithms", {}).get("text_embedding", {}).get(action, {}).get("ml_action_request_count", 0) for n in nodes)

    def test_requests_are_counted(self):
        """RestMLTrainAndPredictIT testTrainAndPredictKmeans, with a predict"""
        model = self.register()["model_id"]
        self.deploy(model)
        before = self.count("predict")
        for more in (1, 2):
            self.api.ok("POST", f"{ML}/models/{model}/_predict", {"text_docs": ["a"]})
            self.assertEqual(self.count("predict"), before + more)


class Controller(ItCase):
    """controller/*.yaml"""
    LIMITS = {"user_rate_limiter": {"admin": {"limit": "4", "unit": "MINUTES"}}}

    def test_create_update_get_delete(self):
        model = self.register()["model_id"]
        path = f"{ML}/controllers/{model}"
        made = self.api.ok("POST", path, self.LIMITS)
        self.assertEqual((made["model_id"], made["status"]), (model, "CREATED"))
        self.assertTrue(self.api.ok("GET", f"{ML}/models/{model}")["is_controller_enabled"])
        self.api.ok("PUT", path, {"user_rate_limiter": {"admin": {"limit": "5"}}})
        got = self.api.ok("GET", path)
        self.assertEqual(got["model_id"], model)
        self.assertEqual(float(got["user_rate_limiter"]["admin"]["limit"]), 5)
        self.assertEqual(self.api.ok("DELETE", path)["result"], "deleted")
        self.assertEqual(self.api.call("GET", path)[0], 404)

    def test_unknown_model(self):
        self.assertEqual(self.api.call("POST", f"{ML}/controllers/nope", self.LIMITS)[0], 404)


class RateLimit(ItCase):
    def test_more_than_the_limit_is_429(self):
        model = self.register(rate_limiter={"limit": "1", "unit": "DAYS"})["model_id"]
        self.deploy(model)
        self.api.ok("POST", f"{ML}/models/{model}/_predict", {"text_docs": ["a"]})
        self.refused(429, "Request is throttled at model level.", "POST", f"{ML}/models/{model}/_predict", {"text_docs": ["a"]})


class Pretrained(ItCase):
    """the stories' own model where no repository has it: the task fails, the request does not"""

    def test_unknown_name(self):
        answer = self.api.ok("POST", f"{ML}/models/_register", {"name": "huggingface/no/such-model", "version": "1.0.1", "model_format": "TORCH_SCRIPT"})
        task = self.api.task(answer["task_id"])
        self.assertEqual(task["state"], "FAILED")
        self.assertTrue(task["error"])


class TimeToLive(ItCase):
    def test_a_model_that_nobody_asks_leaves_its_node(self):
        """the local half of testPredictWithAutoDeployAndTTL_RemoteModel; takes up to three minutes"""
        model = self.register(deploy_setting={"model_ttl_minutes": 1})["model_id"]
        self.deploy(model)
        end = time.monotonic() + 180
        while self.api.state(model) == "DEPLOYED":
            self.assertLess(time.monotonic(), end, "still deployed")
            time.sleep(2)
        self.assertEqual(self.api.state(model), "UNDEPLOYED")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    its_test.OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
