# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The list of mutations matches the sources and the table in tests/README.md. `make mutations` runs them."""

from __future__ import annotations

import pathlib

import pytest
from mutations import MUTATIONS, ROOT, render_table

README = pathlib.Path(ROOT) / "tests" / "README.md"


def test_the_table_of_the_readme_is_the_list():
    assert render_table() in README.read_text(), "run python tests/mutations.py --table and put its lines into tests/README.md"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_old_text_is_there_once(mutation):
    assert (ROOT / mutation.file).read_text().count(mutation.old) == 1
    assert mutation.new != mutation.old


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_named_test_exists(mutation):
    if mutation.test.startswith("cpp:"):
        suite, name = mutation.test.removeprefix("cpp:").split(".")
        sources = "".join(path.read_text() for path in (ROOT / "tests" / "cpp").glob("*_test.cpp"))
        assert f"({suite}, {name}" in sources
        return
    file, _, test = mutation.test.partition("::")
    text = (ROOT / "tests" / "python" / file).read_text()
    assert f"def {test.partition('[')[0]}" in text
