# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Progress bars: tqdm's where it is installed, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def track(items: Iterable[T], total: int, label: str, enabled: bool) -> Iterator[T]:
    """Passes items through; shows how many are done on stderr where enabled and a terminal."""
    if not enabled or not sys.stderr.isatty():
        yield from items
        return
    try:
        from tqdm import tqdm
    except ImportError:
        for done, item in enumerate(items):
            print(f"\r{label} {done}/{total}", end="", file=sys.stderr, flush=True)
            yield item
        print(f"\r{label} {total}/{total}", file=sys.stderr)
        return
    yield from tqdm(items, total=total, desc=label, file=sys.stderr)
