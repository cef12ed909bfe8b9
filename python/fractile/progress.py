# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Progress bars on a terminal, drawn by tqdm if it is installed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def open_bar(total: int | None, label: str, enabled: bool) -> Iterator[Callable[[int], None]]:
    """Yields a function that takes the number of finished items and shows it on stderr, if enabled and stderr is a terminal."""
    if not enabled or not sys.stderr.isatty():
        yield lambda done: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda done: print(f"\r{label} {done}/{total or '?'}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return
    with tqdm(total=total, desc=label, file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.n) and None


def track(items: Iterable[T], total: int, label: str, enabled: bool) -> Iterator[T]:
    """Yields the items and shows the number of finished ones."""
    with open_bar(total, label, enabled) as show:
        for done, item in enumerate(items, 1):
            yield item
            show(done)
