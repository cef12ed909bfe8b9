# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""docs/limits.md: input at a limit is accepted, input one beyond is refused with the named error."""

from __future__ import annotations

import contextlib
import json
import time

import numpy as np
import pandas as pd
import pytest
from fractile import BacktestService, FractileError, create_snapshot
from fractile.frames import read_signal
from support.raw_http import Connection, exchange, request
from support.server_market import assert_refusal, json_body, make_root, make_rows, to_records
from support.server_process import serving

# By option: accepted values at its limits, and refused values beyond.
OPTIONS = {
    "threads": ([1, 256], [0, 257]),
    "lag": ([0, 100_000], [-1, 100_001]),
    "hold_days": ([1, 100_000], [0, 100_001]),
    "periods_per_year": ([1, 100_000], [0, 100_001]),
    "n_fractile": ([2, 1_000], [1, 1_001]),
    "double_frac": ([2, 100], [1, 101]),
    "upper_pct": ([50, 100], [49.9, 100.1]),
    "mincos": ([1, 1_000_000_000], [0, 1_000_000_001]),
    "max_weight": ([1e-9, 1], [0.9e-9, 1.1]),
    "overlap": ([1, 10_000], [0, 10_001]),
    "borrow_bps": ([0, 1_000_000], [-1, 1_000_001]),
    "delisting_return": ([-1, 100], [-1.1, 100.1]),
    "gmv_musd": ([1e-9, 1e9], [0.9e-9, 1.1e9]),
    "capacity_gmv": ([[1e-9], [1e9]], [[0.9e-9], [1.1e9]]),
    "horizons": ([[1], [100_000]], [[0], [100_001]]),
}
COMPANIONS = {
    "n_fractile": {"analysis": ["fractile"]},
    "double_frac": {"sort_method": "double", "double_var": "mcap"},
    "upper_pct": {"weight": "value"},
    "gmv_musd": {"tc_model": "power_law"},
    "capacity_gmv": {"analysis": ["capacity"]},
    "horizons": {"analysis": ["decay"]},
}


def make_panel(n_names: int = 40, n_days: int = 6) -> pd.DataFrame:
    dates = pd.bdate_range("2020-01-01", periods=n_days)
    panel = pd.DataFrame({"security_id": np.repeat(np.arange(n_names), n_days), "date": np.tile(dates, n_names)})
    rng = np.random.default_rng(1)
    panel["ret"] = rng.normal(0, 0.02, len(panel))
    for name in ("mcap", "adv", "vol", "close_adj"):
        panel[name] = rng.uniform(1, 2, len(panel))
    return panel


def make_signal(panel: pd.DataFrame) -> pd.DataFrame:
    signal = panel[["security_id", "date"]].rename(columns={"date": "date_sig"})
    return signal.assign(signal=np.random.default_rng(2).normal(size=len(signal)))


def test_the_page_lists_every_option_that_has_a_range():
    from fractile import _core

    with_range = {option["name"] for option in _core.options() if option["min"] < option["max"]}
    assert with_range == set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_at_its_ends_and_beyond(name, tmp_path):
    panel = make_panel()
    create_snapshot("s", panel, root=tmp_path)
    service = BacktestService.get("s", root=tmp_path)
    taken, refused = OPTIONS[name]
    for value in taken:
        # A lag beyond the calendar leaves no row, which is a different error.
        with (
            contextlib.nullcontext()
            if value != 100_000 or name != "lag"
            else pytest.raises(FractileError, match="NO_USABLE_ROWS")
        ):
            service.run(make_signal(panel), **{"mincos": 1, **COMPANIONS.get(name, {}), name: value})
    for value in refused:
        with pytest.raises(FractileError, match=f"^INVALID_VALUE.*{name}"):
            service.run(make_signal(panel), **{"mincos": 1, **COMPANIONS.get(name, {}), name: value})


@pytest.mark.parametrize(("n_groups", "is_taken"), [(20_000, True), (20_001, False)])
@pytest.mark.parametrize("use", ["byvar", "industries"])
def test_groups_and_industries(n_groups, is_taken, use, tmp_path):
    panel = make_panel(n_groups, 3)
    panel["industry_id"] = panel["security_id"]
    create_snapshot("s", panel, root=tmp_path)
    service = BacktestService.get("s", root=tmp_path)
    options = {"byvar_list": ["overall", "industry_id"]} if use == "byvar" else {"resid": "industry"}
    if is_taken:
        result = service.run(make_signal(panel), mincos=1, **options)
        assert len(result.summary) == (1 + n_groups if use == "byvar" else 1)
        return
    with pytest.raises(FractileError, match=r"^INVALID_BYVAR.*at most 20000"):
        service.run(make_signal(panel), mincos=1, **options)


def test_snapshot_ids(tmp_path):
    panel = make_panel()
    create_snapshot("s" * 100, panel, root=tmp_path)
    with pytest.raises(FractileError, match=r"^INVALID_SNAPSHOT_ID.*100"):
        create_snapshot("s" * 101, panel, root=tmp_path)


def test_years_of_a_panel(tmp_path):
    panel = pd.DataFrame({"security_id": [1, 1], "date": np.array([0, 366 * 400 - 1], "datetime64[D]"), "ret": [0.0, 0.1]})
    panel["date"] = panel["date"].astype("datetime64[s]")
    create_snapshot("s", panel, root=tmp_path)
    assert BacktestService.get("s", root=tmp_path).stats()["dates_count"] == 2
    panel.loc[1, "date"] += pd.Timedelta(days=1)
    with pytest.raises(FractileError, match=r"^PANEL_TOO_LARGE.*400 years"):
        create_snapshot("t", panel, root=tmp_path)


def test_files_of_a_folder(tmp_path):
    """Names alone are counted, before any file is opened: 100,000 empty files are refused for what they are, one more for the number."""
    folder = tmp_path / "lake"
    folder.mkdir()
    for number in range(100_000):
        (folder / f"{number}.csv").touch()
    for read in (lambda: create_snapshot("s", folder, root=tmp_path), lambda: read_signal(folder, ["signal"])):
        with pytest.raises(FractileError, match=r"^UNREADABLE_(PANEL|SIGNAL)(?!.*more than)"):
            read()
    (folder / "_left_out.csv").touch()  # names that begin with "_" do not count
    with pytest.raises(FractileError, match=r"^UNREADABLE_SIGNAL(?!.*more than)"):
        read_signal(folder, ["signal"])
    (folder / "more.csv").touch()
    with pytest.raises(FractileError, match=r"^UNREADABLE_SIGNAL.*more than 100000 files"):
        read_signal(folder, ["signal"])
    with pytest.raises(FractileError, match=r"^UNREADABLE_PANEL.*more than 100000 files"):
        create_snapshot("s", folder, root=tmp_path)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits")
    with serving(folder / "server", make_root(folder / "snapshots"), {"server": {"max_body_mb": 1}}) as running:
        yield running


def post(server, body: bytes, target: str = "/run"):
    return exchange(server.port, request(target=target, body=body), timeout=60)


@pytest.mark.parametrize(("n_cells", "status"), [(1024, 200), (1025, 422)])
def test_cells_of_a_suite(server, n_cells, status):
    body = json.loads(json_body(to_records(make_rows()), mincos=2, threads=1))
    # Lags beyond the calendar would leave no rows, so all cells have the same few lags.
    body |= {"lags": [0, 1], "resid_modes": ["off"] * (n_cells // 2)}
    if n_cells % 2:
        body |= {"lags": [0] * n_cells, "resid_modes": ["off"]}
    answer = post(server, json.dumps(body).encode(), "/suite")
    if status == 200:
        assert answer is not None and answer.status == 200
    else:
        assert_refusal(answer, (422,))


@pytest.mark.parametrize(("extra", "allowed"), [(0, (200,)), (1, (413,))])
def test_bytes_of_a_body(server, extra, allowed):
    body = json_body(to_records(make_rows()), mincos=2)
    body += b" " * ((1 << 20) + extra - len(body))
    assert_refusal(post(server, body), allowed)


@pytest.mark.parametrize(("levels", "allowed"), [(13, (422,)), (40, (400,))])
def test_levels_of_options(server, levels, allowed):
    """Within the limit the error names the option, beyond it the text."""
    nested = b"[" * levels + b"]" * levels
    body = json_body(to_records(make_rows())).replace(b'"config": {}', b'"config": {"analysis": ' + nested + b"}")
    assert_refusal(post(server, body), allowed)


@pytest.mark.parametrize(("size", "allowed"), [(15 << 10, (200,)), (17 << 10, (431,))])
def test_bytes_of_a_head(server, size, allowed):
    body = json_body(to_records(make_rows()), mincos=2)
    answer = exchange(server.port, request(target="/run", body=body, headers={"X-Long": "x" * size}), timeout=60)
    assert answer is not None and answer.status in allowed


def hold_one_more(server, open_ones: contextlib.ExitStack) -> None:
    """Opens a connection that the server answers and keeps. It may still count the last one, which the client has closed."""
    for _ in range(100):
        connection = open_ones.enter_context(Connection(server.port))
        connection.send(request(method="GET", target="/health", headers={"Connection": "keep-alive"}))
        if connection.read_answer() is not None:
            return
        time.sleep(0.05)
    raise AssertionError("expected room for one more connection, found none")


def test_connections(server):
    """The 1,024th connection gets an answer and the next one is closed; after one has ended there is room again."""
    with contextlib.ExitStack() as open_ones:
        for _ in range(1023):
            open_ones.enter_context(Connection(server.port))
        assert exchange(server.port, request(method="GET", target="/health"), timeout=30).status == 200  # type: ignore[union-attr]
        hold_one_more(server, open_ones)
        assert exchange(server.port, request(method="GET", target="/health"), timeout=30) is None
    assert server.is_healthy()
