# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Regressions of returns: the coefficients of a signal over time, and the factors of a book's returns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fractile.errors import ConfigError
from fractile.frames import table_to_frame

_WHOLE = ("periods", "names")


def regression_arguments(
    sigvar: str | Sequence[str],
    controls: Sequence[str],
    standardize: bool,
    winsorize: float | None,
    lags: int | None,
    min_names: int | None,
) -> tuple[list[str], tuple[Any, ...]]:
    """Names of the value columns, and the options of a Fama-MacBeth regression as the engine takes them."""
    if isinstance(controls, str):
        raise ConfigError(
            f"INVALID_VALUE: expected controls as a list of panel columns, found {controls!r}. Write [{controls!r}].",
            "INVALID_VALUE",
        )
    for name, value in (("lags", lags), ("min_names", min_names)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0):
            raise ConfigError(
                f"INVALID_VALUE: expected {name} as a whole number of 0 or more, found {value!r}. None is the default.",
                "INVALID_VALUE",
            )
    names = [sigvar] if isinstance(sigvar, str) else list(sigvar)
    options = (list(controls), bool(standardize), float(winsorize or 0.0), -1 if lags is None else int(lags), int(min_names or 0))
    return names, options


class FamaMacBeth:
    """The mean coefficients of a regression per day; docs/how_to_regressions.md says what each is."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body

    @property
    def table(self) -> pd.DataFrame:
        """One row per coefficient: name, mean, se, t, se_nw, t_nw, periods; the intercept first, dummies left out."""
        return table_to_frame(self._body["table"], texts=("name",), wholes=_WHOLE)

    @property
    def daily(self) -> pd.DataFrame:
        """One row per day with a regression: date, names, r2, and each coefficient."""
        return table_to_frame(self._body["daily"], wholes=_WHOLE)

    @property
    def mean_names(self) -> float:
        """Mean number of names of a day."""
        return float(self._body["mean_names"])

    @property
    def mean_r2(self) -> float:
        """Mean R2 of the days, weighted as the regression is."""
        value = self._body["mean_r2"]
        return float("nan") if value is None else float(value)

    @property
    def left_out(self) -> int:
        """Days with a signal and without a regression: `few_names` plus `singular`."""
        return int(self._body["left_out"])

    @property
    def few_names(self) -> int:
        """Days with fewer names than min_names."""
        return int(self._body["few_names"])

    @property
    def singular(self) -> int:
        """Days with collinear regressors."""
        return int(self._body["singular"])

    @property
    def snapshot(self) -> str:
        """Id of the snapshot."""
        return str(self._body["snapshot"])

    @property
    def config(self) -> dict[str, Any]:
        """The options of the regression."""
        return dict(self._body["config"])

    def to_json(self) -> str:
        """The body that ``POST /fama_macbeth?orient=split`` answers; NaN is null."""
        return json.dumps(self._body)

    def plot(self, path: str | None = None) -> Any:
        """Draws the running sum of each signal's coefficients with matplotlib; saves to `path` (.png, .pdf, .svg) if it is given."""
        from fractile.plot import check_path, new_page

        check_path(path)
        page = new_page((9, 4))
        axes = page.subplots()
        daily = self.daily
        for name in self.table["name"][1:]:
            axes.plot(daily["date"], daily[name].cumsum(), linewidth=1.2, label=str(name))
        axes.axhline(0.0, color="#8a8f98", linewidth=0.8)
        axes.set_title("running sum of daily coefficients", loc="left", fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        if path is not None:
            page.savefig(path, dpi=130)
        return page

    def __repr__(self) -> str:
        strongest = ", ".join(f"{row.name}: t_nw={row.t_nw:.2f}" for row in self.table[1:].itertuples(index=False))
        return f"FamaMacBeth({strongest}, days={len(self.daily)}, mean_names={self.mean_names:.0f}, left_out={self.left_out})"

    def _repr_html_(self) -> str:
        return f"{self.table.to_html(index=False)}<p>{self.mean_names:.0f} names a day, mean R2 {self.mean_r2:.4f}, {self.left_out} days left out</p>"

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        return FamaMacBeth, (self._body,)
