"""The bytes of a file: within its length, and as they were sealed."""

from __future__ import annotations

import os
from pathlib import Path

from gasfield.closing import Closing
from gasfield.hdf5.messages import need
from gasfield.hdf5.seal import Seal

_MOST = 1 << 28
"""Bytes that are read at once: no table of metadata is larger."""


class CheckedBytes(Closing):
    """An open file.

    Attributes:
        size: of the file [bytes].
        changed: whether it has a seal that does not fit to what was read.
    """

    def __init__(self, path: Path) -> None:
        """Opens it.

        Raises:
            OSError: if it cannot be opened.
        """
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.size = os.fstat(self._descriptor).st_size
        self.changed = False
        self._seal = Seal.find(self._pread, self.size)

    def read(self, at: int, size: int) -> bytes:
        """Some bytes.

        Raises:
            UnverifiedError: if they are not all there.
        """
        need(at + size <= self.size and size <= _MOST)
        data = self._pread(at, size)
        need(len(data) == size)
        self.look_at(at, size)
        return data

    def look_at(self, at: int, size: int) -> None:
        """Notes whether some bytes are as they were sealed."""
        if self._seal is not None and size and not self._seal.fits(at, at + size):
            self.changed = True

    def close(self) -> None:
        """Closes the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _pread(self, at: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, at)
