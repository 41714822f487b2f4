#!/usr/bin/env python3
"""Deploys and undeploys a real model N times in one process and prints resident memory: soak.py --binary mlnode --model DIR [--rounds 200]
Exit 1 when memory at the last round exceeds that at round 50 by more than 10 MB."""
import argparse, pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from api import Api, demo_archive
from node_process import NodeProcess


def resident_mb(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True), parser.add_argument("--model", required=True)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    curve = {}
    with NodeProcess(options.binary) as node:
        api = Api(node.url)
        model = api.register(demo_archive(options.model), "soak")
        for n in range(1, options.rounds + 1):
            task = api.deploy(model)
            assert task["state"] == "COMPLETED", task
            api.embed(model, ["one", "two words", "three words here " * 20])
            api.undeploy(model)
            if n == 1 or n % 10 == 0:
                curve[n] = resident_mb(node.process.pid)
                print(f"round {n:4d}  resident {curve[n]:7.1f} MB", flush=True)
    base = curve.get(50) or curve[min(curve)]
    grown = curve[max(curve)] - base
    print(f"grown since round 50: {grown:.1f} MB (limit 10)")
    return 1 if grown > 10 else 0


if __name__ == "__main__":
    sys.exit(main())
