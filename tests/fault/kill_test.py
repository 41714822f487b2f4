"""kill -9 at awkward moments of chunk upload, deploy and predict: the store opens again, what was acknowledged is there, the rest can
be resumed or repeated, and what was deployed serves without another request.
kill_test.py --binary mlnode --model DIR [--rounds N] [--seed N]"""
import argparse, json, pathlib, random, sys, threading, time, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from api import CHUNK, ML, Api, demo_archive
from node_process import NodeProcess

OPTIONS = argparse.Namespace()
CUT = (ConnectionError, OSError, EOFError, AssertionError, ValueError)


class KillTest(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(OPTIONS.seed)
        self.archive = demo_archive(OPTIONS.model)
        self.parts = -(-len(self.archive) // CHUNK)
        self.node = NodeProcess(OPTIONS.binary).start()
        self.api = Api(self.node.url)

    def tearDown(self):
        self.node.stop()

    def restart(self):
        self.node.kill()
        self.node.start()
        self.api = Api(self.node.url)
        self.api.wait_ready()

    def kill_after(self, seconds):
        timer = threading.Timer(seconds, self.node.process.kill)
        timer.start()
        return timer

    def test_during_chunk_upload(self):
        for _ in range(OPTIONS.rounds):
            model = self.api.register_meta(self.archive, "upload")
            acknowledged, n = set(), 0
            timer = self.kill_after(self.random.uniform(0.005, 0.25))
            try:
                for n in range(self.parts):
                    self.api.ok("POST", f"{ML}/models/{model}/upload_chunk/{n}", self.archive[n * CHUNK:(n + 1) * CHUNK])
                    acknowledged.add(n)
            except http_errors():
                pass
            timer.join()
            self.restart()
            there = self.api.ok("POST", f"{ML}/models/_search", {"query": {"bool": {"must": [{"term": {"model_id": model}}, {"exists": {"field": "chunk_number"}}]}}, "size": 100})
            found = {h["_source"]["chunk_number"] for h in there["hits"]["hits"]}
            self.assertLessEqual(acknowledged, found, "an acknowledged chunk is gone")
            for k in set(range(self.parts)) - found:
                self.api.ok("POST", f"{ML}/models/{model}/upload_chunk/{k}", self.archive[k * CHUNK:(k + 1) * CHUNK])
            self.api.wait_state(model, "REGISTERED")
            self.api.ok("DELETE", f"{ML}/models/{model}")

    def test_during_deploy(self):
        model = self.api.register(self.archive, "deploy")
        for _ in range(OPTIONS.rounds):
            task = self.api.ok("POST", f"{ML}/models/{model}/_deploy")["task_id"]
            time.sleep(self.random.uniform(0, 0.8))
            self.restart()
            self.assertEqual(self.api.task(task, 60)["state"], "COMPLETED", "an acknowledged deploy is carried through")
            self.api.wait_state(model, "DEPLOYED")
            self.assertEqual(len(self.api.embed(model, ["a"])[0]), 384)
            self.api.undeploy(model)

    def test_during_predict(self):
        model = self.api.register(self.archive, "predict")
        self.assertEqual(self.api.deploy(model)["state"], "COMPLETED")
        reference = self.api.embed(model, ["the same text"])[0]
        for _ in range(OPTIONS.rounds):
            stop = threading.Event()

            def load():
                while not stop.is_set():
                    try:
                        self.api.embed(model, ["some words"] * 8)
                    except http_errors():
                        return

            threads = [threading.Thread(target=load) for _ in range(4)]
            for t in threads:
                t.start()
            time.sleep(self.random.uniform(0.05, 0.5))
            self.restart()
            stop.set()
            for t in threads:
                t.join()
            again = self.api.embed(model, ["the same text"])[0]
            self.assertLess(max(abs(a - b) for a, b in zip(again, reference)), 1e-5)

    def test_after_deploy_predict_answers_without_another_request(self):
        model = self.api.register(self.archive, "restart")
        self.assertEqual(self.api.deploy(model)["state"], "COMPLETED")
        self.restart()
        self.assertEqual(len(self.api.embed(model, ["a"])[0]), 384)

    def test_what_a_download_left_is_gone_after_a_restart(self):
        left = self.node.data / "tmp" / "register-cut-off.zip"
        left.parent.mkdir(exist_ok=True)
        left.write_bytes(b"half a download")
        self.restart()
        self.assertFalse(left.exists())

    def test_second_process_on_the_same_data_is_refused(self):
        other = NodeProcess(OPTIONS.binary, data=self.node.data)
        with self.assertRaises(RuntimeError) as refused:
            other.start()
        self.assertIn(str(self.node.process.pid), str(refused.exception))


def http_errors():
    import http.client
    return CUT + (http.client.HTTPException,)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True), parser.add_argument("--model", required=True)
    parser.add_argument("--rounds", type=int, default=4), parser.add_argument("--seed", type=int, default=1)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
