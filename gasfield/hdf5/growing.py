"""An HDF5 file that shows complete states only: whatever moment a writer is killed at, it can be read by any program.

Metadata never grow in place. The HDF5 library lays out the groups and the headers of all growing data sets twice, in
two areas of the file, but only in memory; nothing that it writes reaches the disk by itself. At a *commit*

1. new chunks, new frames of tails and nodes of chunk indexes are written where the last commit has nothing,
2. so are the groups and headers, with the new extents and index addresses, in the area that is not in use,
3. the file is synced,
4. the superblock, 96 bytes in one sector, is overwritten: it names the root group in that area; and
5. the file is synced again.

Until step 4 the file is that of the last commit, then it is the new one, under a kill as well as under a power cut.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from gasfield.closing import Closing
from gasfield.files import write_at, write_file, writing
from gasfield.hdf5.column import Column, Shape
from gasfield.hdf5.headers import SUPERBLOCK_SIZE, DatasetFields, Root, UnexpectedLayoutError, first_entry, superblock
from gasfield.hdf5.overlay import Overlay, patched
from gasfield.hdf5.seal import Range, seal, seal_size

Edit = Callable[[h5py.Group], object]
"""A change of groups, attributes and fixed data sets, given the root group."""
_ROOT, _NEW = "root", "new"
"""The present root group and the next one, in the outer group."""
_LEAST_AHEAD = 1 << 20
_MOST_RESERVED = 1 << 24
"""Size up to which room is taken from the disk in advance [bytes]."""
_TOP = 4096
"""Size of the beginning of a file, in which the outer group is [bytes]."""


@dataclass(frozen=True)
class _Layout:
    """Groups and headers of growing data sets as the library wrote them for one address.

    Attributes:
        address: in the file.
        image: the bytes.
        root: the root group.
        fields: what changes at a commit, for each growing data set.
    """

    address: int
    image: bytes
    root: Root
    fields: dict[str, DatasetFields]


class GrowingFile(Closing):
    """Creates a file, or continues one.

    Attributes:
        path: the file.
        columns: the growing data sets by their paths inside the file.
    """

    def __init__(self, path: Path) -> None:
        """Continues a file that was created by this class; nothing in it changes before the first commit. Data sets
        that are to grow further have to be added to `columns`.

        Raises:
            UnexpectedLayoutError: if it is of another origin.
            WriteError: if it cannot be opened for writing.
        """
        self.path = path
        self._skipped: list[Range] | None = None
        self.columns: dict[str, Column] = {}
        self._edits: list[Edit] = []
        self._layouts: list[_Layout] = []
        with writing(path):
            self._descriptor: int | None = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
            top = os.pread(self._descriptor, _TOP, 0)
            self._end = _aligned(os.fstat(self._descriptor).st_size)
        try:
            self._superblock = top[:SUPERBLOCK_SIZE]
            self._outer = Root.read(top, SUPERBLOCK_SIZE, 0)
            self._link_to_root = first_entry(top, self._outer)
        except (IndexError, struct.error):
            self.close()
            raise UnexpectedLayoutError(f"{path} ends within its first group") from None
        except UnexpectedLayoutError:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path) -> GrowingFile:
        """A new, empty file. Its root group is inside another group, which only this class uses.

        Raises:
            WriteError: if it cannot be written.
        """
        memory = Overlay(lambda offset, size: b"", 0)
        with h5py.File(memory, "w", libver="earliest") as file:
            header = h5py.h5o.get_info(file.create_group(_ROOT).id).addr
        image = bytes(memory.new)
        write_file(path, superblock(image, len(image), Root.read(image, header, 0)) + image[SUPERBLOCK_SIZE:])
        file = cls(path)
        file._skipped = []
        return file

    @classmethod
    def can_continue(cls, path: Path) -> bool:
        """Whether a file was created by this class.

        Raises:
            WriteError: if it cannot be opened for writing.
        """
        try:
            cls(path).close()
        except UnexpectedLayoutError:
            return False
        return True

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._descriptor is None

    def edit(self, change: Edit) -> None:
        """Changes groups, attributes and fixed data sets, at the next commit."""
        self._edits.append(change)

    def column(self, place: str, shape: Shape, dtype: Any, chunk: Shape) -> Column:
        """Adds a data set that grows, from the next commit on.

        Args:
            place: its path inside the file.
            shape: of a frame.
            dtype: of the numbers.
            chunk: (block, ...) shape of its chunks.
        """
        self._layouts.clear()
        self.columns[place] = Column(self, shape, dtype, chunk)
        return self.columns[place]

    def commit(self) -> None:
        """Makes everything so far visible and durable.

        Raises:
            WriteError: if that is impossible; the file remains as it was after the last commit, and can only be closed.
        """
        with writing(self.path):
            written = [column.write() for column in self.columns.values()]
            if self._edits or not self._layouts:
                self._apply_edits()
                self._layouts = [self._lay_out(), self._lay_out()]
            elif not any(written):
                return
            self._layouts.reverse()
            self._flip(self._layouts[0])

    def finish(self, *, sealed: bool = False) -> None:
        """The last commit: all tails become chunks, and nothing is laid out twice.

        Args:
            sealed: whether a file that this object has created gets a checksum (`seal`).

        Raises:
            WriteError: as for `commit`.
        """
        with writing(self.path):
            for column in self.columns.values():
                column.complete()
            for column in self.columns.values():
                column.write_index()
            self._flip(self._lay_out(), last=True, sealed=sealed)
            os.ftruncate(self._open, self._end)
        self.close()

    def close(self) -> None:
        """Closes the file as it was after the last commit."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self.columns.clear()  # frames that wait in them may be large, and they refer to this file

    # --- space in the file: `Space` ----------------------------------------------------------------------------------

    def append(self, data: bytes) -> int:
        """Writes at the end of the file; the address.

        Raises:
            OSError: if it cannot be written.
        """
        address = self._advance(len(data))
        self.write(address, data)
        return address

    def append_chunk(self, data: bytes) -> int:
        """Writes a compressed chunk, which has a checksum of its own, at the end of the file; the address.

        Raises:
            OSError: if it cannot be written.
        """
        address = self.append(data)
        if self._skipped is not None:
            begin, end = address, _aligned(address + len(data))
            if self._skipped and self._skipped[-1][1] == begin:
                begin = self._skipped.pop()[0]
            self._skipped.append((begin, end))
        return address

    def reserve(self, size: int) -> int:
        """Takes room at the end of the file, and from the disk unless it is much: what is written into it later can be
        written even when the disk is full.

        Raises:
            OSError: if there is no room.
        """
        address = self._advance(size)
        if size <= _MOST_RESERVED and hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(self._open, address, size)
            except OSError as fault:
                if fault.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # file systems that cannot do that
                    raise
        return address

    def _advance(self, size: int) -> int:
        address, self._end = self._end, _aligned(self._end + size)
        return address

    def write(self, address: int, data: bytes | bytearray) -> None:
        """Writes into reserved room.

        Raises:
            OSError: if it cannot be written.
        """
        write_at(self._open, data, address)

    # --- layouts -----------------------------------------------------------------------------------------------------

    @property
    def _open(self) -> int:
        if self._descriptor is None:
            raise OSError("the file is closed")
        return self._descriptor

    def _flip(self, layout: _Layout, *, last: bool = False, sealed: bool = False) -> None:
        """Steps 2 to 5 of a commit."""
        image = bytearray(layout.image)
        for place, fields in layout.fields.items():
            struct.pack_into("<Q", image, fields.extent, self.columns[place].extent)
            struct.pack_into("<Q", image, fields.index, self.columns[place].index)
        self.write(layout.address, image)
        end = self._end
        room = seal_size(end, self._skipped) if sealed and self._skipped is not None else 0
        self._advance(room)
        size = self._extend(ahead=not last)
        block = superblock(self._superblock, size, layout.root)
        if room:
            self._seal(end, block)
        _sync(self._open)
        self.write(0, block)
        _sync(self._open)
        self._superblock = block

    def _seal(self, start: int, block: bytes) -> None:
        """Writes the checksum of the file with its last superblock."""

        def read(offset: int, size: int) -> bytes:
            return patched(os.pread(self._open, size, offset), offset, [(0, block)])

        self.write(start, seal(read, start, self._skipped or []))

    def _extend(self, *, ahead: bool) -> int:
        """Makes the file as long as it has to be, and returns that length. It is longer in advance, which takes no room
        on the disk: a program that opened it before may then read what comes later, instead of failing at its end."""
        size = os.fstat(self._open).st_size
        if ahead and size < self._end + _LEAST_AHEAD // 2:
            with suppress(OSError):  # there are limits of the length of files
                os.ftruncate(self._open, self._end + max(_LEAST_AHEAD, self._end // 8))
        if os.fstat(self._open).st_size < self._end:
            os.ftruncate(self._open, self._end)
        return os.fstat(self._open).st_size if ahead else self._end

    def _apply_edits(self) -> None:
        """Appends what edits create, so that both layouts link to it."""
        if self._edits:
            image, header = self._regroup(self._edited, linked=False)
            root = Root.read(image, header, self._end)
            self.append(image)
            self._superblock = superblock(self._superblock, self._end, root)
            self._edits.clear()

    def _edited(self, root: h5py.Group) -> None:
        for edit in self._edits:
            edit(root)

    def _lay_out(self) -> _Layout:
        """Groups and headers at the end of the file, which is reserved for them; edits are among them."""
        headers: dict[str, int] = {}

        def create(root: h5py.Group) -> None:
            self._edited(root)
            for place, column in self.columns.items():
                headers[place] = h5py.h5o.get_info(column.create_in(root, place).id).addr

        image, header = self._regroup(create, linked=not self._edits)
        self._edits.clear()
        address = self.reserve(len(image))
        fields = {place: DatasetFields.find(image, at, address) for place, at in headers.items()}
        return _Layout(address, image, Root.read(image, header, address), fields)

    def _regroup(self, change: Edit, *, linked: bool) -> tuple[bytes, int]:
        """What the library writes at the end of the file for new groups with the old fixed data sets, changed; and the
        address of the new root group. Groups without growing data sets may be linked as a whole if none is changed."""
        with h5py.File(self._view(), "r") as file:
            attributes = {name: dict(group.attrs) for name, group in _groups(file[_ROOT])}
        overlay = self._view()
        with h5py.File(overlay, "r+", libver="earliest") as file:
            root = file.create_group(_NEW)
            self._link(file[_ROOT], root, attributes, linked)
            change(root)
            header: int = h5py.h5o.get_info(root.id).addr
        if header < self._end or overlay.changed_heaps:
            raise UnexpectedLayoutError("the library has reused room of the present layout")
        return bytes(overlay.new), header

    def _view(self) -> Overlay:
        """The file as the library sees it: in the outer group, with the present root inside. Were the new root made in
        the present one, its tables might grow and their room, which is in use, would be given to the new one."""
        changes = {
            0: superblock(self._superblock, self._end, self._outer),
            self._link_to_root: Root.of(self._superblock).entry(),
        }
        descriptor = self._open

        def read(offset: int, size: int) -> bytes:
            return patched(os.pread(descriptor, size, offset), offset, changes.items())

        return Overlay(read, self._end)

    def _link(
        self,
        source: h5py.Group,
        target: h5py.Group,
        attributes: Mapping[str, Mapping[str, Any]],
        linked: bool,
        inside: str = "",
    ) -> None:
        """Makes new groups; fixed data sets are linked, growing ones left out. Attributes were read before: the library
        would add strings to the heap of those that it has read, which is discarded."""
        for key, value in attributes[source.name].items():
            target.attrs[key] = value
        for name in source:
            place = f"{inside}{name}"
            if place in self.columns:
                continue
            item = source[name]
            fixed = linked and not any(column.startswith(f"{place}/") for column in self.columns)
            if isinstance(item, h5py.Dataset) or fixed:
                target[name] = item
            else:
                self._link(item, target.create_group(name), attributes, linked, f"{place}/")


def _groups(group: h5py.Group) -> Iterator[tuple[str, h5py.Group]]:
    """A group and all groups inside, by name."""
    yield group.name, group
    for item in group.values():
        if isinstance(item, h5py.Group):
            yield from _groups(item)


def _aligned(address: int) -> int:
    return (address + 7) // 8 * 8


def _sync(descriptor: int) -> None:
    getattr(os, "fdatasync", os.fsync)(descriptor)
