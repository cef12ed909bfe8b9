# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Methodology section 8, the tables of `analysis`: quantiles, double_sort, exposures, drilldown, capacity and decay."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from .panel import EXPOSURES, Panel, value
from .ranking import ranks_against
from .tables import stats


class Section(NamedTuple):
    """The names of one return day, ascending."""

    names: list
    s: np.ndarray
    asof: list
    returns: list
    double_values: list
    ranks: np.ndarray  # against the names that each is ranked with; NaN: in no bin
    ranked: np.ndarray | int
    reference: np.ndarray


def bins_of(section: Section, k: int) -> list:
    bins = np.minimum(k, np.ceil(section.ranks * k / section.ranked))
    return [None if np.isnan(b) else int(b) for b in bins]


def scheme_sizes(section: Section, weight: str) -> np.ndarray:
    """How much each name counts in its cell; NaN for a name in none."""
    column = {"value": "mcap", "volume": "adv"}.get(weight)
    if column is None:
        return np.ones(len(section.names))
    sizes = np.array([value(row, column) or np.nan for row in section.asof], float)
    return np.where(sizes > 0, sizes, np.nan)


def ceil_bins(x: np.ndarray, k: int, reference: np.ndarray) -> np.ndarray:
    """The bin of each name by ceil(r k / m); 0 for all names without a reference."""
    r, m = ranks_against(x, reference)
    return np.minimum(k, np.ceil(r * k / m)).astype(int) if m else np.zeros(len(x), int)


def cell_books(section: Section, cells: list, weight: str) -> dict:
    """{cell: {name: weight}}; a name whose cell is None is in no book."""
    out: dict = {}
    for name, cell, x in zip(section.names, cells, scheme_sizes(section, weight), strict=True):
        if cell is not None and x > 0:
            out.setdefault(cell, {})[name] = float(x)
    totals = {cell: math.fsum(book.values()) for cell, book in out.items()}
    return {cell: {name: x / totals[cell] for name, x in book.items()} for cell, book in out.items()}


def earned(section: Section, book: dict) -> float:
    returns = dict(zip(section.names, section.returns, strict=True))
    return math.fsum(w * (returns[name] or 0.0) for name, w in book.items())


def quantiles(cfg: dict, panel: Panel, sections: dict, periods: float) -> dict:
    k = cfg["n_fractile"]
    exposures = list(cfg["factors"] or [x for x in EXPOSURES if x in panel.columns])
    books = {r: cell_books(sec, bins_of(sec, k), cfg["weight"]) for r, sec in sections.items()}
    daily = []
    for r, section in sections.items():
        rows_asof = dict(zip(section.names, section.asof, strict=True))
        for b, book in books[r].items():
            loads = {x: math.fsum(w * (value(rows_asof[name], x) or 0.0) for name, w in book.items()) for x in exposures}
            daily.append({"r": r, "bin": b, "ret": earned(section, book), "names": len(book), **loads})
    table = pd.DataFrame(daily, columns=["r", "bin", "ret", "names", *exposures])

    def turnover(b: int) -> float:
        held = sorted(r for r in books if b in books[r])
        if not held:
            return math.nan
        total = 0.0
        for r in range(held[0] + 1, held[-1] + 1):
            before, now = (books.get(n, {}).get(b, {}) for n in (r - 1, r))
            total += sum(abs(now.get(i, 0.0) - before.get(i, 0.0)) for i in {*before, *now}) / 2
        return total / (held[-1] - held[0] + 1)

    top, bottom = (table[table["bin"] == b].set_index("r") for b in (k, 1))
    both = top.index.intersection(bottom.index)
    spread = top.loc[both].drop(columns="bin") - bottom.loc[both].drop(columns="bin")
    spread["names"] = top.loc[both, "names"] + bottom.loc[both, "names"]
    series = {str(b): table[table["bin"] == b].set_index("r") for b in range(1, k + 1)} | {"top-bottom": spread}
    rows = []
    for name, days in series.items():
        st = stats(days["ret"].to_numpy(float), periods)
        traded = (turnover(1) + turnover(k)) / 2 if name == "top-bottom" else turnover(int(name))
        rows.append(
            {"bin": name, "ret": st["mean"], "ret_ann": periods * st["mean"], "std_ann": math.sqrt(periods) * st["std"],
             "sharpe": st["sharpe"], "t_nw": st["nw"], "names": days["names"].mean(), "turnover": traded,
             **{x: days[x].mean() for x in exposures}}
        )  # fmt: skip
    out = pd.DataFrame(rows)
    per_day = [
        {"date": panel.dates[r], "bin": name, "ret": series[name].loc[r, "ret"]}
        for r in sorted(sections)
        for name in series
        if r in series[name].index
    ]
    means = out["ret"].to_numpy()[:k]
    known = np.flatnonzero(~np.isnan(means))
    ranks = [pd.Series(x).rank().to_numpy() for x in (known, means[known])]
    pairs = [means[b + 1] > means[b] for b in range(k - 1) if not np.isnan(means[b] + means[b + 1])]
    with np.errstate(invalid="ignore", divide="ignore"):
        spearman = np.corrcoef(*ranks)[0, 1] if len(known) > 1 else math.nan
    shape = pd.DataFrame([{"spearman": spearman, "share_increasing": np.mean(pairs) if pairs else math.nan}])
    return {"quantiles": out, "quantile_daily": pd.DataFrame(per_day, columns=["date", "bin", "ret"]), "monotonicity": shape}


def double_sort(cfg: dict, sections: dict, periods: float) -> dict:
    k1, k2 = cfg["double_frac"], cfg["n_fractile"]
    by_day = {}
    for r, section in sections.items():
        known = np.array([i for i, x in enumerate(section.double_values) if x is not None], int)
        reference = section.reference[known]
        first = ceil_bins(np.array([float(section.double_values[i]) for i in known]), k1, reference)
        second = np.zeros(len(known), int)
        if cfg["double_style"] == "independent":
            second = ceil_bins(section.s[known], k2, reference)
        else:
            for b in np.unique(first):
                second[first == b] = ceil_bins(section.s[known][first == b], k2, reference[first == b])
        cells: list = [None] * len(section.names)
        for i, a, b in zip(known, first, second, strict=True):
            cells[i] = (int(a), int(b)) if a and b else None
        by_day[r] = {c: (earned(section, book), len(book)) for c, book in cell_books(section, cells, cfg["weight"]).items()}
    columns = [*range(1, k2 + 1), "high-low"]
    series: dict = {(a, b): [] for a in [*range(1, k1 + 1), "average"] for b in columns}
    for r in sorted(by_day):
        day = dict(by_day[r])
        for a in range(1, k1 + 1):
            if (a, k2) in day and (a, 1) in day:
                (high, n_high), (low, n_low) = day[(a, k2)], day[(a, 1)]
                day[(a, "high-low")] = (high - low, n_high + n_low)
        for b in columns:
            if all((a, b) in day for a in range(1, k1 + 1)):
                day[("average", b)] = tuple(np.mean([day[(a, b)] for a in range(1, k1 + 1)], axis=0))
        for cell, entry in day.items():
            series[cell].append(entry)
    rows = []
    for (a, b), days in series.items():
        st = stats(np.array([x for x, _ in days], float), periods)
        names = float(np.mean([n for _, n in days])) if days else 0.0
        rows.append(
            {"bin1": str(a), "bin2": str(b), "ret": st["mean"], "ret_ann": periods * st["mean"], "t_nw": st["nw"], "names": names}
        )
    return {"double_sort": pd.DataFrame(rows)}


def exposures(cfg: dict, panel: Panel, sections: dict, books: dict, daily: pd.DataFrame) -> dict:
    factors = list(cfg["factors"] or [x for x in EXPOSURES if x in panel.columns])
    out = daily[["date", *(f"x_{x}" for x in factors)]].rename(columns={f"x_{x}": x for x in factors})
    for category in cfg["exposure_groups"]:
        net: dict = {}
        for date in out["date"]:
            r = panel.number[date]
            for name, w in books.get(r, {}).items():
                code = value(panel.asof(name, r, cfg["characteristics_asof"]), category)
                days = net.setdefault(code, {})
                days[date] = days.get(date, 0.0) + w
        for code in [*sorted(c for c in net if c is not None), *([None] if None in net else [])]:
            label = "missing" if code is None else code if isinstance(code, str) else f"{code:g}"
            out[f"{category}={label}"] = out["date"].map(net[code]).fillna(0.0)
    return {"exposures": out.reset_index(drop=True)}


def drilldown(cfg: dict, panel: Panel, books: dict, daily: pd.DataFrame, drifted, earned_on) -> dict:
    rows = []
    for at, date in enumerate(daily["date"]):
        r = panel.number[date]
        now, before = books.get(r, {}), {} if at == 0 else books.get(r - 1, {})
        if cfg["drift"] and before:
            before = drifted(before, r - 1, panel, cfg)
        sold = [i for i in before if i not in now and before[i] != 0] if cfg["calc_turnover"] else []
        costs: dict = {}
        for trade in charged_trades(cfg, at, len(daily), before, now):
            for i, cost in trade_costs(cfg, panel, r, *trade).items():
                costs[i] = costs.get(i, 0.0) + cost
        for i in sorted([*now, *sold]):
            ret = earned_on(panel, i, r, cfg) if (i, r) in panel.rows else None
            w = now.get(i, 0.0)
            tc = costs.get(i, 0.0) if cfg["calc_turnover"] else math.nan
            rows.append((date, i, w, math.nan if ret is None else ret, w * (ret or 0.0), tc))
    return {"drilldown": pd.DataFrame(rows, columns=["date", "security_id", "weight", "ret", "contribution", "tc"])}


def charged_trades(cfg: dict, at: int, n_days: int, before: dict, now: dict) -> list:
    """The pairs of books that row `at` of the daily table pays for."""
    if not cfg["calc_turnover"]:
        return []
    trades = [] if at == 0 and not cfg["charge_entry_exit"] else [(before, now)]
    return [*trades, (now, {})] if cfg["charge_entry_exit"] and at == n_days - 1 else trades


def trade_costs(cfg: dict, panel: Panel, r: int, before: dict, now: dict) -> dict:
    mode = cfg["characteristics_asof"]
    changes = {i: abs(now.get(i, 0.0) - before.get(i, 0.0)) for i in set(before) | set(now)}
    changes = {i: x for i, x in changes.items() if x > 0}
    if cfg["tc_model"] == "naive":
        level = {"big": 2, "median": 5, "small": 10, **(cfg["tc_level"] or {})}
        size = {1: "big", 2: "median"}
        return {i: 1e-4 * x * level[size.get(panel.last_known(i, r, "cap", mode), "small")] for i, x in changes.items()}
    beta, alpha = cfg["tc_value"]
    rates = {}
    for i, x in changes.items():
        vol = panel.last_known(i, r, "vol", mode)
        adv, close = (panel.last_known(i, r, c, mode, positive=True) for c in ("adv", "close_adj"))
        if vol is not None and adv is not None and close is not None:
            rates[i] = beta * vol * (cfg["gmv_musd"] * 1e6 * x / adv) ** alpha / close
    return {i: x * rates.get(i, max(rates.values(), default=0.0)) for i, x in changes.items()}


def capacity(cfg: dict, panel: Panel, books: dict, daily: pd.DataFrame, priced, drifted, periods: float) -> dict:
    """`priced(cfg)`: the daily table of the same books at other costs."""
    shares = []
    for at, date in enumerate(daily["date"]):
        r = panel.number[date]
        now, before = books.get(r, {}), {} if at == 0 else books.get(r - 1, {})
        if cfg["drift"] and before:
            before = drifted(before, r - 1, panel, cfg)
        for old, new in charged_trades(cfg, at, len(daily), before, now):
            for i in sorted(set(new) | set(old)):
                change = abs(new.get(i, 0.0) - old.get(i, 0.0))
                adv = panel.last_known(i, r, "adv", cfg["characteristics_asof"], positive=True)
                if change > 1e-12 and adv is not None:
                    shares.append(change / adv)
    p95 = float(np.quantile(shares, 0.95)) if shares else math.nan

    def net(gmv: float) -> np.ndarray:
        return priced({**cfg, "tc_model": "power_law", "gmv_musd": gmv})["ret_net"].to_numpy(float)

    def cost(gmv: float) -> np.ndarray:
        return priced({**cfg, "tc_model": "power_law", "gmv_musd": gmv})["tc"].to_numpy(float)

    rows = []
    for gmv in cfg["capacity_gmv"]:
        st = stats(net(gmv), periods)
        tc = cost(gmv).mean() if len(daily) else math.nan
        rows.append({"gmv_musd": gmv, "tc_ann": periods * tc, "ret_net_ann": periods * st["mean"], "sharpe_ret_net": st["sharpe"],
                     "participation_p95": gmv * 1e6 * p95, "days_to_trade_p95": gmv * 1e7 * p95})  # fmt: skip
    unit = cost(1.0)
    ret = daily["ret"].to_numpy(float)
    fee = daily["borrow"].to_numpy(float) if "borrow" in daily else np.zeros(len(ret))
    sharpe = stats(ret, periods)["sharpe"]

    def meet(function, target: float) -> float:
        at = np.geomspace(1e-3, 1e7, 2)
        low, high = at
        if not (function(low) > target > function(high)):
            return math.nan
        for _ in range(60):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if function(middle) > target else (low, middle)
        return math.sqrt(low * high)

    def scaled(gmv: float) -> dict:
        return stats(ret - fee - gmv ** cfg["tc_value"][1] * unit, periods)

    half = meet(lambda g: scaled(g)["sharpe"], sharpe / 2) if sharpe > 0 else math.nan
    even = meet(lambda g: scaled(g)["mean"], 0.0) if len(ret) else math.nan
    return {"capacity": pd.DataFrame(rows), "capacity_musd": pd.DataFrame([{"half_sharpe": half, "break_even": even}])}


def decay(cfg: dict, sections: dict, run_later) -> dict:
    """`run_later(h)`: (summary row, mean and t_stat_nw of ic) of the run with h-1 more days of lag; None if it has no used row."""
    signals = {r: pd.Series(section.s, index=section.names) for r, section in sections.items()}

    def autocorrelation(h: int) -> float:
        out = []
        for r, a in signals.items():
            b = signals.get(r + h)
            common = a.index.intersection(b.index) if b is not None else []
            if len(common) < 10:
                continue
            x, y = (2 * side[common].rank().to_numpy() - len(common) - 1 for side in (a, b))
            if x.any() and y.any():
                out.append((x @ y) / math.sqrt((x @ x) * (y @ y)))
        return float(np.mean(out)) if out else math.nan

    rows = []
    for h in cfg["horizons"]:
        later = run_later(h)
        summary, ic = later or ({}, {})
        rows.append({"horizon": h, "ic": ic.get("mean", math.nan), "ic_t_nw": ic.get("t_stat_nw", math.nan),
                     **{x: summary.get(x, math.nan) for x in ("ret_ann", "sharpe_ret", "turnover")},
                     "rank_autocorrelation": autocorrelation(h)})  # fmt: skip
    one = autocorrelation(1)
    half_life = math.log(0.5) / math.log(one) if 0 < one < 1 else math.nan
    return {"decay": pd.DataFrame(rows), "decay_half_life": pd.DataFrame([{"half_life": half_life}])}
