# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""One table in every form in which users have it: frames, files, folders, series."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")
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


# Faults by name: the panel or signal, and the words of its refusal.
def with_cell(column, value, row=77):
    changed = PANEL.assign(**{column: PANEL[column].astype(object)})
    changed.loc[row, column] = value
    return changed
