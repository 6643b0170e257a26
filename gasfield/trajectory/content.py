"""Checked access to the content of a trajectory file: every array that is read has the shape and type that the format
says, has room in the file and in memory, and every error of the HDF5 library names file and data set. Kernels have no
bounds checks, so that all arrays of a file pass here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.errors import DamageWarning, GasfieldError, InputError
from gasfield.hdf5.chunks import ChunkReader, is_unpacked_here, require_chunks
from gasfield.hdf5.guard import Guard
from gasfield.memory import require_memory
from gasfield.printable import shortened
from gasfield.trajectory import schema
from gasfield.trajectory.frames import Frames, OutrunError

INTEGER, FLOAT, NUMBER, TEXT = "iu", "f", "fiu", "OS"
"""Kinds of types of an array, as NumPy abbreviates them."""
_MOST_PACKED = 1032
"""How many bytes DEFLATE makes of one, at most."""
_UNPACKED = 1 << 16
"""Bytes that a data set may claim in any file."""
_LAST_STEP = 2**53
"""Steps beyond are not told apart as float64."""
_MOST_NESTED = 16
_MOST_MEMBERS = 30_000


class DamagedError(InputError):
    """The library cannot read something; of a file that grows, perhaps at the next attempt."""


@dataclass(frozen=True)
class Series:
    """Values over time: steps (T,), times (T,), values (T, ...)."""

    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[Any]

    def since(self, step: int) -> Series:
        """The part from a step on."""
        late = slice(int(np.searchsorted(self.steps, step)), None)
        return Series(self.steps[late], self.times[late], self.values[late])


@dataclass(frozen=True)
class Content:
    """The content of an open file. All methods raise an `InputError` that names the file and the data set.

    Attributes:
        path: for messages.
        file: the file.
        guard: checks what is about to be read.
        salvage: whether damaged frames at the end of an element are left out.
    """

    path: Path
    file: h5py.File
    guard: Guard
    salvage: bool

    @contextmanager
    def reading(self, location: str) -> Iterator[None]:
        """Whatever the library raises inside is one error that names the place."""
        try:
            yield
        except GasfieldError:
            raise
        except OutrunError:
            if not self.salvage:
                raise
            raise DamagedError(f"{self.path}: {location} cannot be read; its last frames are damaged.") from None
        except Exception as fault:
            what = shortened(str(fault).partition("\n")[0]) or type(fault).__name__
            message = f"{self.path}: {location} cannot be read; the file is damaged or cut short ({what})."
            raise DamagedError(message) from None

    def __contains__(self, location: str) -> bool:
        return self.item(location) is not None

    def item(self, location: str) -> h5py.Group | h5py.Dataset | None:
        """A group or a data set; None if there is none."""
        if location not in self._items:
            with self.reading(location):
                there = self.guard.require(location)
                self._items[location] = self.file.get(location) if there else None
                if there and self._items[location] is None:
                    if self.guard.verified:
                        raise InputError(f"{self.path}: {location} is not found by the HDF5 library; damaged.")
                    if self.file.get(location, getlink=True) is not None:
                        raise InputError(f"{self.path}: {location} is a link that leads nowhere.")
        return self._items[location]

    def names(self, location: str) -> list[str]:
        """Names of the members of a group; none if there is no group."""
        item = self.item(location)
        with self.reading(location):
            return list(item) if isinstance(item, h5py.Group) else []

    def require_group(self, location: str) -> None:
        """Checks that there is a group, if there is anything."""
        if isinstance(self.item(location), h5py.Dataset):
            raise InputError(f"{self.path}: {location} is a data set, not a group.")

    def elements(self, location: str, levels: int = _MOST_NESTED) -> list[str]:
        """Paths, below a group, of the elements over time inside it."""
        found: list[str] = []
        pending = [("", levels)]
        visited = 0
        self.require_group(location)
        with self.reading(location):
            if levels > 1 and location in self:
                self.guard.require_all(location)
        while pending:
            place, left = pending.pop()
            visited += 1
            names = self.names(f"{location}/{place}" if place else location)
            if place and "value" in names:
                found.append(place)
            elif left:
                pending += [(f"{place}/{name}" if place else name, left - 1) for name in reversed(names)]
            if visited + len(pending) > _MOST_MEMBERS:
                raise InputError(f"{self.path}: {location} has more than {_MOST_MEMBERS:,} members.")
        return found

    def attributes(self, location: str) -> dict[str, Any]:
        """Attributes of an object: text, and numbers or arrays of numbers and text."""
        item = self.item(location)
        if item is None:
            return {}
        with self.reading(location):
            known = self.guard.attributes(location)
            texts = dict.fromkeys(item.attrs) if known is None else known
        found: dict[str, Any] = {}
        for name, text in texts.items():
            with self.reading(f"{location}: the attribute {name}"):
                value = item.attrs[name] if text is None else text
                if isinstance(value, list):
                    found[name] = np.array([_decoded(each) for each in value], object)
                else:
                    found[name] = _decoded(value) if isinstance(value, bytes) else value
        return {name: value for name, value in found.items() if not isinstance(value, h5py.Empty)}

    def frames(self, location: str, *shape: int | None, kinds: str = NUMBER) -> Frames:
        """The frames of an element, each of a shape, after checks of its data sets; its steps ascend."""
        values = self.checked(f"{location}/value", kinds, None, *shape)
        self.check_memory(16 * len(values), location)
        steps = self._clock_length(f"{location}/step", INTEGER, len(values))
        times = self._clock_length(f"{location}/time", NUMBER, len(values))
        unequal = steps != len(values) or times != len(values)
        if unequal and (schema.UNFINISHED not in self or min(times, len(values)) < steps):
            raise InputError(f"{self.path}: {location} has {steps} steps, {times} times, {len(values)} values.")
        with self.reading(location):
            frames = Frames(
                self.item,
                location,
                salvage=self.salvage,
                origin=f"{self.path}: {location}",
                check=lambda: self._check_values(f"{location}/value"),
            )
        if frames.lost:
            last = f"step {frames.steps[-1]}" if len(frames) else "the start"
            warnings.warn(
                DamageWarning(
                    f"{self.path}: {location} is damaged at its end: {frames.lost} frames after {last} are left out."
                ),
                stacklevel=2,
            )
        self._check_clocks(frames, location)
        return frames

    def _check_values(self, location: str) -> None:
        """Checks the index of the chunks of a data set, once."""
        if location not in self._checked:
            self.guard.require_values(location)
            if not self.guard.verified:
                with self.reading(location):
                    require_chunks(self.dataset(location), self.path.stat().st_size)
            self._checked.add(location)

    def _clock_length(self, location: str, kinds: str, count: int) -> int:
        """How many steps or times an element of so many values has: all, if one number stands for them, or there are
        no times."""
        item = self.item(location)
        if item is None and location.endswith("/time"):
            return count
        if isinstance(item, h5py.Dataset) and item.shape == ():
            self.checked(location, kinds)
            return count
        return len(self.checked(location, kinds, None))

    def _check_clocks(self, frames: Frames, location: str) -> None:
        steps, times = frames.steps, frames.times
        if not len(steps):
            return
        if steps.min() < 0 or steps.max() > _LAST_STEP:
            raise InputError(f"{self.path}: {location}/step has numbers outside 0 to 2^53.")
        if not (steps[1:] > steps[:-1]).all():
            raise InputError(f"{self.path}: {location}/step does not ascend.")
        if not np.isfinite(times).all():
            raise InputError(f"{self.path}: {location}/time has numbers that are not finite.")
        if not (times[1:] >= times[:-1]).all():
            raise InputError(f"{self.path}: {location}/time does not ascend.")
        frames.steps, frames.times = steps.astype(np.int64, copy=False), times.astype(np.float64, copy=False)

    def array(self, location: str, kinds: str, *shape: int | None) -> NDArray[Any]:
        """A whole data set of a shape; None stands for any length."""
        self.checked(location, kinds, *shape)
        return self.read(location)

    def texts(self, location: str, count: int) -> list[str]:
        """A data set of so many strings."""
        strings = self.checked(location, TEXT, count)
        with self.reading(location):
            if (found := self.guard.strings(location)) is not None:
                return list(map(_decoded, found))
            if h5py.check_string_dtype(strings.dtype) is None:
                raise InputError(f"{self.path}: {location} has values of type {strings.dtype}, not text.")
            return list(strings.asstr(errors="replace")[:])

    def checked(self, location: str, kinds: str, *shape: int | None) -> h5py.Dataset:
        """A data set of a shape and of some kinds of type, which has room in the file."""
        found = self.dataset(location)
        with self.reading(location):
            lengths, dtype = found.shape, found.dtype
        fits = lengths is not None and len(lengths) == len(shape)
        if not fits or any(wanted not in (None, length) for length, wanted in zip(lengths, shape, strict=True)):
            wanted = " x ".join("any" if length is None else str(length) for length in shape) or "one number"
            raise InputError(f"{self.path}: {location} has shape {lengths}; {wanted} is needed.")
        if dtype.kind not in kinds or (dtype.kind == "f" and dtype.itemsize not in (4, 8)):
            raise InputError(f"{self.path}: {location} has values of type {dtype}, which do not belong there.")
        self._check_room(found, location, prod(lengths) * dtype.itemsize)
        return found

    @cached_property
    def _items(self) -> dict[str, h5py.Group | h5py.Dataset | None]:
        """What was opened: opening takes longer than most of what follows."""
        return {}

    @cached_property
    def _checked(self) -> set[str]:
        """Data sets whose chunks were checked."""
        return set()

    @cached_property
    def _most(self) -> int:
        """Bytes that a data set can have at most in a file of this length."""
        return _MOST_PACKED * self.path.stat().st_size + _UNPACKED

    def _check_room(self, dataset: h5py.Dataset, location: str, size: int) -> None:
        """Checks that a data set has its values in the file."""
        if size > self._most:
            raise InputError(f"{self.path}: {location} has shape {dataset.shape}, for which the file has no room.")
        if not self.guard.verified and size:
            with self.reading(location):
                require_chunks(dataset, self.path.stat().st_size)

    def check_below(self, indices: NDArray[np.int64], count: int, location: str) -> None:
        """Checks that indices are in 0 ... count - 1."""
        if indices.size and not (indices.min() >= 0 and indices.max() < count):
            raise InputError(f"{self.path}: {location} has numbers outside 0 to {count - 1}.")

    def dataset(self, location: str) -> h5py.Dataset:
        """A data set."""
        item = self.item(location)
        if not isinstance(item, h5py.Dataset):
            raise InputError(
                f"{self.path}: no data set {location}; not a gasfield trajectory, or written by something else."
            )
        return item

    def read(self, location: str) -> NDArray[Any]:
        """A whole data set, in the byte order of the machine."""
        dataset = self.dataset(location)
        self.check_memory(prod(map(int, dataset.shape)) * dataset.dtype.itemsize, location)
        with self.reading(location):
            self.guard.require_values(location)
            if dataset.ndim > 1 and is_unpacked_here(dataset):
                return ChunkReader(dataset).read(slice(0, len(dataset)))
            values = np.asarray(dataset[()])
            return values.astype(values.dtype.newbyteorder("="), copy=False)

    def series(self, location: str, *shape: int | None) -> Series:
        """An element over time, each value of a shape."""
        if location not in self:
            raise InputError(f"{self.path}: no data set {location}.")
        frames = self.frames(location, *shape)
        self.check_memory(frames.nbytes, location)
        return Series(frames.steps, frames.times, frames.read())

    def check_memory(self, size: int, location: str) -> None:
        """Checks that so many bytes fit into memory."""
        if size > _UNPACKED:  # to ask the system takes longer than to read less
            require_memory(size, f"{self.path}: {location}")


def _decoded(text: bytes) -> str:
    """Strings of HDF5 end at a zero byte."""
    return text.partition(b"\0")[0].decode("utf-8", "replace")
