#!/usr/bin/env python3
"""Replays the recorded script against a fresh node, compares, and holds the answers against the official schemas: run.py --binary mlnode --home DIR --model DIR
HOME is the conformance suite's: the archive is made once for both. --nats nats-server: through the node of a cluster that holds no model."""
import argparse, json, os, pathlib, subprocess, sys, urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / folder) for folder in ("process", "conformance", "cluster")]
from entry import node_or_cluster
from make_model import build
from scratch import Scratch
# The last two are those of the peer's configuration when it was recorded: its providers are at 127.0.0.1:9291.
SETTINGS = ["mlnode.engine.precision=f32", "mlnode.url.allow_private_addresses=true", "mlnode.pretrained.base_url=",
            "plugins.ml_commons.connector.private_ip_enabled=true",
            r"plugins.ml_commons.trusted_connector_endpoints_regex=^http://127\.0\.0\.1:9291/.*$"]


def ids_of_cluster(url):
    """(the entry's, the worker's) of tests/cluster/entry.py"""
    with urllib.request.urlopen(f"{url}/_nodes?filter_path=nodes.*.name", timeout=10) as answer:
        ids = {node["name"]: node_id for node_id, node in json.load(answer)["nodes"].items()}
    return ids["entry"], ids["worker"]


def same_bodies(ours):
    """Did the provider receive what the peer sent it: path and body of each request, in order; white space aside."""
    wanted, received = (json.loads((folder / "fake-server-saw.json").read_text()) for folder in (HERE, pathlib.Path(ours)))
    same = [(seen["path"], seen["body"]) for seen in wanted] == [(seen["path"], seen["body"]) for seen in received]
    print(f"the provider received {len(received)} requests, {'as' if same else 'NOT as'} from the peer")
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True), parser.add_argument("--home", required=True, type=os.path.abspath), parser.add_argument("--model", required=True)
    parser.add_argument("--nats"), parser.add_argument("--show", default="4"), parser.add_argument("--keep", help="folder for the recording")
    args = parser.parse_args()
    archive = build(pathlib.Path(args.home) / "model", args.model)[0]
    with Scratch() as scratch:
        ours = args.keep or f"{scratch}/ours"
        with node_or_cluster(args.binary, args.nats, *(word for setting in SETTINGS for word in ("--set", setting))) as node:
            entry, worker = ids_of_cluster(node.url) if args.nats else ("", "")
            environment = dict(os.environ, MODEL_ARCHIVE=str(archive), NODE_ID=worker)
            subprocess.run([sys.executable, str(HERE / "record.py"), node.url, ours], env=environment, check=True)
        known = HERE.parent / "conformance/known_golden_differences.txt"
        compared = subprocess.run([sys.executable, str(HERE / "compare.py"), str(HERE / "exchanges"), ours, "--known", str(known), "--show", args.show,
                                   "--without", entry]).returncode
        compared = compared or not same_bodies(ours)
        return subprocess.run([sys.executable, str(HERE.parent / "conformance/check_exchanges.py"), "--home", args.home, "--model", args.model, ours]).returncode or compared


if __name__ == "__main__":
    sys.exit(main())
