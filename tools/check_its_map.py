#!/usr/bin/env python3
"""tests/its_map.txt maps every integration test of the peer and every story file to one of our tests, to the issue that will have it, or
out of scope. Fails when a test named there does not exist (ctest -N, pytest --collect-only) or, where the catalogue is on this machine,
when a row of it is missing. check_its_map.py BUILD_DIR --home DIR --model DIR [--rows]   HOME and MODEL are the conformance suite's"""
import argparse, json, os, pathlib, re, subprocess, sys

root = pathlib.Path(__file__).resolve().parent.parent
# not part of this repository: a folder beside the checkout, or ITS_CATALOGUE
CATALOGUE = pathlib.Path(os.environ.get("ITS_CATALOGUE") or root.parent / "shared/spec/its.md")
OTHERWISE = re.compile(r"(issue \d+: \S.*|out of scope: \S.*)")


def rows():
    """"heading / first cell" of every table row of the catalogue"""
    heading, out, header = "", [], True
    for line in CATALOGUE.read_text().splitlines():
        if line.startswith("#"):
            heading = re.sub(r"\s*\(.*$", "", re.sub(r"^#+ (\d+\. )?", "", line)).replace("*", "").strip()
        if not line.startswith("|"):
            header = True
        elif header:
            header = False
        elif not line.startswith("|---"):
            cell = line.strip("|").split(" | ")[0].strip().replace("(ign)", "").replace("…", "...").replace("*", "")
            out.append(f"{heading} / {cell.strip()}")
    return out


def existing(build, home, model):
    listing = json.loads(subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, text=True, check=True).stdout)
    names = {t["name"] for t in listing["tests"]}
    subprocess.run([sys.executable, str(root / "tests/conformance/setup.py"), home, model], check=True)
    for folder in ("conformance", "fault", "process"):  # one at a time: a conftest.py speaks for its own
        run = subprocess.run([f"{home}/venv/bin/python", "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", f"tests/{folder}"],
                             cwd=root, env=dict(os.environ, CONF_HOME=home, PYTHONDONTWRITEBYTECODE="1"), capture_output=True, text=True)
        if run.returncode:
            sys.exit(run.stdout + run.stderr)
        names |= {re.sub(r"\[.*$", "", line.split("/")[-1]) for line in run.stdout.splitlines() if "::" in line}
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", nargs="?"), parser.add_argument("--home"), parser.add_argument("--model")
    parser.add_argument("--rows", action="store_true", help="print the catalogue's rows")
    options = parser.parse_args()
    if options.rows:
        print("\n".join(rows()))
        return 0
    names, mapped, bad = existing(options.build, options.home, options.model), {}, []
    for number, line in enumerate((root / "tests/its_map.txt").read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        row, _, targets = line.partition(":  ")
        if row in mapped:
            bad.append(f"line {number}: {row} twice")
        mapped[row] = targets
        for target in targets.split(";"):
            target = target.strip()
            if not OTHERWISE.fullmatch(target):
                bad += [f"line {number}: {row}: there is no test {t.strip()!r}" for t in target.split(",") if t.strip() not in names]
    if CATALOGUE.exists():
        bad += [f"no line for {row}" for row in rows() if row not in mapped]
    else:
        print("the catalogue is not on this machine: its rows were not held against the map")
    print("\n".join(bad) or f"its map: {len(mapped)} rows")
    return 1 if bad or not mapped else 0


if __name__ == "__main__":
    sys.exit(main())
