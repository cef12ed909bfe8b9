# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Worker processes that share one mapped snapshot.

Each worker is `python -m fractile.pool`, so a script needs no main guard. Bytes reach a worker, and come back, through
shared memory that has no name: nothing is left behind, however the parent ends.
"""

from fractile.pool.backtests import BacktestWorkerPool, serialize_signal_arrow

__all__ = ["BacktestWorkerPool", "serialize_signal_arrow"]
