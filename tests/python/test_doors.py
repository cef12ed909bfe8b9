# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The same content through every door: one content_hash of a panel, one run_id of a signal; anything else is a refusal."""

from __future__ import annotations

import decimal
import gzip
import json
import re
import shlex
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import fractile
import numpy as np
import pandas as pd
import pytest
from support.server_process import serving

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")
pq = pytest.importorskip("pyarrow.parquet")
pa_csv = pytest.importorskip("pyarrow.csv")


def make_rows(seed: int = 3, n_days: int = 30, n_names: int = 25) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A panel with missing values, a category, whole numbers and booleans; a signal on its keys with times."""
    rng = np.random.default_rng(seed)
    days, ids = pd.bdate_range("2020-01-02", periods=n_days), np.arange(10001, 10001 + n_names)
    panel = pd.MultiIndex.from_product([days, ids], names=["date", "security_id"]).to_frame(index=False)
    n = len(panel)
    panel["ret"] = np.where(rng.random(n) < 0.03, np.nan, rng.normal(0, 0.02, n).astype("f4").astype("f8"))
    panel["mcap"] = np.round(rng.lognormal(18, 1, n))
    panel["industry_id"] = panel["security_id"] % 7 + 1
    panel["beta"] = np.where(rng.random(n) < 0.05, np.nan, np.round(rng.normal(1, 0.3, n), 3))
    panel["country"] = np.where(rng.random(n) < 0.05, None, rng.choice(["US", "NA", "GB"], n))
    panel["etf"] = rng.random(n) < 0.3
    signal = panel[["security_id", "date"]].rename(columns={"date": "date_sig"})
    signal["date_avail"] = signal["date_sig"] + pd.Timedelta(hours=17)
    signal["signal"] = np.where(rng.random(n) < 0.05, np.nan, rng.normal(size=n))
    return panel, signal


PANEL, SIGNAL = make_rows()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("doors")


@pytest.fixture(scope="module")
def service(home):
    fractile.create_snapshot("base", PANEL, root=home)
    return fractile.BacktestService.get("base", root=home)


def texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Every cell as a text, as a careless reader holds a CSV."""
    out = pd.DataFrame(index=frame.index)
    for name, column in frame.items():
        if column.dtype.kind == "M":
            out[name] = column.dt.strftime("%Y-%m-%d" if (column == column.dt.normalize()).all() else "%Y-%m-%dT%H:%M:%S").astype(
                object
            )
        else:
            out[name] = pd.Series(
                [None if pd.isna(v) else repr(v) if isinstance(v, float) else str(v) for v in column], dtype=object
            )
    return out


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return str(path)


def csv_of(frame, **options):
    return frame.to_csv(index=False, **options)


def dates(frame):
    return [name for name in frame if name.startswith("date")]


def hive(frame, folder, key, form):
    """A folder key=value/part of each value of the key."""
    for value, part in frame.groupby(key, sort=False):
        place = folder / f"{key}={value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else folder / f"{key}={value}"
        place.mkdir(parents=True)
        rest = part.drop(columns=key)
        if form == "csv":
            rest.to_csv(place / "part-0.csv", index=False)
        else:
            rest.to_parquet(place / "part-0.parquet", index=False)
    write(folder / "_SUCCESS", "")
    return str(folder)


def chunks(frame, folder, form):
    folder.mkdir()
    for i, begin in enumerate(range(0, len(frame), 200)):
        part = frame.iloc[begin : begin + 200]
        if form == "csv":
            part.to_csv(folder / f"{i}.csv", index=False)
        else:
            part.to_parquet(folder / f"{i}.parquet")
    return str(folder)


def day_column(frame, make):
    return frame.assign(**{name: make(frame[name]) for name in dates(frame) if name != "date_avail"})


FORMS = {
    "pandas": lambda f, d: f,
    "pandas shuffled columns": lambda f, d: f[list(f.columns[::-1])],
    "pandas ns": lambda f, d: f.astype({c: "datetime64[ns]" for c in dates(f)}),
    "pandas ms": lambda f, d: f.astype({c: "datetime64[ms]" for c in dates(f)}),
    "pandas in a zone": lambda f, d: f.assign(**{c: f[c].dt.tz_localize("Asia/Tokyo") for c in dates(f)}),
    "pandas in another zone": lambda f, d: f.assign(**{c: f[c].dt.tz_localize("America/New_York") for c in dates(f)}),
    "pandas index": lambda f, d: f.set_index(["security_id", dates(f)[0]]),
    "pandas alphalens levels": lambda f, d: f.set_index([dates(f)[0], "security_id"]).rename_axis(["date", "asset"]),
    "pandas qlib levels": lambda f, d: f.set_index([dates(f)[0], "security_id"]).rename_axis(["datetime", "instrument"]),
    "pandas nullable": lambda f, d: f.convert_dtypes(),
    "pandas arrow types": lambda f, d: f.convert_dtypes(dtype_backend="pyarrow"),
    "pandas texts": lambda f, d: texts(f),
    "pandas texts as categories": lambda f, d: texts(f).astype("category"),
    "pandas python dates": lambda f, d: day_column(f, lambda c: c.dt.date.astype(object)),
    "pandas python datetimes": lambda f, d: f.assign(
        **{c: pd.Series(list(f[c].dt.to_pydatetime()), dtype=object) for c in dates(f)}
    ),
    "pandas eight digits": lambda f, d: day_column(f, lambda c: c.dt.strftime("%Y%m%d").astype("int64")),
    "pandas eight digits as floats": lambda f, d: day_column(f, lambda c: c.dt.strftime("%Y%m%d").astype("float64")),
    "pandas eight digits as texts": lambda f, d: day_column(f, lambda c: c.dt.strftime("%Y%m%d").astype(object)),
    "pandas daily periods": lambda f, d: day_column(f, lambda c: c.dt.to_period("D")),
    "pandas ids as floats in texts": lambda f, d: f.assign(security_id=f["security_id"].astype(float).astype(str)),
    "pandas big-endian": lambda f, d: f.assign(security_id=f["security_id"].to_numpy().astype(">i8")),
    "pandas unneeded columns": lambda f, d: f.assign(at=pd.Timedelta("1h"), raw=b"x", listed=pd.Timestamp("2001-05-06")),
    "numpy": lambda f, d: {c: f[c].to_numpy() for c in f},
    "numpy days": lambda f, d: {
        c: f[c].to_numpy().astype("M8[D]") if c in dates(f) and c != "date_avail" else f[c].to_numpy() for c in f
    },
    "lists": lambda f, d: {c: f[c].tolist() for c in f},
    "polars": lambda f, d: pl.from_pandas(f),
    "polars dates": lambda f, d: pl.from_pandas(f).with_columns(pl.col(dates(f)[0]).cast(pl.Date)),
    "polars texts": lambda f, d: pl.from_pandas(texts(f)),
    "polars categories": lambda f, d: pl.from_pandas(texts(f)).with_columns(pl.col(dates(f)[0]).cast(pl.Categorical)),
    "pyarrow": lambda f, d: pa.Table.from_pandas(f, preserve_index=False),
    "pyarrow reader": lambda f, d: pa.Table.from_pandas(f, preserve_index=False).to_reader(max_chunksize=100),
    "pyarrow large texts": lambda f, d: pa.Table.from_pandas(texts(f), preserve_index=False).cast(
        pa.schema([(c, pa.large_string()) for c in f])
    ),
    "pyarrow text views": lambda f, d: pa.table({c: pa.array(texts(f)[c], pa.string_view()) for c in f}),
    "pyarrow dictionaries": lambda f, d: pa.table({c: pa.array(texts(f)[c]).dictionary_encode() for c in f}),
    "parquet": lambda f, d: (f.to_parquet(d / "a.parquet"), str(d / "a.parquet"))[1],
    "parquet texts": lambda f, d: (texts(f).to_parquet(d / "a.parquet"), str(d / "a.parquet"))[1],
    "feather": lambda f, d: (f.to_feather(d / "a.feather"), str(d / "a.feather"))[1],
    "csv": lambda f, d: write(d / "a.csv", csv_of(f)),
    "csv with its index": lambda f, d: write(d / "a.csv", f.to_csv()),
    "csv in a zone": lambda f, d: write(
        d / "a.csv", csv_of(f.assign(**{c: f[c].dt.tz_localize("Europe/Berlin") for c in dates(f)}))
    ),
    "csv offsets of two digits": lambda f, d: write(
        d / "a.csv", csv_of(f.assign(**{c: f[c].dt.strftime("%Y-%m-%d %H:%M:%S+09") for c in dates(f)}))
    ),
    "csv offsets without colon": lambda f, d: write(
        d / "a.csv", csv_of(f.assign(**{c: f[c].dt.strftime("%Y-%m-%dT%H:%M-0500") for c in dates(f)}))
    ),
    "csv eight digits": lambda f, d: write(d / "a.csv", csv_of(day_column(f, lambda c: c.dt.strftime("%Y%m%d")))),
    "csv quoted": lambda f, d: write(d / "a.csv", csv_of(f, quoting=1)),
    "csv CRLF": lambda f, d: write(d / "a.csv", csv_of(f, lineterminator="\r\n")),
    "csv mark": lambda f, d: write(d / "a.csv", csv_of(f), "utf-8-sig"),
    "csv spaces": lambda f, d: write(
        d / "a.csv", csv_of(f.rename(columns=lambda c: f" {c} ").assign(**{" security_id ": f["security_id"].map(" {} ".format)}))
    ),
    "csv of polars": lambda f, d: (pl.from_pandas(f).write_csv(d / "a.csv"), str(d / "a.csv"))[1],
    "csv of pyarrow": lambda f, d: (
        pa_csv.write_csv(pa.Table.from_pandas(f, preserve_index=False), d / "a.csv"),
        str(d / "a.csv"),
    )[1],
    "csv gz": lambda f, d: write(d / "a.csv.gz", gzip.compress(csv_of(f).encode())),
    "csv gz under another name": lambda f, d: write(d / "a.csv", gzip.compress(csv_of(f).encode())),
    "csv zst": lambda f, d: write(d / "a.csv.zst", pa.compress(csv_of(f).encode(), "zstd", asbytes=True)),
    "tsv": lambda f, d: write(d / "a.tsv", csv_of(f, sep="\t")),
    "txt with bars": lambda f, d: write(d / "a.txt", csv_of(f, sep="|")),
    "csv with semicolons": lambda f, d: write(d / "a.csv", csv_of(f, sep=";")),
    "folder of parquet": lambda f, d: chunks(f, d / "parts.parquet", "parquet"),
    "folder of csv": lambda f, d: chunks(f, d / "parts", "csv"),
    "hive folder of parquet": lambda f, d: hive(f, d / "hive", dates(f)[0], "parquet"),
    "hive folder of csv": lambda f, d: hive(f, d / "hive", dates(f)[0], "csv"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_panel_has_one_hash(home, service, tmp_path, form):
    want = fractile.create_snapshot(f"want{len(list(home.iterdir()))}", PANEL, root=home)["content_hash"]
    got = fractile.create_snapshot("got", FORMS[form](PANEL, tmp_path), root=tmp_path / "root")
    assert got["content_hash"] == want, {c["name"]: c for c in got["columns"]}


@pytest.mark.parametrize("form", FORMS)
def test_a_signal_has_one_run_id(service, tmp_path, form):
    want = service.run(SIGNAL, mincos=2)
    got = service.run(FORMS[form](SIGNAL, tmp_path), mincos=2)
    assert got.run_id == want.run_id
    assert got.diagnostics["rows_used"] == want.diagnostics["rows_used"] > 300


SERIES = {
    "ours": lambda s: s,
    "alphalens": lambda s: s.rename_axis(["date", "asset"]).rename("factor"),
    "qlib": lambda s: s.rename_axis(["datetime", "instrument"]).rename("score"),
    "no name": lambda s: s.rename(None),
    "levels by type": lambda s: s.rename_axis(["when", "who"]),
    "security first": lambda s: s.swaplevel(),
    "wide": lambda s: fractile.from_wide(s.unstack()),  # noqa: PD010
}


@pytest.mark.parametrize("form", SERIES)
def test_a_series_is_a_signal(service, form):
    rows = SIGNAL.drop(columns="date_avail").dropna()
    series = rows.set_index(["date_sig", "security_id"])["signal"]
    assert service.run(SERIES[form](series), mincos=2).run_id == service.run(rows, mincos=2).run_id


def test_options_are_no_part_of_the_run_id(service, tmp_path):
    want = service.run(SIGNAL, mincos=2).run_id
    other = SIGNAL.rename(columns={"security_id": "PERMNO"}).assign(signal=SIGNAL["signal"] * 100)
    path = write(tmp_path / "s.csv", csv_of(other.assign(signal=other["signal"].map(repr).replace("nan", "-999"))))
    got = service.run(path, mincos=2, map={"security_id": "PERMNO"}, null={"signal": [-999]}, scale={"signal": 0.01})
    assert got.diagnostics["rows_used"] == service.run(SIGNAL, mincos=2).diagnostics["rows_used"]
    unscaled = service.run(other, mincos=2, map="security_id=PERMNO")
    assert unscaled.run_id != want
    same = SIGNAL.rename(columns={"security_id": "PERMNO"})
    assert service.run(same, mincos=2, map={"security_id": "PERMNO"}).run_id == want


@pytest.mark.parametrize("kind", ["decimal", "float16", "sparse", "uint64", "hugeint", "masked"])
def test_number_types(home, tmp_path, kind):
    whole = PANEL.drop(columns=["beta", "country"]).assign(beta=np.arange(len(PANEL)) % 50)
    make = {
        "decimal": lambda x: pd.Series([decimal.Decimal(int(v)) for v in x], dtype=object),
        "float16": lambda x: x.astype("float16"),
        "sparse": lambda x: x.astype(pd.SparseDtype("int64", 0)),
        "uint64": lambda x: x.astype("uint64"),
        "hugeint": lambda x: pd.Series(
            pa.array([decimal.Decimal(int(v)) for v in x], pa.decimal128(38, 0)), dtype=pd.ArrowDtype(pa.decimal128(38, 0))
        ),
        "masked": lambda x: x.astype("Int32"),
    }[kind]
    want = fractile.create_snapshot("want", whole, root=tmp_path)["content_hash"]
    assert fractile.create_snapshot("got", whole.assign(beta=make(whole["beta"])), root=tmp_path)["content_hash"] == want


# Faults by name: the panel or signal, and the words of its refusal.
def with_cell(column, value, row=77):
    changed = PANEL.assign(**{column: PANEL[column].astype(object)})
    changed.loc[row, column] = value
    return changed


PANEL_FAULTS = {
    "a code": (lambda: with_cell("ret", "C"), ['"C"', "row 77", "--null ret=C"]),
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


def test_a_month_with_a_format_is_its_last_day(service):
    """A month's signal is known when the month is over, not on its first day."""
    months = (
        SIGNAL[SIGNAL["date_sig"].dt.day == 2]
        .assign(date_sig=lambda f: f["date_sig"].dt.strftime("%Y-%m"))
        .drop(columns="date_avail")
    )
    ends = months.assign(date_sig=pd.to_datetime(months["date_sig"]) + pd.offsets.MonthEnd(0))
    want = service.run(ends, mincos=2)
    for source in (months, months.assign(date_sig=months["date_sig"].str.replace("-", "").astype("int64"))):
        form = "%Y-%m" if source["date_sig"].dtype.kind == "O" or str(source["date_sig"].dtype) == "str" else "%Y%m"
        assert service.run(source, mincos=2, date_format=form).run_id == want.run_id
    typed = {
        "security_id": months["security_id"].to_numpy(),
        "date_sig": months["date_sig"].to_numpy().astype("M8[M]"),
        "signal": months["signal"].to_numpy(),
    }
    assert service.run(typed, mincos=2, date_format="%Y-%m").run_id == want.run_id
    with pytest.raises(fractile.SignalError, match="--date-format %Y-%m"):
        service.run(typed, mincos=2)
    periods = months.assign(date_sig=pd.PeriodIndex(months["date_sig"], freq="M"))
    assert service.run(periods, mincos=2, date_format="%Y-%m").run_id == want.run_id


@pytest.mark.parametrize(("unit", "ticks"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_epoch_numbers(service, unit, ticks):
    numbers = SIGNAL.assign(**{c: SIGNAL[c].astype("datetime64[s]").astype("int64") * ticks for c in ("date_sig", "date_avail")})
    assert service.run(numbers, mincos=2, date_format=f"unix_{unit}").run_id == service.run(SIGNAL, mincos=2).run_id


def test_columns_are_selected(tmp_path):
    def names(**options):
        info = fractile.create_snapshot(f"n{len(list(tmp_path.iterdir()))}", PANEL, root=tmp_path, **options)
        return [column["name"] for column in info["columns"]]

    assert names(columns=["beta"]) == ["ret", "beta"]
    assert names(drop=["country", "etf", "mcap"]) == ["ret", "industry_id", "beta"]
    assert names(map={"value": "beta"}, columns="value") == ["ret", "value"]
    with pytest.raises(fractile.SnapshotError, match="--drop"):
        names(drop=["nothing"])
    with pytest.raises(fractile.SnapshotError, match="--drop ret"):
        names(map={"ret": "beta"})
    assert "ret" in names(map={"ret": "beta"}, drop=["ret"])


def test_what_was_skipped_or_read_as_text_is_said(tmp_path):
    frame = PANEL.assign(listed="2001-05-06", grade=["A" if i % 3 else "7" for i in range(len(PANEL))])
    with pytest.warns(UserWarning, match='text: Column "grade" is a category'):
        report = fractile.create_snapshot("a", write(tmp_path / "p.csv", frame.to_csv()), root=tmp_path)["report"]
    by_column = {(line["check"], line["first"]): line for line in report}
    assert ("skipped", "listed") in by_column
    assert ("skipped", "") in by_column
    assert by_column["text", "grade"]["level"] == "warning"
    assert by_column["text_missing", "country"]["count"] == (PANEL["country"] == "NA").sum()


def test_texts_of_cap_and_industry(tmp_path):
    sizes = np.array(["Large", "mid", "SMALL", "micro"])
    number = np.array([1, 2, 3, 3])
    place = np.arange(len(PANEL)) % 4
    want = fractile.create_snapshot("want", PANEL.assign(cap=number[place]), root=tmp_path)["content_hash"]
    assert fractile.create_snapshot("got", PANEL.assign(cap=sizes[place]), root=tmp_path)["content_hash"] == want
    by_text = PANEL.assign(cap=number[place], industry_id="I" + PANEL["industry_id"].astype(str))
    named = fractile.create_snapshot("named", by_text, root=tmp_path)
    assert next(c for c in named["columns"] if c["name"] == "industry_id")["kind"] == "text"
    by_name, by_code = (
        fractile.BacktestService.get(id, root=tmp_path).run(SIGNAL, mincos=2, resid="industry") for id in ("named", "want")
    )
    pd.testing.assert_frame_equal(by_name.daily, by_code.daily, check_exact=True)


def test_abs_price(tmp_path):
    panel = PANEL.assign(close_adj=np.where(np.arange(len(PANEL)) % 5, 10.0, -10.0))
    want = fractile.create_snapshot("want", panel.assign(close_adj=10.0), root=tmp_path)["content_hash"]
    assert fractile.create_snapshot("got", panel, root=tmp_path, abs_price=True)["content_hash"] == want


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


def test_encodings_are_named_and_read(tmp_path):
    named = PANEL.assign(country="Société")
    want = fractile.create_snapshot("want", named, root=tmp_path)["content_hash"]
    for encoding in ("latin-1", "utf-16"):
        path = write(tmp_path / "p.csv", csv_of(named), encoding)
        with pytest.raises(fractile.SnapshotError, match=f"--encoding {encoding}"):
            fractile.create_snapshot("a", path, root=tmp_path)
        assert fractile.create_snapshot(f"got-{encoding}", path, root=tmp_path, encoding=encoding)["content_hash"] == want
    with pytest.raises(fractile.SnapshotError, match="klingon"):
        fractile.create_snapshot("a", path, root=tmp_path, encoding="klingon")


def test_decimal_commas(tmp_path):
    path = write(tmp_path / "p.csv", csv_of(PANEL, sep=";", decimal=","))
    with pytest.raises(fractile.SnapshotError, match="--decimal ,"):
        fractile.create_snapshot("a", path, root=tmp_path)
    want = fractile.create_snapshot("want", PANEL, root=tmp_path)["content_hash"]
    assert fractile.create_snapshot("got", path, root=tmp_path, decimal=",")["content_hash"] == want


def test_from_wide_makes_a_panel(tmp_path):
    rets, caps = (PANEL.pivot_table(index="date", columns="security_id", values=c, dropna=False) for c in ("ret", "mcap"))
    panel = fractile.from_wide({"ret": rets, "mcap": caps})
    want = fractile.create_snapshot("want", PANEL[["security_id", "date", "ret", "mcap"]], root=tmp_path)["content_hash"]
    assert fractile.create_snapshot("dict", panel, root=tmp_path)["content_hash"] == want
    both = pd.concat({"ret": rets, "mcap": caps}, axis=1, names=["Price", "Ticker"])
    for frame in (both, both.swaplevel(axis=1)):
        assert (
            fractile.create_snapshot(f"y{frame.columns.names[0]}", fractile.from_wide(frame), root=tmp_path)["content_hash"]
            == want
        )
    with pytest.raises(fractile.SnapshotError, match="from_wide"):
        fractile.create_snapshot("a", rets, root=tmp_path)
    with pytest.raises(fractile.SnapshotError, match="from_wide"):
        fractile.create_snapshot("a", write(tmp_path / "y.csv", both.to_csv()), root=tmp_path)
    service = fractile.BacktestService.get("want", root=tmp_path)
    for wide in (rets, rets.rename_axis(None), rets.set_axis(rets.index.strftime("%Y-%m-%d"))):
        with pytest.raises(fractile.FractileError, match="from_wide"):
            service.run(wide)
    for twice in (pd.concat([rets, rets.iloc[:1]]), pd.concat([rets, rets.iloc[:, :1]], axis=1)):
        with pytest.raises(fractile.FractileError, match="twice"):
            fractile.from_wide({"ret": twice})


def test_a_folder_lacks_a_column_and_has_keys(tmp_path):
    folder = tmp_path / "lake"
    for i, (day, part) in enumerate(PANEL.groupby("date")):
        place = folder / f"date={day:%Y-%m-%d}" / "region=A%2FB"
        place.mkdir(parents=True)
        part.drop(columns=["date", "beta"] if i % 2 else ["date"]).to_parquet(place / f"{i}.parquet")
    (folder / ".hidden").mkdir()
    write(folder / ".hidden" / "x.parquet", "no parquet")
    lacking = PANEL.assign(region="A/B", beta=PANEL["beta"].where(PANEL["date"].rank(method="dense") % 2 == 1))
    want = fractile.create_snapshot("want", lacking, root=tmp_path)["content_hash"]
    assert fractile.create_snapshot("got", folder, root=tmp_path)["content_hash"] == want
    write(folder / "notes.md", "text")
    with pytest.raises(fractile.SnapshotError, match=r"notes\.md"):
        fractile.create_snapshot("a", folder, root=tmp_path)


def test_unknown_options_are_refused(service, tmp_path):
    with pytest.raises(fractile.ConfigError, match="date_format"):
        fractile.create_snapshot("a", PANEL, root=tmp_path, date_fromat="%Y")
    with pytest.raises(fractile.ConfigError, match="%q"):
        service.run(SIGNAL, date_format="%q")
    with pytest.raises(fractile.ConfigError, match="decimal"):
        service.run(SIGNAL, decimal=";")
    with pytest.raises(fractile.ConfigError, match="thousands"):
        service.run(SIGNAL, thousands=".")


def test_every_option_has_a_flag_and_is_documented():
    from fractile import _core

    page = (__import__("pathlib").Path(__file__).parents[2] / "docs" / "reading.md").read_text()
    for option in _core.read_options():
        assert f"`{option['name']}`" in page
        assert f"--{option['name'].replace('_', '-')}" in page


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


@pytest.mark.parametrize("form", ["csv", "parquet", "csv gz", "tsv", "hive folder of csv"])
def test_the_command_line_has_one_hash_and_one_run_id(home, executable, service, tmp_path, form):
    (tmp_path / "panel").mkdir()
    (tmp_path / "signal").mkdir()
    panel, signal = FORMS[form](PANEL, tmp_path / "panel"), FORMS[form](SIGNAL, tmp_path / "signal")
    create = [executable, "snapshot", "create", "s", "--root", str(tmp_path / "root"), "--panel", panel]
    subprocess.run(create, check=True, capture_output=True)
    made, want = (fractile.open_snapshot(id, root) for id, root in (("s", tmp_path / "root"), ("base", home)))
    assert made.content_hash == want.content_hash
    run = [
        executable,
        "run",
        signal,
        "--root",
        str(home),
        "--snapshot",
        "base",
        "--mincos",
        "2",
        "--byvar-list",
        "overall",
        "--format",
        "json",
    ]
    answer = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    assert answer["run_id"] == service.run(SIGNAL, mincos=2).run_id


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


@pytest.mark.parametrize("fault", BODY_FAULTS)
def test_a_wrong_body_is_refused(server, fault):
    body, reading, words = BODY_FAULTS[fault]
    message = ask(server, body, JSON, reading)["error"]["message"]
    assert all(word in message for word in words), message


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


@pytest.mark.parametrize("form", ["pandas", "csv", "csv with its index", "folder of parquet"])
def test_rows_that_are_equal_in_every_column_are_left_out(tmp_path, form):
    """WRDS files have a row per distribution, and several on one day."""
    want = fractile.create_snapshot("want", PANEL, root=tmp_path)["content_hash"]
    twice = pd.concat([PANEL, PANEL.iloc[[3, 40, 40]]], ignore_index=True)
    panel = FORMS[form](twice, tmp_path)
    with pytest.raises(fractile.SnapshotError, match=r"found 3 more, and all of them equal.*row 750.*--drop-duplicates"):
        fractile.create_snapshot("a", panel, root=tmp_path)
    made = fractile.create_snapshot("got", panel, root=tmp_path, drop_duplicates=True)
    assert made["content_hash"] == want
    assert next(line for line in made["report"] if line["check"] == "dropped_duplicates")["count"] == 3
    other = twice.copy()
    other.loc[len(PANEL), "beta"] = 9.0
    panel = FORMS[form](other, tmp_path / "other") if (tmp_path / "other").mkdir() is None else None
    with pytest.raises(fractile.SnapshotError, match=r"found 3 more, and 2 of them equal.*row 750"):
        fractile.create_snapshot("b", panel, root=tmp_path, drop_duplicates=True)


def test_a_key_of_a_folder_agrees_with_its_column(tmp_path):
    for value in (1, 10):
        place = tmp_path / "lake" / "industry_id=1"
        place.mkdir(parents=True, exist_ok=True)
        PANEL.assign(industry_id=value).to_parquet(place / "part.parquet")
        if value == 1:
            assert fractile.create_snapshot("one", tmp_path / "lake", root=tmp_path)["rows"] == len(PANEL)
    with pytest.raises(fractile.SnapshotError, match="differs from the name of its folder"):
        fractile.create_snapshot("ten", tmp_path / "lake", root=tmp_path)


def test_files_of_a_folder_with_two_zones_are_refused(tmp_path):
    """A cast to one type would give the day of UTC."""
    (tmp_path / "lake").mkdir()
    half = PANEL["date"] < PANEL["date"].iloc[len(PANEL) // 2]
    PANEL[half].assign(date=PANEL["date"].dt.tz_localize("Asia/Tokyo")).to_parquet(tmp_path / "lake" / "a.parquet")
    PANEL[~half].to_parquet(tmp_path / "lake" / "b.parquet")
    with pytest.raises(fractile.SnapshotError, match='"date"'):
        fractile.create_snapshot("a", tmp_path / "lake", root=tmp_path)


def test_decimal_ids(service):
    ids = pa.array([decimal.Decimal(int(v)) for v in SIGNAL["security_id"]], pa.decimal128(38, 0))
    table = pa.Table.from_pandas(SIGNAL, preserve_index=False).set_column(0, "security_id", ids)
    assert service.run(table, mincos=2).run_id == service.run(SIGNAL, mincos=2).run_id


def test_a_period_shorter_than_a_day_is_its_last_moment(service):
    """An hour that ends at 17:00 is not midnight."""
    hours = SIGNAL.assign(date_avail=(SIGNAL["date_avail"] - pd.Timedelta(hours=1)).dt.to_period("h"))
    late = SIGNAL.assign(date_avail=SIGNAL["date_avail"] - pd.Timedelta(microseconds=1))
    assert service.run(hours, mincos=2).run_id == service.run(late, mincos=2).run_id
