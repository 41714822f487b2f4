#!/usr/bin/env python3
"""Writes sbom.json (CycloneDX 1.5) and THIRD_PARTY_NOTICES.md from deps.lock and native/Cargo.lock.

sbom.py          write both
sbom.py --check  exit 1 if one of them is not what would be written
Licences of crates come from CRATE_LICENCES: Cargo.lock does not hold them, and the check must work without the crates' sources.
"""

import json
import pathlib
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
SBOM, NOTICES = ROOT / "sbom.json", ROOT / "THIRD_PARTY_NOTICES.md"
CRATE_LICENCES = ROOT / "native" / "crate_licences.json"
OWN_CRATE = "mlnode-native"


class SbomError(Exception):
    """The lock files do not fit together."""


def read_toml(path):
    with open(path, "rb") as file:
        return tomllib.load(file)


def entry(name, version, purl, fields):
    return {"name": name, "version": version, "purl": purl, "use": fields["use"], "licence": fields["licence"],
            "why": fields["why"], "sha256": fields.get("sha256")}


def locked():
    """Entries of deps.lock but for the crates."""
    lock = read_toml(ROOT / "deps.lock")
    for name, fields in lock["apt"].items():
        purl_name = name.replace("+", "%2B")
        purl_version = fields["version"].replace("+", "%2B").replace(":", "%3A")
        yield entry(name, fields["version"], f"pkg:deb/debian/{purl_name}@{purl_version}?distro=debian-12", fields)
    for name, fields in lock["pypi"].items():
        yield entry(name, fields["version"], f"pkg:pypi/{name}@{fields['version']}", fields)
    for name, fields in lock["maven"].items():
        yield entry(name, fields["version"], f"pkg:maven/{name.replace(':', '/')}@{fields['version']}", fields)
    for name, fields in lock["go"].items():
        yield entry(name, fields["version"], f"pkg:golang/{name}@{fields['version']}", fields)


def crates():
    """Entries of Cargo.lock but for other systems; those that deps.lock names must be there in that version."""
    named = read_toml(ROOT / "deps.lock")["crates"]
    licences = json.loads(CRATE_LICENCES.read_text(encoding="utf-8"))
    packages = {p["name"]: p for p in read_toml(ROOT / "native" / "Cargo.lock")["package"]}
    for name, fields in named.items():
        if packages.get(name, {}).get("version") != fields["version"]:
            raise SbomError(f"deps.lock wants {name} {fields['version']}, native/Cargo.lock has another version")
    for package in read_toml(ROOT / "native" / "Cargo.lock")["package"]:
        name, version = package["name"], package["version"]
        if name == OWN_CRATE:
            continue
        key = f"{name} {version}"
        if key not in licences:
            raise SbomError(f"{CRATE_LICENCES.name} has no licence of {key}: run scripts/crate_licences.py")
        if licences[key] is None:
            continue
        why = named[name]["why"] if name in named else "needed by the crates of native/"
        yield entry(name, version, f"pkg:cargo/{name}@{version}",
                    {"use": "run", "licence": licences[key], "why": why, "sha256": package["checksum"]})


def component(item):
    result = {"type": "library", "bom-ref": item["purl"], "name": item["name"], "version": item["version"],
              "scope": "required" if item["use"] == "run" else "excluded", "description": item["why"],
              "licenses": [{"expression": item["licence"]}], "purl": item["purl"]}
    if item["sha256"]:
        result["hashes"] = [{"alg": "SHA-256", "content": item["sha256"]}]
    return result


def sbom(items):
    document = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
                "metadata": {"component": {"type": "application", "bom-ref": "mlnode", "name": "mlnode",
                                           "licenses": [{"expression": "Apache-2.0"}]}},
                "components": [component(item) for item in items],
                "dependencies": [{"ref": "mlnode", "dependsOn": sorted({i["purl"] for i in items if i["use"] == "run"})}]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def notices(items):
    lines = ["# Third-party notices", "",
             "Written by `scripts/sbom.py` from `deps.lock` and `native/Cargo.lock`; do not edit. The licence texts come with the",
             "packages: `/usr/share/doc/<package>/copyright` on Debian, the `licenses` folder of a wheel, the source of a crate or Go module.", ""]
    titles = {"run": "Linked into or shipped with the node", "build": "Used to build it", "test": "Used to test it",
              "lint": "Used to check it", "demo": "Demo data and what fetches it"}
    for use, title in titles.items():
        lines += [f"## {title}", "", "| Name | Version | Licence | Why |", "|---|---|---|---|"]
        lines += [f"| {i['name']} | {i['version']} | {i['licence']} | {i['why']} |" for i in items if i["use"] == use]
        lines.append("")
    return "\n".join(lines)


def main(arguments):
    items = [*locked(), *crates()]
    stale = []
    for path, text in ((SBOM, sbom(items)), (NOTICES, notices(items))):
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
    if stale:
        raise SbomError(f"{', '.join(stale)} not up to date: run scripts/sbom.py")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (SbomError, OSError) as error:
        sys.exit(f"sbom: {error}")
