# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The options of a run and of reading, for type checkers. tools/option_types.py prints this module from the engine's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict


class ReadingOptions(TypedDict, total=False):
    """Options of reading: docs/reading.md."""

    null: Any
    """Texts and numbers that are missing: "NA,-99" in every column, "ret=C,B,-99" in one."""
    text: Any
    """Columns that stay texts, though they look like numbers."""
    columns: Any
    """Columns to read, beside the required ones; default: all."""
    drop: Any
    """Columns to leave out."""
    map: Any
    """Other column names: ret=RetColumn."""
    date_format: Any
    """How dates are written where they are not ISO: %d/%m/%Y, %Y-%m, unix_ms."""
    delimiter: Any
    """Delimiter of a CSV; default: recognised among comma, semicolon, tab and bar."""
    decimal: Any
    """Decimal mark of numbers in texts: a point (default) or a comma."""
    encoding: Any
    """Encoding of a CSV, such as latin-1 or utf-16; default: UTF-8."""
    thousands: Any
    """Separator of thousands of numbers in texts; default: none."""
    scale: Any
    """Factors of number columns: ret=0.01."""
    abs_price: Any
    """Take prices without their sign (CRSP marks bid-ask midpoints by it)."""
    drop_duplicates: Any
    """Leave out rows of a panel that equal another one in every column."""


class MoreRunOptions(ReadingOptions, total=False):
    """Options of a run that `run` does not name itself."""

    lag: int
    """Trading days added to the return day."""
    method: Literal["long_short", "long_only"]
    """The sides that are held."""
    input_type: Literal["value", "fractile", "position", "weight"]
    """The meaning of the signal's numbers."""
    sort_method: Literal["single", "double"]
    """Rank all names, or within bins of double_var."""
    double_var: str | None
    """Panel column of the first sort of a double sort."""
    double_frac: int
    """Bins of a double sort's first sort."""
    double_style: Literal["dependent", "independent"]
    """Analysis double_sort: rank the signal within bins of double_var, or over all names."""
    upper_pct: float
    """Percent at which mcap, adv or the signal is clipped within a side."""
    max_weight: float
    """Largest weight of a name, as a share of its side."""
    tc_model: Literal["naive", "power_law"]
    """Cost model."""
    tc_level: Mapping[Literal["big", "median", "small"], float] | None
    """Naive cost in basis points by cap; small if cap is unknown or absent."""
    tc_value: Sequence[float]
    """beta and alpha of the power law."""
    gmv_musd: float
    """Power law: capital of one side, million dollars."""
    drift: bool | Literal["book"]
    """Let weights drift with returns before they are traded; book: both sides by their own returns."""
    lookahead: Literal["warn", "error"]
    """Rows traded before date_avail: warn or refuse."""
    characteristics_asof: Literal["previous_day", "return_day"]
    """Day whose panel row gives weights, groups and costs."""
    universe: Mapping[str, Any] | None
    """Names to keep, e.g. {"cap": [1, 2], "adv": {"min": 1e6}}."""
    hold_days: int | Literal["next"]
    """Trading days for which a row holds; next: until the next day that has any row."""
    analysis: Sequence[
        Literal["ic", "fractile", "coverage", "quantiles", "exposures", "drilldown", "capacity", "decay", "double_sort"]
    ]
    """Further tables."""
    charge_entry_exit: bool
    """Charge the trade of the first day and the one that closes the book after the last."""
    bad_open: Literal["drop", "keep"]
    """Names whose open return is -95 % or less: drop or keep them."""
    rank_within: str | None
    """Panel category within which names are ranked."""
    breakpoints: Mapping[str, Any] | None
    """Names that set the breakpoints, e.g. {"exchange": ["N"]}; all names are ranked against them."""
    exit_fractile: Sequence[float] | None
    """Percent: a short is held up to the first, a long above the second."""
    overlap: int
    """Trading days whose formed books are held at once, each with an equal share."""
    borrow_bps: float | None
    """Annual fee for short positions in basis points; null: the panel's borrow_bps."""
    delisting_return: float
    """Return that follows a name's last return if it leaves the panel and delist_ret is unknown."""
    factors: Sequence[str]
    """Panel columns that are the factors of resid and of the exposures."""
    neutralize_weight: Literal["equal", "mcap", "sqrt_mcap"]
    """Weights of the regression of resid."""
    periods_per_year: int | None
    """Periods by which returns are annualised; null: the snapshot's."""
    n_fractile: int
    """Bins of the analyses fractile, quantiles and double_sort."""
    horizons: Sequence[int]
    """Analysis decay: trading days from the signal to the return, 1 for that of the run."""
    capacity_gmv: Sequence[float]
    """Analysis capacity: capital of one side, million dollars."""
    exposure_groups: Sequence[str]
    """Analysis exposures: categories of the panel whose net weights are shown."""
    keep_weights: bool
    """Return the weights of the overall book."""
    threads: int | None
    """Threads of a run; null: all the machine has."""


class RunOptions(MoreRunOptions, total=False):
    """Options of a run: docs/options.md."""

    byvar_list: Sequence[str]
    """Groups to report: overall, year, quarter, month, or any category of the panel."""
    fractile: Sequence[float]
    """Percent: short up to the first, long above the second."""
    weight: Literal["equal", "value", "volume", "rank", "signal"]
    """Weights within a side."""
    resid: bool | Literal["off", "industry", "factor", "all"]
    """The part of the signal that is removed first; true takes resid_style."""
    resid_style: Literal["industry", "factor", "all"]
    """The meaning of resid=true."""
    from_open: bool
    """Trade at the open and earn openret, not at the close."""
    mincos: int
    """Minimum number of stocks per side; with fewer a group is flat that day."""
    calc_turnover: bool
    """Compute turnover and costs."""
