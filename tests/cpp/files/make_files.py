# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Writes the files beside it: one small table in every compression that our own writers do not use."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parent
ROWS = 60


def make_table() -> pa.Table:
    """Row i: security 7 i - 100, day 18263 + i / 10, the next day as text, i / 8 - 3 (missing if i % 11 = 5)."""
    days = pa.array([18263 + i // 10 for i in range(ROWS)], pa.int32()).cast(pa.date32())
    return pa.table(
        {
            "security_id": pa.array([7 * i - 100 for i in range(ROWS)], pa.int64()),
            "date_sig": days,
            "date_avail": pa.array([f"2020-01-{3 + i // 10:02d}" for i in range(ROWS)]),
            "signal": pa.array([None if i % 11 == 5 else i / 8 - 3 for i in range(ROWS)], pa.float64()),
        }
    )


def write_ipc(name: str, make_writer, compression: str) -> None:
    table = make_table()
    with make_writer(FOLDER / name, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=25)


if __name__ == "__main__":
    for compression in ("lz4", "zstd"):
        write_ipc(f"{compression}.arrow", pa.ipc.new_file, compression)
        write_ipc(f"{compression}.arrows", pa.ipc.new_stream, compression)
    for compression in ("snappy", "gzip", "lz4", "none"):
        pq.write_table(make_table(), FOLDER / f"{compression}.parquet", compression=compression, row_group_size=25)
    pq.write_table(make_table(), FOLDER / "pages.parquet", data_page_version="2.0", use_dictionary=False, data_page_size=64)
    pq.write_table(
        make_table(),
        FOLDER / "checksums.parquet",
        write_page_checksum=True,
        column_encoding={"security_id": "DELTA_BINARY_PACKED", "signal": "BYTE_STREAM_SPLIT"},
        use_dictionary=False,
    )
