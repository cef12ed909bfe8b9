# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""An independent, slow reading of docs/methodology.md in pandas and float64. Shares no code with the engine."""

from .align import Refused as OracleRefused
from .book import Unsure as OracleUnsure
from .run import OracleResult, run

__all__ = ["OracleRefused", "OracleResult", "OracleUnsure", "run"]
