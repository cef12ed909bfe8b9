# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The keys that identify the rows of a sweep, and sets of them. A store has a key as 32 hexadecimal digits."""

from __future__ import annotations

import binascii
import hashlib
from typing import Any

import numpy as np

from fractile import _core
from fractile.sweep.plan import Plan
from fractile.sweep.signals import Item

KEY_BYTES = 16


class Keys:
    """Keys of rows: the hash of a signal, and that of options, snapshot, date range and engine, joined by exclusive or.

    So a signal is hashed once, however many cells it has.
    """

    def __init__(self, plan: Plan) -> None:
        common = ["cell", plan.content_hash, _core.VERSION]
        common += [repr(plan.service.get(name)) for name in ("start_date", "end_date", "compact")]
        self._cells = np.array([_hash([*common, cell.identity]) for cell in plan.cells])

    def of(self, item: Item) -> bytes:
        """The keys of one signal, by cell, one after the other: 16 bytes each."""
        return (self._cells ^ _hash(["signal", item.name, item.digest, item.column])).tobytes()


def _hash(parts: list[str]) -> np.ndarray:
    """16 bytes as two numbers."""
    digest = hashlib.blake2b(digest_size=KEY_BYTES)
    for part in parts:
        text = part.encode()
        digest.update(len(text).to_bytes(8, "little") + text)
    return np.frombuffer(digest.digest(), np.uint64)


def key_text(keys: bytes, number: int) -> str:
    """One of the keys that follow each other, as a store has it."""
    return keys[KEY_BYTES * number : KEY_BYTES * (number + 1)].hex()


class KeySet:
    """Keys in memory: 16 bytes each, sorted by their first half."""

    def __init__(self, keys: bytes = b"") -> None:
        """Takes keys that follow each other, 16 bytes each."""
        first, second = _halves(keys)
        order = np.argsort(first)
        self._first, self._second = first[order], second[order]

    def __len__(self) -> int:
        return len(self._first)

    def contains(self, keys: bytes) -> np.ndarray:
        """For each of some keys that follow each other, whether the set has it."""
        first, second = _halves(keys)
        found = np.zeros(len(first), bool)
        if not len(self):
            return found
        places = np.searchsorted(self._first, first)
        last = len(self) - 1
        while True:
            at = np.minimum(places, last)
            is_same = (places <= last) & (self._first[at] == first)
            found |= is_same & (self._second[at] == second)
            if not (is_same & ~found).any():
                return found
            places = places + 1  # another key of the same first half


def _halves(keys: bytes) -> tuple[np.ndarray, np.ndarray]:
    halves = np.frombuffer(keys, np.uint64).reshape(-1, KEY_BYTES // 8)
    return halves[:, 0], halves[:, 1]


def read_keys(column: Any) -> bytes:
    """The keys of a column of a store, 16 bytes each, without a Python text per row.

    Args:
        column: A pyarrow array or chunked array of texts. A text that is not a key becomes zeros.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    is_key = pc.fill_null(pc.match_substring_regex(column, f"^[0-9a-f]{{{2 * KEY_BYTES}}}$"), False)
    if not pc.all(is_key).as_py():
        column = pc.if_else(is_key, column, "0" * 2 * KEY_BYTES)
    keys = bytearray()
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        if len(chunk):
            keys += binascii.unhexlify(chunk.buffers()[2].slice(2 * KEY_BYTES * chunk.offset, 2 * KEY_BYTES * len(chunk)))
    return bytes(keys)
