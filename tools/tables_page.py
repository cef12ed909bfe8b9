# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Prints docs/tables.md from the declared result tables: `.venv/bin/python tools/tables_page.py > docs/tables.md`."""

from __future__ import annotations

from typing import Any

from fractile import _core

HEAD = """\
# Tables of a result

Each table is a property of `BacktestResult`, a key of the answer of `POST /run`, an Arrow stream of that answer, and a pair of files of
`fractile run --out DIR`. Sections of [methodology.md](methodology.md) define the numbers. `tools/tables_page.py` prints this page from the
declarations in `src/report/result_tables.cpp`, `src/report/summary.cpp` and `src/analysis/`.
"""


def render_table(table: dict[str, Any]) -> str:
    asked = f" Only with `{table['asked_by']}`." if table["asked_by"] else ""
    lines = [f"## {table['name']}", "", table["doc"] + asked, "", "| column | type | unit | meaning |", "|---|---|---|---|"]
    lines += [f"| `{c['name']}` | {c['type']} | {c['unit']} | {c['doc']} |" for c in table["columns"]]
    if table["has_exposures"]:
        lines.append("| `size`, `value`, … | real | | exposure to each factor that the snapshot has |")
    return "\n".join(lines) + "\n"


def render() -> str:
    return "\n".join([HEAD, *(render_table(table) for table in _core.result_tables())])


if __name__ == "__main__":
    print(render(), end="")
