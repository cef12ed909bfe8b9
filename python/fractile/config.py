# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Settings of the configuration file and the environment; src/config/config_file.cpp reads them for every surface."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from fractile import _core
from fractile.errors import ConfigError

_PACKAGED_FILE = pathlib.Path(__file__).parents[1] / "api" / "backtest_config.yaml"


@dataclasses.dataclass(frozen=True)
class ServiceConfig:
    """Arguments of `BacktestService.get`.

    Attributes:
        snapshot: Id; None is the newest.
        start_date: First return day, inclusive; None is the first of the snapshot.
        end_date: Last return day, inclusive.
        compact: Read float32 if it is stored; False needs float64.
        force_reload: Open the snapshot again.
        root: Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots.
        cache_size: Number of alignments that are cached for signals on the same keys; 0 caches none.
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
        """Reads arguments, the environment, the configuration file and the defaults, in this order.

        An argument that is None counts as omitted.

        Raises:
            ConfigError: The file is refused, or an argument is not one of `BacktestService.get`.
        """
        return read_configuration(path).service(arguments)

    def arguments(self) -> dict[str, Any]:
        """The keywords of `BacktestService.get`."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclasses.dataclass(frozen=True)
class Configuration:
    """The settings of the file and the environment.

    Attributes:
        service_arguments: Keywords of `BacktestService.get` that are set.
        defaults: Run options of section "defaults".
    """

    service_arguments: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def service(self, arguments: Mapping[str, Any]) -> ServiceConfig:
        """Returns the service arguments, completed from the file and the environment."""
        known = [field.name for field in dataclasses.fields(ServiceConfig)]
        for name in arguments:
            if name not in known:
                raise ConfigError(
                    f'UNKNOWN_OPTION: expected an argument of BacktestService.get, found "{name}". '
                    f'Did you mean "{_core.nearest_name(name, known)}"?',
                    "UNKNOWN_OPTION",
                )
        given = {name: value for name, value in arguments.items() if value is not None}
        return ServiceConfig(**{**self.service_arguments, **given})


def read_configuration(path: str | os.PathLike[str] | None = None) -> Configuration:
    """Reads `path`, else $FRACTILE_CONFIG, else ./api/backtest_config.yaml, else the packaged file, and the environment.

    Raises:
        ConfigError: INVALID_CONFIG_FILE, naming the file and the line.
    """
    named = None if path is None else str(path)
    service_arguments, defaults = _core.read_config(named, str(_PACKAGED_FILE))
    return Configuration(service_arguments, {name: json.loads(text) for name, text in defaults.items()})
