# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""An HTTP/1.1 client that sends any bytes, also those that a client library refuses, and reads answers strictly."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import time
from typing import Any


@dataclasses.dataclass
class Answer:
    """One parsed answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body, parse_constant=_refuse_constant)


def _refuse_constant(text: str) -> None:
    raise ValueError(f"expected JSON, found {text}")


class Connection:
    """One TCP connection that sends any bytes and reads answers."""

    def __init__(self, port: int, timeout: float = 30) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._buffer = bytearray()
        self._timeout = timeout

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """Sends all of `data`; returns False if the server closed before."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def finish_sending(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def _more(self) -> bool:
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            return False
        self._buffer += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return taken

    def _line(self) -> bytes | None:
        while b"\r\n" not in self._buffer:
            if not self._more():
                return None
        end = self._buffer.index(b"\r\n")
        return self._take(end + 2)[:-2]

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            assert self._more(), f"expected {size} bytes of a body, found {len(self._buffer)}"
        return self._take(size)

    def read_answer(self, has_body: bool = True) -> Answer | None:
        """Returns the next answer; None if the server closed instead. Half an answer fails, as does silence."""
        first = self._line()
        while first is not None and first.startswith(b"HTTP/1.1 100"):
            self._line()
            first = self._line()
        if first is None:
            assert self._buffer == b"", f"expected a whole answer, found {self._buffer!r}"
            return None
        version, status = first.split(b" ")[:2]
        assert version in (b"HTTP/1.1", b"HTTP/1.0"), f"expected a status line, found {first!r}"
        headers: dict[str, str] = {}
        while line := self._line():
            name, value = line.decode("latin-1").split(":", 1)
            headers[name.lower()] = value.strip()
        assert line is not None, "expected the end of the headers, found the end of the connection"
        code = int(status)
        if not has_body or code in (204, 304) or code < 200:
            return Answer(code, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int((self._line() or b"").split(b";")[0], 16):
                body += self._exactly(size)
                assert self._line() == b""
            while self._line():
                pass
        elif "content-length" in headers:
            body = self._exactly(int(headers["content-length"]))
        else:
            while self._more():
                pass
            body = self._take(len(self._buffer))
        return Answer(code, headers, body)

    def is_closed(self, seconds: float = 10) -> bool:
        """True if the server closes without sending more."""
        self.socket.settimeout(seconds)
        try:
            while self._more():
                pass
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(self._timeout)
        return self._buffer == b""


def exchange(port: int, data: bytes, timeout: float = 30, finish: bool = False, has_body: bool = True) -> Answer | None:
    """Sends `data` on a new connection; returns the first answer, or None if the server closed without one."""
    with Connection(port, timeout) as connection:
        connection.send(data)
        if finish:
            connection.finish_sending()
        return connection.read_answer(has_body)


def request(
    method: str = "POST",
    target: str = "/run",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    content_type: str | None = "application/json",
) -> bytes:
    """A well-formed request that closes its connection."""
    fields = {"Host": "127.0.0.1", "Connection": "close"}
    if method not in ("GET", "HEAD", "OPTIONS", "TRACE", "DELETE"):
        fields["Content-Length"] = str(len(body))
        if content_type is not None:
            fields["Content-Type"] = content_type
    fields |= headers or {}
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return head.encode("latin-1") + b"\r\n" + body


def trickle(connection: Connection, data: bytes, seconds: float, pause: float = 1.0) -> float:
    """Sends a byte every `pause` seconds until the server answers or closes; returns the time that this took."""
    began = time.monotonic()
    for k in range(len(data)):
        if time.monotonic() - began > seconds:
            break
        if not connection.send(data[k : k + 1]):
            return time.monotonic() - began
        connection.socket.settimeout(pause)
        try:
            more = connection.socket.recv(1 << 16)
            return time.monotonic() - began if more is not None else 0.0
        except TimeoutError:
            continue
        except ConnectionResetError:
            return time.monotonic() - began
    raise AssertionError(f"expected an end of a slow request within {seconds} s, found none")
