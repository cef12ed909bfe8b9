# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The documented names of fractile, which scripts import."""

from fractile.client import BacktestClient, quick_backtest
from fractile.config import ServiceConfig

from api.service import BacktestResult, BacktestService, get_service

__all__ = ["BacktestClient", "BacktestResult", "BacktestService", "ServiceConfig", "get_service", "quick_backtest"]
