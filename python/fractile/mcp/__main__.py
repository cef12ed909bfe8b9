# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""`fractile mcp`: reads the operator's limits and serves."""

from __future__ import annotations

import argparse
import datetime as dt
import pathlib
import sys
import warnings

from fractile import _core
from fractile.errors import FractileError
from fractile.mcp.limits import Limits, refuse
from fractile.mcp.reports import Reports, default_folder

MISSING = "fractile mcp needs the SDK of the Model Context Protocol. Install it: pip install 'fractile[mcp]'"


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="fractile mcp",
        description="Serve backtests to research agents (Model Context Protocol). Every run counts as a trial of one study.",
    )
    parser.add_argument("--root", help="folder of the snapshots; default $FRACTILE_SNAPSHOTS, else ./snapshots")
    parser.add_argument("--study", default="agents", help="study that counts all runs (default: agents)")
    parser.add_argument("--signals", type=pathlib.Path, metavar="DIR", help="folder below which paths of signals may lie")
    parser.add_argument(
        "--reports",
        type=pathlib.Path,
        metavar="DIR",
        help="folder for the tear sheets of runs (default: fractile/reports in $XDG_CACHE_HOME, else in ~/.cache)",
    )
    parser.add_argument(
        "--max-reports",
        type=int,
        default=200,
        metavar="N",
        help="tear sheets that stay, the most recently used ones; 0 writes none (default: 200)",
    )
    parser.add_argument("--snapshots", help="ids that a client may use, separated by commas (default: all)")
    parser.add_argument("--max-runs", type=int, metavar="N", help="trials of the study, counted by the ledger")
    parser.add_argument("--max-seconds", type=float, metavar="S", help="seconds of computation of this server")
    parser.add_argument("--max-rows", type=int, metavar="N", help="rows of one signal")
    parser.add_argument(
        "--max-mb", type=int, default=64, metavar="MB", help="megabytes of one signal sent as Arrow (default: 64)"
    )
    parser.add_argument(
        "--holdout-from", type=dt.date.fromisoformat, metavar="DATE", help="first day that no tool sees; `reveal` opens it once"
    )
    parser.add_argument("--http", action="store_true", help="serve http://127.0.0.1:PORT/mcp in place of stdin and stdout")
    parser.add_argument("--port", type=int, default=8765, help="port of --http (default: 8765)")
    return parser


def read_limits(arguments: argparse.Namespace) -> Limits:
    """The limits that the command line sets."""
    return Limits(
        study=check_study(arguments.study),
        runs=arguments.max_runs,
        seconds=arguments.max_seconds,
        rows=arguments.max_rows,
        bytes=arguments.max_mb << 20,
        snapshots=None if arguments.snapshots is None else tuple(arguments.snapshots.split(",")),
        holdout_from=arguments.holdout_from,
        folder=arguments.signals,
    )


def check_study(name: str) -> str:
    """Returns the name of a study if it, and that of its hold-out period, are names of studies.

    Raises:
        ConfigError: They are not.
    """
    study: str = _core.ledger.study_name(name)
    if not study:
        raise refuse("--study", "a name", '""', "Leave it out, or name a study that counts the runs.")
    _core.ledger.study_name(Limits(study=study).holdout_study)
    return study


def open_reports(folder: pathlib.Path | None, limit: int) -> Reports | None:
    """The folder of tear sheets. None, with a message on stderr, if the default folder cannot be written.

    Raises:
        ConfigError: The operator's folder cannot be written, or the limit is negative.
    """
    if limit < 0:
        raise refuse("--max-reports", "0 or more", str(limit), "0 writes none.")
    try:
        return Reports(default_folder() if folder is None else folder, limit)
    except FractileError as error:
        if folder is not None:
            raise
        print(f"{error} Answers have no link to a tear sheet.", file=sys.stderr)
        return None


def main() -> int:
    """Serves until the client leaves. Returns the exit status."""
    arguments = make_parser().parse_args()
    try:
        import anyio

        from fractile.mcp.server import make_server, serve_http, serve_stdio
        from fractile.mcp.tools import Toolbox
    except ModuleNotFoundError as error:
        print(f"{MISSING} ({error})", file=sys.stderr)
        return 2
    warnings.simplefilter("ignore", UserWarning)  # each answer has the warnings of its run
    try:
        limits = read_limits(arguments)
        reports = open_reports(arguments.reports, arguments.max_reports)
        server = make_server(Toolbox(_core.snapshot_root(arguments.root), limits, reports))
    except FractileError as error:
        print(error, file=sys.stderr)
        return 1
    # Base64 takes a third more than the bytes, and the rest of a request little.
    max_request = limits.bytes * 4 // 3 + (1 << 20)
    if arguments.http:
        return serve_http(server, arguments.port, max_request, reports)
    anyio.run(serve_stdio, server, max_request)
    return 0


if __name__ == "__main__":
    sys.exit(main())
