# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Options of a run in Python; include/fractile/run_options.def declares them."""

from __future__ import annotations

import inspect
import json
import math
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from fractile import _core

_Function = TypeVar("_Function", bound=Callable[..., Any])


def to_plain(value: Any) -> Any:
    """Converts a value for json: numpy and pandas values, tuples and sets become their plain counterparts."""
    if isinstance(value, (np.generic, np.ndarray, pd.Series, pd.Index)):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)  # JSON has no such number; the engine refuses the text and names the option
    if isinstance(value, Mapping):
        return {str(k): to_plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(v) for v in value]
    return value


def to_json(value: Any) -> str:
    """Returns JSON text. Objects that JSON does not know become their repr; the engine refuses it and names the option."""
    try:
        return json.dumps(to_plain(value))
    except TypeError:
        return json.dumps(to_plain(value), default=repr)


def parse_config(options: Mapping[str, Any]) -> _core.RunConfig:
    """Checks run options. Raises ConfigError naming the nearest valid name or value."""
    return _core.parse_config(to_json(options))


def with_run_options(function: _Function) -> _Function:
    """Gives a function that takes ``**options`` the signature and the help of every declared option.

    Parameters that the function declares itself stay in place. The other options become keyword-only parameters, in the
    order of docs/options.md, with their declared defaults.
    """
    signature = inspect.signature(function)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    names = {parameter.name for parameter in own}
    declared = {option["name"]: option for option in _core.options()}
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=json.loads(option["default"]))
        for name, option in declared.items()
        if name not in names
    ]
    function.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    lines = [f"{name}: {option['doc']}" for name, option in declared.items()]
    described = textwrap.indent("\n".join(lines), " " * 12)
    function.__doc__ = (function.__doc__ or "").replace("\n\n        Raises:", f"\n{described}\n\n        Raises:", 1)
    return function
