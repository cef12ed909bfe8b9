# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The signals of a sweep, one after the other: never more in memory than one asks for."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fractile import _core
from fractile.errors import ConfigError, FractileError, SignalError
from fractile.frames import DATE_COLUMNS, read_signal, reading_text
from fractile.service import parse_error

_ENDINGS = (".parquet", ".csv", ".arrow")
_BLOCK = 1 << 20
_KEYS = ("security_id", *DATE_COLUMNS)


@dataclasses.dataclass(frozen=True)
class Item:
    """One signal on its way to a worker.

    Attributes:
        name: Its name in the result.
        digest: Hash of its content; of a file, of the file's bytes. Empty for what cannot be read.
        source: Arrow bytes in a pyarrow buffer, the absolute path of a file, or a signal in the memory of this process.
        column: The value column.
        error: Why it cannot be read; None for a signal that runs.
        place: Number of the value column in a signal in memory.
        must_travel: `source` is a signal in memory that becomes Arrow bytes before it is run, and before the next one is read.
    """

    name: str
    digest: str
    source: Any
    column: str
    error: FractileError | None = None
    place: int = 0
    must_travel: bool = False

    def pack(self) -> Item:
        """The item as it reaches a worker."""
        import pyarrow as pa

        if not self.must_travel:
            return self
        return dataclasses.replace(self, source=pa.py_buffer(_core.signal_to_bytes(self.source)), must_travel=False)


def read_items(
    signals: Any,
    sigvar: str,
    sigvars: Sequence[str] | None,
    is_remote: bool = False,
    reading: Mapping[str, Any] | None = None,
    shares_memory: bool = False,
) -> tuple[Iterator[Item], int | None]:
    """The signals in order, and how many they are; None if only the end will tell.

    Args:
        signals: A folder, a glob or a list of paths; a list or dict of signals; a generator of signals or of pairs of name and
            signal; or one wide frame, relation, file or folder of Parquet files with `sigvars`.
        sigvar: Value column of signals that have one.
        sigvars: Value columns of a wide one, each a signal of its own.
        is_remote: Workers may not see this machine's files: signals of files travel as Arrow bytes.
        reading: Options of reading, as `read_signal` takes them.
        shares_memory: Workers are threads of this process: signals that are in memory before the sweep begins need no copy. Those
            of a generator do, as it may write the next one into the same memory.

    Raises:
        SignalError: No file is there.
        ConfigError: `signals` is one signal, without `sigvars`.
    """
    given = dict(reading or {})
    if sigvars is not None:
        return _read_wide(signals, sigvars, given, shares_memory), len(sigvars)
    if isinstance(signals, (str, os.PathLike)):
        paths = _find_files(os.fspath(signals))
        return (_make_item(pathlib.Path(path).stem, path, sigvar, is_remote, given) for path in paths), len(paths)
    if isinstance(signals, Mapping):
        named = ((str(name), signal) for name, signal in signals.items())
        return (_make_item(*one, sigvar, is_remote, given, shares_memory) for one in named), len(signals)
    if hasattr(signals, "__arrow_c_stream__") or not isinstance(signals, Iterable):
        raise parse_error("signals", "many signals, or a wide one with sigvars", type(signals).__name__)
    total = len(signals) if isinstance(signals, Sequence) else None
    shares = shares_memory and total is not None
    return (_make_item(*_name_of(number, entry), sigvar, is_remote, given, shares) for number, entry in enumerate(signals)), total


def _read_wide(signals: Any, sigvars: Sequence[str], reading: Mapping[str, Any], shares_memory: bool) -> Iterator[Item]:
    """One signal per column; of what is not in memory, one column at a time is read, unless options of reading may name others."""
    import pyarrow.dataset as ds

    if isinstance(signals, (str, os.PathLike)) and (os.path.isdir(signals) or os.fspath(signals).endswith(".parquet")):
        signals = ds.dataset(os.fspath(signals), format="parquet")
    if shares_memory and not isinstance(signals, ds.Dataset) and not hasattr(signals, "project"):
        # If a column cannot be read, each one is read by itself below, so that only that one fails.
        with contextlib.suppress(FractileError):
            signal = read_signal(signals, sigvars, reading)
            digests = _core.signal_digests(signal)
            yield from (Item(name, digests[i], signal, name, place=i) for i, name in enumerate(sigvars))
            return
    for name in sigvars:
        source = signals
        if isinstance(signals, ds.Dataset) and reading:
            source = signals.to_table()
        elif isinstance(signals, ds.Dataset):
            source = signals.to_table(columns=[c for c in signals.schema.names if c == name or c in _KEYS])
        elif (
            not reading and hasattr(signals, "project") and hasattr(signals, "columns")
        ):  # a relation of DuckDB computes what it is asked for
            chosen = [c for c in signals.columns if c == name or c in _KEYS]
            source = signals.project(", ".join('"' + c.replace('"', '""') + '"' for c in chosen))
        yield _make_item(name, source, name, True, reading)


def _name_of(number: int, entry: Any) -> tuple[str, Any]:
    if isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str):
        return entry
    if isinstance(entry, (str, os.PathLike)):
        return pathlib.Path(entry).stem, entry
    return str(number), entry


def _find_files(pattern: str) -> list[str]:
    found = glob.glob(os.path.join(glob.escape(pattern), "*") if os.path.isdir(pattern) else pattern, recursive=True)
    files = sorted(os.path.abspath(path) for path in found if path.endswith(_ENDINGS) and os.path.isfile(path))
    if not files:
        raise SignalError(
            f'UNREADABLE_SIGNAL: expected files {", ".join(_ENDINGS)}, found none at "{pattern}". Check the path.',
            "UNREADABLE_SIGNAL",
        )
    stems: dict[str, str] = {}
    for file in files:
        other = stems.setdefault(pathlib.Path(file).stem, file)
        if other != file:
            raise SignalError(
                f'UNREADABLE_SIGNAL: expected one file per signal name, found "{other}" and "{file}". '
                "Rename one, or pass a dict of name and path.",
                "UNREADABLE_SIGNAL",
            )
    return files


def _make_item(
    name: str, signal: Any, column: str, is_remote: bool, reading: Mapping[str, Any], shares_memory: bool = False
) -> Item:
    digest = ""
    try:
        if isinstance(signal, (str, os.PathLike)):
            path = os.path.abspath(os.fspath(signal))
            digest = _hash_file(path, column + reading_text(reading) if reading else column)
            if not is_remote:
                return Item(name, digest, path, column)
            signal = path
        rows = read_signal(signal, [column], reading)
        return Item(name, digest or _core.signal_digests(rows)[0], rows, column, must_travel=not shares_memory)
    except ConfigError:
        raise  # an option of reading, which no signal can satisfy
    except FractileError as error:
        return Item(name, digest, b"", column, error)
    except OSError as error:
        unreadable = SignalError(
            f'UNREADABLE_SIGNAL: expected a readable file, found "{error.strerror}" at "{signal}". Check the path.',
            "UNREADABLE_SIGNAL",
        )
        return Item(name, digest, b"", column, unreadable)


def _hash_file(path: str, how: str) -> str:
    """Hash of a file's bytes and of how they are read: value column and options of reading."""
    digest = hashlib.blake2b(how.encode(), digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
