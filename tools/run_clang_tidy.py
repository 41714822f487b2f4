#!/usr/bin/env python3
"""clang-tidy over the production sources of a build's compile_commands.json, in parallel; results are kept by content, so that a
second run costs seconds. run_clang_tidy.py BUILD_DIR [--jobs N]"""
import argparse, concurrent.futures, hashlib, json, os, pathlib, shlex, subprocess, sys

TIDY = "clang-tidy-22"


def sources(build, root):
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if path.is_relative_to(root / "src") and not path.name.endswith("_test.cc") and "testing" not in path.parts:
            yield path, entry


def fingerprint(path, entry, root):
    """of all that decides the result: the preprocessed text would do, but costs as much as a parse; own headers and the flags do as well"""
    digest = hashlib.sha256((root / ".clang-tidy").read_bytes() + path.read_bytes() + entry["command"].encode())
    deps = subprocess.run(shlex.split(entry["command"].replace(" -c ", " -MM -MG -MF - -E ", 1)), capture_output=True,
                          cwd=entry["directory"], text=True)
    for word in deps.stdout.replace("\\\n", " ").split():
        header = pathlib.Path(word)
        if header.is_absolute() and header.is_relative_to(root) and header.is_file():
            digest.update(header.read_bytes())
    return digest.hexdigest()


def check(path, entry, build, root, cache):
    stamp = cache / fingerprint(path, entry, root)
    if stamp.exists():
        return path, 0, ""
    run = subprocess.run([TIDY, "-p", str(build), "--quiet", str(path)], capture_output=True, text=True)
    if run.returncode == 0:
        stamp.touch()
    return path, run.returncode, run.stdout + run.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    root, build = pathlib.Path(__file__).resolve().parent.parent, args.build.resolve()
    cache = build / "tidy"
    cache.mkdir(exist_ok=True)
    unique = dict((path, entry) for path, entry in sources(build, root))
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for path, code, text in pool.map(lambda item: check(*item, build, root, cache), unique.items()):
            if code:
                bad += 1
                print(f"== {path.relative_to(root)}\n{text}", flush=True)
    print(f"clang-tidy: {len(unique)} files, {bad} with findings")
    return 1 if bad or not unique else 0


if __name__ == "__main__":
    sys.exit(main())
