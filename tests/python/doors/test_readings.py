# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""The meaning of options and types: dates, columns, texts, encodings, folders."""

from __future__ import annotations

import pathlib

import fractile
import numpy as np
import pandas as pd
import pytest
from support.doors import PANEL, SIGNAL, csv_of, write


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


def test_every_option_has_a_flag_and_is_documented():
    from fractile import _core

    page = (pathlib.Path(__file__).parents[3] / "docs" / "reading.md").read_text()
    for option in _core.read_options():
        assert f"`{option['name']}`" in page
        assert f"--{option['name'].replace('_', '-')}" in page


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


def test_a_period_shorter_than_a_day_is_its_last_moment(service):
    """An hour that ends at 17:00 is not midnight."""
    hours = SIGNAL.assign(date_avail=(SIGNAL["date_avail"] - pd.Timedelta(hours=1)).dt.to_period("h"))
    late = SIGNAL.assign(date_avail=SIGNAL["date_avail"] - pd.Timedelta(microseconds=1))
    assert service.run(hours, mincos=2).run_id == service.run(late, mincos=2).run_id
