#!/usr/bin/env python3
"""`mlnode migrate` with real programs: a node's folder into a cluster, the cluster into a backup while it runs, the backup started as a
node, and the target of a transfer that was killed. migrate_test.py --binary mlnode --nats NATS_SERVER"""
import argparse, pathlib, signal, subprocess, sys, time, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from api import ML, Api
from cluster import CONFIG, tiny_archive
from nats_cluster import NatsCluster
from node_process import NodeProcess
from scratch import Scratch

OPTIONS = argparse.Namespace()
TEXTS = {"text_docs": ["a text", "another"]}
F32 = ("--set", "mlnode.engine.precision=f32")


class MigrateTest(unittest.TestCase):
    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.remove)
        self.nats = NatsCluster(OPTIONS.nats, self.scratch.path / "nats")
        self.addCleanup(self.nats.kill_all)
        self.nats.start()
        self.servers = self.nats.urls
        self.folder = self.scratch.path / "data"

    def wait(self, holds, what, limit=30):
        deadline = time.monotonic() + limit
        while not holds():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.1)

    def migrate(self, source, target, *flags):
        return subprocess.run([OPTIONS.binary, "migrate", "--from", str(source), "--to", str(target), *flags], capture_output=True, text=True, timeout=120)

    def migrated(self, source, target, *flags):
        moved = self.migrate(source, target, *flags)
        self.assertEqual(moved.returncode, 0, moved.stderr)
        return moved.stdout

    def refusal(self, source, target, *flags):
        refused = self.migrate(source, target, *flags)
        self.assertEqual(refused.returncode, 1, refused.stdout)
        return refused.stderr

    def add_group(self, node, name):
        return Api(node.url).ok("POST", f"{ML}/model_groups/_register", {"name": name})["model_group_id"]

    def group_status(self, node, group):
        return Api(node.url).call("GET", f"{ML}/model_groups/{group}")[0]

    def node(self, *flags, data=None):
        return NodeProcess(OPTIONS.binary, *F32, *flags, data=data or self.folder)

    def fill(self, extra_bytes=0):
        """a node with a deployed model, stopped: the model, and what it answers"""
        with self.node() as node:
            api = Api(node.url)
            archive = tiny_archive("m", extra_bytes)
            model = api.register_meta(archive, model_config=CONFIG)
            api.upload(model, archive)
            task = api.ok("POST", f"{ML}/models/{model}/_deploy")["task_id"]
            self.wait(lambda: api.ok("GET", f"{ML}/tasks/{task}")["state"] == "COMPLETED", "deployed")
            return model, api.ok("POST", f"{ML}/models/{model}/_predict", TEXTS)["inference_results"]

    def serves(self, node, model, expected):
        """without a request for it: the plan came along"""
        api = Api(node.url)
        self.wait(lambda: api.call("POST", f"{ML}/models/{model}/_predict", TEXTS)[0] == 200, "it serves")
        self.assertEqual(api.ok("POST", f"{ML}/models/{model}/_predict", TEXTS)["inference_results"], expected)

    def test_into_a_cluster_into_a_backup_and_back(self):
        model, expected = self.fill()
        moved = self.migrate(self.folder, self.servers)
        self.assertEqual(moved.returncode, 0, moved.stderr)
        self.assertIn("all compared", moved.stdout)
        backup, again = self.scratch.path / "backup", self.scratch.path / "again"
        with self.node("--cluster", self.servers, data=self.scratch.path / "n1") as node:
            self.serves(node, model, expected)
            for _ in range(2):  # a second one finds what is there
                kept = self.migrate(self.servers, backup)
                self.assertEqual(kept.returncode, 0, kept.stderr)
            self.assertIn("0 copied", kept.stdout.split("parts:")[1])
            refused = self.migrate(backup, self.servers)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("stop the cluster's nodes first", refused.stderr)
        with self.node(data=backup) as node:
            self.serves(node, model, expected)
            Api(node.url).ok("PUT", f"{ML}/models/{model}", {"description": "written to the backup"})
        self.assertIn("--overwrite", self.refusal(self.servers, backup))
        self.migrated(self.servers, backup, "--overwrite")
        with self.node("--cluster", self.servers, "--set", "mlnode.cluster.name=restored", data=again) as node:
            self.assertEqual(Api(node.url).call("GET", f"{ML}/models/{model}")[0], 404)

    def test_a_source_that_is_not_there_is_no_empty_one(self):
        self.fill()
        self.assertIn("other", self.refusal(self.servers, self.scratch.path / "backup", "--set", "mlnode.cluster.name=other"))
        self.migrated(self.folder, self.servers)
        refused = self.refusal(self.servers, self.scratch.path / "backup", "--set", "mlnode.cluster.name=other")
        self.assertIn("mlnode.cluster.name", refused)
        self.assertEqual([name for name in self.nats.streams() if "other" in name], [])
        nowhere = self.scratch.path / "nowhere"
        self.assertIn("no data folder", self.refusal(nowhere, self.servers, "--overwrite"))
        self.assertFalse(nowhere.exists())

    def test_a_target_with_other_documents_is_refused(self):
        model, _ = self.fill()
        other = self.scratch.path / "other"
        with self.node(data=other) as node:
            Api(node.url).ok("POST", f"{ML}/model_groups/_register", {"name": "theirs"})
        refused = self.migrate(self.folder, other)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("use an empty target", refused.stderr)
        with self.node(data=other) as node:
            self.assertEqual(Api(node.url).call("GET", f"{ML}/models/{model}")[0], 404)

    def test_what_was_acknowledged_since_is_not_erased(self):
        with self.node() as node:
            restored = self.add_group(node, "restored")
        self.migrated(self.folder, self.servers)
        in_cluster = ("--cluster", self.servers)
        with self.node(*in_cluster, data=self.scratch.path / "n1"):
            pass
        self.migrated(self.folder, self.servers)  # a node that only ran there left nothing to lose
        with self.node(*in_cluster, data=self.scratch.path / "n1") as node:
            later = self.add_group(node, "of the week after")
        for _ in range(2):
            self.assertIn("--overwrite", self.refusal(self.folder, self.servers))
        with self.node(*in_cluster, data=self.scratch.path / "n1") as node:
            self.assertEqual([self.group_status(node, group) for group in (restored, later)], [200, 200])
        self.migrated(self.folder, self.servers, "--overwrite")
        with self.node(*in_cluster, data=self.scratch.path / "n1") as node:
            self.assertEqual([self.group_status(node, group) for group in (restored, later)], [200, 404])

    def test_a_node_that_starts_meanwhile_is_sent_away(self):
        with self.node() as node:
            group = self.add_group(node, "moved")
        killed = self.node("--cluster", self.servers, data=self.scratch.path / "n1")
        killed.start()
        killed.kill()  # its lease makes migrate look for some seconds, before its claim and after it
        command = [OPTIONS.binary, "migrate", "--from", str(self.folder), "--to", self.servers]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as moving:
            time.sleep(4.5)
            start = self.refused_start()
            output, errors = moving.communicate(timeout=60)
        self.assertIn("is about to begin", start)
        self.assertEqual(moving.returncode, 0, errors)
        self.assertIn("all compared", output)
        with self.node("--cluster", self.servers, data=self.scratch.path / "n2") as node:
            self.assertEqual(self.group_status(node, group), 200)

    def refused_start(self):
        command = [OPTIONS.binary, "serve", "--port", "0", "--data", str(self.scratch.path / "n2"), "--cluster", self.servers]
        start = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(start.returncode, 1)
        return start.stderr

    def test_killed_it_goes_on(self):
        model, expected = self.fill(extra_bytes=60_000_000)
        command = [OPTIONS.binary, "migrate", "--from", str(self.folder), "--to", self.servers]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.assertIn("parts 1 of", process.stderr.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()
        self.assertIn("has not ended", self.refused_start())
        moved = self.migrate(self.folder, self.servers)
        self.assertEqual(moved.returncode, 0, moved.stderr)
        self.assertNotIn("parts: 0 copied", moved.stdout)
        self.assertNotIn(" 0 there already; all", moved.stdout)
        with self.node("--cluster", self.servers, data=self.scratch.path / "n1") as node:
            self.serves(node, model, expected)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--nats", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
