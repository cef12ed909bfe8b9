# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Prints docs/options.md from the engine's table of options: `.venv/bin/python tools/options_page.py > docs/options.md`."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

from fractile import _core

METHODOLOGY = pathlib.Path(__file__).resolve().parents[1] / "docs" / "methodology.md"
UNBOUNDED = 1e9
# Sections of the options that the methodology describes without their names, or names before their rule.
SECTIONS = {
    "sigvar": "2", "threads": "9", "keep_weights": "6", "resid": "3", "resid_style": "3", "byvar_list": "4", "weight": "6",
    "analysis": "8", "fractile": "5", "universe": "2", "from_open": "2", "drift": "7", "upper_pct": "6", "mincos": "6", "input_type": "5",
    "tc_model": "7", "max_weight": "13", "overlap": "13", "borrow_bps": "14", "delisting_return": "14",
}  # fmt: skip
HEAD = """\
# Options of a run

Every option has this name in Python (`service.run(signal, lag=1)`), in JSON and YAML (`"lag": 1`, `lag: 1`) and on the command line. A flag has `-`
for `_` (`--byvar-list overall,year`); booleans are `--drift` and `--no-drift`, and a boolean
with one more name takes it after an equals sign: `--drift=book`. `tools/options_page.py` prints this page from the engine's own
table. The last column is the section of [methodology.md](methodology.md) with the rule. The error for an unknown name or value names the nearest
valid one. The server, the command line and `BacktestClient` take options that are not given from
`api/backtest_config.yaml`, which asks for the groups overall, year and cap: part of the `run_id`, as every option is.

| option | values | default | meaning | section |
|---|---|---|---|---|
"""


def number(x: float) -> str:
    return f"{x:g}" if x != int(x) else f"{int(x)}"


def describe_range(option: dict[str, Any]) -> str:
    low, high = option["min"], option["max"]
    if low == high:
        return ""
    return f", {number(low)} or more" if high >= UNBOUNDED else f", {number(low)} to {number(high)}"


def describe_values(option: dict[str, Any]) -> str:
    names = ", ".join(f"`{choice}`" for choice in option["choices"])
    return {
        "boolean": "`true`, `false`",
        "whole": "whole number" + describe_range(option) + (f", or `{option['zero_name']}`" if option["zero_name"] else ""),
        "real": "number" + describe_range(option),
        "choice": names,
        "switch": names,
        "resid": f"{names}, or `true`, `false`",
        "text": "a name",
        "texts": f"list of {names}" if names else "list of names",
        "wholes": "list of whole numbers" + describe_range(option),
        "numbers": "list of numbers" + describe_range(option),
        "two_reals": "two numbers",
        "bps_map": f"map of {names} to basis points",
        "universe": "map of columns to lists or to `min` and `max`",
    }[option["type"]]


def find_sections() -> dict[str, str]:
    """Section numbers by the first mention of an option as code."""
    found: dict[str, str] = {}
    section = ""
    for line in METHODOLOGY.read_text().splitlines():
        if heading := re.match(r"## (\d+)\.", line):
            section = heading[1]
        for span in re.findall(r"`([^`]+)`", line):
            for name in re.findall(r"[a-z_]+", span):
                found.setdefault(name, section)
    return found | SECTIONS


def render() -> str:
    sections = find_sections()
    lines = []
    for option in _core.options():
        default = json.dumps(json.loads(option["default"]))
        cells = [f"`{option['name']}`", describe_values(option), f"`{default}`", option["doc"], sections.get(option["name"], "")]
        lines.append("| " + " | ".join(cells) + " |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(render(), end="")
