#!/usr/bin/env python3
"""The keys of a cluster, with real programs: who may join, how the keys of credentials are changed while nodes run, what becomes of a
folder's credentials. cluster_keys_test.py --binary mlnode --nats NATS_SERVER"""
import argparse, base64, os, pathlib, subprocess, sys, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from api import ML, Api
from nats_cluster import NatsCluster
from node_process import NodeProcess
from scratch import Scratch

OPTIONS = argparse.Namespace()
CONNECTOR = {"name": "c", "version": 1, "protocol": "http", "credential": {"key": "sk-1"},
             "actions": [{"action_type": "predict", "method": "POST", "url": "https://api.openai.com/v1/embeddings"}]}
OLD, NEW = (f"{name}:{base64.b64encode(bytes([byte]) * 32).decode()}\n" for name, byte in (("old", 1), ("new", 2)))


class ClusterKeysTest(unittest.TestCase):
    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.remove)
        self.nats = NatsCluster(OPTIONS.nats, self.scratch.path / "nats")
        self.addCleanup(self.nats.kill_all)
        self.nats.start()
        self.servers = self.nats.urls
        self.nodes = []
        self.addCleanup(lambda: [node.kill() for node in self.nodes if node.process.poll() is None])

    def start(self, name, keys=None, **variables):
        """a node; its credential keys, if it is given any"""
        node = NodeProcess(OPTIONS.binary, "--cluster", self.servers, "--node-name", name, data=self.scratch.path / name)
        node.launch(dict(os.environ, **({"MLNODE_CREDENTIALS_KEYS": keys} if keys else {}), **variables))
        self.nodes.append(node)
        return node.await_listening()

    def refusal(self, name, keys=None, **variables):
        with self.assertRaises(RuntimeError) as refused:
            self.start(name, keys, **variables)
        return str(refused.exception)

    def run_cli(self, *words, **variables):
        return subprocess.run([OPTIONS.binary, *map(str, words)], capture_output=True, text=True, timeout=60, env=dict(os.environ, **variables))

    def reseal(self, **variables):
        return self.run_cli("rotate-keys", "--set", f"mlnode.cluster.nats={self.servers}", **variables)

    def test_credential_keys_are_changed_node_by_node(self):
        first, second = self.start("n1", OLD), self.start("n2", OLD)
        Api(first.url).ok("POST", f"{ML}/connectors/_create", CONNECTOR)
        self.assertIn("sealed under key old", self.refusal("n3", NEW))
        self.assertIn("sealed under key old", self.refusal("n3"))
        for keys in (OLD + NEW, NEW + OLD):  # known to all before anything is sealed under it
            for name, node in (("n1", first), ("n2", second)):
                node.stop()
                replaced = self.start(name, keys)
                first, second = (replaced, second) if name == "n1" else (first, replaced)
        resealed = self.reseal(MLNODE_CREDENTIALS_KEYS=NEW + OLD)
        self.assertEqual((resealed.returncode, resealed.stdout), (0, "1 documents sealed again under the first key\n"), resealed.stderr)
        for name, node in (("n1", first), ("n2", second)):
            node.stop()
            self.start(name, NEW)
        self.assertIn("key new", self.refusal("n3", OLD))

    def test_keys_that_follow_from_the_clusters_are_not_changed(self):
        node = self.start("n1")
        Api(node.url).ok("POST", f"{ML}/connectors/_create", CONNECTOR)
        refused = self.reseal()
        self.assertEqual(refused.returncode, 1)
        self.assertIn("follows from the cluster's", refused.stderr)
        self.start("n2")
        self.assertIn("sealed under key", self.refusal("n3", MLNODE_CLUSTER_KEY="another key of 16 bytes"))

    def test_a_folders_credentials_need_its_keys(self):
        folder = self.scratch.path / "alone"
        with NodeProcess(OPTIONS.binary, data=folder) as node:
            Api(node.url).ok("POST", f"{ML}/connectors/_create", CONNECTOR)
        moved = self.run_cli("migrate", "--from", folder, "--to", self.servers)
        self.assertEqual(moved.returncode, 0, moved.stderr)
        self.assertIn("mlnode.credentials.key_file", self.refusal("n1"))
        self.start("n1", (folder / "keys" / "credentials").read_text())

    def test_name_and_roles_from_the_command_line(self):
        node = self.start("n1")
        plain = Api(node.url).ok("GET", "/_nodes")["nodes"]
        self.assertEqual([(n["name"], n["roles"]) for n in plain.values()], [("n1", ["data", "ml"])])
        node.stop()
        node.flags += ["--roles", "ml"]
        node.start()
        self.assertEqual([n["roles"] for n in Api(node.url).ok("GET", "/_nodes")["nodes"].values()], [["ml"]])

    def test_the_url_of_nats_must_be_safe(self):
        for servers, expected in (("nats://192.0.2.1:4222", "neither TLS nor credentials"), ("tls://192.0.2.1:4222", "MLNODE_CLUSTER_KEY")):
            refused = self.run_cli("serve", "--cluster", servers, "--port", "0", "--data", self.scratch.path / "far")
            self.assertEqual(refused.returncode, 1)
            self.assertIn(expected, refused.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--nats", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
