# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Arrow bodies with wrong bits and lengths, broken compression and bombs: each is refused, and the server survives."""

from __future__ import annotations

import gzip
import json
import random
import struct
import urllib.parse
import zlib

import pyarrow as pa
import pytest
from support.raw_http import exchange, request
from support.server_market import (
    FILE,
    STREAM,
    assert_refusal,
    json_body,
    make_root,
    make_rows,
    refused,
    to_ipc,
    to_records,
    to_table,
    unharmed,
)  # fmt: skip
from support.server_process import serving

pytestmark = pytest.mark.alone

ROWS = make_rows()
GOOD = json_body(to_records(ROWS), mincos=2)
CONFIG = "/run?config=" + urllib.parse.quote(json.dumps({"mincos": 2}))
LIMIT_MB = 64
BAD = (400, 422)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("abuse_arrow")
    configuration = {"server": {"workers": 2, "max_body_mb": LIMIT_MB}}
    with serving(folder / "server", make_root(folder / "snapshots"), configuration) as running:
        body = to_ipc(to_table(ROWS))
        assert exchange(running.port, request(target=CONFIG, body=body, content_type=STREAM)).status == 200
        yield running


@pytest.fixture(autouse=True)
def _unharmed(server):
    with unharmed(server):
        yield


STREAM_BODY = to_ipc(to_table(ROWS), chunk=997)
FILE_BODY = to_ipc(to_table(ROWS), "file", chunk=997)
PACKED_BODY = to_ipc(to_table(ROWS), "stream", "lz4", chunk=997)
ARROW = {"stream": (STREAM_BODY, STREAM), "file": (FILE_BODY, FILE), "lz4": (PACKED_BODY, STREAM)}


@pytest.mark.parametrize("form", ARROW)
def test_flipped_bits(server, form):
    """Any bit of an Arrow body may be wrong: the server refuses the body or runs its contents, and survives."""
    body, kind = ARROW[form]
    chooser = random.Random(f"flip {form}")
    for k in range(200):
        broken = bytearray(body)
        # Half of the flips are in the first messages, which contain the lengths.
        for _ in range(chooser.choice([1, 1, 1, 8])):
            place = chooser.randrange(1500 if k % 2 else len(body))
            if form == "file" and k % 4 == 0:
                place = len(body) - 1 - chooser.randrange(1200)
            broken[place] ^= 1 << chooser.randrange(8)
        answer = exchange(server.port, request(target=CONFIG, body=bytes(broken), content_type=kind), timeout=30)
        assert_refusal(answer, (200, 400, 413, 422))


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_flipped_bits_of_encodings(server, coding):
    body = {"gzip": gzip.compress(GOOD), "zstd": pa.compress(GOOD, "zstd", asbytes=True)}[coding]
    chooser = random.Random(f"flip {coding}")
    for k in range(100):
        broken = bytearray(body)
        broken[chooser.randrange(20 if k % 2 else len(body))] ^= 1 << chooser.randrange(8)
        # Flags and times of the head may change without harm.
        refused(server, bytes(broken), (200, 400, 413, 422), **{"Content-Encoding": coding})


@pytest.mark.parametrize("form", ARROW)
def test_truncated_arrow(server, form):
    body, kind = ARROW[form]
    chooser = random.Random(f"cut {form}")
    for size in [0, 1, 3, 4, 7, 8, 15, 16, 100, *(chooser.randrange(len(body)) for _ in range(40)), len(body) - 1, len(body) - 9]:
        answer = exchange(server.port, request(target=CONFIG, body=body[:size], content_type=kind), timeout=30)
        # A stream may end at a message: then it is a shorter one.
        assert_refusal(answer, (200, 400, 422) if size > 1000 and kind == STREAM else BAD)


LIES = [-1, 0, 1, 2**31 - 1, 2**31, -(2**31), 2**40, 2**62, 2**63 - 1, -(2**63)]


def places_of(body: bytes, value: int, width: str) -> list[int]:
    wanted, out = struct.pack(width, value), []
    at = body.find(wanted)
    while at >= 0 and len(out) < 12:
        out.append(at)
        at = body.find(wanted, at + 1)
    return out


@pytest.mark.parametrize("lie", LIES)
def test_arrow_with_lying_lengths(server, lie):
    """Counts of rows and bytes in the messages of a stream and a file, one at a time."""
    for body, kind in ARROW.values():
        for honest in (997, 997 * 8, 997 * 8 + 56 & ~63, len(ROWS) % 997, len(ROWS) % 997 * 8):
            for at in places_of(body, honest, "<q"):
                broken = body[:at] + struct.pack("<q", lie) + body[at + 8 :]
                answer = exchange(server.port, request(target=CONFIG, body=broken, content_type=kind), timeout=30)
                assert_refusal(answer, (200, 400, 413, 422))
        if -(2**31) <= lie < 2**31:
            broken = body.replace(b"\xff\xff\xff\xff", b"\xff\xff\xff\xff" + struct.pack("<i", lie), 1)
            refused(server, broken, (200, 400, 413, 422), CONFIG, kind)
            refused(server, struct.pack("<i", -1) + struct.pack("<i", lie) + body[8:], (200, 400, 413, 422), CONFIG, kind)


def test_arrow_that_says_another_kind(server):
    refused(server, STREAM_BODY, (200, *BAD), CONFIG, FILE)
    refused(server, FILE_BODY, (200, *BAD), CONFIG, STREAM)
    refused(server, GOOD, BAD, CONFIG, STREAM)
    refused(server, b"ARROW1\0\0" * 4, BAD, CONFIG, FILE)
    refused(server, b"ARROW1\0\0" + struct.pack("<i", 2**31 - 1) + b"ARROW1", BAD, CONFIG, FILE)
    refused(server, to_ipc(to_table(ROWS).select([])), BAD, CONFIG, STREAM)
    refused(server, to_ipc(to_table(ROWS.head(0))), BAD, CONFIG, STREAM)
    refused(server, to_ipc(pa.table({"security_id": [[1]], "date_sig": [{"a": 1}], "signal": [b"x"]})), BAD, CONFIG, STREAM)


def deflated(size: int) -> bytes:
    """`size` MB of spaces, in gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * (1 << 20)) for _ in range(size)) + packer.flush()


def zstandard(size: int) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        for _ in range(size):
            stream.write(b" " * (1 << 20))
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("size", [1 << 18, 1 << 19, (1 << 18) - 1, (1 << 18) + 1])
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_bodies_that_end_with_a_step_of_the_decoder(server, coding, size):
    body = GOOD + b" " * (size - len(GOOD))
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, coding) as stream:
        stream.write(body)
    answer = exchange(server.port, request(body=sink.getvalue().to_pybytes(), headers={"Content-Encoding": coding}), timeout=30)
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_bombs(server, coding):
    """A few KB that decompress to 1 GB: the limit counts decompressed bytes and stops the decoder."""
    bomb = {"gzip": deflated, "zstd": zstandard}[coding](1024)
    assert len(bomb) < 2 << 20
    for kind, target in (("application/json", "/run"), ("text/csv", CONFIG), (STREAM, CONFIG)):
        with unharmed(server, peak_mb=3 * LIMIT_MB):
            refused(server, bomb, (413,), target, kind, **{"Content-Encoding": coding})


def test_zstd_frames_that_ask_for_much_memory(server):
    """A frame that declares a window of 2 GB, or a content of 2^60 bytes."""
    magic = bytes.fromhex("28b52ffd")
    for head in (
        bytes([0x00, 0xA8]),
        bytes([0xC0, 0xA8]) + struct.pack("<Q", 1 << 60),
        bytes([0xE0]) + struct.pack("<Q", 1 << 60),
    ):
        with unharmed(server, peak_mb=3 * LIMIT_MB):
            refused(server, magic + head + bytes([0x01, 0x00, 0x00]), (400, 413, 422), **{"Content-Encoding": "zstd"})


def test_bomb_within_arrow(server):
    """Buffers of an Arrow message that are decompression bombs."""
    table = pa.table({name: pa.array([0] * 30_000_000, pa.int64()) for name in ("security_id", "signal")})
    table = table.append_column("date_sig", pa.array([0] * 30_000_000, pa.date32()))
    with unharmed(server, slack_mb=400):
        refused(server, to_ipc(table, "stream", "zstd", chunk=30_000_000), (413, 422), CONFIG, STREAM, seconds=60)


CODINGS = {
    "truncated gzip": (gzip.compress(GOOD)[:-20], "gzip"),
    "gzip without its end": (gzip.compress(GOOD)[:-8], "gzip"),
    "gzip with a wrong sum": (gzip.compress(GOOD)[:-8] + b"\0" * 8, "gzip"),
    "rubbish after gzip": (gzip.compress(GOOD) + b"rubbish", "gzip"),
    "only a head of gzip": (gzip.compress(GOOD)[:10], "gzip"),
    "truncated zstd": (pa.compress(GOOD, "zstd", asbytes=True)[:-5], "zstd"),
    "rubbish after zstd": (pa.compress(GOOD, "zstd", asbytes=True) + b"rubbish", "zstd"),
    "plain said to be gzip": (GOOD, "gzip"),
    "plain said to be zstd": (GOOD, "zstd"),
    "gzip said to be zstd": (gzip.compress(GOOD), "zstd"),
    "gzip not said": (gzip.compress(GOOD), "identity"),
    "nothing": (b"", "gzip"),
}


@pytest.mark.parametrize("name", CODINGS)
def test_broken_encodings(server, name):
    body, coding = CODINGS[name]
    refused(server, body, **{"Content-Encoding": coding})


@pytest.mark.parametrize("coding", ["br", "deflate", "compress", "gzip, gzip, gzip", "gzipp", "*", "\xff"])
def test_unknown_encodings(server, coding):
    refused(server, gzip.compress(GOOD), (400, 415), **{"Content-Encoding": coding})
