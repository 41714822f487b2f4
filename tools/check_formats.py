#!/usr/bin/env python3
"""Every stored document has a format, a page and golden files that a test reads: docs/formats/README.md against the collections of
storage/store.cc, tests/formats/ and the tests. check_formats.py"""
import pathlib, re, sys

root = pathlib.Path(__file__).resolve().parent.parent


def main():
    page, bad = (root / "docs/formats/README.md").read_text(), []
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")][1:]
    store = (root / "src/storage/store.cc").read_text()
    collections = set(re.findall(r'\{Collection::k\w+, "(\w+)"', store))
    unused = re.search(r"^Collections (.*): nothing is stored", page, re.M)
    empty = set(re.findall(r"`(\w+)`", unused.group(1))) if unused else set()
    told = {row[1].strip("`") for row in rows}
    bad += [f"collection {c} has no row in docs/formats/README.md" for c in sorted(collections - told - empty)]
    bad += [f"collection {c} has a row and is said to be empty" for c in sorted(told & empty)]
    tests = "".join(p.read_text() for p in (root / "src").rglob("*_test.cc"))
    named = set()
    for name, _, number, link, files in rows:
        target = re.search(r"\((\w+\.md)", link)
        if not target or not (root / "docs/formats" / target.group(1)).exists():
            bad.append(f"{name}: no page {link}")
        golden = re.findall(r"`([^`]+)`", files)
        named |= set(golden)
        if not any(f".{number}" in g for g in golden):
            bad.append(f"{name}: no golden file of format {number}")
        bad += [f"{name}: no test reads {g}" for g in golden if f'"{g}"' not in tests]
    there = {p.name for p in (root / "tests/formats").iterdir()}
    bad += [f"{n}: not in tests/formats" for n in sorted(named - there)] + [f"tests/formats/{n}: not in the table" for n in sorted(there - named)]
    print("\n".join(bad) or f"formats: {len(rows)} kinds, {len(named)} golden files")
    return 1 if bad or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
