#!/usr/bin/env python3
"""Writes native/crate_licences.json: the licence of each crate in native/Cargo.lock, as its manifest says. Needs cargo and the
crates (after a build they are there); to be run when Cargo.lock changes."""

import json
import os
import pathlib
import subprocess

NATIVE = pathlib.Path(__file__).resolve().parent.parent / "native"


def main():
    cargo = "/usr/bin/cargo" if os.path.exists("/usr/bin/cargo") else "cargo"
    output = subprocess.run([cargo, "metadata", "--locked", "--format-version", "1"], cwd=NATIVE, check=True,
                            capture_output=True).stdout
    # Old manifests write "MIT/Apache-2.0" for what SPDX calls "MIT OR Apache-2.0".
    licences = {f"{p['name']} {p['version']}": " ".join((p["license"] or "see its source").replace("/", " OR ").split())
                for p in json.loads(output)["packages"]}
    path = NATIVE / "crate_licences.json"
    path.write_text(json.dumps(licences, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
