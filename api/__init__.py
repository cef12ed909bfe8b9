# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The documented face of fractile."""

from fractile.client import BacktestClient, quick_backtest
from fractile.config import ServiceConfig

from api.service import BacktestResult, BacktestService, get_service

__all__ = ["BacktestClient", "BacktestResult", "BacktestService", "ServiceConfig", "get_service", "quick_backtest"]
