# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The console script `fractile`: hands over to the executable inside the package."""

import os
import pathlib
import shutil
import sys


def launch(arguments: list[str]) -> None:
    """Replaces this process with the executable, which starts this Python again to draw."""
    os.environ["FRACTILE_PYTHON"] = sys.executable
    path = pathlib.Path(__file__).parent / "_bin" / "fractile"
    os.environ["FRACTILE_COMMAND"] = name_of_command()
    os.execv(path, ["fractile", *arguments])


def name_of_command() -> str:
    """A path in the form that a user can type again: the bare name if the shell would find this executable."""
    found = shutil.which("fractile")
    typed = sys.argv[0]
    is_script = os.path.basename(typed) == "fractile" and os.path.exists(typed)
    return typed if is_script and not (found and os.path.samefile(found, typed)) else "fractile"


def main() -> None:
    """The entry point of the console script."""
    launch(sys.argv[1:])
