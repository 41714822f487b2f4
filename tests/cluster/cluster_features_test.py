"""What a cluster of five does when nothing breaks: models on all nodes or on some, predictions through any node, nodes that come and go,
settings, statistics and tasks of all, proofs between nodes.
cluster_features_test.py --binary mlnode --nats nats-server [ClusterFeatures.test…]"""
import http.client, json, random, time

import case
from api import ML
from case import ClusterCase, start_shared, stop_shared
from load import TEXTS, Load, predict

P = "plugins.ml_commons."
SCATTER = "mlnode.predict.scatter_documents"
NOT_READY = "Model not ready yet. Please deploy the model first."


def setUpModule():
    start_shared()


def tearDownModule():
    stop_shared()


def raw(node, request, timeout=20):
    """(status, headers, bytes) of the answer to the bytes of one request"""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=timeout)
    try:
        connection.connect()
        connection.sock.sendall(request)
        reply = http.client.HTTPResponse(connection.sock, method=request.split(b" ", 1)[0].decode())
        reply.begin()
        return reply.status, reply.headers, reply.read()
    finally:
        connection.close()


def requests_in(sent):
    """the requests that a connection carried, each as its bytes; those with a chunked body are not understood"""
    while sent:
        head, _, rest = sent.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        yield head + b"\r\n\r\n" + rest[:length]
        sent = rest[length:]


class ClusterFeatures(ClusterCase):
    def put_settings(self, node, **settings):
        node.api().ok("PUT", "/_cluster/settings", {"persistent": settings})

    def holders(self, model):
        """names of the nodes whose profile says that they hold it"""
        nodes = self.n1.api().ok("GET", f"{ML}/profile/models/{model}").get("nodes", {})
        return sorted(node.name for node in self.cluster.live() if nodes.get(node.id, {}).get("models", {}).get(model, {}).get("predictor"))

    def predict_counts(self, model):
        """node's name → predictions of the model that it computed, by each node's own word"""
        counts = {}
        for node in self.cluster.live():
            stats = node.api().ok("GET", f"{ML}/{node.id}/stats").get("nodes", {}).get(node.id, {})
            counts[node.name] = stats.get("models", {}).get(model, {}).get("predict", {}).get("ml_action_request_count", 0)
        return counts

    # ---- deploy
    def test_deploy_to_all_and_predict_through_every_node(self):
        model = self.cluster.register("all")
        task = self.cluster.deploy(model, through=self.n2)
        self.assertEqual(task["state"], "COMPLETED")
        self.assertEqual(sorted(task["worker_node"]), sorted(node.id for node in self.cluster.nodes))
        for node in self.cluster.nodes:
            shown = node.api().ok("GET", f"{ML}/models/{model}")
            self.assertEqual((shown["model_state"], shown["planning_worker_node_count"], shown["current_worker_node_count"],
                              shown["deploy_to_all_nodes"]), ("DEPLOYED", 5, 5, True), node.name)
        self.assert_true()
        self.assertEqual(self.holders(model), ["n1", "n2", "n3", "n4", "n5"])

    def test_deploy_to_two_and_undeploy_one_by_one(self):
        model, reference = self.deployed("two", [self.n3, self.n5])
        self.assertEqual(self.holders(model), ["n3", "n5"])
        shown = self.n1.api().ok("GET", f"{ML}/models/{model}")
        self.assertEqual(sorted(shown["planning_worker_nodes"]), sorted([self.n3.id, self.n5.id]))
        self.assertFalse(shown.get("deploy_to_all_nodes", False))
        self.assert_predicts(model, reference)

        answer = self.n1.api().ok("POST", f"{ML}/models/{model}/_undeploy", {"node_ids": [self.n3.id]})
        self.assertEqual(answer, {self.n3.id: {"stats": {model: "undeployed"}}})
        self.eventually("only n5 holds it", lambda: self.holders(model) == ["n5"])
        self.assert_true()
        self.assertEqual(self.n4.api().ok("GET", f"{ML}/models/{model}")["planning_worker_nodes"], [self.n5.id])
        self.assert_predicts(model, reference)

        answer = self.n2.api().ok("POST", f"{ML}/models/{model}/_undeploy")
        self.assertEqual({id: entry["stats"][model] for id, entry in answer.items()},
                         {node.id: "undeployed" if node is self.n5 else "not_found" for node in self.cluster.nodes})
        self.assert_true()
        for node in self.cluster.nodes:
            self.assertEqual(self.state(model, node), "UNDEPLOYED")
            status, _, answer = predict(node, model, ["a cat"])
            self.assertEqual((status, answer["error"]["reason"]), (400, NOT_READY), node.name)

    def test_deploy_again_adds_the_other_nodes(self):
        model, reference = self.deployed("more", [self.n2])
        self.assertEqual(self.cluster.deploy(model, [self.n2, self.n4], through=self.n5)["state"], "COMPLETED")
        self.assertEqual(self.holders(model), ["n2", "n4"])
        status, answer = self.n1.api().call("POST", f"{ML}/models/{model}/_deploy", {"node_ids": [self.n1.id]})
        self.assertEqual(status, 400, "nodes that hold it must be among those asked for")
        self.assertIn("Model already deployed to these nodes", json.dumps(answer))
        self.assertEqual(self.cluster.deploy(model)["state"], "COMPLETED")
        self.assert_true()
        self.assert_predicts(model, reference)

    def test_a_model_runs_at_one_precision_everywhere(self):
        for n in range(4):  # whether bf16 is faster is measured, and near a draw each load may find something else
            model, reference = self.deployed(f"precision {n}")
            shown = {node.name: node.api().ok("GET", f"{ML}/models/{model}/_explain")["this_node"]["precision"] for node in self.cluster.nodes}
            self.assertEqual(len(set(shown.values())), 1, shown)
            self.assert_predicts(model, reference)

    # ---- predict
    def test_predictions_are_spread_over_the_workers(self):
        for policy in ("round_robin", "least_load"):
            with self.subTest(policy):
                self.put_settings(self.n1, **{P + "task_dispatch_policy": policy})
                model, reference = self.deployed(f"spread {policy}", [self.n3, self.n4])
                before = self.predict_counts(model)
                with Load([self.n1, self.n2, self.n5], model, reference, pause=0) as load:
                    load.wait_for(150)
                self.assert_no_errors(load, 100)
                computed = {name: count - before[name] for name, count in self.predict_counts(model).items()}
                self.assertEqual([computed["n1"], computed["n2"], computed["n5"]], [0, 0, 0])
                self.assertGreater(min(computed["n3"], computed["n4"]), 20, computed)

    def test_scattered_documents_come_back_bit_equal_and_in_order(self):
        model, _ = self.deployed("scatter", [self.n2, self.n3, self.n4])
        batched, _ = self.deployed("scatter batched", [self.n2, self.n3, self.n4], graph="tiny_encoder.onnx")
        choose = random.Random(7)
        texts = [" ".join(choose.choices("the a cat dog mat sat on and".split(), k=choose.randint(1, 12))) for _ in range(97)]
        whole = {node.name: self.predict_raw(node, model, texts) for node in self.cluster.nodes}
        self.assertEqual(len(set(whole.values())), 1, "the same bytes through every node")
        near = self.n1.api().embed(batched, texts)
        self.put_settings(self.n1, **{SCATTER: 8})
        before = self.predict_counts(model)
        for node in self.cluster.nodes:
            self.eventually(f"{node.name} knows the setting", lambda: self.setting(node, SCATTER) == "8")
            self.assertEqual(self.predict_raw(node, model, texts), whole[node.name], f"scattered through {node.name}")
            for vector, expected in zip(node.api().embed(batched, texts), near, strict=True):
                self.assertLess(max(abs(a - b) for a, b in zip(vector, expected, strict=True)), 1e-5)
        computed = {name: count - before[name] for name, count in self.predict_counts(model).items()}
        self.assertGreaterEqual(min(computed["n2"], computed["n3"], computed["n4"]), 5, f"of 5 predictions each had its part: {computed}")

    def predict_raw(self, node, model, texts):
        """the bytes of the answer"""
        body = json.dumps({"text_docs": texts}).encode()
        status, _, answer = raw(node, (f"POST {ML}/models/{model}/_predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                       f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
        self.assertEqual(status, 200, answer)
        return answer

    # ---- nodes come and go
    def test_a_sixth_node_gets_what_all_have_and_leaves_without_an_error(self):
        model, reference = self.deployed("joins")
        fixed, _ = self.deployed("stays", [self.n1])
        sixth = self.cluster.make_node("n6")
        self.cluster.nodes.append(sixth)
        try:
            sixth.start()
            self.cluster.wait_nodes(6)
            self.eventually("n6 holds it", lambda: "n6" in self.holders(model), 20)
            self.assert_true()
            self.assertEqual(self.state(model), "DEPLOYED")
            self.assert_predicts(model, reference, [sixth])
            self.assert_predicts(fixed, reference, [sixth])
            alone, _ = self.deployed("leaves", [sixth, self.n2])
            with Load(self.cluster.others(sixth), alone, reference) as load, Load([sixth], model, reference) as direct:
                load.wait_for(40)
                sixth.stop()
                load.wait_for(80)
            self.assert_no_errors(load)
            # a client of the node itself: what it has begun is answered; then it is told to go, or finds nobody
            self.assertEqual(direct.mismatches, [])
            self.assertLessEqual(set(direct.counts()), {200, 503, "ConnectionRefusedError", "ConnectionResetError"}, direct.errors()[:5])
        finally:
            self.cluster.nodes.remove(sixth)
            if sixth.runs:
                sixth.kill()
        self.cluster.wait_nodes(5)
        self.assert_true()
        self.assertEqual((self.state(model), self.state(alone)), ("DEPLOYED", "PARTIALLY_DEPLOYED"))

    def test_an_excluded_node_gives_up_its_models(self):
        model, reference = self.deployed("moves")
        with Load([self.n1, self.n2, self.n5], model, reference) as load:
            self.put_settings(self.n3, **{P + "exclude_nodes._name": "n5"})
            self.eventually("n5 gives it up", lambda: self.holders(model) == ["n1", "n2", "n3", "n4"])
            self.assert_true()
            self.assertEqual(self.n4.api().ok("GET", f"{ML}/models/{model}")["planning_worker_node_count"], 4)
            self.put_settings(self.n4, **{P + "exclude_nodes._name": None})
            self.eventually("n5 has it again", lambda: "n5" in self.holders(model), 20)
            self.assert_true()
        self.assert_no_errors(load)

    # ---- settings, numbers and tasks of all
    def setting(self, node, name):
        return node.api().ok("GET", "/_cluster/settings?flat_settings=true")["persistent"].get(name)

    def test_a_setting_is_in_force_on_all_nodes(self):
        name = P + "monitoring_request_count"
        self.put_settings(self.n2, **{name: 17})
        for node in self.cluster.nodes:
            self.eventually(f"{node.name} knows it", lambda: self.setting(node, name) == "17", 2)
        self.put_settings(self.n5, **{name: None})
        for node in self.cluster.nodes:
            self.eventually(f"{node.name} has forgotten it", lambda: self.setting(node, name) is None, 2)

    def test_numbers_of_all_nodes_through_each(self):
        model, _ = self.deployed("numbers", [self.n1, self.n4])
        everybody = {node.id for node in self.cluster.nodes}
        for node in self.cluster.nodes:
            api = node.api()
            infos = api.ok("GET", "/_nodes")
            self.assertEqual((infos["_nodes"], set(infos["nodes"])), ({"total": 5, "successful": 5, "failed": 0}, everybody))
            self.assertEqual({info["name"] for info in infos["nodes"].values()}, {"n1", "n2", "n3", "n4", "n5"})
            stats = api.ok("GET", "/_nodes/stats")
            self.assertEqual(set(stats["nodes"]), everybody)
            for id, entry in stats["nodes"].items():
                self.assertGreater(entry["mlnode"]["memory"]["limit_bytes"], 0, f"{id} through {node.name}")
            rows = api.ok("GET", "/_cat/nodes?format=json&full_id=true&h=id,name,load_1m")
            self.assertEqual({row["id"] for row in rows}, everybody)
            self.assertNotIn("-", {row["load_1m"] for row in rows}, f"through {node.name}")
            numbers = api.ok("GET", f"{ML}/stats/ml_deployed_model_count")["nodes"]
            self.assertEqual({id: entry["ml_deployed_model_count"] for id, entry in numbers.items()},
                             {other.id: int(other in (self.n1, self.n4)) for other in self.cluster.nodes})
            parts = api.ok("GET", f"{ML}/profile", {"node_ids": [self.n1.id, self.n2.id], "model_ids": [model]})["nodes"]
            self.assertEqual(set(parts), {self.n1.id, self.n2.id}, "asked for, and with nothing to say")
            view = api.ok("GET", f"{ML}/profile/models/{model}?view=model")["models"][model]
            self.assertEqual(sorted(view["worker_nodes"]), sorted([self.n1.id, self.n4.id]))
            self.assertEqual({id for id, entry in view["nodes"].items() if "predictor" in entry}, {self.n1.id, self.n4.id})

    def test_a_node_that_does_not_answer_is_left_out_of_numbers(self):
        self.n5.http.half_open()
        begun = time.monotonic()
        stats = self.n1.api().ok("GET", "/_nodes/stats")
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(stats["_nodes"], {"total": 5, "successful": 4, "failed": 1})
        self.assertNotIn(self.n5.id, stats["nodes"])
        self.n5.http.heal()
        self.eventually("n5 counts again", lambda: self.n1.api().ok("GET", "/_nodes/stats")["_nodes"]["failed"] == 0)

    def test_tasks_are_seen_through_every_node(self):
        model = self.cluster.register("tasks")
        task = self.n3.api().ok("POST", f"{ML}/models/{model}/_deploy")["task_id"]
        for node in self.cluster.nodes:
            self.assertEqual(node.api().task(task)["state"], "COMPLETED", node.name)
            found = node.api().ok("POST", f"{ML}/tasks/_search", {"query": {"term": {"model_id": model}}})
            self.assertEqual([hit["_id"] for hit in found["hits"]["hits"]], [task], node.name)
        self.n1.api().ok("DELETE", f"{ML}/tasks/{task}")
        for node in self.cluster.nodes:
            self.eventually(f"gone at {node.name}", lambda: node.api().call("GET", f"{ML}/tasks/{task}")[0] == 404, 2)

    # ---- proofs between nodes
    def forwarded(self, model):
        """the bytes of a prediction that n1 forwarded to n2"""
        self.n2.http.record()
        status, _, answer = predict(self.n1, model, ["a cat"])
        self.assertEqual(status, 200, answer)
        sent = [request for bytes_sent in self.n2.http.recording() for request in requests_in(bytes_sent)]
        return next(request for request in sent if f"/models/{model}/".encode() in request and b"x-mlnode-peer:" in request.lower())

    def test_what_is_no_proof_of_a_node_is_refused(self):
        model, _ = self.deployed("proof", [self.n2])
        request = self.forwarded(model)
        self.assertEqual(raw(self.n2, request)[0], 403, "seen before")
        changed = self.forwarded(model).replace(b"a cat", b"a dog")
        self.assertEqual(raw(self.n2, changed)[0], 403, "another body than the signed one")
        elsewhere = self.forwarded(model)
        self.assertEqual(raw(self.n3, elsewhere.replace(model.encode(), model[::-1].encode()))[0], 403, "another target")
        status, headers, _ = raw(self.n3, elsewhere)
        self.assertEqual((status, headers["X-Mlnode-Peer-Refused"]), (403, "1"), "meant for another node")
        forged = f"v2 {self.n1.id} {self.n2.id} {0:016x} {int(time.time() * 1000)} {random.getrandbits(64):016x} {'A' * 43}"
        self.assertEqual(predict(self.n2, model, ["a cat"], headers={"X-Mlnode-Peer": forged})[0], 403)
        for path in ("/_nodes/stats", f"{ML}/stats", f"{ML}/profile"):
            self.assertEqual(self.n3.api().call("GET", path, headers={"X-Mlnode-Peer": forged})[0], 403, path)
        self.assertEqual(predict(self.n2, model, TEXTS)[0], 200, "and clients are served as before")

    def test_a_node_that_began_anew_takes_nothing_that_was_meant_for_it_before(self):
        model, _ = self.deployed("anew", [self.n2])
        request = self.forwarded(model)
        self.n2.kill()
        self.cluster.launch([self.n2])
        self.assertEqual(raw(self.n2, request)[0], 403)
        self.eventually("n2 is asked by its new name", lambda: predict(self.n1, model, TEXTS)[0] == 200)


if __name__ == "__main__":
    case.main(__doc__)
