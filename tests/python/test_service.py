# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The service: sharing, date ranges, suites, batches, threads, errors."""

from __future__ import annotations

import json
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import threading

import fractile
import numpy as np
import pandas as pd
import pytest
from fractile import _core
from oracle.markets import make_panel, make_signal
from support import python_environment

from api import BacktestService


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    fractile.create_snapshot("v1", make_panel(3), root=folder, dtype="both")
    return folder


@pytest.fixture(scope="module")
def rows(root):
    return make_signal(make_panel(3), 3, messy=False)


@pytest.fixture
def service(root):
    return BacktestService.get("v1", root=root)


def test_get_shares_one_service_for_equal_arguments(root, service):
    assert BacktestService.get("v1", root=root) is service
    assert BacktestService.get(root=root) is service  # the newest
    other = BacktestService.get("v1", "2020-01-20", "2020-02-20", root=root)
    assert other is not service
    assert other.stats()["dates_count"] < service.stats()["dates_count"]
    BacktestService.reset()
    assert BacktestService.get("v1", root=root) is not service
    assert service.is_ready


def test_stats_and_close(root, rows):
    with BacktestService.get("v1", end_date="2020-02-01", root=root) as service:
        service.run(rows, mincos=2)
        stats = service.stats()
        assert stats["snapshot"] == "v1"
        assert stats["is_ready"] is True
        assert stats["run_count"] == 1
        assert stats["master_rows"] > 0
    assert not service.is_ready
    with pytest.raises(fractile.SnapshotError, match="closed"):
        service.run(rows)


def test_result_unpacks_and_describes_itself(service, rows):
    result = service.run(rows, mincos=2, byvar_list=["overall", "year"])
    summary, daily, turnover, tc = result
    assert summary is result[0] is result.summary
    assert len(result) == 4
    assert list(turnover.columns) == ["date", "turnover", "traded"]
    assert list(tc.columns) == ["date", "tc"]
    assert result.sharpe == summary.iloc[0]["sharpe_ret"]
    assert daily["date"].dtype == "datetime64[ns]"
    assert "sharpe=" in repr(result)
    assert "Sharpe" in result._repr_html_()
    body = json.loads(result.to_json())
    assert body["run_id"] == result.run_id
    assert body["daily"][0]["ret"] == daily["ret"].iloc[0]
    assert [r["ret"] for r in body["daily"]] == list(daily["ret"])
    assert result.config["byvar_list"] == ["overall", "year"]
    assert sum(result.timings.values()) <= result.elapsed_seconds * 1.01
    assert result.weights is None
    assert result.ic is None


def test_run_id_names_the_run(service, root, rows):
    first = service.run(rows, mincos=2).run_id
    assert service.run(rows, mincos=2, threads=1, keep_weights=True).run_id == first
    assert service.run(rows, mincos=3).run_id != first
    assert service.run(rows.assign(signal=rows["signal"] + 1), mincos=2).run_id != first
    assert BacktestService.get("v1", root=root, compact=False).run(rows, mincos=2).run_id != first


def test_suite_keys(service, rows):
    suite = service.run_suite(rows, lags=[0, 1], resid_modes=["off", "all"], mincos=2)
    assert list(suite) == ["lag0_residoff", "lag0_residall", "lag1_residoff", "lag1_residall"]
    assert suite["lag1_residoff"].run_id == service.run(rows, lag=1, mincos=2).run_id


def test_batch_keeps_order_and_errors_in_place(service, rows):
    wide = rows.assign(a=rows["signal"], b=-rows["signal"])
    by_name = service.run_batch(wide, sigvars=["a", "b"], mincos=2)
    assert list(by_name) == ["a", "b"]
    assert by_name["a"].run_id == service.run(rows, mincos=2).run_id
    out = service.run_batch([rows, rows.drop(columns="signal"), rows], mincos=2)
    assert isinstance(out[1], fractile.SignalError)
    assert out[0].run_id == out[2].run_id
    with pytest.raises(fractile.SignalError):
        service.run_batch({"x": rows.drop(columns="signal")}, on_error="raise")


def test_many_threads_share_a_service(service, rows):
    want = service.run(rows, mincos=2).daily["ret"].to_numpy().tobytes()
    got: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: got.append(service.run(rows, mincos=2).daily["ret"].to_numpy().tobytes()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [want] * 8


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"wieght": "value"}, "UNKNOWN_OPTION", 'Did you mean "weight"'),
        ({"weight": "vlaue"}, "INVALID_VALUE", 'Did you mean "value"'),
        ({"fractile": (90, 10)}, "INVALID_VALUE", "0 < a <= b < 100"),
        ({"lag": -1}, "INVALID_VALUE", "nearest is 0"),
        ({"lag": 1.5}, "INVALID_VALUE", "whole"),
        ({"mincos": "ten"}, "INVALID_VALUE", "whole number"),
        ({"upper_pct": 40}, "INVALID_VALUE", "nearest is 50"),
        ({"resid": "industy"}, "INVALID_VALUE", 'Did you mean "industry"'),
        ({"universe": {"cap": 1}}, "INVALID_VALUE", "list or a range"),
        ({"universe": {"nothing": [1]}}, "MISSING_PANEL_COLUMN", "nothing"),
        ({"byvar_list": ["overall", "nothing"]}, "MISSING_PANEL_COLUMN", "nothing"),
        ({"byvar_list": ["ret"]}, "INVALID_BYVAR", "whole numbers or text"),
        ({"sort_method": "double"}, "REFUSED_COMBINATION", "double_var"),
        ({"resid": "all", "input_type": "position"}, "REFUSED_COMBINATION", "input_type"),
        ({"input_type": "weight", "weight": "value"}, "REFUSED_COMBINATION", "weight"),
        ({"sort_method": "double", "double_var": "cap", "input_type": "position"}, "REFUSED_COMBINATION", "value"),
        ({"analysis": ["fractile"], "input_type": "position"}, "REFUSED_COMBINATION", "fractile"),
        ({"analysis": ["icc"]}, "INVALID_VALUE", 'Did you mean "ic"'),
        ({"threads": 0}, "INVALID_VALUE", "nearest is 1"),
        ({"gmv_musd": float("nan")}, "INVALID_VALUE", "number"),
    ],
)
def test_refused_options_name_the_nearest_valid_one(service, rows, options, code, words):
    with pytest.raises(fractile.ConfigError) as error:
        service.run(rows, **options)
    assert error.value.code == code
    assert words in str(error.value)
    assert isinstance(error.value, ValueError)


def test_positions_are_checked(service, rows):
    with pytest.raises(fractile.SignalError, match="INVALID_POSITION"):
        service.run(rows.assign(signal=0.5), input_type="position")


def test_columns_that_a_snapshot_lacks_are_named_before_work(tmp_path, rows):
    panel = make_panel(3)[["security_id", "date", "ret"]]
    fractile.create_snapshot("bare", panel, root=tmp_path)
    bare = BacktestService.get("bare", root=tmp_path)
    assert bare.run(rows, mincos=2).summary["resret_ann"].isna().all()
    for options, column in (
        ({"weight": "value"}, "mcap"),
        ({"weight": "volume"}, "adv"),
        ({"from_open": True}, "openret"),
        ({"tc_model": "power_law"}, "vol"),
        ({"resid": "industry"}, "industry_id"),
        ({"byvar_list": ["cap"]}, "cap"),
    ):
        with pytest.raises(fractile.ConfigError, match=f'"{column}"'):
            bare.run(rows, **options)
    with pytest.raises(fractile.SnapshotError, match="STORAGE_NOT_AVAILABLE"):
        BacktestService.get("bare", root=tmp_path, compact=False)
    with pytest.raises(fractile.SnapshotError, match="NO_TRADING_DAYS"):
        BacktestService.get("bare", "2030-01-01", root=tmp_path)


def test_no_snapshots_found_says_what_to_type(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FRACTILE_SNAPSHOTS", raising=False)
    with pytest.raises(FileNotFoundError) as error:
        BacktestService.get()
    assert str(error.value).startswith("No snapshots found in snapshots/")
    assert "fractile demo" in str(error.value)
    assert "fractile snapshot create" in str(error.value)
    assert error.value.code == "NO_SNAPSHOTS"


def test_an_unknown_snapshot_names_the_nearest(root):
    with pytest.raises(FileNotFoundError, match='Did you mean "v1"'):
        BacktestService.get("v2", root=root)


def test_every_error_code_has_its_class():
    categories = {"config": fractile.ConfigError, "signal": fractile.SignalError, "snapshot": fractile.SnapshotError}
    categories["server"] = fractile.ServerError
    codes = [entry[0] for entry in _core.ERROR_TABLE]
    assert len(set(codes)) == len(codes)
    assert len({entry[1] for entry in _core.ERROR_TABLE}) == len(codes)
    for _, number, category, status in _core.ERROR_TABLE:
        assert status == 0 or 400 <= status < 600
        hundreds = {"config": 1, "signal": 2, "snapshot": 3, "run": 4, "server": 5, "pool": 6, "internal": 9}
        assert number // 100 == hundreds[category]
    for code, _, category, _ in _core.ERROR_TABLE:
        error = fractile.errors.make_error(code, f"{code}: expected a thing, found another.")
        assert isinstance(error, categories.get(category, fractile.FractileError))
        assert error.code == code


def test_every_code_that_python_raises_is_in_the_table():
    known = {entry[0] for entry in _core.ERROR_TABLE}
    package = pathlib.Path(fractile.__file__).parent
    raised = {
        code for file in package.rglob("*.py") for code in re.findall(r'f?[\'"]([A-Z]+_[A-Z_]+): expected', file.read_text())
    }
    assert raised
    assert raised <= known


@pytest.mark.skipif(sys.platform != "linux", reason="signals as on Linux")
@pytest.mark.parametrize("work", ["service.run(rows, mincos=2)", "service.run_suite(rows, lags=range(4), mincos=2)"])
def test_ctrl_c_ends_a_long_run(tmp_path, work):
    """The process runs backtests until it is interrupted, and must answer with KeyboardInterrupt."""
    script = textwrap.dedent(
        f"""
        import sys
        import fractile
        from oracle.markets import make_panel, make_signal
        panel = make_panel(3)
        fractile.create_snapshot("v1", panel, root=sys.argv[1])
        service = fractile.BacktestService.get("v1", root=sys.argv[1])
        rows = make_signal(panel, 3, messy=False)
        try:
            print("ready", flush=True)
            while True:
                {work}
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=python_environment())
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0] == "interrupted\n"
    assert process.returncode == 0


def test_plot_draws_one_page(service, rows, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "result.png"
    service.run(rows, mincos=2).plot(str(path))
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert path.stat().st_size > 20_000


def test_compact_reads_float32(root, rows):
    narrow, wide = (BacktestService.get("v1", root=root, compact=c) for c in (True, False))
    assert narrow.stats()["memory"]["storage"] == "float32"
    a, b = (s.run(rows, mincos=2).daily["ret"].to_numpy() for s in (narrow, wide))
    assert not np.array_equal(a, b)
    np.testing.assert_allclose(a, b, atol=1e-7)


def test_dates_may_be_dates(root):
    assert BacktestService.get("v1", pd.Timestamp("2020-01-20"), root=root) is BacktestService.get("v1", "2020-01-20", root=root)


def test_the_page_of_errors_lists_the_table():
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "errors.md").read_text()
    for name, number, _, status in _core.ERROR_TABLE:
        assert re.search(rf"\| `{name}` \| {number} \| \w+ \| {status or 'none'} \|", page), name
