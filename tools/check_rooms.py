# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Checks every include and import against the table of rooms in tools/rooms.toml."""

from __future__ import annotations

import ast
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
INCLUDE = re.compile(r'#include ([<"])([^>"]+)[>"]')


class Rooms:
    """The declared rooms. A file belongs to the room with the longest name that its path begins with."""

    def __init__(self, table: dict) -> None:
        self.uses: dict[str, set[str]] = {}
        self.faults: list[str] = []
        for room in table["room"]:
            later = [name for name in room["uses"] if name not in self.uses]
            if later:
                self.faults.append(f"tools/rooms.toml: {room['name']} lists {', '.join(later)}, which is not an earlier room")
            self.uses[room["name"]] = {room["name"], *room["uses"]}
        self.forbidden = table["forbidden"]

    def find(self, path: str) -> str | None:
        return max((room for room in self.uses if path.startswith(room + "/")), key=len, default=None)

    def check(self, path: str, line: int, used: str) -> None:
        room, target = self.find(path), self.find(used)
        if room and target and target not in self.uses[room]:
            self.faults.append(f"{path}:{line}: {room} must not use {target} ({used}): move the work, or change tools/rooms.toml")


def resolve(include: str, path: str) -> str:
    """The path of a quoted include, from the repository's root."""
    for folder in ("src", "include", "apps/fractile", str(pathlib.PurePosixPath(path).parent)):
        if (ROOT / folder / include).exists():
            return f"{folder}/{include}"
    return include


def check_cpp(rooms: Rooms, file: pathlib.Path) -> None:
    path = file.relative_to(ROOT).as_posix()
    is_pure = any(path.startswith(room + "/") for room in rooms.forbidden["rooms"])
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if not (found := INCLUDE.match(line.strip())):
            continue
        if found[1] == '"':
            rooms.check(path, number, resolve(found[2], path))
        if is_pure and any(found[2].startswith(header) for header in rooms.forbidden["headers"]):
            rooms.faults.append(
                f"{path}:{number}: {found[2]} is not for this room: the engine knows no files, network, JSON or Python"
            )


def check_python(rooms: Rooms, file: pathlib.Path) -> None:
    path = file.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(file.read_text())):
        names = (
            [node.module]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        for name in filter(None, names):
            package = name.split(".")[0]
            folder = {"fractile": "python/fractile", "api": "api"}.get(package)
            if folder:
                rooms.check(path, node.lineno, f"{folder}/{name}")


def main() -> int:
    rooms = Rooms(tomllib.loads((ROOT / "tools" / "rooms.toml").read_text()))
    count = 0
    for folder in ("include", "src", "apps", "python/src"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".cpp", ".hpp", ".h"):
                check_cpp(rooms, file)
                count += 1
    for folder in ("python/fractile", "api"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            check_python(rooms, file)
            count += 1
    for fault in rooms.faults:
        print(fault, file=sys.stderr)
    assert count > 100, "expected the sources, found few files: the check reads the wrong folder"
    return 1 if rooms.faults else 0


if __name__ == "__main__":
    sys.exit(main())
