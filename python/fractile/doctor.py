# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Examines an installation: versions, processor, snapshots, ledger, configuration, server. `fractile doctor` prints the findings."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pandas as pd

from fractile import _core
from fractile.config import read_configuration
from fractile.errors import FractileError

EXTRAS = ("pyarrow", "matplotlib", "polars", "duckdb", "joblib", "tqdm", "distributed", "mcp", "mlflow-skinny")
_TIMEOUT_SECONDS = 2.0


class Finding(NamedTuple):
    """One line of the examination.

    Attributes:
        check: Subject.
        level: "ok", "note" or "error".
        found: The state.
        remedy: What to do; "" if nothing.
    """

    check: str
    level: str
    found: str
    remedy: str


def examine(root: str | None = None, url: str = "http://127.0.0.1:8000") -> pd.DataFrame:
    """Examines this installation.

    Args:
        root: Folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots.
        url: Address of a server that may run.

    Returns:
        One row per finding: check, level (ok, note, error), found, remedy.
    """
    folder = _core.snapshot_root(root)
    checks: list[Callable[[], Iterator[Finding]]] = [
        _versions,
        lambda: _snapshots(folder),
        lambda: _ledger(folder),
        _configuration,
        lambda: _server(url),
        _extras,
    ]
    findings: list[Finding] = []
    for check in checks:
        findings += check()
    return pd.DataFrame(findings, columns=list(Finding._fields))


def _versions() -> Iterator[Finding]:
    yield Finding("fractile", "ok", f"{_core.VERSION} ({_core.BUILD}), Python {sys.version.split()[0]}", "")
    targets = ", ".join(_core.kernel_targets())
    threads = _core.default_threads()
    yield Finding("processor", "ok", f"kernels {_core.kernel_target()} (of {targets}); {threads} threads", "")


def _snapshots(folder: str) -> Iterator[Finding]:
    try:
        found = _core.list_snapshots(folder)
    except FractileError as error:
        yield Finding("snapshots", "error", str(error), "Correct --root or $FRACTILE_SNAPSHOTS.")
        return
    if not found:
        yield Finding(
            "snapshots", "note", f"none in {folder}", "Make one: fractile snapshot create ID --panel FILE, or: fractile demo"
        )
        return
    newest = found[-1]
    yield Finding("snapshots", "ok", f"{len(found)} in {folder}; the newest is {newest['id']}, {newest['n_rows']:,} rows", "")
    try:
        _core.open_snapshot(folder, newest["id"])
    except FractileError as error:
        yield Finding("newest snapshot", "error", str(error), f"Look closer: fractile snapshot verify {newest['id']}")


def _ledger(folder: str) -> Iterator[Finding]:
    file = _core.ledger.file(folder)
    try:
        if not os.path.exists(file):
            yield Finding("ledger", "ok", f"none yet; a run with a study makes {file}", "")
            return
        _core.ledger.require_writable(file)
        count = len(_core.ledger.studies(file).table("studies")["study"])
        yield Finding("ledger", "ok", f"{file}, {count} studies", "")
    except FractileError as error:
        yield Finding("ledger", "error", str(error), "Set $FRACTILE_LEDGER to a file that can be written.")


def _configuration() -> Iterator[Finding]:
    try:
        read_configuration()
    except FractileError as error:
        yield Finding("configuration", "error", str(error), "Correct the file, or name another in $FRACTILE_CONFIG.")
        return
    yield Finding(
        "configuration", "ok", os.environ.get("FRACTILE_CONFIG", "./api/backtest_config.yaml, else the packaged one"), ""
    )


def _server(url: str) -> Iterator[Finding]:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=_TIMEOUT_SECONDS) as answer:
            yield Finding("server", "ok", f"{url}: {answer.read(200).decode(errors='replace')}", "")
    except urllib.error.HTTPError as error:
        yield Finding("server", "note", f"{url} answers {error.code}", "See its log.")
    except (OSError, ValueError):
        yield Finding("server", "note", f"none at {url}", "Start one if you need it: fractile serve")


def _extras() -> Iterator[Finding]:
    there, missing = [], []
    for name in EXTRAS:
        try:
            there.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    remedy = f"Install those that you need: pip install {' '.join(missing)}" if missing else ""
    yield Finding("optional packages", "note" if missing else "ok", ", ".join(there) or "none", remedy)


def main() -> int:
    """Prints the examination. Returns 1 if a finding is an error."""
    parser = argparse.ArgumentParser(prog="fractile doctor", description="Look at the installation, and say what to mend.")
    parser.add_argument("--root", help="folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="address of the server (default: %(default)s)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    arguments = parser.parse_args()
    findings = examine(arguments.root, arguments.url)
    if arguments.format == "json":
        print(findings.to_json(orient="records"))
    else:
        for row in findings.to_dict("records"):
            print(f"{row['level']:5}  {row['check']:17}  {row['found']}" + (f"\n{'':26}{row['remedy']}" if row["remedy"] else ""))
    return int((findings["level"] == "error").any())


if __name__ == "__main__":
    sys.exit(main())
