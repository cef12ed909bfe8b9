# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Checks without Node that web/built is what `make web` made of the sources: web/built/manifest.json has the hashes of both."""

from __future__ import annotations

import hashlib
import json
import pathlib
import sys

WEB = pathlib.Path(__file__).resolve().parents[1] / "web"
# web/build.mjs hashes the same files in the same order.
CONFIGURATION = ("build.mjs", "package-lock.json", "package.json", "tsconfig.json")


def hash_sources() -> str:
    files = [WEB / name for name in CONFIGURATION] + [path for path in (WEB / "src").rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.relative_to(WEB).as_posix()):
        digest.update(path.relative_to(WEB).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def main() -> int:
    manifest = json.loads((WEB / "built" / "manifest.json").read_text(encoding="utf-8"))
    found = {path.name for path in (WEB / "built").iterdir()} - {"manifest.json"}
    faults = []
    if manifest["sources"] != hash_sources():
        faults.append("web/src: changed since web/built was made")
    if found != set(manifest["files"]):
        faults.append(f"web/built: expected {sorted(manifest['files'])}, found {sorted(found)}")
    for name, digest in manifest["files"].items():
        path = WEB / "built" / name
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            faults.append(f"web/built/{name}: changed since it was made")
    for fault in faults:
        print(f"{fault}. Run: make web")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
