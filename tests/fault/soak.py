#!/usr/bin/env python3
"""Deploys and undeploys a real model N times in one process and prints resident memory: soak.py --binary mlnode --model DIR [--rounds 200]
Exit 1 when the least of the last five readings exceeds the least of five earlier ones (up to round 50, or half way when there are
fewer rounds than 100) by more than 10 MB: the least, because the allocator's free pages come and go and a leak lifts every reading."""
import argparse, pathlib, sys, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from api import Api, demo_archive
from node_process import NodeProcess

LIMIT_MB = 10


def resident_mb(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024


def freed_mb(pid, deployed):
    """Undeploy answers before the memory is given back: waits until less than when deployed, and no longer falling."""
    deadline = time.monotonic() + 20
    last = resident_mb(pid)
    while time.monotonic() < deadline:
        time.sleep(0.05)
        now = resident_mb(pid)
        if now < deployed - 20 and now > last - 1:
            return now
        last = now
    raise SystemExit(f"undeploy gave nothing back: {deployed:.1f} MB deployed, {last:.1f} MB 20 s after")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True), parser.add_argument("--model", required=True)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    curve = []
    with NodeProcess(options.binary) as node:
        api = Api(node.url)
        model = api.register(demo_archive(options.model), "soak")
        for n in range(1, options.rounds + 1):
            task = api.deploy(model)
            assert task["state"] == "COMPLETED", task
            api.embed(model, ["one", "two words", "three words here " * 20])
            deployed = resident_mb(node.process.pid)
            api.undeploy(model)
            curve.append(freed_mb(node.process.pid, deployed))
            if n == 1 or n % 10 == 0:
                print(f"round {n:4d}  deployed {deployed:7.1f} MB  after undeploy {curve[-1]:7.1f} MB", flush=True)
    early = min(50, options.rounds // 2)
    base, end = min(curve[early - 5 : early]), min(curve[-5:])
    print(f"rounds {early - 4} to {early}: {base:.1f} MB, rounds {options.rounds - 4} to {options.rounds}: {end:.1f} MB, grown {end - base:.1f} MB (limit {LIMIT_MB})")
    return 1 if end - base > LIMIT_MB else 0


if __name__ == "__main__":
    sys.exit(main())
