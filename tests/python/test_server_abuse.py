# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Requests that are not HTTP, or HTTP with false statements: each gets its 4xx or a closed connection; the server survives."""

from __future__ import annotations

import json
import time

import pytest
from support.raw_http import Answer, Connection, exchange, request
from support.server_market import assert_refusal, json_body, make_root, make_rows, to_records, unharmed
from support.server_process import serving

pytestmark = pytest.mark.alone

BAD = (400,)
HOST = b"Host: 127.0.0.1\r\n"
JSON = b"Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("abuse")
    configuration = {"server": {"workers": 2, "max_body_mb": 64}}
    with serving(folder / "server", make_root(folder / "snapshots"), configuration) as running:
        assert exchange(running.port, request(body=GOOD)).status == 200
        yield running


@pytest.fixture(autouse=True)
def _unharmed(server):
    with unharmed(server):
        yield


GOOD = json_body(to_records(make_rows()), mincos=2)
SHORT = b'{"signal": []}'


def post(headers: bytes, body: bytes = b"", target: bytes = b"/run", version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST " + target + b" " + version + b"\r\n" + HOST + JSON + headers + b"\r\n" + body


def length(text: bytes) -> bytes:
    return b"Content-Length: " + text + b"\r\n"


def chunked(*chunks: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked\r\n", b"".join(chunks))


def is_refused(server, data: bytes, allowed: tuple[int, ...] = BAD, finish: bool = False) -> None:
    """The answer has a status of `allowed`, or the connection is closed without an answer."""
    answer = exchange(server.port, data, timeout=20, finish=finish)
    if answer is not None:
        assert_refusal(answer, allowed)


HEADERS_TOO_LARGE = {
    "one header of 64 KB": b"GET /health HTTP/1.1\r\n" + HOST + b"X-Long: " + b"a" * 65_536 + b"\r\n\r\n",
    "1,000 headers of 64 bytes": b"GET /health HTTP/1.1\r\n"
    + HOST
    + b"".join(b"X-%04d: " % k + b"a" * 54 + b"\r\n" for k in range(1000))
    + b"\r\n",
    "a target of 64 KB": b"GET /" + b"a" * 65_536 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "4 MB of headers": b"GET /health HTTP/1.1\r\n" + HOST + b"X-Long: " + b"a" * (4 << 20) + b"\r\n\r\n",
    "headers that never end": b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 200_000,
}


@pytest.mark.parametrize("name", HEADERS_TOO_LARGE)
def test_long_headers(server, name):
    is_refused(server, HEADERS_TOO_LARGE[name], (400, 413, 414, 431))


LENGTHS = [
    b"-1", b"+14", b"0x0e", b"14 14", b"14, 15", b"", b"abc", b"14.0", b"1e1", b"\x0b14", b"14;",
    b"18446744073709551616", b"99999999999999999999999999", b"9223372036854775808", b"-9223372036854775809",
]  # fmt: skip


@pytest.mark.parametrize("text", LENGTHS)
def test_a_length_that_is_none(server, text):
    is_refused(server, post(length(text), SHORT), (400, 413))


def test_two_different_lengths(server):
    is_refused(server, post(length(b"14") + length(b"5"), SHORT))
    is_refused(server, post(length(b"5") + length(b"14"), SHORT))


def test_a_length_over_the_limit_is_refused_at_once(server):
    for size in (600 << 20, 1 << 40, (1 << 63) - 1):
        with Connection(server.port, 20) as connection:
            connection.send(post(length(b"%d" % size)))
            began = time.monotonic()
            answer = connection.read_answer()
            assert_refusal(answer, (413,))
            assert time.monotonic() - began < 2
            assert connection.is_closed(), "expected a closed connection after a body that nobody reads"


def test_a_refused_body_that_is_sent_anyway(server):
    """The answer must arrive. A close with unread bytes would reset the connection, so the server drains or half-closes it."""
    with Connection(server.port, 20) as connection:
        connection.send(post(length(b"%d" % (600 << 20))))
        connection.send(b"x" * (1 << 20))
        answer = connection.read_answer()
        if answer is not None:
            assert_refusal(answer, (413,))


def test_expect_continue(server):
    with Connection(server.port, 20) as connection:
        connection.send(post(length(b"%d" % len(GOOD)) + b"Expect: 100-continue\r\n"))
        time.sleep(0.2)
        connection.send(GOOD)
        assert connection.read_answer().status == 200
    is_refused(server, post(length(b"%d" % (600 << 20)) + b"Expect: 100-continue\r\n"), (413, 417))
    is_refused(server, post(length(b"14") + b"Expect: tea\r\n", SHORT), (400, 417, 422))


def test_a_length_too_long(server):
    """A body with fewer bytes than promised is not a complete request, so nothing runs."""
    answer = exchange(server.port, post(length(b"%d" % (len(GOOD) + 100)), GOOD), finish=True)
    if answer is not None:
        assert_refusal(answer, (400, 408))


def test_a_length_too_short(server):
    """The bytes behind the length are not a request; the body is JSON cut in the middle."""
    with Connection(server.port, 20) as connection:
        connection.send(post(length(b"%d" % (len(GOOD) // 2)), GOOD))
        assert_refusal(connection.read_answer(), (400,))
        rest = connection.read_answer()
        if rest is not None:
            assert_refusal(rest, (400, 413, 414, 431))
        assert connection.is_closed()


SMUGGLES = {
    "length and chunked": length(b"4") + b"Transfer-Encoding: chunked\r\n",
    "chunked and length": b"Transfer-Encoding: chunked\r\n" + length(b"4"),
    "chunked with a tab": length(b"4") + b"Transfer-Encoding:\tchunked\r\n",
    "chunked in capitals": length(b"4") + b"TRANSFER-ENCODING: Chunked\r\n",
    "space before the colon": length(b"4") + b"Transfer-Encoding : chunked\r\n",
    "folded": length(b"4") + b"Transfer-Encoding:\r\n chunked\r\n",
}


@pytest.mark.parametrize("name", SMUGGLES)
def test_length_with_transfer_encoding(server, name):
    """The server refuses the request or closes after one answer, so that no request is smuggled past a proxy."""
    inner = b"GET /stats HTTP/1.1\r\n" + HOST + b"\r\n"
    body = b"0\r\n\r\n" + inner
    with Connection(server.port, 20) as connection:
        connection.send(post(SMUGGLES[name], body))
        first = connection.read_answer()
        if first is not None:
            assert_refusal(first, (400, 422))
            assert connection.read_answer() is None, "expected the end of the connection, found a second answer"


CHUNKS = {
    "no hex": b"zz\r\n{}\r\n0\r\n\r\n",
    "negative": b"-1\r\n{}\r\n0\r\n\r\n",
    "prefix": b"0x2\r\n{}\r\n0\r\n\r\n",
    "overflow": b"FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
    "overflow to 2": b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "almost 2^63": b"7fffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "empty": b"\r\n{}\r\n0\r\n\r\n",
    "space": b" 2\r\n{}\r\n0\r\n\r\n",
    "no end of data": b"2\r\n{}0\r\n\r\n",
    "data longer": b"2\r\n{    }\r\n0\r\n\r\n",
    "extension of 1 MB": b"2;" + b"a" * (1 << 20) + b"\r\n{}\r\n0\r\n\r\n",
    "trailers of 1 MB": b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 180_000 + b"\r\n",
    "size of 1 MB of zeros": b"0" * (1 << 20) + b"2\r\n{}\r\n0\r\n\r\n",
    "over the limit": b"4000001\r\n" + b" " * (1 << 16),
}


@pytest.mark.parametrize("name", CHUNKS)
def test_bad_chunks(server, name):
    is_refused(server, chunked(CHUNKS[name]), (400, 413, 422, 431), finish=True)


def test_chunks_beyond_the_limit_are_refused_on_the_way(server):
    piece = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    with Connection(server.port, 30) as connection, unharmed(server, peak_mb=200):
        connection.send(chunked(b""))
        sent = 0
        while sent < 300 and connection.send(piece):
            sent += 1
        assert sent < 300, "expected an end of reading above 64 MB"


def test_chunks_of_one_byte_are_a_body(server):
    data = b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD[:-1]) + b"1;name=value\r\n}\r\n0\r\nX-Trailer: y\r\n\r\n"
    with Connection(server.port, 60) as connection:
        connection.send(chunked(data))
        assert connection.read_answer().status == 200


def test_chunks_that_end_early(server):
    answer = exchange(server.port, chunked(b"%x\r\n" % len(GOOD), GOOD, b"\r\n"), finish=True)
    if answer is not None:
        assert_refusal(answer, (400, 408))


@pytest.mark.parametrize(
    "coding", [b"identity", b"xchunked", b"chunked, chunked", b"chunked, gzip", b"gzip, chunked", b"deflate", b"chu\x00nked"]
)
def test_unknown_transfer_encodings(server, coding):
    is_refused(server, post(b"Transfer-Encoding: " + coding + b"\r\n", b"2\r\n{}\r\n0\r\n\r\n"), (400, 415, 422, 501))


LINES = {
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "space before the colon": b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n",
    "no colon": b"GET /health HTTP/1.1\r\n" + HOST + b"nothing\r\n\r\n",
    "empty name": b"GET /health HTTP/1.1\r\n" + HOST + b": value\r\n\r\n",
    "NUL in a value": b"GET /health HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    "NUL in a name": b"GET /health HTTP/1.1\r\n" + HOST + b"X\x00: a\r\n\r\n",
    "bare CR in a value": b"GET /health HTTP/1.1\r\n" + HOST + b"X: a\rY: b\r\n\r\n",
    "space in the target": b"GET /hea lth HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL in the target": b"GET /hea\x00lth HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /health\r\n" + HOST + b"\r\n",
    "version 9.9": b"GET /health HTTP/9.9\r\n" + HOST + b"\r\n",
    "version of letters": b"GET /health HTTP/x.y\r\n" + HOST + b"\r\n",
    "another protocol": b"GET /health ICY/1.1\r\n" + HOST + b"\r\n",
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "hello of TLS": bytes.fromhex("16030100c8010000c40303") + bytes(range(190)),
    "binary": bytes(range(256)) * 64,
    "zeros": b"\x00" * 100_000,
    "empty method": b" /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "long method": b"G" * 70_000 + b" /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "target without a slash": b"GET health HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("name", LINES)
def test_what_is_no_http(server, name):
    is_refused(server, LINES[name], (400, 404, 405, 408, 414, 431, 501, 505), finish=True)


def test_an_upgrade_is_left_alone(server):
    upgrade = {"Connection": "Upgrade, close", "Upgrade": "websocket"}
    answer = exchange(server.port, request("GET", "/health", headers=upgrade))
    assert answer.status in (200, 400, 426)


@pytest.mark.parametrize("data", [b"", b"\r\n", b"GET", b"GET /health HTTP/1.1\r\nHost: a\r\n"])
def test_half_a_request(server, data):
    answer = exchange(server.port, data, finish=True)
    if answer is not None:
        assert_refusal(answer, (400, 408))


def test_pipelining(server):
    """Answers come in the order of the requests, for any durations."""
    run = request(body=GOOD).replace(b"Connection: close\r\n", b"")
    health = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
    missing = b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n"
    with Connection(server.port) as connection:
        connection.send(run + health + missing + run + health)
        answers = [connection.read_answer() for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 200, 404, 200, 200]
        assert answers[0].json()["run_id"] == answers[3].json()["run_id"]
        assert answers[1].json()["status"] == "ok"
    with Connection(server.port) as connection:
        connection.send(health * 500)
        assert [connection.read_answer().status for _ in range(500)] == [200] * 500


def test_pipelining_without_reading(server):
    """The server stops reading from a client that sends thousands of requests and reads no answers."""
    with Connection(server.port, 2) as connection, unharmed(server, peak_mb=150):
        many = (b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n") * 2000
        is_held_back = False
        for _ in range(500):
            try:
                is_held_back = not connection.send(many)
            except TimeoutError:
                is_held_back = True
            if is_held_back:
                break
        assert is_held_back, "expected a server that stops reading, found 50 MB of requests read"


METHODS = [
    ("DELETE", "/run"), ("PUT", "/run"), ("PATCH", "/suite"), ("GET", "/run"), ("GET", "/suite"), ("POST", "/health"),
    ("POST", "/stats"), ("DELETE", "/metrics"), ("HEAD", "/run"), ("PUT", "/openapi.json"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "target"), METHODS)
def test_methods_that_a_path_does_not_have(server, method, target):
    answer = exchange(server.port, request(method, target), has_body=method != "HEAD")
    assert answer.status == 405
    assert answer.headers["allow"]
    if method != "HEAD":
        assert_refusal(answer, (405,))


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "BREW", "get", "PROPFIND", "GET\x01"])
def test_unknown_methods(server, method):
    is_refused(server, request(method, "/health"), (400, 405, 501))


def test_head_and_options(server):
    head = exchange(server.port, request("HEAD", "/health"), has_body=False)
    assert head.status in (200, 405)
    options = exchange(server.port, request("OPTIONS", "/run"))
    assert options.status in (200, 204, 405)
    assert exchange(server.port, request("OPTIONS", "*")).status in (200, 204, 400, 404, 405)


TARGETS = [
    "/nowhere", "/run/", "//run", "/run/../health", "/%2e%2e/%2e%2e/etc/passwd", "/../../etc/passwd", "/docs/../../etc/passwd",
    "/%", "/%zz", "/%00", "/ru%6e%00", "/run%", "/health/%ff", "/docs/..%2f..%2fetc%2fpasswd", "/.", "/..", "/\\..\\x",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_paths_that_are_not_there(server, target):
    assert_refusal(exchange(server.port, request("GET", target)), (400, 404, 405))


QUERIES = [
    "config=%", "config=%z", "config=%zz", "config=%ff%fe", "config=%00", "config={", "config=[]", "config=1", "config=null",
    "config=%7B%22lag%22%3A%201e999%7D", "config=%7B%22lag%22%3A0%7D&config=%7B%22lag%22%3A1%7D", "config=NaN",
    "config=%7B%22nothing%22%3A1%7D", "config=" + "%5B" * 2500, "config=%7B%22lag%22%3A0%2C%22lag%22%3A1%7D",
    "orient=sideways", "orient=", "orient=split&orient=records", "orient=%00", "nothing=1", "confg=%7B%7D", "lags=[0]",
    "=", "&&&=&", "orient", "orient=split%00", "%6frient=sideways", "orient=a%0d%0aX-Evil:%201",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_rubbish_in_the_query(server, query):
    """Parameters and values that are unknown, not text or not JSON are refused like options."""
    if query in ("&&&=&", "="):
        allowed: tuple[int, ...] = (200, 400, 422)
    elif query == "config=null":
        allowed = (200, 400, 422)
    else:
        allowed = (400, 422)
    body = b"security_id,date_sig,signal\n" + b"".join(
        b"%d,%s,%s\n" % (r["security_id"], r["date_sig"].encode(), repr(r["signal"]).encode()) for r in to_records(make_rows())
    )
    answer = exchange(server.port, request(target=f"/run?{query}", body=body, content_type="text/csv"))
    assert_refusal(answer, allowed)
    assert "x-evil" not in answer.headers


def test_an_accept_that_nobody_serves(server):
    for accept in ("image/png", "*/*;q=0", "application/json;q=0", "a" * 4000, ",,,;;;", "text/*"):
        answer = exchange(server.port, request(body=GOOD, headers={"Accept": accept}))
        assert answer.status in (200, 400, 406)
        if answer.status == 200:
            assert answer.headers["content-type"].startswith("application/json")
        else:
            assert_refusal(answer, (400, 406))


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", "application/jsonx", "json", ";", "/"])
def test_a_content_type_that_is_not_read(server, kind):
    assert_refusal(exchange(server.port, request(body=GOOD, content_type=kind)), (415,))


def test_content_types_with_parameters(server):
    for kind in ("application/json; charset=utf-8", "Application/JSON", 'application/json;charset="utf-8"'):
        assert exchange(server.port, request(body=GOOD, content_type=kind)).status == 200
    answer = exchange(server.port, request(body=GOOD, content_type=None))
    assert answer.status in (200, 400, 415)
    answer = exchange(server.port, request(body=GOOD, content_type="application/json; charset=utf-16"))
    assert answer.status in (200, 400, 415)


def test_a_request_id_is_no_way_into_the_log(server):
    for value in ("a" * 5000, 'x"}{"level":"fake', "\x1b[31m", "a\tb", "\xff\xfe"):
        answer = exchange(server.port, request("GET", "/health", headers={"X-Request-Id": value}))
        assert answer is None or answer.status in (200, 400)
    assert all(isinstance(record, dict) for record in server.log_records())


def test_connections_close_when_asked(server):
    with Connection(server.port) as connection:
        connection.send(b"GET /health HTTP/1.0\r\n\r\n")
        assert connection.read_answer().status == 200
        assert connection.is_closed(), "expected HTTP/1.0 to close"
    with Connection(server.port) as connection:
        connection.send(request("GET", "/health"))
        answer: Answer = connection.read_answer()
        assert json.loads(answer.body)["is_ready"] is True
        assert connection.is_closed(), "expected Connection: close to close"
