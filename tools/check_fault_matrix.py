#!/usr/bin/env python3
"""Every case of tests/fault/matrix.txt (`case: test name[, test name]`) names tests that exist: a ctest test, or a method of a
Python test below tests/. check_fault_matrix.py BUILD_DIR"""
import json, pathlib, re, subprocess, sys

root = pathlib.Path(__file__).resolve().parent.parent


def existing(build):
    listing = json.loads(subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, text=True, check=True).stdout)
    names = {t["name"] for t in listing["tests"]}
    for path in (root / "tests").rglob("*.py"):
        names |= {f"{path.name}:{m}" for m in re.findall(r"def (test_\w+)", path.read_text())}
    return names


def main():
    names, bad, cases = existing(sys.argv[1]), [], 0
    for number, line in enumerate((root / "tests/fault/matrix.txt").read_text().splitlines(), 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        case, _, tests = text.partition(":  ")
        cases += 1
        found = [t.strip() for t in tests.split(",") if t.strip()]
        if not found:
            bad.append(f"line {number}: {case}: no test")
        bad += [f"line {number}: {case}: there is no test {t}" for t in found if t not in names]
    print("\n".join(bad) or f"fault matrix: {cases} cases, each with its tests")
    return 1 if bad or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
