# Copyright The fractile authors. Licensed under the Apache License, Version 2.0.
"""Shared memory in which signals travel to workers. It has no name, so no memory leaks, even if one side is killed.

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
    """The pool's side of shared memory. It is reused and never shrinks."""

    def __init__(self) -> None:
        self.file = os.memfd_create("fractile-signal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        # The seal guarantees to readers that the memory does not shrink.
        fcntl.fcntl(self.file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        self._map: mmap.mmap | None = None

    def write(self, data: memoryview) -> None:
        """Writes the data. Raises OSError if the memory is exhausted."""
        if len(data) == 0:
            return
        if self._map is None or len(self._map) < len(data):
            os.posix_fallocate(self.file, 0, len(data))  # so that a lack of memory fails here, not during the copy
            if self._map is not None:
                self._map.close()
            self._map = mmap.mmap(self.file, len(data))
        # numpy copies without the interpreter's lock, so other threads run meanwhile.
        np.frombuffer(self._map, np.uint8)[: len(data)] = np.frombuffer(data, np.uint8)

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
        os.close(self.file)


def write_once(data: bytes) -> int:
    """Makes a new file of shared memory with the bytes; the caller must close it."""
    file = os.memfd_create("fractile-answer", os.MFD_CLOEXEC)
    with open(file, "wb", closefd=False) as stream:
        stream.write(data)
    return file


def read_once(file: int, size: int) -> bytes:
    """Returns the bytes of a file of write_once() and closes it."""
    with open(file, "rb") as stream:
        stream.seek(0)
        return stream.read(size)


class MemoryReader:
    """A worker's side of shared memory. The last few memories stay mapped."""

    def __init__(self) -> None:
        self._maps: collections.OrderedDict[int, mmap.mmap] = collections.OrderedDict()

    def read(self, file: int, size: int) -> memoryview:
        """Returns the first bytes of a memory and closes `file`. A memory that is still mapped is recognised by its inode."""
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
            self._maps.popitem(last=False)  # its last view unmaps it
        return memoryview(memory)[:size]
