# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Sweeps: many signals times many options, on any scheduler, into a store that resumes."""

from fractile.sweep.drive import sweep
from fractile.sweep.result import SweepResult
from fractile.sweep.status import sweep_status

__all__ = ["SweepResult", "sweep", "sweep_status"]
