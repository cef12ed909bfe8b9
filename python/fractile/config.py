# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The configuration file and the environment above it: the same keys as the command line reads."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from fractile import _core
from fractile.errors import ConfigError

_SECTIONS: dict[str, tuple[str, ...]] = {
    "server": (
        *("host", "port", "workers", "token_file", "max_body_mb", "max_queue", "request_timeout_s", "signal_dir"),
        "cors_origins",
    ),
    "memory": ("use_mmap", "cache_size", "preload", "compact"),
    "date_range": ("start", "end"),
    "defaults": (),
}
_LOCAL_FILE = "api/backtest_config.yaml"
_DEEPEST, _MOST_VALUES = 16, 10000  # levels of a value, values of a section
_TRUE, _FALSE = ("y", "yes", "true"), ("n", "no", "false")


@dataclasses.dataclass(frozen=True)
class ServiceConfig:
    """Arguments of `BacktestService.get`.

    Attributes:
        snapshot: Id; None is the newest.
        start_date: First return day, inclusive; None is the first of the snapshot.
        end_date: Last return day, inclusive.
        compact: Read float32 where it is stored; False needs float64.
        force_reload: Map the snapshot anew.
        root: Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots.
        cache_size: How many alignments are kept for signals on the same keys; 0 keeps none.
        use_mmap: Read the snapshot from its files; False copies it into memory.
        preload: Read all pages of the mapped files at once.
    """

    snapshot: str | None = None
    start_date: Any = None
    end_date: Any = None
    compact: bool = True
    force_reload: bool = False
    root: str | os.PathLike[str] | None = None
    cache_size: int = 10
    use_mmap: bool = True
    preload: bool = False

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, **arguments: Any) -> ServiceConfig:
        """From arguments, the environment, the configuration file and the defaults, in this order.

        An argument that is None counts as not given.

        Raises:
            ConfigError: The file is refused, or an argument is not one of `BacktestService.get`.
        """
        return read_configuration(path).service(arguments)

    def arguments(self) -> dict[str, Any]:
        """The keywords of `BacktestService.get`."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclasses.dataclass(frozen=True)
class Configuration:
    """What the file and the environment say.

    Attributes:
        values: By section and key, such as {"memory": {"compact": True}}; "snapshot" is in section "".
        path: The file that was read; None where there was none.
    """

    values: Mapping[str, Mapping[str, Any]]
    path: str | None

    @property
    def defaults(self) -> dict[str, Any]:
        """Run options of section "defaults"."""
        return dict(self.values["defaults"])

    def service(self, arguments: Mapping[str, Any]) -> ServiceConfig:
        """Service arguments, completed."""
        known = [field.name for field in dataclasses.fields(ServiceConfig)]
        for name in arguments:
            if name not in known:
                raise ConfigError(
                    f'UNKNOWN_OPTION: expected an argument of BacktestService.get, found "{name}". '
                    f'Did you mean "{_core.nearest_name(name, known)}"?',
                    "UNKNOWN_OPTION",
                )
        below = {
            "snapshot": self.values[""].get("snapshot"),
            "start_date": self.values["date_range"].get("start"),
            "end_date": self.values["date_range"].get("end"),
        } | dict(self.values["memory"])
        given = {name: value for name, value in arguments.items() if value is not None}
        return ServiceConfig(**({name: value for name, value in below.items() if value is not None} | given))


def read_configuration(path: str | os.PathLike[str] | None = None) -> Configuration:
    """Reads `path`, else $FRACTILE_CONFIG, else ./api/backtest_config.yaml, else the packaged file, and the environment.

    Raises:
        ConfigError: INVALID_CONFIG_FILE, naming the file and the line.
    """
    named = os.fspath(path) if path is not None else os.environ.get("FRACTILE_CONFIG") or _find_file()
    values: dict[str, dict[str, Any]] = {section: {} for section in ("", *_SECTIONS)}
    if named is not None:
        _read_file(named, values)
    _read_environment(values)
    return Configuration(values, named)


def _find_file() -> str | None:
    packaged = pathlib.Path(__file__).parents[1] / _LOCAL_FILE
    return next((str(file) for file in (pathlib.Path(_LOCAL_FILE), packaged) if file.exists()), None)


def _keys_of(section: str) -> list[str]:
    if section == "defaults":
        return [option["name"] for option in _core.options()]
    return list(_SECTIONS[section])


def _refuse(path: str, mark: Any, expected: str, found: str) -> ConfigError:
    return ConfigError(
        f"INVALID_CONFIG_FILE: expected {expected}, found {found} at {path}, line {mark.line + 1}. Correct the file.",
        "INVALID_CONFIG_FILE",
    )


def _scalar_of(path: str, node: Any, what: str) -> str:
    """One text; refuses lists and maps."""
    if node.id != "scalar":
        raise _refuse(path, node.start_mark, f"one text for {what}", "a list or map")
    return str(node.value)


def _checked_key(path: str, node: Any, expected: str, known: Sequence[str]) -> str:
    key = _scalar_of(path, node, "a key")
    if key not in known:
        nearest = _core.nearest_name(key, list(known))
        raise _refuse(path, node.start_mark, expected, f'"{key}" (did you mean "{nearest}"?)')
    return key


def _read_file(path: str, values: dict[str, dict[str, Any]]) -> None:
    try:
        import yaml
    except ImportError:
        raise ConfigError(
            f"INVALID_CONFIG_FILE: expected PyYAML to read {path}, found none. Install it: pip install pyyaml.",
            "INVALID_CONFIG_FILE",
        ) from None
    try:
        root = yaml.compose(pathlib.Path(path).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError:
        raise ConfigError(
            f'INVALID_CONFIG_FILE: expected a readable configuration file, found none at "{path}". Check the path.',
            "INVALID_CONFIG_FILE",
        ) from None
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError, UnicodeDecodeError) as error:
        problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
        raise _refuse(path, mark or yaml.Mark(path, 0, 0, 0, None, 0), "YAML", problem or str(error)) from None
    except RecursionError:
        raise _refuse(path, yaml.Mark(path, 0, 0, 0, None, 0), f"values of at most {_DEEPEST} levels", "more") from None
    if root is None or _is_null(root):
        return
    if not isinstance(root, yaml.MappingNode):
        raise _refuse(path, root.start_mark, "sections", "none")
    for name, node in root.value:
        section = _checked_key(path, name, "a section", ["snapshot", *_SECTIONS])
        if section == "snapshot":
            if not _is_null(node):
                values[""]["snapshot"] = _scalar_of(path, node, section)
            continue
        if _is_null(node):
            continue
        if not isinstance(node, yaml.MappingNode):
            raise _refuse(path, node.start_mark, f'keys below "{section}"', "none")
        converter = _Converter(path)
        for key_node, value in node.value:
            key = _checked_key(path, key_node, f'a key of "{section}"', _keys_of(section))
            is_date = section == "date_range" and not _is_null(value)
            plain = _scalar_of(path, value, key) if is_date else converter.convert(value)
            if section == "memory" and plain is not None and not _fits_memory(key, plain):
                found = f'"{value.value}"' if value.id == "scalar" else "no scalar"
                raise _refuse(path, value.start_mark, _expected_memory(key), found)
            values[section][key] = plain


def _expected_memory(key: str) -> str:
    return f"{'a whole number from 0 to 1000000' if key == 'cache_size' else 'true or false'} for {key}"


def _fits_memory(key: str, value: Any) -> bool:
    if key == "cache_size":
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1000000
    return isinstance(value, bool)


def _is_null(node: Any) -> bool:
    return node.id == "scalar" and node.style is None and node.value in ("", "~", "null", "Null", "NULL")


class _Converter:
    """From nodes to what JSON would have. Aliases may name what they stand in, or multiply: depth and size are bounded."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._n_values = 0

    def convert(self, node: Any, depth: int = 0) -> Any:
        """Off and on are texts: `resid: off` is an option's value."""
        if depth > _DEEPEST:
            raise _refuse(self._path, node.start_mark, f"values of at most {_DEEPEST} levels", "more")
        self._n_values += 1
        if self._n_values > _MOST_VALUES:
            raise _refuse(self._path, node.start_mark, f"at most {_MOST_VALUES} values", "more")
        if _is_null(node):
            return None
        if node.id == "sequence":
            return [self.convert(entry, depth + 1) for entry in node.value]
        if node.id == "mapping":
            return {_scalar_of(self._path, key, "a key"): self.convert(value, depth + 1) for key, value in node.value}
        text = str(node.value)
        if node.style is not None:
            return text
        if text.lower() in _TRUE + _FALSE:
            return text.lower() in _TRUE
        number = _from_json(text)
        return number if isinstance(number, (int, float)) else text


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _read_environment(values: dict[str, dict[str, Any]]) -> None:
    if snapshot := os.environ.get("FRACTILE_SNAPSHOT"):
        values[""]["snapshot"] = snapshot
    for section in _SECTIONS:
        for key in _keys_of(section):
            text = os.environ.get(f"FRACTILE_{section}_{key}".upper())
            if not text:
                continue
            if section == "date_range":
                values[section][key] = text
                continue
            values[section][key] = _read_memory_variable(key, text) if section == "memory" else _from_json(text)


def _read_memory_variable(key: str, text: str) -> Any:
    if key != "cache_size" and text.lower() in (*_TRUE, *_FALSE, "1", "0"):
        return text.lower() in (*_TRUE, "1")
    plain = _from_json(text)
    if not _fits_memory(key, plain):
        raise ConfigError(
            f'INVALID_CONFIG_FILE: expected {_expected_memory(key)}, found "{text}" in FRACTILE_MEMORY_{key.upper()}. Correct it.',
            "INVALID_CONFIG_FILE",
        )
    return plain
