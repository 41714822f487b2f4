#!/usr/bin/env python3
"""Installs the five clients, the agents around them and the test model below HOME. setup.py HOME MODEL_DIR
MODEL_DIR holds the demo model as scripts/fetch_deps.py unpacks it. A second run only checks. A client whose toolchain this machine
lacks is named in HOME/missing.json, and its tests say so; with CI=true it is an error. A Go that is too old fetches the pinned one."""
import hashlib, json, os, pathlib, re, shutil, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "scripts"))
import fetch_deps


def version(command, pattern):
    """(major, minor) that `command` prints, or None"""
    if not shutil.which(command[0]):
        return None
    out = subprocess.run(command, capture_output=True, text=True)
    match = re.search(pattern, out.stdout + out.stderr)
    return (int(match.group(1)), int(match.group(2) or 0)) if match else None


TOOLS = {
    "node": (["node", "--version"], r"v(\d+)\.(\d+)", (18, 0), "Node.js 18"),
    "java": (["javac", "-version"], r"javac (\d+)\.?(\d+)?", (17, 0), "a JDK 17"),
    "go": (["go", "version"], r"go(\d+)\.(\d+)", (1, 11), "Go"),  # of any version that knows modules
}


def missing():
    out = {}
    for name, (command, pattern, least, words) in TOOLS.items():
        found = version(command, pattern)
        if found is None or found < least:
            out[name] = f"needs {words}, " + ("none is installed" if found is None else "found %d.%d" % found)
    if "java" not in out and not shutil.which("mvn"):
        out["java"] = "needs Maven, none is installed"
    if "node" not in out and not shutil.which("npm"):
        out["node"] = "needs npm, none is installed"
    return out


def run(*command, cwd=None):
    print("+", " ".join(map(str, command)), flush=True)
    subprocess.run([str(c) for c in command], cwd=cwd, check=True)


def install(home, lacking):
    agents = home / "agents"
    shutil.copytree(HERE / "agents", agents, dirs_exist_ok=True)
    if not (home / "venv/bin/pip").exists():
        shutil.rmtree(home / "venv", ignore_errors=True)
        run(sys.executable, "-m", "venv", home / "venv")
    pip = [home / "venv/bin/pip", "install", "-q", "--disable-pip-version-check"]
    run(*pip, "-r", HERE / "requirements.txt")
    run(*pip, "--no-deps", "opensearch-py-ml==1.3.0")
    if "node" not in lacking:
        run("npm", "ci", "--ignore-scripts", "--silent", cwd=agents / "node")
    if "java" not in lacking:
        run("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib", cwd=agents / "java")
        (agents / "java/classes").mkdir(exist_ok=True)
        run("javac", "-nowarn", "-cp", "lib/*", "-d", "classes", "Agent.java", cwd=agents / "java")
    if "go" not in lacking:
        needed = re.search(r"^go ([\d.]+)$", (agents / "go/go.mod").read_text(), re.MULTILINE).group(1)
        run(fetch_deps.go_of(fetch_deps.read_lock(), needed), "build", "-o", "agent", ".", cwd=agents / "go")


def main():
    home, model = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    lacking = missing()
    for name, why in lacking.items():
        print(f"not run: the {name} client's tests: {why}", flush=True)
    if lacking and os.environ.get("CI") == "true":
        sys.exit("CI=true: every client must be there")
    parts = [HERE / "requirements.txt", HERE / "setup.py", HERE / "make_model.py", *sorted((HERE / "agents").rglob("*.*"))]
    stamp = hashlib.sha256(b"".join(p.read_bytes() for p in parts) + json.dumps(lacking).encode()).hexdigest()
    home.mkdir(parents=True, exist_ok=True)
    if (home / "stamp").exists() and (home / "stamp").read_text() == stamp:
        return
    install(home, lacking)
    run(home / "venv/bin/python", HERE / "make_model.py", home / "model", model)
    (home / "missing.json").write_text(json.dumps(lacking))
    (home / "stamp").write_text(stamp)


if __name__ == "__main__":
    main()
