"""Checked access to the content of a trajectory file: every array that is read has the shape and type that the format
says, and fits into memory. Kernels have no bounds checks, so that all arrays of a file pass here."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.errors import DamageWarning, InputError
from gasfield.memory import require_memory
from gasfield.trajectory.frames import Frames

INTEGER, NUMBER = "iu", "fiu"
"""Kinds of types of an array, as NumPy abbreviates them."""
_CLOCK = {"time": NUMBER, "step": INTEGER}


@dataclass(frozen=True)
class Series:
    """Values over time: steps (T,), times (T,), values (T, ...)."""

    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[Any]


@dataclass(frozen=True)
class Content:
    """The content of an open file. All methods raise an `InputError` that names the file and the data set.

    Attributes:
        path: for messages.
        file: the file.
        salvage: whether damaged frames at the end of an element are left out.
    """

    path: Path
    file: h5py.File
    salvage: bool

    def __contains__(self, location: str) -> bool:
        return location in self.file

    def frames(self, location: str, *shape: int | None) -> Frames:
        """The frames of an element, each of a shape, after checks of its data sets."""
        values = self.checked(f"{location}/value", NUMBER, None, *shape)
        times, steps = (self.checked(f"{location}/{name}", kinds, None) for name, kinds in _CLOCK.items())
        self.check_memory(steps.nbytes + times.nbytes, location)
        if min(len(times), len(values)) < len(steps):
            raise InputError(
                f"{self.path}: {location} has {len(steps)} steps, {len(times)} times, {len(values)} values."
            )
        frames = Frames(self.file, location, salvage=self.salvage)
        if frames.lost:
            last = f"step {frames.steps[-1]}" if len(frames) else "the start"
            warnings.warn(
                f"{self.path}: {location} is damaged at its end: {frames.lost} frames after {last} are left out.",
                DamageWarning,
                stacklevel=2,
            )
        return frames

    def array(self, location: str, kinds: str, *shape: int | None) -> NDArray[Any]:
        """A whole data set of a shape; None stands for any length."""
        self.checked(location, kinds, *shape)
        return self.read(location)

    def checked(self, location: str, kinds: str, *shape: int | None) -> h5py.Dataset:
        """A data set of a shape and of some kinds of type: kernels have no bounds checks, so that all arrays of a file
        pass here."""
        found = self.dataset(location)
        fits = len(found.shape) == len(shape) and all(
            need is None or length == need for length, need in zip(found.shape, shape, strict=True)
        )
        if not fits:
            wanted = " x ".join("any" if length is None else str(length) for length in shape) or "one number"
            raise InputError(f"{self.path}: {location} has shape {found.shape}; {wanted} is needed.")
        if found.dtype.kind not in kinds:
            raise InputError(f"{self.path}: {location} has values of type {found.dtype}, which do not belong there.")
        return found

    def require_below(self, indices: NDArray[np.int64], count: int, location: str) -> None:
        """Checks that indices are in 0 ... count - 1."""
        if indices.size and not (indices.min() >= 0 and indices.max() < count):
            raise InputError(f"{self.path}: {location} has numbers outside 0 to {count - 1}.")

    def group(self, location: str) -> h5py.Group:
        """A group."""
        if location not in self.file:
            raise InputError(
                f"{self.path}: no group {location}; not a gasfield trajectory, or written by something else."
            )
        return self.file[location]

    def dataset(self, location: str) -> h5py.Dataset:
        """A data set."""
        item = self.file.get(location)
        if not isinstance(item, h5py.Dataset):
            raise InputError(
                f"{self.path}: no data set {location}; not a gasfield trajectory, or written by something else."
            )
        return item

    def read(self, location: str) -> NDArray[Any]:
        """A whole data set."""
        dataset = self.dataset(location)
        self.check_memory(dataset.nbytes, location)
        try:
            values: NDArray[Any] = dataset[:]
        except OSError as fault:
            raise InputError(
                f"{self.path}: {location} cannot be read; the file is damaged or cut short ({fault})."
            ) from None
        return values

    def series(self, location: str, *shape: int | None) -> Series:
        """An element over time, each value of a shape."""
        if location not in self.file:
            raise InputError(f"{self.path}: no data set {location}.")
        frames = self.frames(location, *shape)
        self.check_memory(frames.nbytes, location)
        try:
            return Series(frames.steps, frames.times, frames.read())
        except OSError as fault:
            raise InputError(
                f"{self.path}: {location} cannot be read; the file is damaged or cut short ({fault})."
            ) from None

    def check_memory(self, size: int, location: str) -> None:
        """Checks that so many bytes fit into memory."""
        require_memory(size, f"{self.path}: {location}")
