#!/usr/bin/env python3
"""Holds recorded answers against the official OpenAPI schemas: check_exchanges.py --home DIR --model DIR FOLDER...
A folder holds recordings of tests/golden/record.py (*.json) or lines that tests/process/api.py wrote (*.jsonl, removed once they were
read). Where the official description is not on this machine nothing is checked, and that is said."""
import argparse, json, os, pathlib, subprocess, sys, urllib.parse

HERE = pathlib.Path(__file__).resolve().parent


def answers(folder):
    """(test, method, target, status, content type, body)"""
    for path in sorted(folder.glob("*.json")):
        exchange = json.loads(path.read_text())
        if "response" in exchange:
            request, response = exchange["request"], exchange["response"]
            yield path.stem, request["method"], request["path"], response["status"], response["content_type"], response["body"]
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            yield path.stem, *json.loads(line)
        path.unlink()


def check(folders):
    """in the clients' venv"""
    from wire import Schema
    schema, count, bad = Schema(), 0, {}
    if not schema.there:
        print("schema: ml-openapi.yaml is not on this machine, so answers were not held against the official schemas")
        return 0
    for folder in folders:
        for test, method, target, status, content_type, body in answers(pathlib.Path(folder)):
            count += 1
            record = dict(method=method, path=urllib.parse.unquote(urllib.parse.urlsplit(target).path), status=status,
                          headers={"content-type": content_type or ""}, body=(body if isinstance(body, str) else json.dumps(body)).encode())
            for deviation in schema.unknown([record]):
                bad.setdefault(deviation, set()).add(test)
    for deviation, tests in sorted(bad.items()):
        print(f"{deviation}\n    in {', '.join(sorted(tests)[:5])}")
    print(f"schema: {count} answers, {sum(schema.seen.values())} of them of {len(schema.seen)} operations with a schema, {len(bad)} kinds of unknown deviations")
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", required=True), parser.add_argument("--model", required=True), parser.add_argument("folders", nargs="+")
    options = parser.parse_args()
    if os.environ.get("IN_CLIENTS_VENV"):
        return check(options.folders)
    subprocess.run([sys.executable, str(HERE / "setup.py"), options.home, options.model], check=True)
    return subprocess.run([f"{options.home}/venv/bin/python", *sys.argv], env=dict(os.environ, IN_CLIENTS_VENV="1")).returncode


if __name__ == "__main__":
    sys.exit(main())
