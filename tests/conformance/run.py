#!/usr/bin/env python3
"""Runs the conformance suite against a fresh node: run.py --binary mlnode --home DIR --model DIR [pytest arguments]
with --nats nats-server: through the node of a cluster that holds no model;
or against one that runs already: run.py --url http://127.0.0.1:9200 --home DIR --model DIR …"""
import argparse, os, pathlib, subprocess, sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "process"), str(TESTS / "cluster")]
from entry import node_or_cluster
from scratch import Scratch

HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary"), parser.add_argument("--url"), parser.add_argument("--nats")
    parser.add_argument("--home", required=True), parser.add_argument("--model", required=True)
    args, rest = parser.parse_known_args()
    subprocess.run([sys.executable, str(HERE / "setup.py"), args.home, args.model], check=True)

    def suite(url):
        env = dict(os.environ, BASE_URL=url, CONF_HOME=args.home, CONF_KNOWN=str(HERE / "known_differences.txt"))
        with Scratch() as scratch:
            return subprocess.run([f"{args.home}/venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-ra",
                                   "--basetemp", str(scratch / "pytest"), str(HERE), *rest], env=env).returncode

    if args.url:
        return suite(args.url)
    with node_or_cluster(args.binary, args.nats, "--set", f"mlnode.file_url_roots={args.home}", "--set", "mlnode.pretrained.base_url=") as node:
        return suite(node.url)


if __name__ == "__main__":
    sys.exit(main())
