# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The set of a store's keys, against Python's own set."""

from __future__ import annotations

import numpy as np
import pytest
from fractile import _core
from fractile.sweep.keys import KEY_BYTES


def cut(keys: bytes) -> list[bytes]:
    return [keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES)]


@pytest.mark.parametrize(
    ("n_keys", "low_bits"),
    [(0, 64), (1, 64), (2, 64), (3, 64), (1000, 64), (40_000, 64), (3, 2), (1000, 3)],  # few bits: keys want the slots of others
)
def test_set_of_keys_equals_that_of_python(n_keys: int, low_bits: int) -> None:
    rng = np.random.default_rng(n_keys)
    words = rng.integers(0, 2**63, (2 * n_keys + 4, 2)).astype(np.uint64)
    words[:, 0] &= np.uint64(2**low_bits - 1)
    words[-3] = 0  # the key of a text that is none
    words[-2], words[-1] = (0, 1), (1, 0)
    stored = np.concatenate([words[:n_keys], words[: n_keys // 2], words[-3:-1]])  # some twice
    keys = _core.KeySet(stored.tobytes())
    expected = set(cut(stored.tobytes()))
    asked = words.tobytes()
    assert len(keys) == len(expected)
    assert list(keys.contains(asked)) == [key in expected for key in cut(asked)]
    assert keys.lacking(asked) == [number for number, key in enumerate(cut(asked)) if key not in expected]


def test_empty_set_lacks_all_and_half_a_key_is_refused() -> None:
    keys = _core.KeySet()
    assert len(keys) == 0
    assert keys.lacking(bytes(2 * KEY_BYTES)) == [0, 1]
    for call in (keys.lacking, keys.contains, _core.KeySet):
        with pytest.raises(ValueError, match="16 bytes per key"):
            call(bytes(KEY_BYTES + 1))


def test_joined_keys_are_the_exclusive_or() -> None:
    cells, signal = bytes(range(48)), bytes(range(100, 116))
    expected = [bytes(a ^ b for a, b in zip(cell, signal)) for cell in cut(cells)]
    assert cut(_core.join_keys(cells, signal)) == expected
