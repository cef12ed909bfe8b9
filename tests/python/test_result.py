# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The contents of a result, which survive JSON and pickle to the bit."""

from __future__ import annotations

import importlib.util
import json
import pathlib
import pickle
import re
import sys

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile import _core
from fractile.result import BacktestResult
from fractile.wire import WireResult
from oracle.markets import make_panel, make_signal
from support.changed_markets import ALL_ANALYSES

TABLES = [table["name"] for table in _core.result_tables()]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    root = tmp_path_factory.mktemp("result")
    fractile.create_snapshot("v1", make_panel(6), root=root)
    return fractile.BacktestService.get("v1", root=root)


@pytest.fixture(scope="module")
def rows():
    return make_signal(make_panel(6), 6, messy=False)


@pytest.fixture(scope="module")
def full(service, rows) -> BacktestResult:
    options = {"byvar_list": ["overall", "month", "cap", "country"], "horizons": [1, 3]}
    options["analysis"] = ALL_ANALYSES
    options["double_var"] = "score"
    options["borrow_bps"] = 50
    return service.run(rows, mincos=2, keep_weights=True, **options)


def equal(one: BacktestResult, other: BacktestResult) -> None:
    for name in TABLES:
        left, right = one._table(name), other._table(name)
        if left.empty and not len(left.columns):
            assert not len(right.columns), name
        else:
            pd.testing.assert_frame_equal(left, right, check_exact=True, obj=name)
    assert one.coverage_unique == other.coverage_unique
    for name in ("diagnostics", "config", "run_id", "snapshot", "elapsed_seconds", "timings"):
        assert getattr(one, name) == getattr(other, name), name


def test_pickle_keeps_every_bit(full):
    equal(full, pickle.loads(pickle.dumps(full)))


def test_split_json_reads_back_to_the_bit(full):
    equal(full, BacktestResult(WireResult(json.loads(full.to_json("split")))))


def test_a_result_without_days_reads_back(service):
    one_row = pd.DataFrame({"security_id": make_panel(6)["security_id"].head(1), "date_sig": "2020-01-08", "signal": 1.0})
    empty = service.run(one_row)
    assert len(empty.daily) == 0
    again = pickle.loads(pickle.dumps(empty))
    equal(empty, again)
    assert "nan" in repr(again)
    assert "Sharpe" in again._repr_html_()


def test_records_and_split_hold_the_same(full):
    records, split = json.loads(full.to_json()), json.loads(full.to_json("split"))
    assert records == full.to_dict()
    assert records == json.loads(pickle.loads(pickle.dumps(full)).to_json())
    for name in ("summary", "daily", "weights"):
        assert list(records[name][0]) == split[name]["columns"]
        assert [list(row.values()) for row in records[name]] == [list(row) for row in zip(*split[name]["data"])]


def test_numbers_of_overall_and_tables_agree(full):
    summary, daily, turnover, tc = full
    assert (full.sharpe, full.annual_return, full.max_drawdown, full.turnover_mean) == tuple(
        summary.loc[0, ["sharpe_ret", "ret_ann", "maxdd", "turnover"]]
    )
    pd.testing.assert_series_equal(daily["turnover"], turnover["turnover"])
    np.testing.assert_array_equal(daily["ret"] - (tc["tc"] + daily["borrow"]), daily["ret_net"])
    held = full.weights.groupby("date")["weight"]
    np.testing.assert_allclose(held.sum(), 0, atol=1e-12)
    np.testing.assert_allclose(held.apply(lambda w: w.abs().sum()), 2, atol=1e-12)
    counts = full.diagnostics
    assert counts["rows_given"] >= counts["rows_used"] > 0


def test_tables_are_the_users_to_change(full):
    daily = full.daily
    assert full.daily is daily
    copy = pickle.loads(pickle.dumps(full))
    copy.daily.loc[0, "ret"] = 5.0
    assert copy.daily["ret"].iloc[0] == 5.0
    assert daily["ret"].iloc[0] != 5.0


def test_reprs_are_short_and_plain(full):
    assert len(repr(full)) < 200
    assert full.run_id[:12] in repr(full)
    page = full._repr_html_()
    assert page.count("<tr") == 1 + len(full.summary)
    assert full.snapshot in page


def test_a_page_without_matplotlib_has_no_picture(full, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.layout_engine", None)
    page = full._repr_html_()
    assert "<img" not in page and page.count("<tr") == 1 + len(full.summary)


def sections(page: str) -> dict[str, str]:
    """Text by heading."""
    parts = re.split(r"^#+ (.*)$", page, flags=re.MULTILINE)
    return {heading: text.strip() for heading, text in zip(parts[1::2], parts[2::2])}


def read_table(text: str) -> list[list[str]]:
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows if not row.startswith("|--")]


def test_markdown_shows_the_overall_book_and_what_is_unusual(service, rows, own_ledger):
    result = service.run(rows, mincos=2, lag=1, byvar_list=["overall", "month"], study="ideas")
    page = result.to_markdown()
    title, warnings_title, study, options = found = sections(page)
    days = result.daily["date"]
    assert title == f"Backtest on v1, {days.iloc[0]:%Y-%m-%d} to {days.iloc[-1]:%Y-%m-%d}"
    cells = {row[0]: row[1:] for row in read_table(found[title])}
    overall = result.summary.iloc[0]
    assert cells["Sharpe ratio"] == [f"{overall['sharpe_ret']:.2f}", f"{overall['sharpe_ret_net']:.2f}"]
    assert cells["95 % interval"] == ["{:.2f} to {:.2f}".format(*result.sharpe_interval), ""]
    assert cells["max drawdown"] == [f"{overall['maxdd']:.2%}", f"{overall['maxdd_net']:.2%}"]
    assert f"{overall['num_date']} periods" in found[title] and result.run_id in found[title]
    assert warnings_title == "Warnings" and found["Warnings"].count("\n- ") + 1 == len(result.diagnostics["warnings"])
    assert study == "Study ideas" and found[study].startswith(result.deflation()["text"]) and "after costs" in found[study]
    assert options == "Options other than the defaults"
    assert read_table(found[options])[1:] == [["byvar_list", '`["overall", "month"]`'], ["lag", "`1`"], ["mincos", "`2`"]]
    assert len(page) < 2000


def test_markdown_leaves_out_what_is_absent(service, rows):
    one_row = pd.DataFrame({"security_id": make_panel(6)["security_id"].head(1), "date_sig": "2020-01-08", "signal": 1.0})
    empty = service.run(one_row)
    found = sections(empty.to_markdown())
    assert list(found) == ["Backtest on v1, no position on any day", "Warnings"]
    assert read_table("\n".join(found.values())) == [] and "nan" not in empty.to_markdown()
    without_costs = service.run(rows, mincos=2, calc_turnover=False).to_markdown()
    assert "nan" not in without_costs and "turnover" not in sections(without_costs)[next(iter(sections(without_costs)))]
    assert pickle.loads(pickle.dumps(empty)).to_markdown() == empty.to_markdown()


def test_markdown_escapes_foreign_text(full):
    body = json.loads(full.to_json("split"))
    evil = "<img src=x> | `code` [a](b)\n# title"
    body["diagnostics"]["warnings"], body["config"]["weight"], body["snapshot"] = [evil], evil, evil
    page = BacktestResult(WireResult(body)).to_markdown()
    assert len([line for line in page.splitlines() if line.startswith("#")]) == 3
    assert r"\<img src=x> \| \`code\` \[a\](b) # title" in page
    options = read_table(sections(page)["Options other than the defaults"])
    assert ["weight", r"`` <img src=x> \| `code` [a](b) # title ``"] in options
    assert "<img src=x>" not in BacktestResult(WireResult(body))._repr_html_()


KINDS = {"real": "f", "whole": "i", "date": "M", "security": "i"}


@pytest.mark.parametrize("table", _core.result_tables(), ids=lambda table: table["name"])
def test_a_table_has_the_columns_that_its_declaration_lists(full, table):
    frame = full._table(table["name"])
    declared = [column["name"] for column in table["columns"]]
    assert list(frame.columns[: len(declared)]) == declared
    assert table["has_exposures"] == (len(frame.columns) > len(declared))
    for column in table["columns"]:
        values = frame[column["name"]]
        if column["type"] == "text":
            assert all(isinstance(value, str) for value in values), column
        else:
            assert values.dtype.kind == KINDS[column["type"]], column


def test_the_page_of_tables_is_current():
    root = pathlib.Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location("tables_page", root / "tools" / "tables_page.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.render() == (root / "docs" / "tables.md").read_text(), "run tools/tables_page.py > docs/tables.md"
