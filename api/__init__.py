# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The documented face of fractile."""

from api.service import BacktestResult, BacktestService, get_service

__all__ = ["BacktestResult", "BacktestService", "get_service"]
