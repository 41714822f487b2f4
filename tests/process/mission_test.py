"""The documentation page "Deploy model", request by request, pasted as it stands with only the ids replaced and no setting changed.
mission_test.py --binary mlnode --model DIR"""
import argparse, pathlib, sys, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from api import ML, Api, demo_archive
from node_process import NodeProcess

OPTIONS = argparse.Namespace()


class DeployModelPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = NodeProcess(OPTIONS.binary).start()
        cls.api = Api(cls.node.url)
        cls.model = cls.api.register(demo_archive(OPTIONS.model), "page")

    @classmethod
    def tearDownClass(cls):
        cls.node.stop()

    def setUp(self):
        self.api.undeploy(self.model)

    def check_answer(self, answer):
        """the example response has task_id and status DEPLOYING"""
        self.assertEqual(answer["status"], "DEPLOYING")
        self.assertEqual(len(answer["task_id"]), 20)
        return self.api.task(answer["task_id"])

    def test_disable_auto_deploy_of_remote_models(self):
        answer = self.api.ok("PUT", "/_cluster/settings", b'{\n  "persistent": {\n    "plugins.ml_commons.model_auto_deploy.enable": "false"\n  }\n}')
        self.assertTrue(answer["acknowledged"])
        self.assertEqual(answer["persistent"]["plugins"]["ml_commons"]["model_auto_deploy"]["enable"], "false")
        self.api.ok("PUT", "/_cluster/settings", {"persistent": {"plugins.ml_commons.model_auto_deploy.enable": None}})

    def test_deploy_to_all_available_ml_nodes(self):
        task = self.check_answer(self.api.ok("POST", f"{ML}/models/{self.model}/_deploy"))
        self.assertEqual(task["state"], "COMPLETED")
        self.assertEqual(len(self.api.embed(self.model, ["a"])[0]), 384)

    def test_deploy_to_a_specific_node(self):
        node, = self.api.ok("GET", "/_nodes")["nodes"]
        body = b'{\n    "node_ids": ["%s"]\n}' % node.encode()
        task = self.check_answer(self.api.ok("POST", f"{ML}/models/{self.model}/_deploy", body))
        self.assertEqual(task["worker_node"], [node])
        self.assertEqual(self.api.state(self.model), "DEPLOYED")

    def test_status_of_the_deployment(self):
        task = self.check_answer(self.api.ok("POST", f"{ML}/models/{self.model}/_deploy"))
        shown = {"model_id": str, "task_type": str, "function_name": str, "state": str, "worker_node": list, "create_time": int,
                 "last_update_time": int, "is_async": bool}
        self.assertEqual({k: type(v) for k, v in task.items()}, shown)
        self.assertEqual((task["model_id"], task["task_type"], task["function_name"], task["state"], task["is_async"]),
                         (self.model, "DEPLOY_MODEL", "TEXT_EMBEDDING", "COMPLETED", True))

    def test_redeployed_after_a_restart(self):
        """the page: "If a cluster or node is restarted, then you need to redeploy the model"; here that needs nobody"""
        self.check_answer(self.api.ok("POST", f"{ML}/models/{self.model}/_deploy"))
        self.node.kill()
        self.node.start()
        type(self).api = Api(self.node.url)
        self.api.wait_ready()
        self.assertEqual(len(self.api.embed(self.model, ["a"])[0]), 384)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True), parser.add_argument("--model", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
