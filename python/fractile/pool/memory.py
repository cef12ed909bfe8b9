# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Shared memory in which signals travel to workers: without a name, so that nothing is left behind however either side ends.

Both sides keep it mapped: to write 160 MB through a descriptor and map them anew for every signal takes 60 ms, to copy them
into a mapping 18, beside 155 of the run itself.
"""

from __future__ import annotations

import collections
import fcntl
import mmap
import os

import numpy as np

_KEPT = 4  # mappings of a worker


class SharedMemory:
    """The pool's side: written again and again, kept at its largest size."""

    def __init__(self) -> None:
        self.file = os.memfd_create("fractile-signal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        # No reader can find its end moved.
        fcntl.fcntl(self.file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        self._map: mmap.mmap | None = None

    def write(self, data: memoryview) -> None:
        """Raises OSError where there is no memory."""
        if len(data) == 0:
            return
        if self._map is None or len(self._map) < len(data):
            os.posix_fallocate(self.file, 0, len(data))  # here, not in the middle of writing
            if self._map is not None:
                self._map.close()
            self._map = mmap.mmap(self.file, len(data))
        # Other threads go on meanwhile.
        np.frombuffer(self._map, np.uint8)[: len(data)] = np.frombuffer(data, np.uint8)

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
        os.close(self.file)


def write_once(data: bytes) -> int:
    """A new file of shared memory that holds the bytes; the caller closes it."""
    file = os.memfd_create("fractile-answer", os.MFD_CLOEXEC)
    with open(file, "wb", closefd=False) as stream:
        stream.write(data)
    return file


def read_once(file: int, size: int) -> bytes:
    """The bytes of such a file, which is closed."""
    with open(file, "rb") as stream:
        stream.seek(0)
        return stream.read(size)


class MemoryReader:
    """A worker's side: the last few memories stay mapped."""

    def __init__(self) -> None:
        self._maps: collections.OrderedDict[int, mmap.mmap] = collections.OrderedDict()

    def read(self, file: int, size: int) -> memoryview:
        """The first bytes of a memory; `file` is closed. A file whose mapping is kept keeps its number."""
        try:
            status = os.fstat(file)
            memory = self._maps.pop(status.st_ino, None)
            if size > 0 and (memory is None or len(memory) < size):
                memory = mmap.mmap(file, status.st_size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE, prot=mmap.PROT_READ)
        finally:
            os.close(file)
        if memory is None:
            return memoryview(b"")
        self._maps[status.st_ino] = memory
        if len(self._maps) > _KEPT:
            self._maps.popitem(last=False)  # it ends with the last view of it
        return memoryview(memory)[:size]
