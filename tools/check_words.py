# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Checks comments, messages and pages against the words of plain English in CONTRIBUTING.md.

tools/words_allowed.json lists the accepted number of findings per file of older text. A file may have fewer, never more.
`--list FILE...` prints findings; `--update` writes the present numbers.
"""

from __future__ import annotations

import io
import json
import pathlib
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[1]
ALLOWED = ROOT / "tools" / "words_allowed.json"
RULES = [
    (
        re.compile(
            r"\b(empty|null|NaN|none|nothing|missing|absent|flat|only|even|except|constant|refused|true|false|left out) where\b",
            re.I,
        ),
        '"where" for "if"',
    ),
    (
        re.compile(
            r"(^|[.;:] |, )where (there|it|they|the|a|an|no|nothing|this|that|one|any|all|both|either|neither|some) ", re.I
        ),
        '"where" for "if" or "when"',
    ),
    # The last sentence of an error template is "What to do.".
    (
        re.compile(r"(^|[.!?] )(What (?!to do\b)|Whoever |Whatever |Whose |Those |Of )[a-z]"),
        "a sentence begins with a free relative",
    ),
    (re.compile(r"\b(whence|at hand|gives? back|given back|giving back)\b", re.I), "whence, at hand, give back"),
    (re.compile(r"\bkept\b", re.I), '"kept": say cached, retained, stored'),
    (re.compile(r"\b(is|are|was|were) no [a-z]+\b", re.I), '"is no X"'),
    (re.compile(r"\b(least|most)\b(?! recent|ly| squares)", re.I), "least, most: say minimum, maximum"),
]
STRING = re.compile(r'"((?:[^"\\]|\\.){25,})"')


def cpp_text(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        code, _, comment = line.partition("//")
        if comment and not code.strip().endswith(('"', ":")):
            yield number, comment.strip("/<! ")
        for found in STRING.findall(code):
            yield number, found


def python_text(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.strip("# ")
        elif token.type == tokenize.STRING and len(token.string) > 25:
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line.strip(" \"'")


def page_text(text: str) -> Iterator[tuple[int, str]]:
    is_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code:
            yield number, re.sub(r"`[^`]*`", "", line).strip("|-* ")


READERS = {".cpp": cpp_text, ".hpp": cpp_text, ".h": cpp_text, ".py": python_text, ".md": page_text}


def find(path: str) -> list[tuple[int, str, str]]:
    file = ROOT / path
    reader = READERS[file.suffix]
    return [(number, rule, text) for number, text in reader(file.read_text()) for pattern, rule in RULES if pattern.search(text)]


def main(arguments: list[str]) -> int:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = [n for n in names if pathlib.PurePath(n).suffix in READERS and (ROOT / n).is_file() and n != "tools/check_words.py"]
    if arguments[:1] == ["--list"]:
        for path in arguments[1:] or paths:
            for number, rule, text in find(path):
                print(f"{path}:{number}: {rule}: {text[:120]}")
        return 0
    counts = {path: len(found) for path in paths if (found := find(path))}
    if arguments == ["--update"]:
        ALLOWED.write_text(json.dumps(counts, indent=0, sort_keys=True) + "\n")
        print(f"{sum(counts.values())} findings in {len(counts)} files")
        return 0
    allowed = json.loads(ALLOWED.read_text())
    worse = [path for path, count in counts.items() if count > allowed.get(path, 0)]
    for path in worse:
        print(
            f"{path}: {counts[path]} findings, {allowed.get(path, 0)} allowed: see tools/check_words.py --list {path}",
            file=sys.stderr,
        )
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
