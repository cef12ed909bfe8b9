# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The console script `fractile`: hands over to the executable inside the package."""

import os
import pathlib
import sys


def launch(arguments: list[str]) -> None:
    """Replaces this process by the executable, which calls this Python back to draw."""
    os.environ["FRACTILE_PYTHON"] = sys.executable
    path = pathlib.Path(__file__).parent / "_bin" / "fractile"
    os.execv(path, ["fractile", *arguments])


def main() -> None:
    """The command as it was typed."""
    launch(sys.argv[1:])
