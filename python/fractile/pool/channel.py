# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Messages between a pool and its workers: JSON with its length before it, over a Unix socket pair.

A message may include one open file. A signal travels as the descriptor of shared memory without a name: its bytes
are never written to the socket, and no file remains, even if one side is killed.
"""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

_HEADER_BYTES = 4


class Closed(Exception):
    """The other side has closed the socket."""


class Channel:
    """One end of a socket pair."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def fileno(self) -> int:
        """The file descriptor, which selectors need."""
        return self._socket.fileno()

    def send(self, message: dict[str, Any], file: int | None = None) -> None:
        """Sends a message, with an open file if one is given. Raises Closed."""
        body = json.dumps(message).encode()
        data = len(body).to_bytes(_HEADER_BYTES, "big") + body
        try:
            sent = socket.send_fds(self._socket, [data], [] if file is None else [file])
            self._socket.sendall(data[sent:])
        except OSError as error:
            raise Closed from error

    def receive(self) -> tuple[dict[str, Any], int | None]:
        """Waits for the next message. The caller must close the file that comes with it. Raises Closed."""
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
        """Closes the socket, which the other side notices."""
        with contextlib.suppress(OSError):
            self._socket.close()
