"""What a cluster of five does when all servers of NATS are gone, when everything is stopped and started again, and when a node that does not
belong wants to join. MLNODE_OUTAGE_SECONDS: how long the servers stay away (20).
cluster_outage_test.py --binary mlnode --nats nats-server [ClusterOutage.test…]"""
import os, signal, subprocess, time

import case
from api import ML, Api
from case import ClusterCase, start_shared, stop_shared
from cluster import CLEAN, SAME_BITS
from load import Load, predict
from ports import free_port
from scratch import Scratch

OUTAGE_SECONDS = float(os.environ.get("MLNODE_OUTAGE_SECONDS", "20"))
REDEPLOYED_WITHIN = 45  # seconds after a start of everything


def setUpModule():
    start_shared(SAME_BITS)


def tearDownModule():
    stop_shared()


class ClusterOutage(ClusterCase):
    # ---- all of NATS is gone
    def test_all_servers_down(self):
        model, reference = self.deployed("static")
        fixed, _ = self.deployed("static too", [self.n2, self.n4])
        clients = self.cluster.nodes
        with Load(clients, model, reference, pause=0.1) as load, Load(clients, fixed, reference, pause=0.1) as load_fixed:
            load.wait_for(20)
            self.cluster.servers.kill_all()
            down = time.monotonic()
            time.sleep(1)
            while time.monotonic() < down + OUTAGE_SECONDS:
                for node in self.cluster.nodes:
                    self.assert_no_writes(node, model)
                    self.assertEqual(self.state(fixed, node), "DEPLOYED", "reads go on")
                    self.assertEqual(len(node.api().ok("GET", "/_nodes")["nodes"]), 5, "nobody is taken for dead")
                time.sleep(2)
            load.wait_for(20)
            self.cluster.servers.start()
            self.eventually("writes are taken again", lambda: self.write(self.n1) == 200, 15)
            self.assert_true()
        self.assert_no_errors(load)
        self.assert_no_errors(load_fixed)
        # Each stream elects its leader for itself: documents may be written before chunks are.
        def again():
            try:
                return self.deployed("after it")[0]
            except AssertionError as refused:
                self.assertIn(" 503 ", str(refused))
                return None
        self.assert_predicts(self.eventually("a model is registered", again, 20), reference)

    def write(self, node):
        return node.api().call("PUT", "/_cluster/settings", {"persistent": {"mlnode.slow_log_ms": 1100}})[0]

    def assert_no_writes(self, node, model):
        """each write is refused, soon, and says when to come again"""
        meta = {"name": "refused", "version": "1", "function_name": "TEXT_EMBEDDING", "model_format": "ONNX", "total_chunks": 1,
                "model_config": {"model_type": "bert", "embedding_dimension": 8, "framework_type": "sentence_transformers"},
                "model_content_size_in_bytes": 5, "model_content_hash_value": "0" * 64}
        for method, path, body in (("POST", f"{ML}/models/_register_meta", meta), ("POST", f"{ML}/models/{model}/_deploy", None),
                                   ("POST", f"{ML}/models/{model}/_undeploy", None), ("PUT", f"{ML}/models/{model}", {"description": "x"}),
                                   ("PUT", "/_cluster/settings", {"persistent": {"mlnode.slow_log_ms": 900}})):
            begun = time.monotonic()
            status, headers, answer = node.api().exchange(method, path, body)
            self.assertEqual(status, 503, f"{node.name}: {method} {path}: {answer}")
            self.assertGreaterEqual(int(headers.get("Retry-After", 0)), 1, f"{method} {path}")
            self.assertLess(time.monotonic() - begun, 10, f"{method} {path}")

    # ---- everything stops
    def deploy_some(self):
        every, self.reference = self.deployed("on all")
        fixed, _ = self.deployed("on two", [self.n2, self.n4])
        parked, _ = self.deployed("undeployed")
        self.n1.api().ok("POST", f"{ML}/models/{parked}/_undeploy")
        self.assert_true()
        return every, fixed, parked

    def assert_all_back(self, every, fixed, parked):
        self.cluster.start()
        for node in self.cluster.nodes:
            node.api().wait_ready(REDEPLOYED_WITHIN)
        self.eventually("as it was", lambda: (self.state(every), self.state(fixed), self.state(parked)) == (
            "DEPLOYED", "DEPLOYED", "UNDEPLOYED"), REDEPLOYED_WITHIN)
        self.assert_true()
        self.assert_predicts(every, self.reference)
        self.assert_predicts(fixed, self.reference)

    def test_full_stop_and_start(self):
        models = self.deploy_some()
        for node in self.cluster.nodes:  # once: a second signal ends a node at once
            node.process.send_signal(signal.SIGTERM)
        for node in self.cluster.nodes:
            self.assertEqual(node.process.wait(60), 0, node.name)
        self.cluster.servers.stop()
        self.assert_all_back(*models)

    def test_power_cut(self):
        models = self.deploy_some()
        for node in self.cluster.nodes:
            node.process.kill()
        self.cluster.servers.kill_all()
        for node in self.cluster.nodes:
            node.kill()
        self.assert_all_back(*models)

    # ---- who may join
    def refusal(self, *flags, **environment):
        """what a node says that does not start with these"""
        with Scratch() as folder:
            command = [case.OPTIONS.binary, "serve", "--port", str(free_port()), "--data", str(folder / "data"), *flags]
            try:
                ended = subprocess.run(command, env=CLEAN | environment, capture_output=True, text=True, timeout=20)
            except subprocess.TimeoutExpired as started:
                self.fail(f"{flags} {environment}: it started: {started.stdout}")
            self.assertNotEqual(ended.returncode, 0)
            return ended.stdout + ended.stderr

    def test_off_loopback_a_node_needs_a_key_and_a_safe_link(self):
        servers = self.cluster.servers.urls
        everywhere = ("--address", "0.0.0.0", "--insecure-allow-remote", "--cluster", servers, "--set", "mlnode.http.publish_address=192.0.2.1:9200")
        self.assertIn("MLNODE_CLUSTER_KEY", self.refusal(*everywhere))
        self.assertIn("MLNODE_CLUSTER_KEY", self.refusal("--cluster", servers, "--set", "mlnode.http.publish_address=192.0.2.1:9200"))
        key = "a key of more than sixteen bytes"
        self.assertIn("tls", self.refusal("--cluster", "nats://192.0.2.1:4222", MLNODE_CLUSTER_KEY=key))
        self.assertIn("16", self.refusal(*everywhere, MLNODE_CLUSTER_KEY="short"))

    def test_a_node_with_another_key_does_not_join(self):
        servers = self.cluster.servers.urls
        said = self.refusal("--cluster", servers, MLNODE_CLUSTER_KEY="not the key of this cluster")
        self.assertIn("key", said)
        self.cluster.wait_nodes(5)


if __name__ == "__main__":
    case.main(__doc__)
