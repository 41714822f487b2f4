"""What becomes of a connector's credential and of the keys it is sealed under, in a real process: files, core dumps, rotation.
credentials_test.py --binary mlnode"""
import argparse, os, pathlib, stat, subprocess, sys, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from api import ML, Api
from node_process import NodeProcess
from scratch import Scratch

OPTIONS = argparse.Namespace()
SECRET = "sk-secret-that-is-nowhere"
CONNECTOR = {"name": "c", "version": 1, "protocol": "http", "credential": {"key": SECRET},
             "actions": [{"action_type": "predict", "method": "POST", "url": "https://api.openai.com/v1/embeddings"}]}


class CredentialsTest(unittest.TestCase):
    def setUp(self):
        self.scratch = Scratch()
        self.addCleanup(self.scratch.remove)
        self.data = self.scratch.path / "data"
        self.keys = self.data / "keys" / "credentials"

    def node(self, *flags):
        return NodeProcess(OPTIONS.binary, *flags, data=self.data)

    def run_cli(self, *words, **environment):
        return subprocess.run([OPTIONS.binary, *map(str, words)], capture_output=True, text=True, timeout=60, env=dict(os.environ, **environment))

    def rotate(self, **environment):
        return self.run_cli("rotate-keys", "--data", self.data, **environment)

    def make(self):
        """a connector and a model with one of its own; their paths"""
        with self.node() as node:
            api = Api(node.url)
            connector = api.ok("POST", f"{ML}/connectors/_create", CONNECTOR)["connector_id"]
            model = api.ok("POST", f"{ML}/models/_register", {"name": "r", "function_name": "remote", "connector": CONNECTOR})["model_id"]
            return f"{ML}/connectors/{connector}", f"{ML}/models/{model}"

    def stored(self):
        return b"".join(p.read_bytes() for p in self.data.rglob("*") if p.is_file() and "keys" not in p.parts)

    def test_the_secret_is_in_no_file_and_the_key_is_not_in_the_database(self):
        self.make()
        self.assertNotIn(SECRET.encode(), self.stored())
        key_id, key = self.keys.read_text().strip().split(":")
        self.assertNotIn(key.encode(), self.stored())
        self.assertIn(f"v2:{key_id}:".encode(), self.stored())
        self.assertEqual(stat.S_IMODE(self.keys.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.keys.parent.stat().st_mode), 0o700)

    def test_no_core_dumps(self):
        with self.node() as node:
            limits = pathlib.Path(f"/proc/{node.process.pid}/limits").read_text()
            self.assertRegex(limits, r"Max core file size\s+0\s+0\s")

    def test_rotation(self):
        paths = self.make()
        first = self.keys.read_text()
        with self.node() as node:
            refused = self.rotate()
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertEqual(self.keys.read_text(), first, "a running node keeps its keys")
        done = self.rotate()
        self.assertEqual((done.returncode, done.stdout), (0, "2 documents sealed again under the first key\n"), done.stderr)
        text = self.keys.read_text()
        self.assertTrue(text.endswith(first) and text.count("\n") == 2)
        self.assertEqual(stat.S_IMODE(self.keys.stat().st_mode), 0o600)
        # The old key is not needed any more.
        self.keys.write_text(text.splitlines()[0] + "\n")
        with self.node() as node:
            for path in paths:
                self.assertNotIn("credential", {k for k in Api(node.url).ok("GET", path)})
        self.assertEqual(self.rotate().stdout, "2 documents sealed again under the first key\n")

    def test_an_empty_variable_counts_as_none(self):
        self.make()
        done = self.rotate(MLNODE_CREDENTIALS_KEYS="")
        self.assertEqual((done.returncode, done.stdout), (0, "2 documents sealed again under the first key\n"), done.stderr)

    def test_a_lost_key_is_named_and_nothing_is_lost(self):
        self.make()
        lost = self.keys.read_text()
        self.keys.unlink()
        for words in (("rotate-keys", "--data", self.data), self.node().command()[1:]):
            refused = self.run_cli(*words)
            self.assertEqual(refused.returncode, 1)
            self.assertIn(lost.split(":")[0], refused.stderr)
            self.assertFalse(self.keys.exists(), "no other key takes its place")
        self.keys.touch(0o600)
        self.keys.write_text(lost)
        self.assertEqual(self.rotate().returncode, 0)

    def test_a_key_file_that_others_may_read_stops_the_start(self):
        self.make()
        self.keys.chmod(0o644)
        run = subprocess.run(self.node().command(), capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 1)
        self.assertIn("mode 0644", run.stderr)

    def test_keys_from_the_environment(self):
        key = "env1:" + "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
        os.environ["MLNODE_CREDENTIALS_KEYS"] = key
        self.addCleanup(os.environ.pop, "MLNODE_CREDENTIALS_KEYS", None)
        self.make()
        self.assertFalse(self.keys.exists())
        self.assertIn(b"v2:env1:", self.stored())
        newer = "env2:" + "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM="
        done = self.rotate(MLNODE_CREDENTIALS_KEYS=f"{newer}\n{key}\n")
        self.assertEqual((done.returncode, done.stdout), (0, "2 documents sealed again under the first key\n"), done.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
