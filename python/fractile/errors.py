# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Exceptions. Each has ``code``, the name of its error in docs/errors.md."""

from __future__ import annotations


class FractileError(Exception):
    """Base class of the exceptions of fractile.

    Attributes:
        code: Name of the error, such as "UNKNOWN_COLUMN".
    """

    def __init__(self, message: str, code: str = "INTERNAL") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[FractileError], tuple[str, str]]:
        return type(self), (str(self), self.code)


class ConfigError(FractileError, ValueError):
    """An option is unknown, or its value is not allowed."""


class SignalError(FractileError, ValueError):
    """A signal cannot be read or used."""


class SnapshotError(FractileError):
    """A snapshot cannot be made, is missing, or is damaged."""


class SnapshotNotFoundError(SnapshotError, FileNotFoundError):
    """The snapshot does not exist, or the folder has no snapshots."""

    def __str__(self) -> str:
        return str(self.args[0])


class ServerError(FractileError):
    """A server cannot be reached, or failed."""


_CLASSES = {"config": ConfigError, "signal": SignalError, "snapshot": SnapshotError, "server": ServerError}
_NOT_FOUND = ("NO_SNAPSHOTS", "SNAPSHOT_NOT_FOUND")


def make_error(code: str, message: str) -> FractileError:
    """Makes the exception of an error code, for errors of the engine and of a server.

    Args:
        code: A name of docs/errors.md. A server of another version may send an unknown code, which makes a ServerError.
        message: The engine's message.
    """
    from fractile._core import ERROR_TABLE

    if code in _NOT_FOUND:
        return SnapshotNotFoundError(message, code)
    category = next((entry[2] for entry in ERROR_TABLE if entry[0] == code), "server")
    return _CLASSES.get(category, FractileError)(message, code)
