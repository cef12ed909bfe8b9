# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The cells of a sweep: every combination of the options of its grid."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from fractile.errors import ConfigError, FractileError
from fractile.run_options import parse_config, to_json, to_plain


@dataclasses.dataclass(frozen=True)
class Cell:
    """One combination.

    Attributes:
        number: Its place in the product of the grid, from 0; the last option varies fastest.
        choice: The grid's options and their values here.
        options: All options of the run, as JSON.
        identity: The canonical text of the run, equal for equal runs.
        error: The refusal; None for a cell that runs.
    """

    number: int
    choice: dict[str, Any]
    options: str
    identity: str
    error: FractileError | None


def make_cells(grid: Mapping[str, Sequence[Any]] | None, config: Mapping[str, Any]) -> list[Cell]:
    """The cells of a grid over a common configuration.

    Raises:
        ConfigError: An option of the grid has no list of values, or is in `config` too; or the engine refuses every cell.
    """
    lists: dict[str, list[Any]] = {}
    for name, values in (grid or {}).items():
        if isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or not len(values):
            raise ConfigError(
                f"INVALID_VALUE: expected a list of values for {name} in the grid, found {values!r}. Pass [{values!r}].",
                "INVALID_VALUE",
            )
        if name in config:
            raise ConfigError(
                f"REFUSED_COMBINATION: expected {name} in the grid or as an option, found both. Remove one.",
                "REFUSED_COMBINATION",
            )
        lists[name] = [to_plain(value) for value in values]
    cells = [
        _make_cell(number, dict(zip(lists, values)), config) for number, values in enumerate(itertools.product(*lists.values()))
    ]
    refused = [cell.error for cell in cells if cell.error is not None]
    if len(refused) == len(cells):
        raise refused[0]
    return cells


def _make_cell(number: int, choice: dict[str, Any], config: Mapping[str, Any]) -> Cell:
    options = to_json({**config, **choice})
    try:
        identity = json.loads(parse_config({**config, **choice}).to_json())
    except FractileError as error:
        return Cell(number, choice, options, options, error)
    del identity["threads"]  # changes the time of a run, and no bit of its result
    return Cell(number, choice, options, json.dumps(identity, sort_keys=True), None)
