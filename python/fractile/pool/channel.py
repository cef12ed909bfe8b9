# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Messages between a pool and its workers: JSON with its length before it, over a Unix socket pair.

A message may bring one open file: signals travel as the descriptor of nameless shared memory, so their bytes
are never written to the socket, and nothing that has a name is left behind however either side ends.
"""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

_HEADER_BYTES = 4


class Closed(Exception):
    """The other side is gone."""


class Channel:
    """One end of a socket pair."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def send(self, message: dict[str, Any], file: int | None = None) -> None:
        """Sends a message, with an open file where one is given. Raises Closed."""
        body = json.dumps(message).encode()
        data = len(body).to_bytes(_HEADER_BYTES, "big") + body
        try:
            sent = socket.send_fds(self._socket, [data], [] if file is None else [file])
            self._socket.sendall(data[sent:])
        except OSError as error:
            raise Closed from error

    def receive(self) -> tuple[dict[str, Any], int | None]:
        """Waits for the next message; the file that came with it is the caller's to close. Raises Closed."""
        head, file = b"", None
        while len(head) < _HEADER_BYTES:
            data, files = self._read(_HEADER_BYTES - len(head))
            head += data
            file = files[0] if files else file
        length, body = int.from_bytes(head, "big"), b""
        while len(body) < length:
            body += self._read(length - len(body))[0]
        return json.loads(body), file

    def _read(self, n_bytes: int) -> tuple[bytes, list[int]]:
        try:
            data, files, _, _ = socket.recv_fds(self._socket, n_bytes, 1, socket.MSG_CMSG_CLOEXEC)
        except OSError as error:
            raise Closed from error
        if not data:
            raise Closed
        return data, files

    def close(self) -> None:
        """Tells the other side that this one is gone."""
        with contextlib.suppress(OSError):
            self._socket.close()
