# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Input that cannot be read with certainty is refused, and the remedy that the message prints works."""

from __future__ import annotations

import decimal
import http.client
import json
import re
import shlex
import urllib.parse

import fractile
import numpy as np
import pandas as pd
import pytest
from support.doors import PANEL, SIGNAL, csv_of, with_cell, write
from support.server_process import serving

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")


PANEL_FAULTS = {
    "a code": (lambda: with_cell("ret", "C"), ['"C"', "row 77", "--null ret=C"]),
    "two codes": (
        lambda: with_cell("ret", "C").astype({"ret": object}).pipe(lambda f: f.assign(ret=f["ret"].where(f.index != 90, "B"))),
        ['"C" at row 77, "B" at row 90', "--null ret=C,B"],
    ),
    "a bracket": (lambda: with_cell("ret", "(0.01)"), ['"(0.01)"', "row 77", "--null 'ret=(0.01)'"]),
    "a percent sign": (lambda: with_cell("ret", "1.2%"), ['"1.2%"', "row 77"]),
    "thousands": (lambda: with_cell("mcap", "1,234,567"), ['"1,234,567"', "row 77", "--thousands ,"]),
    "a decimal comma": (lambda: with_cell("beta", "1,5"), ['"1,5"', "row 77", "--decimal ,"]),
    "a text among numbers": (lambda: with_cell("beta", "N.M."), ['"N.M."', "row 77", "--null beta=N.M.", "--text beta"]),
    "a return of -99": (lambda: with_cell("ret", -99.0), ["-99", "row 77", "--null ret=-99"]),
    "percent": (lambda: PANEL.assign(ret=PANEL["ret"] * 100), ["percent", "--scale ret=0.01"]),
    "infinity": (lambda: with_cell("mcap", "inf"), ["inf", "row 77", "--null mcap=inf"]),
    "a name in another case": (
        lambda: PANEL.rename(columns={"ret": "RET", "date": "Date"}),
        ["--map date=Date", "--map ret=RET"],
    ),
    "CRSP's names": (
        lambda: PANEL.rename(columns={"ret": "MthRet", "date": "MthCalDt", "security_id": "PERMNO"}),
        ["--map security_id=PERMNO --map date=MthCalDt --map ret=MthRet"],
    ),
    "CRSP's delisting returns": (
        lambda: PANEL.rename(columns={"ret": "RET", "security_id": "PERMNO"}).assign(DLRET=-0.3),
        ["--map security_id=PERMNO --map ret=RET --map delist_ret=DLRET."],
    ),
    "a reserved name": (lambda: PANEL.assign(year=2020), ['"year"', "--drop year"]),
    "another kind of date": (
        lambda: PANEL.assign(date=PANEL["date"].dt.strftime("%d/%m/%Y")),
        ["--date-format %d/%m/%Y", "row 0"],
    ),
    "months": (
        lambda: PANEL[PANEL["date"].dt.day == 2].assign(date=PANEL["date"].dt.strftime("%Y-%m")),
        ['"2020-01"', "--date-format %Y-%m"],
    ),
    "epoch": (
        lambda: PANEL.assign(date=PANEL["date"].astype("datetime64[ms]").astype("int64")),
        ["1577923200000", "--date-format unix_ms"],
    ),
    "a hole in the keys": (lambda: with_cell("date", "yesterday"), ['"yesterday"', "row 77", "--null date=yesterday"]),
    "another cap": (lambda: PANEL.assign(cap="tiny"), ['"tiny"', "row 0", "--null cap=tiny"]),
    "a whole number too large": (lambda: PANEL.assign(number=2**60 + 1), ["1152921504606846977", "--drop number"]),
}


DATE_GUESSES = {
    # By the texts: what is proposed, and what each reads in the first row.
    ("20/01/02", "20/02/12"): {"%d/%m/%y": "2002-01-20", "%m/%d/%y": None, "%y/%m/%d": "2020-01-02"},
    ("20-01-02", "20-02-12"): {"%d-%m-%y": "2002-01-20", "%y-%m-%d": "2020-01-02"},
    ("01022020", "02032020"): {"%d%m%Y": "2020-02-01", "%m%d%Y": "2020-01-02"},
    ("01132020", "02032020"): {"%m%d%Y": "2020-01-13"},
    ("202001", "202012"): {"%Y%m": "2020-01-31"},
    ("200101", "201212"): {"%Y%m": "2001-01-31", "%y%m%d": "2020-01-01", "%d%m%y": "2001-01-20"},
    ("20200102153000", "20200103000000"): {"%Y%m%d%H%M%S": "2020-01-02"},
    ("02 May 2020", "03 May 2020"): {"%d %b %Y": "2020-05-02"},
    ("May 02, 2020", "May 03, 2020"): {"%b %d, %Y": "2020-05-02"},
}


@pytest.mark.parametrize("texts", DATE_GUESSES, ids=str)
def test_every_format_that_fits_is_proposed(tmp_path, texts):
    """One of two that fit, proposed alone, would make wrong dates silently."""
    panel = pd.DataFrame({"security_id": [1, 2], "date": texts, "ret": 0.01})
    with pytest.raises(fractile.SnapshotError) as refusal:
        fractile.create_snapshot("a", panel, root=tmp_path)
    found = re.findall(r"--date-format ('[^']*'|[^ ,]+)", str(refusal.value))
    wanted = {form: day for form, day in DATE_GUESSES[texts].items() if day}
    assert sorted(shlex.split(form)[0].rstrip(".") for form in found) == sorted(wanted)
    for i, (form, day) in enumerate(wanted.items()):
        made = fractile.create_snapshot(f"s{i}", panel.iloc[:1], root=tmp_path, date_format=form)
        assert made["first_date"] == day


@pytest.mark.parametrize("delimiter", ["^", "~"])
def test_the_delimiter_of_a_panel_is_proposed(tmp_path, delimiter):
    path = write(tmp_path / "p.csv", csv_of(PANEL, sep=delimiter))
    with pytest.raises(fractile.SnapshotError, match="Name the delimiter: --delimiter ") as refusal:
        fractile.create_snapshot("a", path, root=tmp_path)
    assert fractile.create_snapshot("b", path, root=tmp_path, **{n: v[0] for n, v in flags_of(str(refusal.value)).items()})
    with pytest.raises(fractile.SnapshotError, match="Name the delimiter: --delimiter ,"):
        fractile.create_snapshot("c", write(tmp_path / "p.csv", csv_of(PANEL)), root=tmp_path, delimiter="tab")


def test_a_refusal_does_not_list_thousands_of_columns(service, tmp_path):
    wide = pd.DataFrame(0.5, index=range(3), columns=[f"T{i}" for i in range(3000)])
    for refused in (lambda: service.run(wide, mincos=2), lambda: fractile.create_snapshot("a", wide, root=tmp_path)):
        with pytest.raises(fractile.FractileError, match="T39 and 2960 more") as refusal:
            refused()
        assert len(str(refusal.value)) < 800


LARGE = 2**53 + 1
WHOLE = {
    "decimal": lambda n: pa.array([decimal.Decimal(LARGE)] * n, pa.decimal128(38, 0)),
    "decimal of 256 bits": lambda n: pa.array([decimal.Decimal(-LARGE)] * n, pa.decimal256(50, 0)),
    "int64": lambda n: pa.array([LARGE] * n, pa.int64()),
    "uint64": lambda n: pa.array([2**64 - 1] * n, pa.uint64()),
    "dictionary": lambda n: pa.array([LARGE] * n, pa.int64()).dictionary_encode(),
    "text": lambda n: pa.array([str(LARGE)] * n),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_number_that_float64_cannot_hold_is_refused(service, tmp_path, kind):
    """Two of them would be one value, and tie."""
    values = WHOLE[kind](len(PANEL))
    text = str(values[0].as_py())
    panel = pa.Table.from_pandas(PANEL, preserve_index=False).append_column("number", values)
    with pytest.raises(fractile.SnapshotError, match=rf'"number", found "?{text}"? at row 0.*--drop number'):
        fractile.create_snapshot("a", panel, root=tmp_path)
    assert fractile.create_snapshot("b", panel, root=tmp_path, null={"number": [text]})["rows"] == len(PANEL)
    signal = pa.Table.from_pandas(SIGNAL.drop(columns="signal"), preserve_index=False).append_column("signal", values)
    with pytest.raises(fractile.SignalError, match=rf'"signal", found "?{text}"? at row 0'):
        service.run(signal, mincos=2)


def test_decimals_that_float64_holds_are_read(service):
    for scale, whole in ((0, 2**60), (-3, 5000), (2, 7)):
        values = pa.array([decimal.Decimal(whole * (i % 9 + 1)) for i in range(len(SIGNAL))], pa.decimal128(30, scale))
        table = pa.Table.from_pandas(SIGNAL.drop(columns="signal"), preserve_index=False)
        plain = SIGNAL.assign(signal=[float(whole * (i % 9 + 1)) for i in range(len(SIGNAL))])
        assert service.run(table.append_column("signal", values), mincos=2).run_id == service.run(plain, mincos=2).run_id


def test_a_dict_of_single_values_is_refused(service):
    with pytest.raises(fractile.SignalError, match=r'column of values, found str.*"date_sig"'):
        service.run({"security_id": [1, 2], "date_sig": "2020-01-02", "signal": [1.0, 2.0]})
    with pytest.raises(fractile.SignalError, match=r'column of values, found int.*"security_id"'):
        service.run({"security_id": 1, "date_sig": "2020-01-02", "signal": 1.0})


@pytest.mark.parametrize("value", [pd.NA, pd.Timestamp("2020-01-02"), object()], ids=["NA", "timestamp", "object"])
def test_a_value_that_no_option_takes_is_refused(service, tmp_path, value):
    for options in ({"null": {"ret": [value]}}, {"scale": {"ret": value}}, {"null": value}, {"date_format": value}):
        with pytest.raises(fractile.ConfigError, match="texts and numbers"):
            fractile.create_snapshot("a", PANEL, root=tmp_path, **options)
        with pytest.raises(fractile.ConfigError, match="texts and numbers"):
            service.run(SIGNAL, mincos=2, **options)
    panel, want = with_cell("ret", -99.0), fractile.create_snapshot("b", with_cell("ret", None), root=tmp_path)["content_hash"]
    code = decimal.Decimal("-99")
    assert fractile.create_snapshot("c", panel, root=tmp_path, null={"ret": [code]})["content_hash"] == want


def test_infinity_can_be_named_as_missing(tmp_path):
    panel = with_cell("mcap", float("inf"))
    want = fractile.create_snapshot("a", panel, root=tmp_path, null="mcap=inf")["content_hash"]
    for i, null in enumerate(({"mcap": [float("inf")]}, {"mcap": float("inf")}, {"mcap": np.array([np.inf])}, [np.inf, np.nan])):
        assert fractile.create_snapshot(f"b{i}", panel, root=tmp_path, null=null)["content_hash"] == want


def flags_of(message):
    """The first of every flag that a message proposes, as Python's arguments."""
    out = {}
    for flag, value in re.findall(r"--([a-z-]+) ('[^']*'|[^\s,()]+(?:,[^\s()]+)?,?)", message):
        name, text = flag.replace("-", "_"), shlex.split(value)[0]
        text = text.rstrip(".") if name not in ("thousands", "decimal") and not text.endswith("N.M.") else text
        if name in ("thousands", "decimal"):
            text = text[0]
        out.setdefault(name, []).append(text)
    return out


@pytest.mark.parametrize("fault", PANEL_FAULTS)
@pytest.mark.parametrize("door", ["pandas", "csv", "parquet"])
def test_a_wrong_panel_is_refused_and_its_remedy_works(tmp_path, fault, door):
    make, words = PANEL_FAULTS[fault]
    frame = make()
    if door == "csv":
        panel = write(tmp_path / "p.csv", csv_of(frame))
    elif door == "parquet":
        frame.assign(
            **{c: frame[c].map(lambda v: None if v is None or v != v else str(v)) for c in frame if frame[c].dtype == object}
        ).to_parquet(tmp_path / "p.parquet")
        panel = tmp_path / "p.parquet"
    else:
        panel = frame
    with pytest.raises(fractile.SnapshotError) as refusal:
        fractile.create_snapshot("a", panel, root=tmp_path)
    message = str(refusal.value)
    for word in words:
        assert word in message
    if fault in ("months", "a hole in the keys"):
        return  # one row per month and name would be needed; a row without a date stays refused
    remedy = flags_of(message)
    for name, values in remedy.items():
        if name in ("null", "text", "decimal") and len(remedy) > 1 and name != next(iter(remedy)):
            continue  # another way out
        options = {n: ",".join(v) if n in ("map", "null") else v[0] for n, v in remedy.items() if n == name}
        assert fractile.create_snapshot(f"b-{name}", panel, root=tmp_path, **options)["rows"] == len(frame), (options, values)


def test_every_column_with_codes_is_named_at_once(tmp_path):
    panel = with_cell("ret", "C").assign(mcap=PANEL["mcap"].astype(object).where(PANEL.index != 90, "S"))
    with pytest.raises(fractile.SnapshotError, match=r'"C" at row 77.*--null ret=C\. Also .*"S" at row 90.*--null mcap=S\.$'):
        fractile.create_snapshot("a", panel, root=tmp_path)
    assert fractile.create_snapshot("b", panel, root=tmp_path, null={"ret": "C", "mcap": "S"})["rows"] == len(panel)


def test_tickers_on_a_snapshot_of_numbers_name_the_column_that_has_them(tmp_path):
    tickers = PANEL["security_id"].map("T{}".format)
    fractile.create_snapshot("numbers", PANEL.assign(TICKER=tickers), root=tmp_path)
    service = fractile.BacktestService.get("numbers", root=tmp_path)
    with pytest.raises(fractile.SignalError, match=r'found the text "T10001" .*--map security_id=TICKER\)'):
        service.run(SIGNAL.assign(security_id=SIGNAL["security_id"].map("T{}".format)), mincos=2)


SIGNAL_FAULTS = {
    "a formula's error": (
        lambda: SIGNAL.assign(signal=SIGNAL["signal"].astype(object).where(SIGNAL.index != 77, "#DIV/0!")),
        ['"#DIV/0!"', "row 77"],
    ),
    "another kind of date": (
        lambda: SIGNAL.assign(date_sig=SIGNAL["date_sig"].dt.strftime("%d.%m.%Y")),
        ["--date-format %d.%m.%Y"],
    ),
    "another kind of time": (
        lambda: SIGNAL.assign(date_avail=SIGNAL["date_avail"].dt.strftime("%m/%d/%Y %I:%M:%S %p")),
        ["%I:%M:%S %p"],
    ),
    "day and month": (
        lambda: SIGNAL[SIGNAL["date_sig"] == "2020-01-03"].assign(date_sig="03/01/2020"),
        ["No row tells day and month apart", "%d/%m/%Y", "%m/%d/%Y"],
    ),
    "names of alphalens": (
        lambda: SIGNAL.rename(columns={"date_sig": "date", "security_id": "asset"}),
        ["--map security_id=asset --map date_sig=date"],
    ),
    "no name is ours": (
        lambda: SIGNAL.rename(columns={"date_sig": "month_end", "security_id": "ticker", "signal": "score"}),
        ['"security_id", "date_sig" and "signal"', "--map security_id=ticker --map date_sig=month_end", 'sigvar="score"'],
    ),
    "another value": (lambda: SIGNAL.rename(columns={"signal": "score"}), ['sigvar="score"']),
    "offsets here and there": (
        lambda: SIGNAL.assign(
            date_sig=SIGNAL["date_sig"].dt.strftime("%Y-%m-%d 00:00:00+09:00").where(SIGNAL.index != 5, "2020-01-02")
        ),
        ["row 0", "row 5", "offset"],
    ),
}


@pytest.mark.parametrize("fault", SIGNAL_FAULTS)
@pytest.mark.parametrize("door", ["pandas", "csv", "polars"])
def test_a_wrong_signal_is_refused_and_its_remedy_works(service, tmp_path, fault, door):
    make, words = SIGNAL_FAULTS[fault]
    frame = make()
    signal = {
        "csv": lambda: write(tmp_path / "s.csv", csv_of(frame)),
        "polars": lambda: pl.from_pandas(frame.assign(signal=frame["signal"].astype(str)) if "signal" in frame else frame),
        "pandas": lambda: frame,
    }[door]()
    with pytest.raises(fractile.SignalError) as refusal:
        service.run(signal, mincos=2)
    message = str(refusal.value)
    for word in words:
        assert word in message
    remedy = flags_of(message)
    options = {name: ",".join(values) if name == "map" else values[0] for name, values in remedy.items()}
    if options:
        assert service.run(signal, mincos=1, **options).diagnostics["rows_given"] == len(frame)


WRONG_MAPS = {
    "our name is there": (lambda: SIGNAL, {"security_id": "TICKER"}, "Leave out --map security_id=TICKER.", {}),
    "another name": (
        lambda: SIGNAL.rename(columns={"security_id": "asset", "signal": "score"}),
        {"security_id": "TICKER", "date_sig": "MthCalDt", "signal": "alpha"},
        "Leave out --map date_sig=MthCalDt. Correct the map: --map security_id=asset --map signal=score.",
        {"security_id": "asset", "signal": "score"},
    ),
    "no likely name": (lambda: SIGNAL.drop(columns="date_avail"), {"date_avail": "rdq"}, "Correct --map date_avail=rdq.", None),
}


@pytest.mark.parametrize("door", ["pandas", "csv", "json"])
@pytest.mark.parametrize("fault", WRONG_MAPS)
def test_a_map_of_columns_that_a_signal_lacks_is_refused_with_the_right_one(request, service, tmp_path, fault, door):
    make, wrong, remedy, right = WRONG_MAPS[fault]
    frame = make()
    if door == "json":
        server = request.getfixturevalue("server")
        status, answer = ask(server, "json", frame, {"mincos": 1, "map": wrong})
        assert status == 422 and remedy in answer["error"]["message"], answer
        if right is not None:
            assert ask(server, "json", frame, {"mincos": 1, "map": right})[0] == 200
        return
    signal = frame if door == "pandas" else write(tmp_path / "s.csv", csv_of(frame))
    with pytest.raises(fractile.SignalError, match=rf"\(map\).* {re.escape(remedy)}$"):
        service.run(signal, mincos=1, map=wrong)
    if right is not None:
        assert service.run(signal, mincos=1, map=right).diagnostics["rows_given"] == len(frame)


def test_a_header_that_was_read_as_one_column_names_its_delimiter(service, tmp_path):
    path = write(tmp_path / "s.csv", csv_of(SIGNAL, sep="^"))
    with pytest.raises(fractile.SignalError, match=r"Name the delimiter: --delimiter '\^'\.$"):
        service.run(path, mincos=1)
    assert service.run(path, mincos=1, delimiter="^").diagnostics["rows_given"] == len(SIGNAL)


HTTP_FAULTS = {
    # Remedies that are not flags.
    "another value": {"sigvar": "score"},
}


@pytest.fixture(scope="module")
def server(home, service, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server"), home) as running:
        yield running


def columns_of(frame):
    """The frame as the columns of a JSON body; what is missing is null."""
    texts = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in frame}
    return {name: [x.isoformat() if isinstance(x, pd.Timestamp) else x for x in values] for name, values in texts.items()}


def ask(server, form, frame, config):
    """Status and body of POST /run, with the frame as JSON or CSV."""
    address = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    try:
        if form == "json":
            body = json.dumps({"signal": columns_of(frame), "config": config}, default=int)
            connection.request("POST", "/run", body, {"Content-Type": "application/json"})
        else:
            query = urllib.parse.urlencode({"config": json.dumps(config)})
            connection.request("POST", f"/run?{query}", csv_of(frame), {"Content-Type": "text/csv"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("fault", SIGNAL_FAULTS)
@pytest.mark.parametrize("form", ["json", "csv"])
def test_the_remedy_for_a_wrong_signal_works_over_http(server, fault, form):
    """Options of reading are keys of config, under the names of the flags that the message prints."""
    make, words = SIGNAL_FAULTS[fault]
    frame = make()
    status, answer = ask(server, form, frame, {"mincos": 2})
    message = answer["error"]["message"]
    assert status == 422, answer
    for word in words:
        assert word in message
    remedy = {name: ",".join(values) if name == "map" else values[0] for name, values in flags_of(message).items()}
    remedy |= HTTP_FAULTS.get(fault, {})
    assert remedy or fault == "offsets here and there", message
    if remedy:
        status, answer = ask(server, form, frame, {"mincos": 1, **remedy})
        assert status == 200, answer
        assert answer["diagnostics"]["rows_given"] == len(frame)


CONTAINERS = {
    "a.zip": "pd.read_csv",
    "a.xlsx": "pd.read_excel",
    "a.dta": "pd.read_stata",
    "a.sas7bdat": "pd.read_sas",
    "a.pkl": "pd.read_pickle",
    "a.h5": "pd.read_hdf",
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_another_kind_of_file_is_refused_with_the_line_that_reads_it(tmp_path, name):
    write(tmp_path / name, "x")
    with pytest.raises(fractile.SnapshotError, match=re.escape(CONTAINERS[name])):
        fractile.create_snapshot("a", tmp_path / name, root=tmp_path)


def test_unknown_options_are_refused(service, tmp_path):
    with pytest.raises(fractile.ConfigError, match="date_format"):
        fractile.create_snapshot("a", PANEL, root=tmp_path, date_fromat="%Y")
    with pytest.raises(fractile.ConfigError, match="%q"):
        service.run(SIGNAL, date_format="%q")
    with pytest.raises(fractile.ConfigError, match="decimal"):
        service.run(SIGNAL, decimal=";")
    with pytest.raises(fractile.ConfigError, match="thousands"):
        service.run(SIGNAL, thousands=".")


OPTION_FAULTS = {
    "null": {"null": {"rett": ["C"]}},
    "scale": {"scale": {"rett": 0.01}},
    "text": {"text": ["rett"]},
    "null of ids": {"null": {"security_id": [10001]}},
    "a format of dates that need none": {"date_format": "%Y-%d-%m"},
    "another such": {"date_format": "%Y%d%m"},
}


@pytest.mark.parametrize("door", ["frame", "csv"])
@pytest.mark.parametrize("fault", OPTION_FAULTS)
def test_an_option_without_effect_is_refused(service, tmp_path, fault, door):
    """A slip in a name would leave -99 as a return and percent as a share."""
    panel, signal = (f if door == "frame" else write(tmp_path / n, csv_of(f)) for f, n in ((PANEL, "p.csv"), (SIGNAL, "s.csv")))
    with pytest.raises(fractile.ConfigError, match=r"UNKNOWN_OPTION|INVALID_VALUE"):
        fractile.create_snapshot("a", panel, root=tmp_path, **OPTION_FAULTS[fault])
    with pytest.raises(fractile.ConfigError, match=r"UNKNOWN_OPTION|INVALID_VALUE"):
        service.run(signal, mincos=2, **OPTION_FAULTS[fault])


SIGNAL_OPTION_FAULTS = {
    "columns": {"columns": ["signal"]},
    "abs_price": {"abs_price": True},
    "drop_duplicates": {"drop_duplicates": True},
    "map": {"map": {"date_avial": "date_avail"}},
    "drop": {"drop": ["date_avial"]},
}


@pytest.mark.parametrize("door", ["frame", "csv"])
@pytest.mark.parametrize("fault", SIGNAL_OPTION_FAULTS)
def test_an_option_of_no_meaning_for_a_signal_is_refused(service, tmp_path, fault, door):
    signal = SIGNAL if door == "frame" else write(tmp_path / "s.csv", csv_of(SIGNAL))
    with pytest.raises(fractile.FractileError, match=r"UNKNOWN_OPTION|UNKNOWN_COLUMN"):
        service.run(signal, mincos=2, **SIGNAL_OPTION_FAULTS[fault])
