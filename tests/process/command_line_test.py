"""The command line against a real node: pack, register, deploy, predict, lists, explain, settings, exit codes, --json.
command_line_test.py --binary mlnode --model DIR"""
import argparse, hashlib, json, pathlib, subprocess, sys, unittest, zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from node_process import NodeProcess
from scratch import Scratch

OPTIONS = argparse.Namespace()
GUESS = ["--model-type", "bert", "--dimension", "384", "--pooling", "mean", "--normalize"]


class CommandLineTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch()
        cls.folder = cls.scratch.path
        cls.node = NodeProcess(OPTIONS.binary, "--set", f"mlnode.file_url_roots={cls.folder}").start()

    @classmethod
    def tearDownClass(cls):
        cls.node.stop()
        cls.scratch.remove()

    def run_cli(self, *words, code=0, url=None):
        run = subprocess.run([OPTIONS.binary, "--url", url or self.node.url, *map(str, words)], capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, code, f"{words}\n{run.stdout}\n{run.stderr}")
        return run

    def json_cli(self, *words, code=0):
        return json.loads(self.run_cli("--json", *words, code=code).stdout)

    def test_folder_to_similarity_and_back(self):
        model = self.json_cli("register", OPTIONS.model, "--name", "cli", "--deploy", *GUESS)["model_id"]
        table = self.json_cli("predict", "--similarity", model, "How do I reset my password?", "I forgot my password, how can I change it?", "Stocks fell on Monday.")
        self.assertGreater(table["similarity"][0][1], 0.7)
        self.assertLess(table["similarity"][0][2], 0.3)
        explained = self.json_cli("explain", model)
        self.assertEqual(explained["model_state"], "DEPLOYED")
        self.assertIn(model, self.run_cli("models").stdout)
        self.assertIn("COMPLETED", self.run_cli("tasks").stdout)
        self.run_cli("delete", model, code=1)
        self.run_cli("undeploy", model)
        self.run_cli("delete", model)
        self.assertNotIn(model, self.run_cli("models").stdout)

    def test_bench_measures_a_model_and_a_url(self):
        model = self.json_cli("register", OPTIONS.model, "--name", "bench", "--deploy", *GUESS)["model_id"]
        report = self.json_cli("bench", model, "--clients", 2, "--documents", 3, "--seconds", 1, "--warm-up", 0.2)
        self.assertEqual((report["clients"], report["documents"]), (2, 3))
        self.assertEqual(list(report["answers"]), ["200"])
        self.assertAlmostEqual(report["documents_per_second"], 3 * report["answers"]["200"] / report["seconds"], places=3)
        latency = report["latency_ms"]
        self.assertTrue(0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"], latency)
        self.assertGreater(report["node"]["tokens_per_second"], report["documents_per_second"])
        self.assertGreaterEqual(report["node"]["sequences_per_batch"], 1)
        texts = self.folder / "texts.txt"
        texts.write_text("one text\nand another\n")
        text = self.run_cli("bench", report["target"], "--seconds", 0.5, "--warm-up", 0, "--texts", texts).stdout
        for word in ("documents/s", "tokens/s", "p99", "a batch", "answers      200:"):
            self.assertIn(word, text)
        self.run_cli("undeploy", model)
        self.assertIn("Please deploy the model first", self.run_cli("bench", model, code=1).stderr)
        self.run_cli("delete", model)

    def test_bench_says_what_is_wrong(self):
        self.run_cli("bench", code=2)
        self.run_cli("bench", "m", "--clients", 0, code=2)
        self.assertIn("absent.txt", self.run_cli("bench", "m", "--texts", self.folder / "absent.txt", code=1).stderr)
        self.run_cli("bench", "m", code=3, url="http://127.0.0.1:1")
        self.assertIn("Closed loop", self.run_cli("bench", "--help").stdout)

    def test_packed_archive_is_what_the_node_takes(self):
        archive = self.folder / "packed.zip"
        told = self.json_cli("pack", OPTIONS.model, "--output", archive, *GUESS)
        self.assertEqual(told["model_content_hash_value"], hashlib.sha256(archive.read_bytes()).hexdigest())
        self.assertEqual({"tokenizer.json", next(pathlib.Path(OPTIONS.model).glob("*.onnx")).name}, set(zipfile.ZipFile(archive).namelist()))
        by_file = self.json_cli("register", archive, *GUESS)["model_id"]
        self.run_cli("settings", "plugins.ml_commons.allow_registering_model_via_url=true")
        by_url = self.json_cli("register", archive.as_uri(), "--hash", told["model_content_hash_value"], *GUESS)["model_id"]
        self.run_cli("settings", "plugins.ml_commons.allow_registering_model_via_url=")
        for model in (by_file, by_url):
            self.run_cli("delete", model)

    def test_settings_show_what_was_set(self):
        self.run_cli("settings", "plugins.ml_commons.max_model_on_node=7")
        self.assertEqual(self.json_cli("settings")["persistent"], {"plugins.ml_commons.max_model_on_node": "7"})
        self.run_cli("settings", "plugins.ml_commons.max_model_on_node=")
        self.assertEqual(self.json_cli("settings")["persistent"], {})
        self.assertIn("no_such", self.run_cli("settings", "plugins.ml_commons.no_such=1", code=1).stderr)

    def test_nodes_lists_this_one(self):
        answer = self.json_cli("nodes")
        self.assertEqual(answer["_nodes"]["total"], 1)

    def test_exit_codes(self):
        self.assertIn("Failed to find model", self.run_cli("deploy", "no-such-model", code=1).stderr)
        self.run_cli("no-such-command", code=2)
        self.run_cli("predict", code=2)
        self.run_cli("models", code=3, url="http://127.0.0.1:1")

    def test_help_is_worth_reading(self):
        text = self.run_cli("--help").stdout
        for word in ("serve", "pack", "register", "deploy", "undeploy", "predict", "bench", "models", "tasks", "nodes", "settings", "explain", "Exit codes"):
            self.assertIn(word, text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True), parser.add_argument("--model", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
