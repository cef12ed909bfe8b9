# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The same signal in every form of a request has one run_id; another body is refused."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request

import pytest
from support.doors import SIGNAL, csv_of, dates, texts
from support.server_process import serving

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def to_records(frame):
    """JSON records; a missing value is null."""
    times = {c: frame[c].dt.strftime("%Y-%m-%dT%H:%M:%S") for c in dates(frame) if frame[c].dtype.kind == "M"}
    text = frame.assign(**times).astype(object)
    return text.where(text.notna(), None).to_dict(orient="records")


def to_stream(frame):
    table, sink = pa.Table.from_pandas(frame, preserve_index=False), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def to_parquet(frame):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink)
    return sink.getvalue().to_pybytes()


CSV, JSON, STREAM = "text/csv", "application/json", "application/vnd.apache.arrow.stream"


# The body of a request, its content type, and the options of reading that it needs.
BODIES = {
    "records": lambda f: ({"signal": to_records(f)}, JSON, {}),
    "columns": lambda f: ({"signal": {c: [r[c] for r in to_records(f)] for c in f}}, JSON, {}),
    "records of texts": lambda f: ({"signal": to_records(texts(f))}, JSON, {}),
    "records of epochs": lambda f: (
        {"signal": to_records(f.assign(**{c: f[c].astype("datetime64[ms]").astype("int64") for c in dates(f)}))},
        JSON,
        {"date_format": "unix_ms"},
    ),
    "records of eight digits": lambda f: (
        {"signal": to_records(f.assign(date_sig=f["date_sig"].dt.strftime("%Y%m%d").astype(int)))},
        JSON,
        {},
    ),
    "records by other names": lambda f: (
        {"signal": to_records(f.rename(columns={"security_id": "asset", "date_sig": "date"}))},
        JSON,
        {"map": {"security_id": "asset", "date_sig": "date"}},
    ),
    "records with a code": lambda f: (
        {"signal": [{**r, "signal": -99 if r["signal"] is None else r["signal"]} for r in to_records(f)]},
        JSON,
        {"null": {"signal": [-99]}},
    ),
    "csv": lambda f: (csv_of(f).encode(), CSV, {}),
    "csv with decimal commas": lambda f: (csv_of(f, sep=";", decimal=",").encode(), CSV, {"decimal": ","}),
    "csv of other dates": lambda f: (
        csv_of(f, date_format="%d/%m/%Y %H:%M").encode(),
        CSV,
        {"date_format": "%d/%m/%Y %H:%M"},
    ),
    "csv in latin-1": lambda f: (csv_of(f.assign(name="Société")).encode("latin-1"), CSV, {"encoding": "latin-1"}),
    "arrow": lambda f: (to_stream(f), STREAM, {}),
    "arrow of texts": lambda f: (to_stream(texts(f)), STREAM, {}),
}


@pytest.fixture(scope="module")
def server(home, service, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server"), home, {"snapshot": "base"}) as running:
        yield running


def ask(server, body, kind, config):
    query = ""
    if kind == JSON:
        body = json.dumps({**body, "config": config}).encode()
    else:
        query = "?" + urllib.parse.urlencode({"config": json.dumps(config)})
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/run{query}", body, {"Content-Type": kind})
    try:
        return json.load(urllib.request.urlopen(request))
    except urllib.error.HTTPError as refusal:
        return json.load(refusal)


@pytest.mark.parametrize("form", BODIES)
def test_a_request_has_the_run_id(server, service, form):
    body, kind, reading = BODIES[form](SIGNAL)
    answer = ask(server, body, kind, {"mincos": 2, **reading})
    assert answer.get("run_id") == service.run(SIGNAL, mincos=2).run_id, answer


BODY_FAULTS = {
    "a body with both names": (
        {"signal": [{"security_id": 10001, "date": "2020-01-02", "date_sig": "2020-01-03", "signal": 1.0}]},
        {"map": {"date_sig": "date"}},
        ["date_sig", "--drop date_sig"],
    ),
    "a map to no column": (
        {"signal": [{"security_id": 10001, "date_sig": "2020-01-02", "known": "2020-01-02", "signal": 1.0}]},
        {"map": {"date_avial": "known"}},
        ["date_avial", "date_avail"],
    ),
}


WRONG_VALUES = [
    ("security_id", "10004", 'found "10004" at row 1'),
    ("security_id", 10004.5, 'found "10004.5" at row 1'),
    ("security_id", True, 'found "true" at row 1'),
    ("security_id", 2**63, f'found "{2**63}" at row 1'),
    ("signal", False, 'found "false" at row 1'),
    ("signal", [1], "found a list at row 1"),
    ("date_sig", {"a": 1}, "found an object at row 1"),
    ("date_sig", True, 'found "true" at row 1'),
]


@pytest.mark.parametrize(("column", "value", "words"), WRONG_VALUES)
@pytest.mark.parametrize("form", ["records", "columns"])
def test_a_value_of_another_kind_is_shown(server, form, column, value, words):
    rows = [{"security_id": 10001, "date_sig": "2020-01-02", "signal": 1.0} for _ in range(2)]
    rows[1][column] = value
    signal = rows if form == "records" else {name: [row[name] for row in rows] for name in rows[0]}
    message = ask(server, {"signal": signal}, JSON, {})["error"]["message"]
    assert words in message
    assert f'"{column}"' in message


@pytest.mark.parametrize("fault", BODY_FAULTS)
def test_a_wrong_body_is_refused(server, fault):
    body, reading, words = BODY_FAULTS[fault]
    message = ask(server, body, JSON, reading)["error"]["message"]
    assert all(word in message for word in words), message
