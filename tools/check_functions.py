# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Finds functions of more than 60 lines. A longer one gives its reason in a comment that is the first line of its body.

C++ is read as clang-format lays it out: a function begins in a line that ends with "{" and ends with "}" at the same indent. The lines
of a docstring do not count.
"""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[1]
MAX_LINES = 60
NOT_A_FUNCTION = re.compile(
    r"\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|else|do|try|return|const auto|auto)\b"
)
BEGIN = re.compile(r"(\s*)[A-Za-z~].*\)[^;=]*\{$")


def cpp_functions(text: str) -> Iterator[tuple[int, int, str]]:
    """First line, number of lines and first line of the body of each function outside other functions."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        # A signature of several lines has the indent of its first.
        first = at
        while first and lines[at].startswith("    ") and lines[first].startswith("    "):
            first -= 1
        is_begin = (
            BEGIN.fullmatch(lines[at]) and not any(NOT_A_FUNCTION.match(lines[i]) for i in (first, at)) and "](" not in lines[at]
        )
        if not is_begin or not re.match(r" {0,2}[A-Za-z~]", lines[first]):
            at += 1
            continue
        closing = lines[first][: len(lines[first]) - len(lines[first].lstrip())] + "}"
        end = next((i for i in range(at, len(lines)) if lines[i] == closing), None)
        if end is None:
            at += 1
            continue
        yield at + 1, end - at + 1, lines[at + 1]
        at = end + 1


def python_functions(text: str) -> Iterator[tuple[int, int, str]]:
    """The same of Python, without docstrings."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        body = node.body
        first = body[0]
        is_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(body) > 1
        begin = (first.end_lineno or 0) if is_doc else (first.lineno - 1)
        comment = lines[begin] if is_doc else lines[max(0, begin - 1)]
        yield node.lineno, (node.end_lineno or 0) - begin, comment


READERS = {".cpp": cpp_functions, ".hpp": cpp_functions, ".py": python_functions}


def main() -> int:
    """Prints what is too long. Returns the exit status."""
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    status = 0
    for name in listed.split("\n"):
        path = ROOT / name
        reader = READERS.get(path.suffix)
        if reader is None or not path.exists():
            continue
        for line, count, comment in reader(path.read_text()):
            if count > MAX_LINES and not comment.strip().startswith(("//", "#")):
                print(
                    f"{name}:{line}: a function of {count} lines, expected a maximum of {MAX_LINES}. Split it, or begin it with its reason."
                )
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
