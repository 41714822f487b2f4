#!/usr/bin/env python3
"""Every #include of src/ points to the same room or to one that tools/layers.json allows. check_layers.py [--root DIR]"""
import argparse, json, pathlib, re, sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def violations(root):
    layers = json.loads((root / "tools/layers.json").read_text())
    rooms, also = layers["rooms"], layers["also"]
    for folder in sorted(p for p in (root / "src").iterdir() if p.is_dir()):
        if folder.name not in rooms:
            yield f"src/{folder.name}: not a room of tools/layers.json"
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        room = path.relative_to(root / "src").parts[0]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match or "/" not in match.group(1):
                continue
            target = match.group(1).split("/")[0]
            where = f"{path.relative_to(root)}:{number}"
            if target not in rooms:
                if target not in layers.get("outside", []):
                    yield f"{where}: includes {match.group(1)}, which is in no room"
            elif target != room and not (rooms[target] < rooms.get(room, -1) or target in also.get(room, [])):
                yield f"{where}: room {room} may not include {match.group(1)}"
            if "/testing/" in match.group(1) and "testing" not in path.parts and not path.name.endswith("_test.cc"):
                yield f"{where}: production code includes the test double {match.group(1)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    found = list(violations(parser.parse_args().root))
    print("\n".join(found) or "layers: every include points the allowed way")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
