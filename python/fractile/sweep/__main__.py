# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""`fractile sweep`: the command line of a sweep."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

from fractile import _core
from fractile.errors import ConfigError, FractileError
from fractile.executors import NAMES
from fractile.sweep import sweep, sweep_status

_DONE, _FAILED, _WRONG_USAGE, _INTERRUPTED = 0, 1, 2, 130


def make_parser() -> argparse.ArgumentParser:
    """All flags: those of the sweep, and one for every option of a run."""
    command = os.environ.get("FRACTILE_COMMAND", "fractile")
    parser = argparse.ArgumentParser(
        prog=f"{command} sweep",
        usage=f"{command} sweep SIGNALS --store STORE [--grid OPTION=A,B] [--executor NAME] [flags]\n       {command} sweep --status STORE",
        description="Runs many signals times many options, into a folder of Parquet files that resumes.",
        epilog=f"Example: {command} sweep 'signals/*.parquet' --grid lag=0,1 --grid resid=off,all --store out",
        allow_abbrev=False,
    )
    parser.add_argument("signals", nargs="?", metavar="SIGNALS", help="Folder or quoted glob of .parquet, .csv or .arrow files")
    parser.add_argument("--status", metavar="STORE", help="Show what a store has, also while a sweep writes to it")
    parser.add_argument("--store", help="Folder of the rows; an interrupted sweep resumes there")
    parser.add_argument("--grid", action="append", default=[], metavar="OPTION=A,B", help="Values of an option; may be repeated")
    parser.add_argument("--executor", default="threads", metavar="NAME", help=f"{', '.join(NAMES)} (threads)")
    parser.add_argument("--address", help="Address of a running Ray cluster or Dask scheduler")
    parser.add_argument("--keep", choices=["daily", "all"], help="Store daily returns, or every table, beside the rows")
    parser.add_argument("--sigvars", metavar="A,B", help="Value columns of one wide file or of a folder of Parquet files")
    parser.add_argument("--chunk-seconds", type=float, default=1.0, metavar="S", help="Seconds of work that travel together (1)")
    parser.add_argument("--no-resume", action="store_true", help="Refuse a store that has rows")
    parser.add_argument("--on-error", choices=["return", "raise"], default="return", help="raise: end at the first error row")
    parser.add_argument("--quiet", action="store_true", help="No progress")
    data = parser.add_argument_group("data")
    data.add_argument("--snapshot", help="Id of the snapshot; the newest one if not given")
    data.add_argument("--root", help="Folder of the snapshots; $FRACTILE_SNAPSHOTS, else ./snapshots")
    data.add_argument("--start-date", "--start", metavar="DATE", help="First return day")
    data.add_argument("--end-date", "--end", metavar="DATE", help="Last return day")
    reading = parser.add_argument_group("options of reading the signals (docs/reading.md)")
    for option in _core.read_options():
        if not option["is_for_panels"]:
            flag = "--" + option["name"].replace("_", "-")
            words = option["doc"].replace("%", "%%")
            reading.add_argument(flag, dest=f"read.{option['name']}", action="append", metavar="TEXT", help=words)
    options = parser.add_argument_group("options of every run (docs/options.md)")
    for option in _core.options():
        flag = "--" + option["name"].replace("_", "-")
        options.add_argument(flag, dest=f"run.{option['name']}", metavar="VALUE", help=option["doc"].replace("%", "%%"))
    return parser


def read_value(text: str) -> Any:
    """A value as JSON writes it; other texts are themselves."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_grid(entries: list[str]) -> dict[str, list[Any]]:
    """The grid of flags such as lag=0,1; a value that has commas is JSON: fractile=[[10,90],[20,80]]."""
    grid: dict[str, list[Any]] = {}
    for entry in entries:
        name, found, values = entry.partition("=")
        if not found or not values:
            raise ConfigError(
                f'INVALID_VALUE: expected --grid OPTION=VALUE,VALUE, found "{entry}". Write --grid lag=0,1.', "INVALID_VALUE"
            )
        read = read_value(values) if values.startswith("[") else None
        grid[name.replace("-", "_")] = read if isinstance(read, list) else [read_value(value) for value in values.split(",")]
    return grid


def read_option(option: dict[str, Any], text: str) -> Any:
    """The value of an option's flag: a list may be written without brackets."""
    if option["type"] == "text":
        return text
    value = read_value(text)
    is_list = isinstance(json.loads(option["default"]), list)
    if is_list and not isinstance(value, list):
        return [read_value(part) for part in text.split(",")]
    return value


def find_reading(given: dict[str, Any]) -> dict[str, Any]:
    """Options of reading as `sweep` takes them; a flag that is given twice adds up."""
    found = {name.removeprefix("read."): texts for name, texts in given.items() if name.startswith("read.") and texts is not None}
    return {name: ",".join(texts) for name, texts in found.items()}


def find_executor(name: str, address: str | None) -> str:
    """What `open_executor` takes for the two flags."""
    if address is None:
        return name
    if name == "dask":
        return address if "://" in address else f"tcp://{address}"
    if name == "ray":
        return address if address.startswith("ray://") else f"ray:{address}"
    raise ConfigError(
        f"REFUSED_COMBINATION: expected --address with --executor ray or dask, found --executor {name}. Remove --address.",
        "REFUSED_COMBINATION",
    )


def show_status(store: str) -> None:
    """Prints the state of a store."""
    status = sweep_status(store)
    print(f"rows     {status['rows']:,} of {status['signals']:,} signals, in {status['parts']:,} parts")
    print(f"errors   {sum(status['errors'].values()):,}" + "".join(f"  {code} {n:,}" for code, n in status["errors"].items()))
    print(f"work     {status['seconds']:,.1f} s of all workers")
    print(f"a sweep  {'writes to it now' if status['is_running'] else 'does not write to it'}")


def run(arguments: list[str]) -> int:
    """Runs the command; the status of the process."""
    parser = make_parser()
    given = parser.parse_args(arguments)
    if given.status is not None:
        show_status(given.status)
        return _DONE
    if given.signals is None or given.store is None:
        parser.error("expected SIGNALS and --store, or --status")
    declared = {option["name"]: option for option in _core.options()}
    config = {
        name: read_option(option, text) for name, option in declared.items() if (text := vars(given)[f"run.{name}"]) is not None
    }
    config |= {name: value for name in ("snapshot", "root", "start_date", "end_date") if (value := vars(given)[name]) is not None}
    config |= find_reading(vars(given))
    began = time.perf_counter()
    result = sweep(
        given.signals,
        read_grid(given.grid),
        find_executor(given.executor, given.address),
        given.store,
        resume=not given.no_resume,
        progress=not given.quiet,
        chunk_seconds=given.chunk_seconds,
        on_error=given.on_error,
        keep=given.keep,
        sigvars=None if given.sigvars is None else given.sigvars.split(","),
        **config,
    )
    seconds = time.perf_counter() - began
    print(
        f"{len(result):,} rows in {given.store}: {result.computed:,} computed in {seconds:.1f} s, {result.resumed:,} there before"
    )
    return _DONE


def main() -> int:
    """The command as it was typed. Ctrl-C leaves a store that resumes."""
    try:
        return run(sys.argv[1:])
    except KeyboardInterrupt:
        print("interrupted: the same command resumes", file=sys.stderr)
        return _INTERRUPTED
    except FractileError as error:
        print(error, file=sys.stderr)
        return _WRONG_USAGE if isinstance(error, ConfigError) else _FAILED


if __name__ == "__main__":
    sys.exit(main())
