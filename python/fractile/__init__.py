# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Cross-sectional equity signal backtests at the speed of memory."""

from fractile import stats
from fractile._core import VERSION as __version__
from fractile.audit import SignalAudit
from fractile.client import BacktestClient, quick_backtest
from fractile.columns import from_wide
from fractile.config import ServiceConfig
from fractile.errors import (
    ConfigError,
    FractileError,
    ServerError,
    SignalError,
    SnapshotError,
    SnapshotNotFoundError,
)
from fractile.factor_models import Attribution, spanning
from fractile.ledger import Study, studies, study
from fractile.regressions import FamaMacBeth
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
from fractile.tear_sheet import report
from fractile.tracking import log_run
from fractile.truncation import FunctionAudit, audit_function

__all__ = [
    "Attribution",
    "BacktestClient",
    "BacktestResult",
    "BacktestService",
    "ConfigError",
    "FamaMacBeth",
    "FractileError",
    "FunctionAudit",
    "ServerError",
    "ServiceConfig",
    "SignalAudit",
    "SignalError",
    "SnapshotError",
    "SnapshotNotFoundError",
    "Study",
    "SweepResult",
    "__version__",
    "append_snapshot",
    "audit_function",
    "create_snapshot",
    "diff_snapshots",
    "from_wide",
    "get_service",
    "list_snapshots",
    "log_run",
    "multiple_testing",
    "open_snapshot",
    "quick_backtest",
    "remove_snapshot",
    "report",
    "snapshot_report",
    "spanning",
    "stats",
    "studies",
    "study",
    "sweep",
    "sweep_status",
    "verify_snapshot",
]
