# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The keys that identify the rows of a sweep: 16 bytes in memory, 32 hexadecimal digits in a store."""

from __future__ import annotations

import binascii
import contextlib
import hashlib
from typing import Any

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
        self._cells = b"".join(_hash([*common, cell.identity]) for cell in plan.cells)

    def of(self, item: Item) -> bytes:
        """The keys of one signal, by cell, one after the other: 16 bytes each."""
        return _core.join_keys(self._cells, _hash(["signal", item.name, item.digest, item.column]))


def _hash(parts: list[str]) -> bytes:
    lengths = ",".join([str(len(part)) for part in parts])
    text = f"{lengths}:{''.join(parts)}".encode()
    return hashlib.blake2b(text, digest_size=KEY_BYTES).digest()


def key_text(keys: bytes, number: int) -> str:
    """One of the keys that follow each other, as a store has it."""
    return keys[KEY_BYTES * number : KEY_BYTES * (number + 1)].hex()


def read_keys(column: Any) -> bytes:
    """The keys of a column of a store, 16 bytes each, without a Python text per row.

    Args:
        column: A pyarrow array or chunked array of texts. A text that is not a key becomes zeros.
    """
    import pyarrow as pa

    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return b"".join(_read_chunk(chunk) for chunk in chunks if len(chunk))


def _read_chunk(chunk: Any) -> bytes:
    import pyarrow.compute as pc

    digits = 2 * KEY_BYTES
    if chunk.null_count == 0 and pc.all(pc.equal(pc.binary_length(chunk), digits)).as_py():
        with contextlib.suppress(binascii.Error):
            return binascii.unhexlify(chunk.buffers()[2].slice(digits * chunk.offset, digits * len(chunk)))
    is_key = pc.fill_null(pc.match_substring_regex(chunk, f"^[0-9a-f]{{{digits}}}$"), False)
    return binascii.unhexlify("".join(pc.if_else(is_key, chunk, "0" * digits).to_pylist()))
