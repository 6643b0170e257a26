"""Nothing of a file reaches the HDF5 library before it was checked."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from gasfield.closing import Closing
from gasfield.errors import DamageWarning
from gasfield.hdf5.examination import endless, examine
from gasfield.hdf5.headers import SUPERBLOCK_SIZE
from gasfield.hdf5.messages import EndlessError, UnverifiedError
from gasfield.hdf5.reading import open_hdf5
from gasfield.hdf5.seal import Seal
from gasfield.hdf5.structure import Structure


class Guard(Closing):
    """Checks the metadata of a file before they are used: those of gasfield's own files part by part, as they are
    needed; any other file as a whole, once, in another process."""

    def __init__(self, path: Path) -> None:
        """Checks the beginning.

        Raises:
            InputError: if the library crashes, does not come to an end, or the file refers to others.
            OSError: if it is not HDF5, or cut short.
        """
        self._path, self._checked = path, set[tuple[str, str]]()
        self._structure: Structure | None = None
        self._warned = False
        try:
            self._structure = Structure(path)
        except UnverifiedError:
            if not h5py.is_hdf5(path):
                raise OSError("file signature not found") from None
            self._examine()

    @property
    def verified(self) -> bool:
        """Whether all that was asked for is as gasfield writes it."""
        return self._structure is not None

    def require(self, place: str) -> bool:
        """Checks an object, and all on the way to it; a group with the names of its members.

        Returns:
            Whether there may be such an object.

        Raises:
            InputError, OSError: as for the constructor.
        """
        self._require("require", place)
        return self._structure is None or self._structure.has(place)

    def require_values(self, place: str) -> None:
        """Checks a data set with the index of its chunks.

        Raises:
            InputError, OSError: as for the constructor.
        """
        self._require("require_values", place)

    def require_all(self, place: str = "") -> None:
        """Checks a group and everything below.

        Raises:
            InputError, OSError: as for the constructor.
        """
        self._require("require_all", place)

    def strings(self, place: str) -> list[bytes] | None:
        """The strings of a data set; None where they have to be left to the library."""
        self.require(place)
        return None if self._structure is None else self._structure.strings(place)

    def attributes(self, place: str) -> dict[str, list[bytes] | bytes | None] | None:
        """Names of the attributes of an object, with the text of those that are text; None where they have to be left
        to the library."""
        self.require(place)
        return None if self._structure is None else self._structure.attributes(place)

    def is_current(self) -> bool:
        """Whether the file is still the one that was checked: its writer has not flushed it meanwhile."""
        if self._structure is None:
            return True
        descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            return os.read(descriptor, SUPERBLOCK_SIZE) == self._structure.superblock
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Closes the file."""
        if self._structure is not None:
            self._structure.close()

    def _require(self, how: str, place: str) -> None:
        if self._structure is None or (how, place) in self._checked:
            return
        try:
            getattr(self._structure, how)(place)
            self._checked.add((how, place))
            if self._structure.changed:
                self._warn()
        except EndlessError:
            raise endless(self._path) from None
        except (UnverifiedError, MemoryError, OSError):
            self._structure.close()
            self._structure = None
            self._examine()

    def _examine(self) -> None:
        examine(self._path)
        with self._path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            sealed = Seal.find(lambda at, length: os.pread(file.fileno(), length, at), size)
            if sealed is not None and not sealed.fits(0, size):
                self._warn()

    def _warn(self) -> None:
        """Says once that the file is not what gasfield wrote."""
        if not self._warned:
            self._warned = True
            what = "has changed since gasfield wrote it: edited by another program, or damaged"
            warnings.warn(DamageWarning(f"{self._path}: {what}; what is read may be wrong."), stacklevel=2)


UNREADABLE = (ArithmeticError, KeyError, IndexError, MemoryError, OSError, RuntimeError, TypeError, ValueError)
"""What the library may raise at a damaged file."""


@contextmanager
def open_checked(path: Path, place: str = "") -> Iterator[h5py.File]:
    """Opens a file for reading after a check of its metadata, at and below a path.

    Raises:
        InputError, OSError: as for `Guard`.
    """
    with Guard(path) as guard:
        guard.require_all(place)
        with open_hdf5(path) as file:
            yield file
