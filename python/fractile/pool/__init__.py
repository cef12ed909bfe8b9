# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Worker processes that share one mapped snapshot.

Each worker is `python -m fractile.pool`, so a script needs no main guard. Bytes travel to a worker and back through
shared memory without a name, so no memory leaks, even if the parent is killed.
"""

from fractile.pool.backtests import BacktestWorkerPool, serialize_signal_arrow

__all__ = ["BacktestWorkerPool", "serialize_signal_arrow"]
