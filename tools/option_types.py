# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Prints python/fractile/option_types.py from the engine's table of options, so that editors and type checkers know them:

.venv/bin/python tools/option_types.py > python/fractile/option_types.py
"""

from __future__ import annotations

import json
from typing import Any

from fractile import _core

HEAD = '''\
# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The options of a run and of reading, for type checkers. tools/option_types.py prints this module from the engine's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

'''
TYPES = {
    "boolean": "bool",
    "whole": "int",
    "real": "float",
    "text": "str",
    "wholes": "Sequence[int]",
    "numbers": "Sequence[float]",
    "two_reals": "Sequence[float]",
    "universe": "Mapping[str, Any]",
}
LINE = 130  # of ruff
#: Parameters that `run` names itself.
NAMED = ("byvar_list", "fractile", "weight", "resid", "resid_style", "from_open", "mincos", "calc_turnover")


def literal(choices: list[str]) -> str:
    return f"Literal[{', '.join(json.dumps(choice) for choice in choices)}]"


def type_of(option: dict[str, Any]) -> str:
    kind, choices = option["type"], option["choices"]
    if kind == "choice":
        return literal(choices)
    if kind == "switch":
        return f"bool | {literal([choice for choice in choices if choice not in ('false', 'true')])}"
    if kind == "resid":
        return f"bool | {literal(choices)}"
    if kind == "texts":
        return f"Sequence[{literal(choices)}]" if choices else "Sequence[str]"
    if kind == "bps_map":
        return f"Mapping[{literal(choices)}, float] | None"
    found = TYPES[kind]
    if option["zero_name"]:
        found += f" | {literal([option['zero_name']])}"
    if option["default"] == "null" and "None" not in found:
        found += " | None"
    return found


def describe(name: str, base: str, doc: str, options: list[dict[str, Any]], annotate: Any) -> str:
    lines = ["", f"class {name}({base}, total=False):", f'    """{doc}"""', ""]
    for option in options:
        line = f"    {option['name']}: {annotate(option)}"
        if len(line) > LINE:
            line = line.replace("Sequence[", "Sequence[\n        ").removesuffix("]") + "\n    ]"
        lines.append(line)
        lines.append(f'    """{option["doc"]}"""')
    return "\n".join(lines) + "\n"


def render() -> str:
    options = [option for option in _core.options() if option["name"] != "sigvar"]
    named = [option for option in options if option["name"] in NAMED]
    others = [option for option in options if option["name"] not in NAMED]
    return HEAD + "\n".join(
        [
            describe(
                "ReadingOptions", "TypedDict", "Options of reading: docs/reading.md.", _core.read_options(), lambda _: "Any"
            ),
            describe("MoreRunOptions", "ReadingOptions", "Options of a run that `run` does not name itself.", others, type_of),
            describe("RunOptions", "MoreRunOptions", "Options of a run: docs/options.md.", named, type_of),
        ]
    )


if __name__ == "__main__":
    print(render(), end="")
