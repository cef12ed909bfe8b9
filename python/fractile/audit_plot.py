# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The profile of an audit as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fractile.errors import ConfigError
from fractile.plot import check_path

if TYPE_CHECKING:
    from fractile.audit import SignalAudit

_KNOWN, _UNTRADABLE, _EARNED, _INK, _GREY = "#8a8f98", "#b03a48", "#1f5fa8", "#2b2f36", "#5f6670"


def plot_profile(audit: SignalAudit, path: str | None = None) -> Any:
    """Bars of IC(k): returns that are known, that nobody can earn, and that a book earns.

    Raises:
        ConfigError: matplotlib is not installed, or the file's ending is another one.
    """
    check_path(path)
    try:
        from fractile.figure import Page
    except ImportError:
        raise ConfigError(
            "INVALID_VALUE: expected matplotlib to draw with, found none. Install it: pip install matplotlib.", "INVALID_VALUE"
        ) from None
    profile = audit.profile
    k, ic, t = (profile[name].to_numpy() for name in ("k", "ic", "t_nw"))
    figure = Page(figsize=(9, 4), layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.set_label("profile")
    axes.set_title(
        f"rank correlation with the return of period k   ·   verdict: {audit.verdict}", loc="left", fontsize=10, color=_INK
    )
    kinds = (
        ("past", k < audit.first_k - 1, _KNOWN),
        ("before the first that can be earned", k == audit.first_k - 1, _UNTRADABLE),
        ("can be earned", k >= audit.first_k, _EARNED),
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.where(np.isfinite(t) & (t != 0), np.abs(ic / t), 0.0)
    for label, chosen, colour in kinds:
        shown = chosen & np.isfinite(ic)
        axes.bar(k[shown], ic[shown], color=colour, label=label, width=0.7)
        axes.errorbar(k[shown], ic[shown], yerr=1.96 * error[shown], fmt="none", ecolor=_INK, lw=0.8)
    axes.axhline(0, color=_GREY, lw=0.8)
    axes.set_xticks(k)
    axes.set_xlabel("k, periods of the panel from that of the signal", fontsize=9, color=_GREY)
    axes.tick_params(labelsize=8.5, colors=_INK, length=0)
    axes.spines[:].set_visible(False)
    axes.legend(frameon=False, fontsize=8.5)
    if path is not None:
        figure.savefig(path, dpi=130)
    return figure
