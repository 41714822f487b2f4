#!/usr/bin/env python3
"""Rules no compiler checks: sizes, names, words that promise work, paths of one machine. check_style.py [--root DIR]
Exceptions stand in tools/style_exceptions.txt: `rule path  # reason`; one that is no longer needed is an error."""
import argparse, pathlib, re, subprocess, sys

CODE = {".cc", ".h", ".py", ".rs", ".sh", ".cmake", ".java", ".go", ".js"}
LINE_RULES = [
    ("promise", re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), {".cc", ".h", ".py", ".rs", ".sh"}),
    ("using-namespace-std", re.compile(r"using namespace std\b"), {".cc", ".h"}),
    ("thread", re.compile(r"std::(thread|jthread|async)\b|\.detach\(\)|recursive_mutex|sleep_for|\busleep\("), {".cc", ".h"}),
    ("disabled-test", re.compile(r"DISABLED_|GTEST_SKIP|mark\.skip|SUCCEED\(\)|EXPECT_TRUE\(true\)"), {".cc", ".h", ".py"}),
]
WEAK_NAME = re.compile(r"\b(?:class|struct)\s+\w*(?:Manager|Helper|Util|Utils)\b")
LIMIT, HEADER_LIMIT, FOLDER_LIMIT = 500, 250, 40


def tracked(root):
    try:
        out = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True)
    except FileNotFoundError:  # a machine without git, as a source archive is built on
        out = None
    if out and out.returncode == 0 and out.stdout:
        return [root / p for p in out.stdout.split("\0") if p and (root / p).is_file()]
    skip = {"build", ".deps", ".git"}
    return [p for p in root.rglob("*") if p.is_file() and not skip & set(p.relative_to(root).parts)]


def violations(root):
    """yields (rule, path, text)"""
    folders = {}
    for path in sorted(tracked(root)):
        rel = path.relative_to(root)
        if path.suffix not in CODE:
            continue
        lines = path.read_text(errors="replace").splitlines()
        limit = HEADER_LIMIT if path.suffix == ".h" else LIMIT
        if len(lines) > limit:
            yield "size", rel, f"{len(lines)} lines, the limit is {limit}"
        if rel.parts[0] == "src":
            folders[rel.parent] = folders.get(rel.parent, 0) + 1
        for number, line in enumerate(lines, 1):
            for rule, pattern, suffixes in LINE_RULES:
                if path.suffix in suffixes and pattern.search(line) and rel != pathlib.Path("tools/check_style.py"):
                    yield rule, rel, f"line {number}: {line.strip()[:100]}"
            if path.suffix in (".cc", ".h") and WEAK_NAME.search(line):
                yield "name", rel, f"line {number}: {line.strip()[:100]}"
    for folder, count in folders.items():
        if count > FOLDER_LIMIT:
            yield "folder", folder, f"{count} files, the limit is {FOLDER_LIMIT}"
    for room in sorted((root / "src").iterdir()):
        if room.is_dir() and any(room.rglob("*.cc")) and not (room / "README.md").exists():
            yield "readme", room.relative_to(root), "a room has a README.md of about ten lines"


def exceptions(root):
    known = {}
    for line in (root / "tools/style_exceptions.txt").read_text().splitlines():
        text, _, reason = line.partition("#")
        if text.strip():
            rule, path = text.split()
            if not reason.strip():
                sys.exit(f"tools/style_exceptions.txt: {text.strip()} has no reason")
            known[(rule, path)] = False
    return known


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    known, bad = exceptions(root), []
    for rule, path, text in violations(root):
        if (rule, str(path)) in known:
            known[(rule, str(path))] = True
        else:
            bad.append(f"{rule}: {path}: {text}")
    bad += [f"stale exception: {rule} {path}" for (rule, path), used in known.items() if not used]
    print("\n".join(bad) or "style: sizes, names and words are as CONTRIBUTING.md says")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
