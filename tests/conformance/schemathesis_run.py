#!/usr/bin/env python3
"""Requests made from docs/openapi.yaml, good ones and bad ones, against a fresh node: no answer may be a fault, and each has a status, a
content type, headers and a body as the description says. schemathesis_run.py --binary mlnode --home DIR --model DIR [--long]
Without --long some hundred cases and the good ones of the phase `coverage`; with it all of that phase (some 40,000) and 30 cases of each
operation, 2,000 in all. What is changed in the description before, and why: schemathesis_hooks.py."""
import argparse, hashlib, json, os, pathlib, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "process"))
from api import ML, Api, pack
from node_process import NodeProcess
from scratch import Scratch

DATA = HERE.parent / "data"
DESCRIPTION = HERE.parents[1] / "docs/openapi.yaml"
P = "plugins.ml_commons."
CONFIG = {"model_type": "bert", "embedding_dimension": 8, "framework_type": "sentence_transformers"}


def archive():
    return pack({"model.onnx": (DATA / "tiny_encoder.onnx").read_bytes(), "tokenizer.json": (DATA / "wordpiece_tokenizer.json").read_bytes()})


def seed(api, folder):
    """something of every kind, so that not all requests are answered 404; the ids"""
    content = archive()
    (folder / "tiny.zip").write_bytes(content)
    # Made-up URLs are not to reach the internet.
    api.ok("PUT", "/_cluster/settings", {"persistent": {P + "allow_registering_model_via_url": True, P + "trusted_url_regex": "^file://"}})
    group = api.ok("POST", f"{ML}/model_groups/_register", {"name": "seeds", "description": "a group"})["model_group_id"]
    new = {"function_name": "TEXT_EMBEDDING", "model_format": "ONNX", "model_config": CONFIG,
           "model_content_hash_value": hashlib.sha256(content).hexdigest()}

    def register(model, chunks=1):
        api.ok("POST", f"{ML}/models/_register_meta", {"name": model, "model_id": model, "model_group_id": group, "total_chunks": chunks, **new})
        api.ok("POST", f"{ML}/models/{model}/upload_chunk/0", content)
        return model

    served, half = register("served"), register("half", chunks=2)
    spares = [register(f"spare-{i}") for i in range(12)]
    tasks = [api.ok("POST", f"{ML}/models/{served}/_deploy")["task_id"] for _ in range(6)]
    for task in tasks:
        assert api.task(task)["state"] == "COMPLETED"
    api.ok("POST", f"{ML}/controllers/{served}", {"user_rate_limiter": {"someone": {"limit": "5", "unit": "MINUTES"}}})
    api.ok("POST", f"{ML}/models/{served}/_predict", {"text_docs": ["hello"]})
    node, = api.ok("GET", "/_nodes")["nodes"]
    return {"model_id": [served, half, f"{served}_0"], "spare_model_id": spares, "task_id": tasks, "model_group_id": [group],
            "node_id": [node, "_local"], "new_model": new, "url": [(folder / "tiny.zip").as_uri()]}


# 501 is no fault where the description lists it (status_code_conformance), other 5xx are.
SETTINGS = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "501"]
"""
# Left out, since they do not apply: negative_data_rejection (parameters without effect are not read, unknown keys are skipped, texts are taken
# for numbers, as the peer does), positive_data_acceptance (what is well-formed can still be wrong, as an id that does not exist),
# ignored_auth and object_level_authorization (nobody logs in), missing_required_header (none is required).
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
          "response_headers_conformance", "unsupported_method", "allow_header_conformance", "use_after_free", "ensure_resource_availability"]
CASES, LONG_CASES = 5, 30
# Arguments of each run, and whether it is the one with filter_path.
SHORT = [(["--phases", "examples,fuzzing,stateful"], False), (["--phases", "coverage", "--mode", "positive"], False)]
LONG = [(["--phases", "examples,coverage,fuzzing,stateful"], False)]
FILTERED = [(["--phases", "fuzzing", "--mode", "positive"], True)]


class Schemathesis:
    def __init__(self, args, url, seeds, folder):
        self.home, self.url, self.folder = args.home, url, folder
        self.cases = LONG_CASES if args.long else CASES
        self.settings = folder / "schemathesis.toml"
        self.settings.write_text(SETTINGS)
        self.env = dict(os.environ, SCHEMATHESIS_HOOKS="schemathesis_hooks", PYTHONPATH=str(HERE), PYTHONDONTWRITEBYTECODE="1",
                        MLNODE_SEEDS=json.dumps(seeds))

    def run(self, phases, filtered):
        command = [f"{self.home}/venv/bin/schemathesis", "--config-file", self.settings, "run", DESCRIPTION, "--url", self.url,
                   "--checks", ",".join(CHECKS), "--seed", "20260", "--max-examples", str(self.cases), "--generation-database", "none", "--request-timeout", "30",
                   "--continue-on-failure", "--no-color", *phases]
        print("+", *command[3:], flush=True)
        return subprocess.run(list(map(str, command)), env=dict(self.env, MLNODE_FILTERED=str(int(filtered))), cwd=self.folder).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True), parser.add_argument("--home", required=True), parser.add_argument("--model", required=True)
    parser.add_argument("--long", action="store_true")
    args = parser.parse_args()
    subprocess.run([sys.executable, str(HERE / "setup.py"), args.home, args.model], check=True)
    with Scratch() as folder, NodeProcess(args.binary, "--set", f"mlnode.file_url_roots={folder}", "--set", "mlnode.pretrained.base_url=") as node:
        api = Api(node.url)
        schemathesis = Schemathesis(args, node.url, seed(api, folder), folder)
        failed = [phases for phases, filtered in (LONG if args.long else SHORT) + FILTERED if schemathesis.run(phases, filtered)]
        # After all that it still serves, and nothing went wrong that only the log tells.
        api.ok("POST", f"{ML}/models/served/_predict", {"text_docs": ["still here"]})
        faults = [line for line in node.lines if " ERROR " in line]
    if failed or faults:
        sys.exit("\n".join([f"schemathesis found something in {len(failed)} runs, the log has {len(faults)} errors", *faults[:20]]))


if __name__ == "__main__":
    main()
