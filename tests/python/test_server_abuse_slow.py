# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Slow, silent and many connections: the server answers others meanwhile, and closes connections at their deadlines."""

from __future__ import annotations

import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.raw_http import Connection, exchange, request, trickle
from support.server_market import json_body, make_root, make_rows, to_records, unharmed
from support.server_process import eventually, serving

pytestmark = pytest.mark.alone

GOOD = json_body(to_records(make_rows()), mincos=2)
# Deadlines of headers do not follow request_timeout_s, so tests wait longer for them.
DEADLINE_SECONDS = 40


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("abuse_slow")
    configuration = {"server": {"workers": 2, "request_timeout_s": 2}}
    with serving(folder / "server", make_root(folder / "snapshots"), configuration) as running:
        assert exchange(running.port, request(body=GOOD)).status == 200
        yield running


@pytest.fixture(autouse=True)
def _unharmed(server):
    with unharmed(server):
        yield


def health_seconds(server) -> float:
    began = time.monotonic()
    assert server.is_healthy(5)
    return time.monotonic() - began


def test_idle_connections(server):
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(Connection(server.port))
        assert max(health_seconds(server) for _ in range(5)) < 2
        assert exchange(server.port, request(body=GOOD)).status == 200
        assert server.threads() < 64, "expected idle connections to cost no thread"


def test_connections_that_come_and_go(server):
    for _ in range(1500):
        with socket.create_connection(("127.0.0.1", server.port), 5):
            pass
    assert health_seconds(server) < 2


def test_more_connections_than_file_descriptors(tmp_path):
    """At the limit of file descriptors new connections wait or are closed; afterwards the server works as before."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serving(tmp_path / "server", make_root(tmp_path / "snapshots")) as server:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (server.fds() + 60, hard))
        before = server.cpu_seconds()
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(Connection(server.port, 5))
            time.sleep(2)
            assert server.is_running
            assert server.cpu_seconds() - before < 1.5, "expected no busy loop at the limit of file descriptors"
        assert eventually(lambda: server.is_healthy(2), 20)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))


def end_of(server, start: bytes, slow: bytes) -> float:
    with Connection(server.port) as connection:
        connection.send(start)
        return trickle(connection, slow, DEADLINE_SECONDS)


def end_of_silence(server, start: bytes) -> float:
    """Seconds that the server waits for the rest of a request that never arrives."""
    with Connection(server.port, DEADLINE_SECONDS) as connection:
        connection.send(start)
        began = time.monotonic()
        answer = connection.read_answer()
        assert answer is None or answer.status in (400, 408), answer
        return time.monotonic() - began


def test_one_byte_a_second(server):
    """Headers and bodies that trickle, or stop, end at the deadline; meanwhile others are served at once."""
    head = b"GET /health HTTP/1.1\r\nHost: a\r\n"
    body_head = request(body=GOOD).split(b"\r\n\r\n")[0] + b"\r\n\r\n"
    chunked = b"POST /run HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    work = [
        *[lambda: end_of(server, b"", b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200)] * 4,
        *[lambda: end_of(server, head, b"X-Slow: " + b"y" * 200)] * 4,
        *[lambda: end_of(server, body_head, GOOD)] * 4,
        *[lambda: end_of(server, chunked, b"1\r\n \r\n" * 100)] * 4,
        lambda: end_of_silence(server, b"GET"),
        lambda: end_of_silence(server, head),
        lambda: end_of_silence(server, body_head + GOOD[:100]),
        lambda: end_of_silence(server, chunked),
        lambda: end_of_silence(server, chunked + b"5\r\n{"),
    ]
    with ThreadPoolExecutor(len(work)) as threads:
        futures = [threads.submit(one) for one in work]
        waits = [health_seconds(server) for _ in range(20) if not time.sleep(0.05)]
        assert exchange(server.port, request(body=GOOD)).status == 200
        seconds = [future.result() for future in futures]
    assert max(waits) < 1
    assert max(seconds) <= DEADLINE_SECONDS
    records = server.log_records()
    assert records, "expected records in the log"


def test_answers_that_nobody_reads(server):
    """A client that stops reading blocks no thread, and its connection ends."""
    want = json_body(to_records(make_rows()), mincos=1, keep_weights=True, byvar_list=["overall"])
    many = request(body=want).replace(b"Connection: close\r\n", b"") * 40
    with contextlib.ExitStack() as stack:
        lazy = []
        for _ in range(6):
            connection = stack.enter_context(Connection(server.port, 3))
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            with contextlib.suppress(TimeoutError):
                connection.send(many)
            lazy.append(connection)
        assert max(health_seconds(server) for _ in range(5)) < 2
        assert exchange(server.port, request(body=GOOD)).status == 200


def test_clients_that_leave(server):
    """Clients close in the middle of headers, bodies, runs and answers, also with a reset."""
    whole = request(body=GOOD)
    for part in (3, 40, len(whole) // 2, len(whole)):
        for linger in (None, b"\1\0\0\0\0\0\0\0"):
            for _ in range(10):
                with Connection(server.port) as connection:
                    connection.send(whole[:part])
                    if linger is not None:
                        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert exchange(server.port, request(body=GOOD)).status == 200
