# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""One backtest, day by day, name by name."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .align import Refused, align, in_universe
from .analyses import Section, capacity, decay, double_sort, drilldown, quantiles
from .analyses import exposures as exposure_table
from .book import residualize, sides_of, weights_of
from .panel import EXPOSURES, Panel, value
from .ranking import ranks_against
from .tables import calendar_label, finish_daily, stats, summary_row

DEFAULTS = dict(
    byvar_list=("overall",), fractile=(10, 90), weight="equal", resid="off", from_open=False, mincos=10,
    calc_turnover=True, lag=0, method="long_short", input_type="value", sort_method="single", double_var=None,
    double_frac=3, upper_pct=95, tc_model="naive", tc_level=None, tc_value=(0.35, 0.4), gmv_musd=10, drift=False,
    lookahead="warn", characteristics_asof="previous_day", universe=None, hold_days=1, analysis=(), n_fractile=10,
    periods_per_year=None, horizons=(1, 2, 3, 5, 10, 21), capacity_gmv=(1, 3, 10, 30, 100, 300, 1000, 3000), exposure_groups=(),
    double_style="dependent",
    max_weight=1, rank_within=None, breakpoints=None, exit_fractile=None, overlap=1, borrow_bps=None,
    delisting_return=0, factors=None, neutralize_weight="equal", charge_entry_exit=False, bad_open="drop",
    is_strict=False,  # raise Unsure if a residual is
)  # fmt: skip
CALENDAR = ("year", "quarter", "month")


@dataclass
class OracleResult:
    summary: pd.DataFrame
    daily: pd.DataFrame
    daily_by_group: pd.DataFrame
    weights: pd.DataFrame
    diagnostics: dict
    ic: pd.DataFrame | None = None
    ic_summary: dict | None = None
    fractile: pd.DataFrame | None = None
    coverage: pd.DataFrame | None = None
    coverage_unique: int | None = None
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


@dataclass
class Portfolio:
    byvar: str
    group: object
    books: dict[int, dict] = field(default_factory=dict)  # by day: formed, then held
    first: int | None = None  # days of the table
    last: int | None = None

    def hold(self, panel: Panel, cfg: dict) -> None:
        """Methodology section 13, overlap: the mean of the formed books of the last K days."""
        formed = {r: b for r, b in self.books.items() if b}
        if not formed:
            return
        k = cfg["overlap"]
        self.first, self.last = min(formed) + k - 1, max(formed)
        if k == 1:
            return
        self.books = {}
        for n in range(self.first, self.last + 1):
            w: dict = {}
            for r in range(n - k + 1, n + 1):
                for i, x in formed.get(r, {}).items():
                    w[i] = w.get(i, 0.0) + x / k
            self.books[n] = {i: x for i, x in w.items() if abs(x) >= 1e-12 and is_tradable(panel, i, n, cfg)}


def run(panel_frame, signal, sigvar="signal", start_date=None, end_date=None, panel=None, **config) -> OracleResult:
    # One rule of the methodology after the other, so that both can be read side by side.
    cfg = {**DEFAULTS, **config}
    panel = panel or Panel(panel_frame)
    periods = cfg["periods_per_year"] or panel.periods_per_year
    inside = [
        n
        for n, d in enumerate(panel.dates)
        if (start_date is None or d >= pd.Timestamp(start_date)) and (end_date is None or d <= pd.Timestamp(end_date))
    ]
    used, counts = align(panel, signal, sigvar, inside[0], inside[-1], cfg)
    ret_column = "openret" if cfg["from_open"] else "ret"
    res_column = "resopenret" if cfg["from_open"] else "resret"
    mode = cfg["characteristics_asof"]
    counts.update(missing_return=0, left_panel=0, missing_weight=0, missing_double_var=0, unknown_cost=0)
    counts.update(missing_rank_within=0, one_sided_category=0)
    categories = [b for b in cfg["byvar_list"] if b != "overall" and b not in CALENDAR]
    counts["missing_group"] = {b: 0 for b in categories}
    portfolios = {("overall", "overall"): Portfolio("overall", "overall")}
    days: dict[int, list[int]] = {}
    for security, r in used:
        days.setdefault(r, []).append(security)
    ic_rows, bin_rows, coverage_rows = [], [], []
    sections: dict[int, Section] = {}
    for r in sorted(days):
        names = sorted(days[r])
        s = np.array([used[(i, r)][0] for i in names])
        if cfg["resid"] != "off":
            s = residualize(s, [used[(i, r)][1] for i in names], cfg)
        asof = [panel.asof(i, r, mode) for i in names]
        returns = [earned(panel, i, r, cfg) for i in names]
        counts["missing_return"] += sum(value(panel.rows[(i, r)], ret_column) is None for i in names)
        double_values = [value(a, cfg["double_var"]) if cfg["double_var"] else None for a in asof]
        if cfg["sort_method"] == "double":
            counts["missing_double_var"] += sum(x is None for x in double_values)

        within = [value(a, cfg["rank_within"]) if cfg["rank_within"] else None for a in asof]
        if cfg["rank_within"]:
            counts["missing_rank_within"] += sum(x is None for x in within)
        reference = np.array([cfg["breakpoints"] is None or in_universe(a, cfg["breakpoints"]) for a in asof])

        def book(key, select, r=r, names=names, s=s, asof=asof, double_values=double_values, within=within, reference=reference):
            part = [names[k] for k in select]
            before = portfolios[key].books.get(r - 1, {})
            held = np.array([np.sign(before.get(i, 0.0)) for i in part])
            of = [double_values[k] for k in select], [within[k] for k in select]
            sides, sizes, rank, m, one_sided = sides_of(s[select], *of, reference[select], held, cfg)
            weights, without = weights_of(part, sides, sizes, [asof[k] for k in select], cfg)
            portfolios[key].books[r] = weights
            return without, rank, m, one_sided

        everything = np.arange(len(names))
        without, ranks, ranked, one_sided = book(("overall", "overall"), everything)
        counts["missing_weight"] += without
        counts["one_sided_category"] += len(one_sided)
        for byvar in categories:
            groups = [value(a, byvar) for a in asof]
            counts["missing_group"][byvar] += sum(g is None for g in groups)
            for g in {g for g in groups if g is not None}:
                select = np.array([k for k in everything if groups[k] == g])
                portfolios.setdefault((byvar, g), Portfolio(byvar, g))
                book((byvar, g), select)
        if cfg["input_type"] == "value" and cfg["sort_method"] == "double":  # the bins of the tables know of no double sort
            ranks, ranked = ranks_against(s, reference)
            ranks = ranks if ranked else ranks * np.nan
        sections[r] = Section(names, s, asof, returns, double_values, ranks, ranked, reference)
        analyse(cfg, panel, r, names, s, asof, returns, ranks, ranked, ic_rows, bin_rows, coverage_rows)
    for portfolio in portfolios.values():
        portfolio.hold(panel, cfg)
    for r, book_of_day in portfolios[("overall", "overall")].books.items():
        if r + 1 < len(panel.dates):
            counts["left_panel"] += sum(panel.days[i][-1] == r for i in book_of_day)
    exposures = list(cfg["factors"] or [k for k in EXPOSURES if k in panel.columns])
    daily = {}
    for key, portfolio in portfolios.items():
        daily[key] = daily_table(portfolio, panel, cfg, res_column, exposures, counts)
    overall = daily[("overall", "overall")]
    rows = [summary_row("overall", "overall", overall, exposures, periods)]
    tables = [("overall", "overall", overall)]
    for byvar in cfg["byvar_list"]:
        if byvar in CALENDAR:
            labels = overall["date"].map(lambda d, byvar=byvar: calendar_label(d, byvar))
            for label in sorted(labels.unique()):
                rows.append(summary_row(byvar, label, overall[labels == label], exposures, periods))
        elif byvar != "overall":
            for key in sorted((k for k in portfolios if k[0] == byvar), key=lambda k: k[1]):
                label = key[1] if isinstance(key[1], str) else str(int(key[1]))
                rows.append(summary_row(byvar, label, daily[key], exposures, periods))
                tables.append((byvar, label, daily[key]))
    by_group = [t.assign(byvar=b, group=g) for b, g, t in tables if len(t)]
    book_rows = [
        (panel.dates[r], i, w) for r, b in sorted(portfolios[("overall", "overall")].books.items()) for i, w in sorted(b.items())
    ]
    result = OracleResult(
        pd.DataFrame(rows), overall, pd.concat(by_group) if by_group else overall,
        pd.DataFrame(book_rows, columns=["date", "security_id", "weight"]), counts,
    )  # fmt: skip
    finish_analysis(cfg, result, ic_rows, bin_rows, coverage_rows, exposures, used)
    whole = portfolios[("overall", "overall")]

    def priced(other: dict) -> pd.DataFrame:
        return daily_table(whole, panel, other, res_column, exposures, dict(counts))

    def run_later(h: int):
        later = {**config, "lag": cfg["lag"] + h - 1, "analysis": ["ic"], "byvar_list": ["overall"]}
        try:
            out = run(panel_frame, signal, sigvar, start_date, end_date, panel, **later)
        except Refused:
            return None
        return out.summary.iloc[0].to_dict(), out.ic_summary

    asked = cfg["analysis"]
    if "quantiles" in asked:
        result.tables.update(quantiles(cfg, panel, sections, periods))
    if "double_sort" in asked:
        result.tables.update(double_sort(cfg, sections, periods))
    if "exposures" in asked:
        result.tables.update(exposure_table(cfg, panel, sections, whole.books, overall))
    if "drilldown" in asked:
        result.tables.update(drilldown(cfg, panel, whole.books, overall, drifted, earned))
    if "capacity" in asked:
        result.tables.update(capacity(cfg, panel, whole.books, overall, priced, drifted, periods))
    if "decay" in asked:
        result.tables.update(decay(cfg, sections, run_later))
    return result


def is_tradable(panel: Panel, i: int, n: int, cfg: dict) -> bool:
    if (i, n) not in panel.rows:
        return False
    x = value(panel.rows[(i, n)], "openret")
    return not (cfg["from_open"] and cfg["bad_open"] == "drop" and x is not None and x <= -0.95)


def earned(panel: Panel, i: int, n: int, cfg: dict) -> float | None:
    """The return of a name held on n, with the delisting return behind its last."""
    row = panel.rows[(i, n)]
    r = value(row, "openret" if cfg["from_open"] else "ret")
    if panel.days[i][-1] != n or n == len(panel.dates) - 1:
        return r
    d = value(row, "delist_ret")
    d = cfg["delisting_return"] if d is None else d
    return r if d == 0 else (1 + (r or 0.0)) * (1 + d) - 1


def drifted(book: dict, r: int, panel: Panel, cfg: dict) -> dict:
    grown = {i: w * (1 + (earned(panel, i, r, cfg) or 0.0)) for i, w in book.items()}
    if cfg["drift"] == "book":
        level = 1 + sum(w * (earned(panel, i, r, cfg) or 0.0) for i, w in book.items())
        return {i: g / level for i, g in grown.items()} if level > 0 else book
    out = {}
    for side in (1, -1):
        total = side * sum(g for i, g in grown.items() if book[i] * side > 0)
        for i, w in book.items():
            if w * side > 0:
                out[i] = grown[i] / total if total > 0 else w
    return out


def trade(before: dict, now: dict, r: int, panel: Panel, cfg: dict) -> tuple[float, float, int]:
    mode = cfg["characteristics_asof"]
    level = {"big": 2, "median": 5, "small": 10, **(cfg["tc_level"] or {})}
    traded = cost = 0.0
    unknown, rates = [], [0.0]
    for i in sorted(set(before) | set(now)):
        change = abs(now.get(i, 0.0) - before.get(i, 0.0))
        if change == 0:
            continue
        traded += change
        if cfg["tc_model"] == "naive":
            cap = panel.last_known(i, r, "cap", mode)
            cost += change * 1e-4 * level[{1: "big", 2: "median"}.get(cap, "small")]
            continue
        beta, alpha = cfg["tc_value"]
        vol = panel.last_known(i, r, "vol", mode)
        adv = panel.last_known(i, r, "adv", mode, positive=True)
        close = panel.last_known(i, r, "close_adj", mode, positive=True)
        if vol is None or adv is None or close is None:
            unknown.append(change)
            continue
        rates.append(beta * vol * (cfg["gmv_musd"] * 1e6 * change / adv) ** alpha / close)
        cost += rates[-1] * change
    return traded, cost + max(rates) * sum(unknown), len(unknown)


def has_borrow(panel: Panel, cfg: dict) -> bool:
    if cfg["method"] != "long_short" or cfg["borrow_bps"] == 0:
        return False
    return cfg["borrow_bps"] is not None or "borrow_bps" in panel.columns


def borrow(book: dict, r: int, panel: Panel, cfg: dict) -> float:
    fee = 0.0
    for i, w in book.items():
        known = value(panel.asof(i, r, cfg["characteristics_asof"]), "borrow_bps")
        bps = known if known is not None and known >= 0 else cfg["borrow_bps"] or 0.0
        fee += max(-w, 0.0) * bps / 1e4 / (cfg["periods_per_year"] or panel.periods_per_year)
    return fee


def daily_table(portfolio, panel, cfg, res_column, exposures, counts) -> pd.DataFrame:
    columns = ["date", "ret", "resret", "ret_l", "ret_s", "numcos_l", "numcos_s", "traded", "turnover", "tc", "borrow"]
    rows = []
    gross = 1 if cfg["method"] == "long_only" else 2
    with_fee = has_borrow(panel, cfg)
    first, last = portfolio.first, portfolio.last
    for r in range(first, last + 1) if first is not None else []:
        book = portfolio.books.get(r, {})
        row = dict.fromkeys([f"x_{k}" for k in exposures], 0.0)
        row.update(date=panel.dates[r], ret_l=0.0, ret_s=0.0, resret=0.0 if res_column in panel.columns else np.nan)
        row["numcos_l"] = sum(w > 0 for w in book.values())
        row["numcos_s"] = sum(w < 0 for w in book.values())
        for i, w in book.items():
            row["ret_l" if w > 0 else "ret_s"] += w * (earned(panel, i, r, cfg) or 0.0)
            row["resret"] += w * (value(panel.rows[(i, r)], res_column) or 0.0)
            characteristics = panel.asof(i, r, cfg["characteristics_asof"])
            for k in exposures:
                row[f"x_{k}"] += w * (value(characteristics, k) or 0.0)
        row["ret"] = row["ret_l"] + row["ret_s"]
        row["traded"] = row["tc"] = row["borrow"] = 0.0 if cfg["calc_turnover"] else np.nan
        if cfg["calc_turnover"]:
            trades = []  # from one book to another
            if r > first:
                before = portfolio.books.get(r - 1, {})
                trades.append((drifted(before, r - 1, panel, cfg) if cfg["drift"] else before, book))
            elif cfg["charge_entry_exit"]:
                trades.append(({}, book))
            if r == last and cfg["charge_entry_exit"]:
                trades.append((book, {}))
            for trade_of in trades:
                traded, cost, unknown = trade(*trade_of, r, panel, cfg)
                row["traded"] += traded
                row["tc"] += cost
                if portfolio.byvar == "overall":
                    counts["unknown_cost"] += unknown
            row["borrow"] = borrow(book, r, panel, cfg) if with_fee else 0.0
        row["turnover"] = row["traded"] / (2 * gross)
        rows.append(row)
    daily = finish_daily(pd.DataFrame(rows, columns=columns + [f"x_{k}" for k in exposures]))
    return daily if with_fee else daily.drop(columns="borrow")


def analyse(cfg, panel, r, names, s, asof, returns, ranks, ranked, ic_rows, bin_rows, coverage_rows) -> None:
    date = panel.dates[r]
    if "coverage" in cfg["analysis"]:
        coverage_rows.append((date, len(names), len(names) / panel.names_on[r]))
    if "ic" in cfg["analysis"]:
        known = [k for k, x in enumerate(returns) if x is not None]
        a = pd.Series([s[k] for k in known])
        b = pd.Series([returns[k] for k in known], dtype=float)
        if len(known) >= 10 and a.min() < a.max() and b.min() < b.max():
            x, y = (
                2 * ranked.rank().to_numpy() - len(known) - 1 for ranked in (a, b)
            )  # whole numbers: a rank correlation of 0 is 0
            ic_rows.append((date, (x @ y) / np.sqrt((x @ x) * (y @ y)), len(known)))
    if "fractile" in cfg["analysis"]:
        bins = np.minimum(cfg["n_fractile"], np.ceil(ranks * cfg["n_fractile"] / ranked))
        for b in np.unique(bins[~np.isnan(bins)]):
            inside = np.flatnonzero(bins == b)
            row = {"r": r, "bin": int(b), "names": len(inside), "ret": np.mean([returns[k] or 0.0 for k in inside])}
            for x in cfg["factors"] or EXPOSURES:
                if x in panel.columns:
                    row[x] = np.mean([value(asof[k], x) or 0.0 for k in inside])
            bin_rows.append(row)


def finish_analysis(cfg, result, ic_rows, bin_rows, coverage_rows, exposures, used) -> None:
    if "ic" in cfg["analysis"]:
        result.ic = pd.DataFrame(ic_rows, columns=["date", "ic", "names"])
        st = stats(result.ic["ic"].to_numpy(float))
        result.ic_summary = {
            "mean": st["mean"], "std": st["std"], "icir": st["mean"] / st["std"] if st["std"] >= 1e-15 else np.nan,
            "t_stat": st["t"], "t_stat_nw": st["nw"], "hit_rate": (result.ic["ic"] > 0).mean() if len(result.ic) else np.nan,
        }  # fmt: skip
    if "coverage" in cfg["analysis"]:
        result.coverage = pd.DataFrame(coverage_rows, columns=["date", "names", "share"])
        result.coverage_unique = len({i for i, _ in used})
    if "fractile" in cfg["analysis"]:
        table = pd.DataFrame(bin_rows, columns=["r", "bin", "names", "ret", *exposures])
        columns = ["ret", "names", *exposures]
        rows = []
        for b in range(1, cfg["n_fractile"] + 1):
            part = table[table["bin"] == b]
            rows.append({"bin": str(b), **{c: part[c].mean() for c in columns}})
        top = table[table["bin"] == cfg["n_fractile"]].set_index("r")[columns]
        bottom = table[table["bin"] == 1].set_index("r")[columns]
        both = top.index.intersection(bottom.index)
        spread = (top.loc[both] - bottom.loc[both]).mean()
        spread["names"] = (top.loc[both, "names"] + bottom.loc[both, "names"]).mean()
        rows.append({"bin": "top-bottom", **spread.to_dict()})
        result.fractile = pd.DataFrame(rows)
