# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Runs over HTTP, in every form of a body, against the same run in this process: the same run_id and the same bits."""

from __future__ import annotations

import gzip
import io
import json
import math
import struct
import urllib.parse
from typing import Any

import fractile
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fractile import BacktestClient, BacktestService
from oracle.markets import add_avail, add_given, make_panel, make_signal
from support.raw_http import Connection, request
from support.server_market import FILE, STREAM, json_body, to_columns, to_ipc, to_records, to_table
from support.server_process import find_executable, serving

SEED = 31
PANEL = make_panel(SEED, n_days=30, n_names=50)
TABLES = (
    "summary", "daily", "turnover", "tc", "daily_by_group", "ic", "ic_summary", "fractile", "coverage", "weights",
    "quantiles", "quantile_daily", "monotonicity", "exposures", "drilldown", "capacity", "capacity_musd", "decay", "decay_half_life",
    "double_sort",
)  # fmt: skip

# Every option has another value than its default in some case, with every form of dates.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("plain", {}),
    "value": ("plain", {"mincos": 3, "weight": "value", "upper_pct": 75, "byvar_list": ["overall", "year", "cap"]}),
    "groups": ("avail", {"mincos": 2, "weight": "volume", "fractile": [33.3, 66.7], "byvar_list": ["month", "country"]}),
    "residuals": ("plain", {"mincos": 1, "resid": "all", "lag": 1, "hold_days": 3, "drift": True}),
    "industry": ("given", {"mincos": 1, "resid": "industry", "characteristics_asof": "return_day"}),
    "open": ("given_open", {"mincos": 1, "from_open": True, "lookahead": "warn"}),
    "costs": ("plain", {"mincos": 2, "tc_model": "power_law", "tc_value": [0.3, 0.5], "gmv_musd": 1000}),
    "levels": ("plain", {"mincos": 2, "tc_level": {"big": 1, "median": 3, "small": 50}, "method": "long_only"}),
    "universe": ("avail", {"mincos": 1, "universe": {"adv": {"min": 1e3}, "country": ["US", "GB"]}}),
    "double": ("plain", {"mincos": 1, "sort_method": "double", "double_var": "score", "double_frac": 2}),
    "position": ("whole", {"mincos": 1, "input_type": "position", "calc_turnover": False}),
    "weight": ("plain", {"mincos": 1, "input_type": "weight", "keep_weights": True}),
    "analyses": (
        "plain",
        {
            "mincos": 2,
            "analysis": ["quantiles", "exposures", "drilldown", "capacity", "decay", "double_sort"],
            "n_fractile": 4,
            "double_var": "score",
            "double_style": "independent",
            "horizons": [1, 3],
            "capacity_gmv": [1, 50],
            "exposure_groups": ["industry_id", "country"],
        },
    ),
    "everything asked": (
        "plain",
        {"mincos": 2, "analysis": ["ic", "fractile", "coverage"], "n_fractile": 4, "keep_weights": True},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("equivalence")
    fractile.create_snapshot("m", PANEL, root=folder, dtype="both")
    return folder


@pytest.fixture(scope="module")
def server(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("equivalence_server")
    # The file has no defaults, so the server's are those of the in-process run.
    configuration = {"server": {"workers": 2, "signal_dir": str(folder)}, "defaults": {"byvar_list": ["overall"]}}
    with serving(folder, root, configuration) as running:
        yield running


@pytest.fixture(scope="module")
def service(root):
    return BacktestService.get("m", root=root)


def make_rows(dates: str, messy: bool = True) -> pd.DataFrame:
    rows = make_signal(PANEL, SEED, messy=messy)
    if dates == "avail":
        return add_avail(rows, 1, times=True)
    if dates == "given":
        return add_given(rows, 1, "date_ret")
    if dates == "given_open":
        return add_given(rows, 1, "date_openret")
    if dates == "whole":
        return rows.assign(signal=rows["signal"].round().clip(-1, 1))
    return rows


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


def as_csv(rows: pd.DataFrame) -> bytes:
    # repr of a float reads back to its bits.
    return rows.to_csv(index=False).encode()


# name -> (content type, body of rows and config, content encoding); the config of JSON is within the body.
FORMS = {
    "records": ("application/json", lambda rows, config: json_body(to_records(rows), **config), None),
    "columns": ("application/json", lambda rows, config: json_body(to_columns(rows), **config), None),
    "stream": (STREAM, lambda rows, config: to_ipc(to_table(rows)), None),
    "file": (FILE, lambda rows, config: to_ipc(to_table(rows), "file"), None),
    "stream, lz4": (STREAM, lambda rows, config: to_ipc(to_table(rows), "stream", "lz4"), None),
    "stream, zstd": (STREAM, lambda rows, config: to_ipc(to_table(rows), "stream", "zstd"), None),
    "file, lz4": (FILE, lambda rows, config: to_ipc(to_table(rows), "file", "lz4"), None),
    "file, zstd": (FILE, lambda rows, config: to_ipc(to_table(rows), "file", "zstd"), None),
    "csv": ("text/csv", lambda rows, config: as_csv(rows), None),
    "records, gzip": ("application/json", lambda rows, config: gzip.compress(json_body(to_records(rows), **config)), "gzip"),
    "columns, zstd": ("application/json", lambda rows, config: zstd(json_body(to_columns(rows), **config)), "zstd"),
    "stream, gzip": (STREAM, lambda rows, config: gzip.compress(to_ipc(to_table(rows))), "gzip"),
    "stream, in zstd": (STREAM, lambda rows, config: zstd(to_ipc(to_table(rows))), "zstd"),
    "csv, gzip": ("text/csv", lambda rows, config: gzip.compress(as_csv(rows)), "gzip"),
    "csv, gzip in two members": (
        "text/csv",
        lambda rows, config: gzip.compress(as_csv(rows)[:1000]) + gzip.compress(as_csv(rows)[1000:]),
        "gzip",
    ),
}


def post(server, path: str, body: bytes, kind: str, config: dict | None, coding: str | None = None, **more: str) -> Any:
    query = {} if config is None or kind == "application/json" else {"config": json.dumps(config)}
    target = f"{path}?{urllib.parse.urlencode(query | more)}" if query or more else path
    headers = {"Content-Encoding": coding} if coding else {}
    with Connection(server.port, 60) as connection:
        connection.send(request(target=target, body=body, content_type=kind, headers=headers))
        answer = connection.read_answer()
    assert answer is not None and answer.status == 200, answer and answer.body[:1000]
    return answer


def same_number(got: Any, want: Any) -> bool:
    """null is NaN; numbers to the bit."""
    if got is None:
        return want is None or math.isnan(want)
    if isinstance(want, str):
        return got == want
    return struct.pack("<d", got) == struct.pack("<d", float(want))


def assert_same_table(got: list[dict[str, Any]], want: pd.DataFrame, name: str) -> None:
    assert len(got) == len(want), name
    if not got:
        return
    assert list(got[0]) == list(want.columns), name
    for column in want.columns:
        values = want[column]
        plain = values.dt.strftime("%Y-%m-%d") if values.dtype.kind == "M" else values
        for number, (have, should) in enumerate(zip((row[column] for row in got), plain, strict=True)):
            assert same_number(have, should), f"{name}.{column}[{number}]: HTTP {have!r}, in process {should!r}"


def assert_same_run(body: dict[str, Any], want: fractile.BacktestResult) -> None:
    assert body["run_id"] == want.run_id
    assert body["snapshot"] == "m"
    assert body["config"] == want.config
    assert body["diagnostics"] == json.loads(want.to_json())["diagnostics"]
    for name in ("sharpe", "annual_return", "max_drawdown"):
        assert same_number(body[name], getattr(want, name)), name
    for name in TABLES:
        table = getattr(want, name, None)
        if isinstance(table, pd.DataFrame) and name in body:
            assert_same_table(body[name], table, name)
        else:
            assert name not in body or table is not None, f"expected no {name}, found one"
    # The answer equals the result's own JSON, except for times.
    own = json.loads(want.to_json())
    for one in (own, body):
        one.pop("elapsed_seconds")
        one.pop("timings")
    assert body == own


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_body(server, service, form):
    kind, make, coding = FORMS[form]
    for dates, config in (CASES["everything asked"], CASES["groups"]):
        rows = make_rows(dates)
        want = service.run(rows, **config)
        assert_same_run(post(server, "/run", make(rows, config), kind, config, coding).json(), want)


@pytest.mark.parametrize("case", CASES)
def test_every_option(server, service, case):
    dates, config = CASES[case]
    rows = make_rows(dates)
    want = service.run(rows, **config)
    for form in ("records", "stream", "csv"):
        kind, make, coding = FORMS[form]
        assert_same_run(post(server, "/run", make(rows, config), kind, config, coding).json(), want)


def test_every_option_by_client(server, service):
    client = BacktestClient(server_url=server.url)
    for dates, config in CASES.values():
        rows = make_rows(dates)
        got, want = client.run(rows, **config), service.run(rows, **config)
        assert got.run_id == want.run_id
        for name in TABLES:
            table = getattr(want, name, None)
            if isinstance(table, pd.DataFrame):
                pd.testing.assert_frame_equal(getattr(got, name), table, check_exact=True)


def test_split_says_the_same_as_records(server):
    rows, config = make_rows("plain"), CASES["everything asked"][1]
    body = json_body(to_records(rows), **config)
    records = post(server, "/run", body, "application/json", None).json()
    split = post(server, "/run", body, "application/json", None, orient="split").json()
    assert records.keys() == split.keys()
    for name in TABLES:
        if name in records:
            columns = split[name]["columns"]
            again = [dict(zip(columns, row, strict=True)) for row in zip(*split[name]["data"], strict=True)]
            assert again == records[name], name


def test_awkward_numbers_survive(server, service):
    """Values at the limits of float64 and ids at the limits of int64, as text and as bits."""
    rows = make_rows("plain", messy=False)
    edges = [5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -0.0, 0.1 + 0.2, 1 / 3, 1e22, 1e23, 123456789.0]
    rows.loc[rows.index[: len(edges)], "signal"] = edges
    ids = np.array([2**63 - 1, -(2**63), 2**53 + 1, 0, -1], dtype=np.int64)
    rows.loc[rows.index[20:25], "security_id"] = ids
    want = service.run(rows, mincos=2)
    for form, (kind, make, coding) in FORMS.items():
        got = post(server, "/run", make(rows, {"mincos": 2}), kind, {"mincos": 2}, coding).json()
        assert got["run_id"] == want.run_id, form


def test_an_offset_is_dropped_in_every_form(server, service):
    """The local time counts, as with a zone: "2020-01-02T08:30:00+09:00" is half past eight of that day."""
    rows = make_rows("avail", messy=False)
    want = service.run(rows, mincos=2)
    texts = rows.assign(
        date_avail=rows["date_avail"].dt.strftime("%Y-%m-%dT%H:%M:%S+09:00").where(rows["date_avail"].notna(), None)
    )
    assert service.run(texts, mincos=2).run_id == want.run_id
    records = [{k: None if pd.isna(v) else v for k, v in record.items()} for record in texts.to_dict("records")]
    records = [{**record, "date_sig": str(record["date_sig"])[:10]} for record in records]
    bodies = {
        "records": json_body(records, mincos=2),
        "columns": json_body({k: [r[k] for r in records] for k in records[0]}, mincos=2),
    }
    for form, body in bodies.items():
        assert post(server, "/run", body, "application/json", None).json()["run_id"] == want.run_id, form
    got = post(server, "/run", as_csv(texts), "text/csv", {"mincos": 2}).json()
    assert got["run_id"] == want.run_id


def test_whole_numbers_that_are_not_told_apart_are_refused_in_every_form(server, service):
    rows = make_rows("plain", messy=False)
    rows["signal"] = np.arange(len(rows)) + 2**60
    with pytest.raises(fractile.SignalError, match=r"below 2\^53"):
        service.run(rows, mincos=2)
    records = [{**r, "date_sig": str(r["date_sig"])[:10]} for r in rows.to_dict("records")]
    bodies = {"json": (json_body(records, mincos=2), "application/json", None)}
    bodies["stream"] = (to_ipc(pa.Table.from_pandas(rows, preserve_index=False)), STREAM, {"mincos": 2})
    bodies["csv"] = (as_csv(rows), "text/csv", {"mincos": 2})
    for form, (body, kind, config) in bodies.items():
        target = "/run" + (f"?{urllib.parse.urlencode({'config': json.dumps(config)})}" if config else "")
        with Connection(server.port, 60) as connection:
            connection.send(request(target=target, body=body, content_type=kind))
            answer = connection.read_answer()
        assert answer is not None and answer.status == 422, form
        assert answer.json()["error"]["code"] == "COLUMN_TYPE" and "below 2^53" in answer.json()["error"]["message"], form


def test_missing_values_in_every_form(server, service):
    """null, an empty cell and NaN are the same missing value; missing dates and ids are null keys."""
    rows = make_rows("avail")
    want = service.run(rows, mincos=2)
    assert want.diagnostics["null_key"] > 0 and want.diagnostics["null_signal"] > 0
    for form, (kind, make, coding) in FORMS.items():
        got = post(server, "/run", make(rows, {"mincos": 2}), kind, {"mincos": 2}, coding).json()
        assert got["run_id"] == want.run_id, form
        assert got["diagnostics"]["null_key"] == want.diagnostics["null_key"], form
    # A key that a record lacks is a null.
    records = [{k: v for k, v in record.items() if v is not None} for record in to_records(rows)]
    got = post(server, "/run", json_body(records, mincos=2), "application/json", None).json()
    assert got["run_id"] == want.run_id


def test_other_columns_and_orders_of_keys(server, service):
    rows = make_rows("plain", messy=False)
    want = service.run(rows, mincos=2)
    more = rows.assign(name="x", other=1.5)[["other", "signal", "name", "date_sig", "security_id"]]
    for form in ("records", "columns", "stream", "file", "csv"):
        kind, make, coding = FORMS[form]
        assert post(server, "/run", make(more, {"mincos": 2}), kind, {"mincos": 2}, coding).json()["run_id"] == want.run_id


def test_another_signal_column(server, service):
    rows = make_rows("plain").rename(columns={"signal": "alpha"})
    config = {"sigvar": "alpha", "mincos": 2}
    want = service.run(rows, **config)
    for form in ("records", "stream", "csv"):
        kind, make, coding = FORMS[form]
        assert post(server, "/run", make(rows, config), kind, config, coding).json()["run_id"] == want.run_id


def test_suites(server, service):
    rows = make_rows("plain")
    want = service.run_suite(rows, lags=[0, 2], resid_modes=["off", "industry"], mincos=2)
    body = json.loads(json_body(to_records(rows), mincos=2)) | {"lags": [0, 2], "resid_modes": ["off", "industry"]}
    answers = [post(server, "/suite", json.dumps(body).encode(), "application/json", None).json()]
    query = {"lags": "[0, 2]", "resid_modes": '["off", "industry"]'}
    answers.append(post(server, "/suite", to_ipc(to_table(rows)), STREAM, {"mincos": 2}, None, **query).json())
    for got in answers:
        assert list(got) == list(want)
        for name, result in want.items():
            assert_same_run(got[name], result)


def test_signal_path(server, service):
    rows = make_rows("plain")
    (server.folder / "s.csv").write_bytes(as_csv(rows))
    (server.folder / "s.arrow").write_bytes(to_ipc(to_table(rows), "file"))
    to_table(rows).to_pandas().to_parquet(server.folder / "s.parquet", index=False)
    want = service.run(rows, mincos=2)
    for name in ("s.csv", "s.arrow", "s.parquet"):
        body = json.dumps({"signal_path": name, "config": {"mincos": 2}}).encode()
        assert_same_run(post(server, "/run", body, "application/json", None).json(), want)


def test_the_example_of_the_readme(server):
    """The curl line of the published page works as printed; its one row is too little for a position, as the answer shows."""
    body = b'{"signal": [{"security_id": 1, "date_sig": "2020-01-02", "signal": 0.5}], "config": {"lag": 0, "resid": "off"}}'
    with Connection(server.port, 60) as connection:
        connection.send(request(body=body))
        answer = connection.read_answer()
    assert answer.status in (200, 422)
    if answer.status == 422:
        assert answer.json()["error"]["code"] == "NO_USABLE_ROWS"


def test_the_command_line_says_the_same(server, root, tmp_path):
    import subprocess

    rows = make_rows("plain", messy=False)
    rows.to_csv(tmp_path / "s.csv", index=False)
    command = [find_executable(), "run", tmp_path / "s.csv", "--root", root, "--mincos", "2", "--byvar-list", "overall"]
    done = subprocess.run([*command, "--format", "json"], cwd=tmp_path, capture_output=True, text=True, check=True)
    got = post(server, "/run", as_csv(rows), "text/csv", {"mincos": 2}).json()
    own = json.loads(done.stdout)
    for one in (own, got):
        one.pop("elapsed_seconds")
        one.pop("timings")
    assert got == own


def test_arrow_answers(server, service):
    """Tables as Arrow have the bits of those in JSON; a client finds them by their names, in any order."""
    rows, config = make_rows("plain"), {"mincos": 2}
    want = service.run(rows, **config)
    query = urllib.parse.quote(json.dumps(config))
    with Connection(server.port, 60) as connection:
        body = to_ipc(to_table(rows))
        connection.send(request(target=f"/run?config={query}", body=body, content_type=STREAM, headers={"Accept": STREAM}))
        answer = connection.read_answer()
    assert answer.status == 200, answer.body[:1000]
    assert answer.headers["content-type"].startswith(STREAM)
    sink = io.BytesIO(answer.body)
    tables = []
    while sink.tell() < len(answer.body):
        with pa.ipc.open_stream(sink) as reader:
            tables.append(reader.read_all())
    assert tables, "expected Arrow streams"
    days = [table for table in tables if {"date", "ret", "ret_net"} <= set(table.column_names)]
    assert days, [table.column_names for table in tables]
    assert any(table["ret"].to_numpy().tobytes() == want.daily["ret"].to_numpy().tobytes() for table in days)
    text = answer.body + "".join(str(value) for value in answer.headers.values()).encode()
    assert want.run_id.encode() in text, "expected the run_id in the answer"
