# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Files that are damaged, of another kind, or that hold what no run uses."""

from __future__ import annotations

import gzip

import fractile
import numpy as np
import pandas as pd
import pytest
from support.doors import PANEL, SIGNAL, csv_of, write

pa = pytest.importorskip("pyarrow")


def with_open_quote(frame, row, cell='"an inch'):
    """A CSV whose last column has an opened quote in one row."""
    lines = csv_of(frame.assign(note="x")).splitlines(keepends=True)
    lines[row + 1] = lines[row + 1].replace(",x\n", f",{cell}\n")
    return "".join(lines)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("row", [0, 300])
def test_a_quote_that_never_closes_is_refused(service, tmp_path, row, packed):
    """It would make one cell of all rows behind it."""
    pack = gzip.compress if packed else bytes
    panel = write(tmp_path / "p.csv", pack(with_open_quote(PANEL, row).encode()))
    with pytest.raises(fractile.SnapshotError, match=rf"a quote at row {row} that never closes") as refusal:
        fractile.create_snapshot("a", panel, root=tmp_path)
    assert '""' in str(refusal.value)
    signal = write(tmp_path / "s.csv", pack(with_open_quote(SIGNAL, row).encode()))
    with pytest.raises(fractile.SignalError, match=rf"a quote at row {row} that never closes"):
        service.run(signal, mincos=2)


@pytest.mark.parametrize("cell", ['5" pipe', '"a ""word"" here"', '""', '"two\nlines"', '""""', '"a",', "'", '"x" y'])
def test_other_quotes_are_read(tmp_path, cell):
    extra = "," if cell.endswith(",") else ""
    text = with_open_quote(PANEL, 7, cell).replace("note\n", f"note{extra}\n").replace(",x\n", f",x{extra}\n")
    assert fractile.create_snapshot("a", write(tmp_path / "p.csv", text), root=tmp_path)["rows"] == len(PANEL)


def test_quotes_are_followed_across_blocks(tmp_path):
    """The reader takes a file in blocks: a quote can be the last byte of one, and its double the first of the next."""
    for shift in range(4):
        frame = PANEL.assign(note='say ""' + "y" * shift, more='"q"')
        text = csv_of(pd.concat([frame] * 40, ignore_index=True).assign(security_id=np.arange(40 * len(frame))))
        assert len(text) > 2**21
        assert fractile.create_snapshot(f"a{shift}", write(tmp_path / "p.csv", text), root=tmp_path)["rows"] == 40 * len(frame)


def test_nested_columns_of_parquet_are_skipped(service, tmp_path):
    nested = {"tags": [["a", "b"]] * len(PANEL), "meta": [{"x": 1}] * len(PANEL)}
    nested["span"] = pd.arrays.IntervalArray.from_breaks(range(len(PANEL) + 1))
    want = fractile.create_snapshot("want", PANEL, root=tmp_path)["content_hash"]
    PANEL.assign(**nested).to_parquet(tmp_path / "p.parquet")
    made = fractile.create_snapshot("got", tmp_path / "p.parquet", root=tmp_path)
    assert made["content_hash"] == want
    assert {"tags", "meta", "span"} <= {line["first"] for line in made["report"] if line["check"] == "skipped"}
    (tmp_path / "lake").mkdir()
    PANEL.assign(**nested).to_parquet(tmp_path / "lake" / "a.parquet")
    assert fractile.create_snapshot("lake-2", tmp_path / "lake", root=tmp_path)["content_hash"] == want
    SIGNAL.assign(tags=nested["tags"]).to_parquet(tmp_path / "s.parquet")
    assert service.run(tmp_path / "s.parquet", mincos=2).run_id == service.run(SIGNAL, mincos=2).run_id


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_of_a_folder_with_a_name_twice_is_refused(tmp_path, form):
    folder = tmp_path / "lake"
    folder.mkdir()
    half = len(PANEL) // 2
    names = [*PANEL.columns[:-1], "ret"]
    twice = pa.Table.from_pandas(PANEL.iloc[:half], preserve_index=False).rename_columns(names)
    if form == "csv":
        write(folder / "a.csv", csv_of(PANEL.iloc[:half].set_axis(names, axis=1)))
        write(folder / "b.csv", csv_of(PANEL.iloc[half:]))
    else:
        import pyarrow.parquet as pq

        pq.write_table(twice, folder / "a.parquet")
        PANEL.iloc[half:].to_parquet(folder / "b.parquet")
    with pytest.raises(fractile.SnapshotError, match=rf'"ret" twice in ".*a\.{form}"'):
        fractile.create_snapshot("a", folder, root=tmp_path)


def test_files_of_a_folder_differ_in_a_column_that_is_left_out(service, tmp_path):
    folder, half = tmp_path / "lake", len(PANEL) // 2
    folder.mkdir()
    for frame, name, read in ((PANEL, "panel", fractile.create_snapshot), (SIGNAL, "signal", None)):
        place = folder / name
        place.mkdir()
        frame.iloc[:half].assign(note="7").to_parquet(place / "a.parquet")
        frame.iloc[half:].assign(note=1.5).to_parquet(place / "b.parquet")
        if read is None:
            assert service.run(place, mincos=2).run_id == service.run(frame, mincos=2).run_id
            with pytest.raises(fractile.SignalError, match=r'"note" as .* in another'):
                service.run(place, mincos=2, sigvar="note")
            continue
        with pytest.raises(fractile.SnapshotError, match=r'"note" as .* in another.*--drop'):
            read("a", place, root=tmp_path)
        want = read("want", frame, root=tmp_path)["content_hash"]
        assert read("b", place, root=tmp_path, drop=["note"])["content_hash"] == want


def test_another_content_than_the_name_says_is_named(tmp_path):
    PANEL.to_parquet(tmp_path / "p.parquet")
    PANEL.to_feather(tmp_path / "p.feather")
    contents = {
        "a Parquet file": (tmp_path / "p.parquet").read_bytes(),
        "an Arrow file": (tmp_path / "p.feather").read_bytes(),
        "a gzip archive": gzip.compress(gzip.compress(csv_of(PANEL).encode())),
    }
    for words, content in contents.items():
        with pytest.raises(fractile.SnapshotError, match=words):
            fractile.create_snapshot("a", write(tmp_path / "p.csv", content), root=tmp_path)
    with pytest.raises(fractile.SnapshotError, match="an empty file"):
        fractile.create_snapshot("a", write(tmp_path / "p.csv", ""), root=tmp_path)


def test_a_file_of_a_folder_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "lake").mkdir()
    write(tmp_path / "lake" / "a.csv", csv_of(PANEL))
    write(tmp_path / "lake" / "b.csv", "")
    with pytest.raises(fractile.SnapshotError, match=r"an empty file.*b\.csv"):
        fractile.create_snapshot("a", tmp_path / "lake", root=tmp_path)


def test_a_row_of_another_length_is_numbered_from_0(tmp_path):
    text = csv_of(PANEL) + "2020-03-03,10001\n"
    with pytest.raises(fractile.SnapshotError, match=f"2 cells instead of {PANEL.shape[1]} at row {len(PANEL)}"):
        fractile.create_snapshot("a", write(tmp_path / "p.csv", text), root=tmp_path)
    text = "My export,,\n" + csv_of(PANEL)
    with pytest.raises(fractile.SnapshotError, match=f"{PANEL.shape[1]} cells instead of 3 at row 0.*first line"):
        fractile.create_snapshot("a", write(tmp_path / "p.csv", text), root=tmp_path)


def test_a_key_of_eight_digits_agrees_with_a_column_of_dates(tmp_path):
    want = fractile.create_snapshot("want", PANEL, root=tmp_path)["content_hash"]
    for day, part in PANEL.groupby("date"):
        place = tmp_path / "lake" / f"date={day:%Y%m%d}"
        place.mkdir(parents=True)
        part.to_parquet(place / "part.parquet")
    assert fractile.create_snapshot("got", tmp_path / "lake", root=tmp_path)["content_hash"] == want
    (tmp_path / "lake" / "date=20200102").rename(tmp_path / "lake" / "date=20200103x")
    with pytest.raises(fractile.SnapshotError, match="differs from the name of its folder"):
        fractile.create_snapshot("other", tmp_path / "lake", root=tmp_path)


def test_a_name_with_a_line_end_is_one_name(service, tmp_path):
    """Spreadsheets break the lines of their headers."""
    text = csv_of(SIGNAL.assign(note="x")).replace("note\n", '"my\nnote"\n', 1)
    assert service.run(write(tmp_path / "s.csv", text), mincos=2).run_id == service.run(SIGNAL, mincos=2).run_id
    panel = csv_of(PANEL.assign(note="x")).replace("note\n", '"my\nnote"\n', 1)
    made = fractile.create_snapshot("a", write(tmp_path / "p.csv", panel), root=tmp_path, map={"note": "my\nnote"})
    assert made["rows"] == len(PANEL)
