# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Runs programs with a disk that kills them, loses power or fails at a chosen call: tests/faults/disk_faults.cpp, preloaded."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
from collections.abc import Mapping

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[1] / "faults" / "disk_faults.cpp"


class FaultyDisk:
    """Runs commands under faults.

    Attributes:
        folder: Calls that change files below this folder are counted and can fail.
    """

    def __init__(self, library: pathlib.Path, folder: pathlib.Path) -> None:
        self._library = library
        self.folder = folder

    def run(
        self, command: list[str], kind: str = "", at: int = 0, seed: int = 0, calls: str = "", stays: bool = False
    ) -> subprocess.CompletedProcess[str]:
        faults = {"KIND": kind, "AT": at, "SEED": seed, "CALLS": calls, "STAYS": int(stays), "ROOT": self.folder}
        return self._run(command, {f"DISK_FAULT_{name}": str(value) for name, value in faults.items()})

    def count(self, command: list[str], calls: str = "") -> int:
        """Runs the command and returns the number of its calls that change the folder."""
        told = self.folder.parent / "count"
        done = self._run(command, {"DISK_FAULT_ROOT": str(self.folder), "DISK_FAULT_CALLS": calls, "DISK_FAULT_COUNT": str(told)})
        assert done.returncode == 0, done.stderr
        return int(told.read_text())

    def _run(self, command: list[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **variables, "LD_PRELOAD": str(self._library)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def build_library(folder: pathlib.Path) -> pathlib.Path:
    """Builds the library to preload; skips the test without a compiler."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("expected a C++ compiler for tests/faults, found none")
    library = folder / "disk_faults.so"
    flags = ["-std=c++20", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
    done = subprocess.run(
        [compiler, *flags, str(SOURCE), "-o", str(library), "-ldl"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return library
