"""What the numbers were measured on, and what a process of it takes."""
import os, pathlib, platform, shutil, statistics, subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"
MODEL = ROOT / ".deps/all-MiniLM-L6-v2"
CLIENTS_HOME = ROOT / ".deps/conformance"  # its venv has ONNX Runtime and tokenizers: tests/conformance/requirements.txt


def cpu_field(name):
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")


def processor():
    return cpu_field("model name") or platform.machine()


def has_amx():
    """bf16 on tiles: what the limits with AMX presume"""
    return {"amx_tile", "amx_bf16"} <= set(cpu_field("flags").split())


def cores():
    return len(os.sched_getaffinity(0))


def commit():
    """the commit of this tree; "unknown" without git or outside a checkout"""
    if not shutil.which("git"):
        return "unknown"

    def git(*words):
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True).stdout.strip()
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if git("status", "--porcelain", "--untracked-files=no") else "")


def load_average():
    return os.getloadavg()[0]


def resident_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


def median(values):
    return statistics.median(values)
