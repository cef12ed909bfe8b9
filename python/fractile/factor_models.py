# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The returns of a book explained by factors, or by other books."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fractile import _core
from fractile.stats.series import check_unique, refuse

if TYPE_CHECKING:
    from fractile.result import BacktestResult

_SERIES = ("ret", "ret_net", "resret", "resret_net", "ret_l", "ret_s")


@dataclasses.dataclass(frozen=True)
class Attribution:
    """Least squares of a book's returns on factors.

    Attributes:
        table: name, coefficient, se, t, p; alpha first. Errors of Newey and West (1987) times n/(n-k); p two-sided, normal.
        alpha: Per period.
        alpha_annualised: alpha times the periods per year.
        r2: NaN if the returns are constant.
        appraisal: Annualised ratio of alpha to the standard deviation of the residuals.
        periods: Number of dates used.
        left_out: Dates that the book or the factors lack, or on which one is NaN.
        series: The returns that are explained.
    """

    table: pd.DataFrame
    alpha: float
    alpha_annualised: float
    r2: float
    appraisal: float
    periods: int
    left_out: int
    series: str

    def __repr__(self) -> str:
        t = self.table["t"].iloc[0]
        return (
            f"Attribution(series={self.series!r}, alpha_annualised={self.alpha_annualised:.4f}, t={t:.2f}, r2={self.r2:.3f}, "
            f"appraisal={self.appraisal:.2f}, periods={self.periods}, left_out={self.left_out})"
        )

    def _repr_html_(self) -> str:
        return f"{self.table.to_html(index=False)}<p>R2 {self.r2:.3f}, appraisal ratio {self.appraisal:.2f}, {self.periods} periods</p>"


def attribute(result: BacktestResult, factors: Any, series: str = "ret", lags: int | None = None) -> Attribution:
    """`BacktestResult.attribution`."""
    y, x, left_out = _join(_returns_of(result, series), _to_factors(factors, "factors"))
    coefficients, r2, deviation, _, _ = _core.stats.fit_factors(y, x.to_numpy(), _to_lags(lags))
    table = pd.DataFrame(coefficients, columns=["coefficient", "se", "t", "p"])
    table.insert(0, "name", ["alpha", *map(str, x.columns)])
    alpha = float(table["coefficient"].iloc[0])
    ratio = alpha / deviation if math.isfinite(table["se"].iloc[0]) else math.nan
    per_year = result.periods_per_year
    return Attribution(table, alpha, alpha * per_year, r2, ratio * math.sqrt(per_year), len(y), left_out, series)


def spanning(result: Any, others: Any, series: str = "ret") -> pd.Series:
    """Tests if other books span a book: if it earns more than the best mixture of them.

    Args:
        result: A `BacktestResult`, or a Series of returns by date.
        others: One or more of the same, as a list or a dict; or a frame of returns by date with a column each.
        series: The returns of results: "ret", "ret_net", ...

    Returns:
        alpha (per period), t (Newey and West), sharpe2_increase (the increase of the squared Sharpe ratio per period of the best
        mixture: the square of alpha over the deviation of the residuals), f and p (Gibbons, Ross and Shanken 1989, for one book; the square of the plain t
        of alpha), periods.

    Raises:
        ConfigError: The others are collinear, or too few dates are common.
    """
    y, x, _ = _join(_returns_of(result, series), _to_factors(others, "others", series))
    coefficients, _, deviation, f, p = _core.stats.fit_factors(y, x.to_numpy(), -1)
    alpha, _, t, _ = coefficients[0]
    ratio = alpha / deviation if math.isfinite(t) else math.nan
    return pd.Series({"alpha": alpha, "t": t, "sharpe2_increase": ratio * ratio, "f": f, "p": p, "periods": len(y)})


def hedge(result: Any, others: Any, series: str = "ret") -> pd.Series:
    """The returns of a book less those of the mixture of others that explains it best: alpha and residuals, by date.

    Args:
        result: As in `spanning`.
        others: Books as in `spanning`, or factor returns as in `BacktestResult.attribution`.
        series: The returns of results.

    Raises:
        ConfigError: The others are collinear, or too few dates are common.
    """
    y, x, _ = _join(_returns_of(result, series), _to_factors(others, "others", series))
    coefficients = _core.stats.fit_factors(y, x.to_numpy(), -1)[0]
    return pd.Series(y - x.to_numpy() @ np.array([each[0] for each in coefficients[1:]]), index=x.index)


def _returns_of(result: Any, series: str) -> pd.Series:
    """Returns by day."""
    if isinstance(result, pd.Series):
        return _by_day(result.rename("returns"), "the series")
    if series not in _SERIES:
        raise refuse(f"series as one of {', '.join(_SERIES)}", repr(series), 'The default is "ret".')
    if not hasattr(result, "daily"):
        raise refuse(
            "a result or a Series of returns by date",
            type(result).__name__,
            "Pass result, or result.daily.set_index('date')['ret'].",
        )
    return _by_day(result.daily.set_index("date")[series], "the result")


def _by_day(values: Any, name: str) -> Any:
    """A series or a frame by day, in the order of time."""
    try:
        index = pd.DatetimeIndex(values.index).tz_localize(None).normalize()
    except (TypeError, ValueError):
        raise refuse(f"dates in the index of {name}", type(values.index).__name__, "Set it: frame.set_index('date').") from None
    out = values.set_axis(index)
    check_unique(out.index, name)
    return out.sort_index().astype(float)


def _to_factors(factors: Any, name: str, series: str = "ret") -> pd.DataFrame:
    """A frame of factor returns by day."""
    if isinstance(factors, pd.DataFrame):
        frame = factors.set_index("date") if "date" in factors.columns else factors
        return _by_day(frame, name)
    if isinstance(factors, pd.Series):
        return _by_day(factors.to_frame(str(factors.name or "factor")), name)
    if isinstance(factors, Mapping):
        named = dict(factors)
    elif isinstance(factors, Sequence) and not isinstance(factors, str):
        named = {f"other_{number}": each for number, each in enumerate(factors, 1)}
    else:
        named = {"other": factors}
    if not named:
        raise refuse(f"one or more of {name}", "none", "Pass at least one.")
    return pd.DataFrame({key: _returns_of(each, series) for key, each in named.items()})


def _join(y: pd.Series, x: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame, int]:
    """The days on which all have values, and the number of others."""
    if not x.shape[1]:
        raise refuse("one factor or more", "none", "Pass a frame with a column per factor.")
    if np.isinf(x.to_numpy()).any() or np.isinf(y.to_numpy()).any():
        raise refuse("finite returns", "an infinite one", "Replace it by NaN or by the true return.")
    both = pd.concat([y.rename("y"), x.set_axis(range(x.shape[1]), axis=1)], axis=1).sort_index()
    complete = both.dropna()
    factors = complete.drop(columns="y").set_axis(x.columns, axis=1)
    return np.ascontiguousarray(complete["y"].to_numpy()), factors, len(both) - len(complete)


def _to_lags(lags: int | None) -> int:
    if lags is None:
        return -1
    if isinstance(lags, bool) or not isinstance(lags, (int, np.integer)) or lags < 0:
        raise refuse("lags as a whole number of 0 or more", repr(lags), "None is the default.")
    return int(lags)
