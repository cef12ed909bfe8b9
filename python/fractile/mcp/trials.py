# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The trials of a client: what counts as one, how many there may be, and what they leave of a Sharpe ratio."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import fractile
from fractile import _core
from fractile.errors import FractileError
from fractile.inference import moments_of
from fractile.ledger import LocalLedger, Moments, ledger_file
from fractile.mcp import schemas
from fractile.mcp.limits import Limits, refuse

# Deflated Sharpe ratio from which a result counts as one that survives its study.
SURVIVES_FROM = 0.95
SCHEMA = schemas.object_of(
    {
        "study": {"type": "string"},
        "trials": {"type": "integer"},
        "trials_effective": schemas.NUMBER,
        "deflated_sharpe": schemas.NUMBER,
        "deflated_sharpe_net": schemas.NUMBER,
        "is_best": {"type": "boolean"},
        "survives": {"type": "boolean"},
        "verdict": {"type": "string", "description": "One sentence: would the result survive the number of trials?"},
    }
)
_UNKNOWN: Moments = (math.nan,) * 4


class Trial(NamedTuple):
    """A trial of the ledger with the moments that deflate it: ratio per period, periods, skewness, kurtosis.

    Attributes:
        has_costs: False for returns that nobody trades, such as the coefficients of a regression: `ret` decides.
    """

    run_id: str
    periods_per_year: int
    ret: Moments
    ret_net: Moments
    has_costs: bool = True

    @property
    def rank(self) -> tuple[float, float]:
        """Orders trials by the Sharpe ratio after costs, then before; unknown ones are last."""
        low = -math.inf
        return (low if math.isnan(self.ret_net[0]) else self.ret_net[0], low if math.isnan(self.ret[0]) else self.ret[0])


def trial_of(result: fractile.BacktestResult) -> Trial:
    """The trial that a run is."""
    return Trial(result.run_id, result.periods_per_year, moments_of(result, "ret"), moments_of(result, "ret_net"))


class StudyTrials:
    """The study of a client in the ledger. Servers of several processes may share it."""

    def __init__(self, root: str, limits: Limits) -> None:
        self._root = root
        self._limits = limits
        self._ledger = LocalLedger(ledger_file(root))

    def count(self, study: str | None = None) -> int:
        """Trials of a study, forgotten ones included; None is that of the client."""
        frame = fractile.studies(self._root)
        row = frame[frame["study"] == (study or self._limits.study)]
        return 0 if row.empty else int(row["trials"].iloc[0] + row["forgotten"].iloc[0])

    @contextmanager
    def counting(self, more: int) -> Iterator[None]:
        """Surrounds a call that adds up to `more` trials.

        With a limit of runs one call of a study runs at a time, on all servers that share its ledger: each knows the trials of the
        others, and the limit holds.

        Raises:
            ConfigError: The study would exceed the operator's limit.
        """
        if self._limits.runs is None:
            yield
            return
        with self.alone():
            found = self.count()
            if found + more > self._limits.runs:
                raise refuse(
                    "runs", f"up to {self._limits.runs} trials of this study", f"{found} and {more} more", "Ask the operator."
                )
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other call of this study that is `alone` runs meanwhile, in any process. Trials are in the file at the end."""
        file = f"{self._ledger.file}.{self._limits.study}.lock"
        try:
            held = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FractileError(
                f'LEDGER_NOT_WRITABLE: expected a file "{file}" to lock the study, found: {error.strerror}. '
                "Set $FRACTILE_LEDGER to a file in a folder that can be written.",
                "LEDGER_NOT_WRITABLE",
            ) from None
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            try:
                yield
            finally:
                _core.ledger.flush_all()
        finally:
            os.close(held)  # ends the lock

    def add(
        self, kind: str, snapshot: str, config: Mapping[str, Any], periods_per_year: int, returns: pd.Series, is_net: bool = False
    ) -> Trial:
        """Counts returns that no run has.

        The same returns of the same kind are the same trial, whatever led to them; others are another one.

        Args:
            kind: What they are, such as "fama_macbeth".
            snapshot: Id.
            config: What led to them; the ledger shows it.
            periods_per_year: Of the returns.
            returns: By date.
            is_net: They are after costs.
        """
        values = np.ascontiguousarray(returns.to_numpy(dtype=np.float64))
        days = np.ascontiguousarray(pd.DatetimeIndex(returns.index).to_numpy().astype("datetime64[D]").astype(np.int32))
        digest = hashlib.sha256(kind.encode() + b"\0" + days.tobytes() + values.tobytes()).hexdigest()[:32]
        moments = tuple(_core.stats.sharpe_moments(np.ascontiguousarray(values[~np.isnan(values)])))
        shown = json.dumps({"kind": kind, **config})
        _core.ledger.require_writable(self._ledger.file)
        _core.ledger.record_series(
            self._ledger.file,
            self._limits.study,
            digest,
            snapshot,
            shown,
            periods_per_year,
            days,
            values,
            values if is_net else None,
        )
        return Trial(digest, periods_per_year, moments, moments if is_net else _UNKNOWN, is_net)

    def judge(self, trial: Trial, study: str | None = None) -> dict[str, Any]:
        """A trial among the others, as `SCHEMA` has it."""
        found = self._deflate(trial, study)
        ratio = found["dsr_net"] if trial.has_costs else found["dsr"]
        survives = bool(ratio >= SURVIVES_FROM)
        count = f"{found['trials']} trial{'s' if found['trials'] != 1 else ''}"
        shown = "unknown" if math.isnan(ratio) else f"{ratio:.2f}"
        verdict = (
            f"{'It survives' if survives else 'It would not survive'}: {'after costs and' if trial.has_costs else 'after'} {count} "
            f"(about {found['trials_effective']:.0f} independent) its deflated Sharpe ratio is {shown}; "
            f"{SURVIVES_FROM:g} is needed."
        )
        return {
            "study": found["study"],
            "trials": int(found["trials"]),
            "trials_effective": schemas.number(found["trials_effective"]),
            "deflated_sharpe": schemas.number(found["dsr"]),
            "deflated_sharpe_net": schemas.number(found["dsr_net"]),
            "is_best": bool(found["is_best"]),
            "survives": survives,
            "verdict": verdict,
        }

    def judge_nothing(self, reason: str) -> dict[str, Any]:
        """The study in the answer of a call that counted no trial."""
        count = self.count()
        return {
            "study": self._limits.study,
            "trials": count,
            "trials_effective": None,
            "deflated_sharpe": None,
            "deflated_sharpe_net": None,
            "is_best": False,
            "survives": False,
            "verdict": f"It would not survive: {reason}, so a Sharpe ratio to deflate is missing.",
        }

    def judge_best(self, trials: Sequence[Trial]) -> tuple[int, dict[str, Any], list[tuple[float | None, float | None]]]:
        """The best of some trials by its Sharpe ratio after costs, and the deflated ratios of each.

        Returns:
            The place of the best, the answer of `judge` about it, and (before costs, after costs) of each.
        """
        best = max(range(len(trials)), key=lambda place: trials[place].rank)
        by_period: dict[int, dict[str, Any]] = {}
        ratios = []
        for trial in trials:
            # The number of trials and the variance of their ratios are the same for all trials of the same periods.
            found = by_period.get(trial.periods_per_year) or by_period.setdefault(trial.periods_per_year, self._deflate(trial))
            both = ((trial.ret, found["variance"]), (trial.ret_net, found["variance_net"]))
            of_each = [_core.stats.deflated_sharpe(*own, found["trials_effective"], variance, False) for own, variance in both]
            ratios.append((schemas.number(of_each[0]), schemas.number(of_each[1])))
        return best, self.judge(trials[best]), ratios

    def best_of_study(self, top: int) -> list[dict[str, Any]]:
        """The trials with the highest Sharpe ratios after costs, the best first, each with its kind and its `Trial` under "trial"."""
        frame = fractile.study(self._limits.study, self._root).trials()
        frame = frame.sort_values(["sr_net", "sr"], ascending=False, kind="stable").head(top)
        rows = []
        for row in frame.to_dict("records"):
            ret, ret_net = (tuple(float(row[f"{name}{end}"]) for name in ("sr", "skew", "kurt")) for end in ("", "_net"))
            periods = float(row["periods"])
            kind = json.loads(row["config"]).get("kind", "run")
            has_costs = kind == "run" or not math.isnan(ret_net[0])
            trial = Trial(
                row["run_id"],
                int(row["periods_per_year"]),
                (ret[0], periods, *ret[1:]),
                (ret_net[0], periods, *ret_net[1:]),
                has_costs,
            )
            rows.append({str(key): value for key, value in row.items()} | {"kind": kind, "trial": trial})
        return rows

    def _deflate(self, trial: Trial, study: str | None = None) -> dict[str, Any]:
        return self._ledger.deflate(study or self._limits.study, trial.run_id, trial.periods_per_year, trial.ret, trial.ret_net)
