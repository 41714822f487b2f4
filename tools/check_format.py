#!/usr/bin/env python3
"""clang-format over src/, native/, tests/ and bench/: prints the files that differ. check_format.py [--fix]"""
import pathlib, subprocess, sys

root = pathlib.Path(__file__).resolve().parent.parent
files = [p for d in ("src", "native", "tests", "bench") for p in sorted((root / d).rglob("*")) if p.suffix in (".h", ".cc") and "target" not in p.parts]
if "--fix" in sys.argv:
    sys.exit(subprocess.run(["clang-format-22", "-i", *map(str, files)]).returncode)
run = subprocess.run(["clang-format-22", "--dry-run", "-Werror", *map(str, files)], capture_output=True, text=True)
print(run.stderr[:8000] or f"format: {len(files)} files are as .clang-format says")
sys.exit(run.returncode)
