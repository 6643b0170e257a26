"""Lets the HDF5 library extend a file in memory: the file itself is only read.

The library believes that the file ends at some address, allocates everything new beyond it, and writes to this overlay.
What it changes below that address (link counts, the root group) is visible to the library and then discarded. So a copy
of the groups can be made beside those in use, and becomes valid by the superblock alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

Read = Callable[[int, int], bytes]
"""Bytes of the file at an offset; fewer at its end."""


class Overlay(io.RawIOBase):
    """A file object for `h5py.File`.

    Attributes:
        new: what was written at `start` and beyond.
    """

    def __init__(self, read: Read, start: int) -> None:
        """Ends at `start`, a multiple of 8, until something is written beyond it."""
        super().__init__()
        self.new = bytearray()
        self._read, self._start, self._at = read, start, 0
        self._changed: list[tuple[int, bytes]] = []

    def seekable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Always."""
        return True

    def writable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As for every file object."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._start + len(self.new)}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """As for every file object."""
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Reads the file below `start`, with the changes made here, and what is new beyond it; zeros after the end."""
        size, first = len(buffer), self._at
        low = max(0, min(size, self._start - first))
        data = bytearray(patched(self._read(first, low).ljust(low, b"\0"), first, self._changed) if low else b"")
        beyond = max(0, first - self._start)
        data += self.new[beyond : beyond + size - low].ljust(size - low, b"\0")
        buffer[:] = data
        self._at += size
        return size

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Keeps the bytes in memory."""
        content, first = bytes(data), self._at
        low = max(0, min(len(content), self._start - first))
        if low:
            self._changed.append((first, content[:low]))
        if low < len(content):
            begin = first + low - self._start
            self._extend(begin)
            self.new[begin : begin + len(content) - low] = content[low:]
        self._at += len(content)
        return len(content)

    def truncate(self, size: int | None = None) -> int:
        """Extends or cuts what is new."""
        length = (self._at if size is None else size) - self._start
        self._extend(length)
        del self.new[max(0, length) :]
        return self._start + len(self.new)

    @property
    def changed_heaps(self) -> bool:
        """Whether the library has put strings into a heap below `start`, where they would be lost."""
        return any(change.startswith(b"GCOL") for _, change in self._changed)

    def _extend(self, length: int) -> None:
        self.new.extend(bytes(max(0, length - len(self.new))))


def patched(data: bytes, first: int, changes: Iterable[tuple[int, bytes]]) -> bytes:
    """Bytes from the offset `first` on, with changes at other offsets as far as they overlap."""
    result = bytearray(data)
    for at, change in changes:
        begin, end = max(first, at), min(first + len(data), at + len(change))
        if begin < end:
            result[begin - first : end - first] = change[begin - at : end - at]
    return bytes(result)
