"""kill -9 at random moments of a scripted life: register in parts, deploy, predict, update, undeploy, delete, over and over, by several
clients at once. After each restart, within 30 s: nothing acknowledged is lost, nothing is in progress but uploads that their client has
not ended, what was deployed predicts; at the end no chunk, cached or temporary file is left that no model owns.
lifecycle_kill_test.py --binary mlnode [--kills N] [--seed N]"""
import argparse, hashlib, http.client, itertools, os, pathlib, random, sys, threading, time, unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "process"))
from api import ML, Api, pack
from node_process import NodeProcess

OPTIONS = argparse.Namespace()
DATA = HERE.parent / "data"
CUT = (OSError, http.client.HTTPException)  # the node died under a request
CONFIG = {"model_type": "bert", "embedding_dimension": 8, "framework_type": "sentence_transformers", "pooling_mode": "MEAN"}
PARTS, CLIENTS, SETTLED_WITHIN = 3, 3, 30
IN_PROGRESS = ("CREATED", "RUNNING")
TEXT = ["the cat sat"]


class Life:
    """One model and what its client was told of it. `stage` is acknowledged; `doubt` names the request that is under way."""

    def __init__(self, number):
        self.name = f"life-{number}"
        self.archive = pack({"model.onnx": (DATA / "tiny_encoder.onnx").read_bytes(), "notes.txt": self.name.encode(),
                             "tokenizer.json": (DATA / "wordpiece_tokenizer.json").read_bytes()})
        self.stage, self.doubt, self.id = "new", None, None
        self.sent, self.tasks, self.descriptions, self.vector = set(), [], {"0"}, None

    def part(self, n):
        size = -(-len(self.archive) // PARTS)
        return self.archive[n * size:(n + 1) * size]


class Client:
    """Drives lives through their stages, one request after the other, until the node dies under one."""

    def __init__(self, test, seed):
        self.test, self.random, self.life, self.lived = test, random.Random(seed), None, 0

    def run(self, stop):
        api = self.test.api
        try:
            while not stop.is_set():
                if self.life is None or self.life.stage == "deleted":
                    self.life = self.test.new_life()
                getattr(self, self.life.stage)(api, self.life)
        except CUT:
            pass
        except Exception as failure:  # an answer that must not be
            self.test.failures.append(f"{self.life.name} ({self.life.stage}): {failure!r}")

    def finish(self, api):
        while self.life and self.life.stage != "deleted":
            getattr(self, self.life.stage)(api, self.life, leave=True)

    def request(self, life, doubt, call):
        life.doubt = doubt
        answer = call()
        life.doubt = None
        return answer

    def new(self, api, life, leave=False):
        body = dict(name=life.name, version="1", function_name="TEXT_EMBEDDING", model_format="ONNX", model_config=CONFIG, total_chunks=PARTS,
                    model_content_size_in_bytes=len(life.archive), model_content_hash_value=hashlib.sha256(life.archive).hexdigest())
        life.id = self.request(life, "meta", lambda: api.ok("POST", f"{ML}/models/_register_meta", body))["model_id"]
        life.stage = "uploading"

    def uploading(self, api, life, leave=False):
        for n in self.random.sample(range(PARTS), PARTS):
            if n not in life.sent:
                self.request(life, "chunk", lambda: api.ok("POST", f"{ML}/models/{life.id}/upload_chunk/{n}", life.part(n)))
                life.sent.add(n)
        life.stage = "registered"

    def registered(self, api, life, leave=False):
        if leave:
            return self.undeployed(api, life, leave=True)
        life.tasks.append(self.request(life, "deploy", lambda: api.ok("POST", f"{ML}/models/{life.id}/_deploy"))["task_id"])
        life.stage = "deploying"

    def deploying(self, api, life, leave=False):
        task = api.task(life.tasks[-1])
        assert task["state"] == "COMPLETED", task
        life.stage = "deployed"

    def deployed(self, api, life, leave=False):
        life.vector = api.embed(life.id, TEXT)[0]
        if not leave and self.test.updates:
            wanted = str(self.random.random())
            life.descriptions.add(wanted)
            self.request(life, "update", lambda: api.ok("PUT", f"{ML}/models/{life.id}", {"description": wanted}))
            life.descriptions = {wanted}
        self.request(life, "undeploy", lambda: api.undeploy(life.id))
        life.stage = "undeployed"

    def undeployed(self, api, life, leave=False):
        if not leave and self.random.random() < 0.5:
            return self.registered(api, life)
        self.request(life, "delete", lambda: api.ok("DELETE", f"{ML}/models/{life.id}"))
        life.stage = "deleted"
        self.lived += 1


class LifecycleKillTest(unittest.TestCase):
    def setUp(self):
        print(f"seed {OPTIONS.seed}, {OPTIONS.kills} kills", flush=True)
        self.random = random.Random(OPTIONS.seed)
        self.lives, self.failures, self.updates, self.numbers = [], [], False, itertools.count()
        self.node = NodeProcess(OPTIONS.binary).start()
        self.api = Api(self.node.url)

    def tearDown(self):
        self.node.__exit__(None)

    def new_life(self):
        life = Life(next(self.numbers))
        self.lives.append(life)
        return life

    def restart(self):
        self.node.kill()
        self.node.start()
        self.api = Api(self.node.url)
        self.deadline = time.monotonic() + SETTLED_WITHIN

    def eventually(self, what, holds):
        while not holds():
            self.assertLess(time.monotonic(), self.deadline, f"{what} {SETTLED_WITHIN} s after the restart")
            time.sleep(0.05)

    # ---- what must hold after a restart
    def state(self, life):
        """the model's state; None when it is gone"""
        status, answer = self.api.call("GET", f"{ML}/models/{life.id}")
        self.assertIn(status, (200, 404), answer)
        if status == 404:
            return None
        if self.updates:
            self.assertIn(answer.get("description", "0"), life.descriptions, f"{life.name}: an acknowledged update is lost")
        return answer["model_state"]

    def serves(self, life):
        vector = self.api.embed(life.id, TEXT)[0]
        self.assertEqual(vector, life.vector or vector, f"{life.name} answers differently")

    def check(self, life):
        if life.id is None:
            return  # nobody was told of it
        self.eventually(f"{life.name} is DEPLOYING", lambda: self.state(life) != "DEPLOYING")
        state, doubt, life.doubt = self.state(life), life.doubt, None
        if doubt == "delete":
            self.assertIn(state, (None, "UNDEPLOYED", "REGISTERED"), life.name)
            life.stage = "deleted" if state is None else "undeployed"
            return
        expected = {"uploading": ("REGISTERING", "REGISTERED"), "registered": ("REGISTERED",), "deploying": ("DEPLOYED",),
                    "deployed": ("DEPLOYED",), "undeployed": ("UNDEPLOYED",), "deleted": (None,)}[life.stage]
        also = {"deploy": ("DEPLOYED",), "undeploy": ("UNDEPLOYED",)}.get(doubt, ())
        self.assertIn(state, expected + also, f"{life.name} was {life.stage}, {doubt} under way")
        if life.stage == "deploying":
            self.assertEqual(self.api.task(life.tasks[-1])["state"], "COMPLETED", f"{life.name}: an acknowledged deploy")
        if state == "DEPLOYED":
            life.stage = "deployed"
            self.serves(life)
        elif doubt == "undeploy":
            life.stage = "undeployed"

    def check_progress(self):
        """what no client can know of is not in progress either"""
        tasks = [task for life in self.lives for task in life.tasks]
        self.eventually("a task is in progress", lambda: all(
            self.api.call("GET", f"{ML}/tasks/{task}")[1]["state"] not in IN_PROGRESS for task in tasks))
        known = {life.id for life in self.lives if life.id}
        query = {"query": {"bool": {"must_not": [{"exists": {"field": "chunk_number"}}]}}, "size": 1000}
        for hit in self.api.ok("POST", f"{ML}/models/_search", query)["hits"]["hits"]:
            if hit["_id"] not in known:  # made for a client that never got its id, and gives up
                self.assertEqual(self.api.state(hit["_id"]), "REGISTERING")
                self.api.ok("DELETE", f"{ML}/models/{hit['_id']}")

    def check_files(self):
        """no model is left, so no file may be: uploads that nobody owns go after an hour's grace, which is made to have passed"""
        chunks, cache = self.node.data / "chunks", self.node.data / "cache"
        self.node.kill()
        for upload in chunks.iterdir() if chunks.exists() else ():
            os.utime(upload, (time.time() - 7200,) * 2)
        self.restart()
        for folder in (chunks, cache, self.node.data / "tmp"):
            self.eventually(f"{folder.name} holds files that nobody owns", lambda: not folder.exists() or not any(folder.iterdir()))

    def test_nothing_acknowledged_is_lost(self):
        self.updates = self.api.call("PUT", f"{ML}/models/none", {"description": "x"})[0] == 404
        clients = [Client(self, OPTIONS.seed * 100 + n) for n in range(CLIENTS)]
        for _ in range(OPTIONS.kills):
            stop = threading.Event()
            threads = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
            for thread in threads:
                thread.start()
            time.sleep(self.random.uniform(0.01, 1.5))
            self.node.process.kill()
            stop.set()
            for thread in threads:
                thread.join()
            self.assertEqual(self.failures, [])
            self.restart()
            for life in self.lives:
                self.check(life)
            self.check_progress()
            for life in [life for life in self.lives if life.stage == "deleted"]:
                self.lives.remove(life) if len(self.lives) > 20 else None
        for client in clients:
            client.finish(self.api)
        for life in self.lives:  # left in doubt by a client that went on with another
            self.assertIn(life.stage, ("deleted", "new"), life.name)
        self.check_files()
        print(f"{sum(client.lived for client in clients)} models lived and were deleted", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--kills", type=int, default=6), parser.add_argument("--seed", type=int, default=int(time.time()))
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
