# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Cross-sectional equity signal backtests at the speed of memory."""

from fractile import stats
from fractile._core import VERSION as __version__
from fractile.client import BacktestClient, quick_backtest
from fractile.config import ServiceConfig
from fractile.errors import (
    ConfigError,
    FractileError,
    ServerError,
    SignalError,
    SnapshotError,
    SnapshotNotFoundError,
)
from fractile.ledger import Study, studies, study
from fractile.result import BacktestResult
from fractile.service import BacktestService, get_service
from fractile.snapshots import (
    append_snapshot,
    create_snapshot,
    diff_snapshots,
    list_snapshots,
    open_snapshot,
    remove_snapshot,
    snapshot_report,
    verify_snapshot,
)
from fractile.stats import multiple_testing
from fractile.sweep import SweepResult, sweep, sweep_status

__all__ = [
    "BacktestClient",
    "BacktestResult",
    "BacktestService",
    "ConfigError",
    "FractileError",
    "ServerError",
    "ServiceConfig",
    "SignalError",
    "SnapshotError",
    "SnapshotNotFoundError",
    "Study",
    "SweepResult",
    "__version__",
    "append_snapshot",
    "create_snapshot",
    "diff_snapshots",
    "get_service",
    "list_snapshots",
    "multiple_testing",
    "open_snapshot",
    "quick_backtest",
    "remove_snapshot",
    "snapshot_report",
    "stats",
    "studies",
    "study",
    "sweep",
    "sweep_status",
    "verify_snapshot",
]
