# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Re-exports of the service."""

from fractile.result import BacktestResult
from fractile.service import BacktestService, get_service

__all__ = ["BacktestResult", "BacktestService", "get_service"]
