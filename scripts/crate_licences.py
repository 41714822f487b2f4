#!/usr/bin/env python3
"""Writes native/crate_licences.json: the licence of each crate in native/Cargo.lock, as its manifest says. Needs cargo and the
crates (after a build they are there); to be run when Cargo.lock changes. null: a crate for other systems, which is not built."""

import json
import os
import pathlib
import subprocess

NATIVE = pathlib.Path(__file__).resolve().parent.parent / "native"


def packages(cargo, *arguments):
    command = [cargo, "metadata", "--locked", "--format-version", "1", *arguments]
    output = subprocess.run(command, cwd=NATIVE, check=True, capture_output=True).stdout
    return json.loads(output)


def main():
    cargo = "/usr/bin/cargo" if os.path.exists("/usr/bin/cargo") else "cargo"
    ours = {node["id"] for node in packages(cargo, "--filter-platform", "x86_64-unknown-linux-gnu")["resolve"]["nodes"]}
    licences = {}
    for package in packages(cargo)["packages"]:
        # Old manifests write "MIT/Apache-2.0" for what SPDX calls "MIT OR Apache-2.0".
        licence = " ".join((package["license"] or "see its source").replace("/", " OR ").split())
        licences[f"{package['name']} {package['version']}"] = licence if package["id"] in ours else None
    path = NATIVE / "crate_licences.json"
    path.write_text(json.dumps(licences, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
