"""Writes a trajectory that can be read while it grows and after a kill.

Plain HDF5 (earliest format, no SWMR), values flushed before the frame count: a reader never finds a frame without its
values. Frames wait in memory until a chunk is full or `FLUSH_SECONDS` have passed (`Element`).
"""

from __future__ import annotations

import errno
import os
import shutil
import time as clock
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.closing import Closing
from gasfield.gas import Gas
from gasfield.trajectory import schema
from gasfield.trajectory.compact import compact, copy_frames
from gasfield.trajectory.element import Element
from gasfield.trajectory.projection import PLACE, principal_axes, project
from gasfield.version import __version__

FLUSH_SECONDS = 5.0
_ROOM_TO_SPARE = 1 << 23
"""Bytes that must remain free on the disk, for HDF5's own structures."""


class TrajectoryWriter(Closing):
    """Creates an H5MD file for a gas and appends frames to it.

    Args:
        path: file to create; must not exist.
        gas: the particles, which are described once; positions are not written yet.
        precision: "float64", "float32" or "bfloat16": the lattice of the positions. Bfloat16 values are stored as
            float32, which represents them exactly.
        provenance: attributes (text and numbers) on the origin of the trajectory.
        periods: (D,) sides of a periodic box, 0 along axes that are not periodic [length]; None for no period.
    """

    def __init__(
        self,
        path: Path,
        gas: Gas,
        *,
        precision: str,
        provenance: Mapping[str, Any],
        periods: NDArray[np.float64] | None = None,
    ) -> None:
        self.path = path
        self._file = h5py.File(path, "x", libver="earliest", locking=False)
        self._elements: dict[str, Element] = {}
        self._flushed = clock.monotonic()
        self._dimensions = gas.dimensions
        _describe_file(self._file, provenance, precision)
        dtype = "f8" if precision == "float64" else "f4"
        vectors = _particles_group(self._file, schema.VECTORS, gas.dimensions, periods)
        _describe_particles(vectors, gas)
        for name, pairs in gas.bonds.items():
            bonds = self._file.require_group(schema.CONNECTIVITY).create_dataset(name, data=pairs.astype("i8"))
            bonds.attrs["particles_group"] = vectors.ref
        self.element(f"{schema.VECTORS}/{schema.POSITION}", gas.positions.shape, dtype)
        if gas.velocities is not None:
            self.element(f"{schema.VECTORS}/{schema.VELOCITY}", gas.positions.shape, dtype)
        self._axes = principal_axes(gas.positions)
        projection = _particles_group(self._file, schema.PROJECTION, 3, periods if gas.dimensions == 3 else None)
        projection.create_dataset("axes", data=self._axes, maxshape=self._axes.shape)
        _link_identity(projection, vectors)
        self.element(PLACE, (gas.count, 3), "f4")
        self._file.flush()

    @classmethod
    def go_on(cls, path: Path, lengths: Mapping[str, int]) -> Self:
        """Continues a file whose writer was killed.

        The existing file is read, never written to: the frames up to a checkpoint are copied into a new file, which
        then replaces it.

        Args:
            path: the file.
            lengths: value of `lengths` at the checkpoint.

        Raises:
            InputError: if frames that the checkpoint counts are missing.
        """
        copy_frames(path, lengths)
        writer = cls.__new__(cls)
        writer.path = path
        writer._file = h5py.File(path, "r+", locking=False)
        writer._elements = {place: Element(writer._file, place) for place in lengths}
        writer._flushed = clock.monotonic()
        writer._axes = writer._file[f"{schema.PROJECTION}/axes"][:]
        writer._dimensions = int(writer._axes.shape[1])
        return writer

    def lengths(self) -> dict[str, int]:
        """Number of frames of each element in the file, after a flush."""
        self.flush()
        return {place: len(element) for place, element in self._elements.items()}

    def element(
        self, location: str, shape: tuple[int, ...], dtype: str = "f8", chunks: tuple[int, ...] | None = None
    ) -> Element:
        """Adds a time-dependent element at a path inside the file, for values of `shape`."""
        self._elements[location] = Element.create(self._file, location, shape, dtype, chunks)
        return self._elements[location]

    def subset(self, location: str, ids: NDArray[np.int64], token_ids: NDArray[np.int64] | None = None) -> None:
        """Adds a particles group of some rows, identified by their ids."""
        group = _particles_group(self._file, location, self._dimensions)
        group.create_dataset("id", data=ids.astype("i8"))
        if token_ids is not None:
            group.create_dataset("token_id", data=token_ids.astype("i8"))

    def describe(self, location: str, **attributes: Any) -> None:
        """Sets attributes of a group or data set."""
        self._file.require_group(location).attrs.update(attributes)

    def append(self, location: str, step: int, time: float, value: ArrayLike) -> None:
        """Appends one frame to an element.

        Raises:
            OSError: if the disk is full; the file keeps its previous frames.
        """
        element = self._elements[location]
        element.append(step, time, value)
        if element.is_full:
            self._complete([element])
        self.flush_if_due()

    def frame(
        self, step: int, time: float, positions: NDArray[np.floating], velocities: NDArray[np.floating] | None = None
    ) -> None:
        """Appends the positions (N, D) of the gas and their projection, and its velocities if given."""
        self.append(f"{schema.VECTORS}/{schema.POSITION}", step, time, positions)
        if velocities is not None:
            self.append(f"{schema.VECTORS}/{schema.VELOCITY}", step, time, velocities)
        self.append(PLACE, step, time, project(positions, self._axes))

    def observe(self, name: str, step: int, time: float, value: ArrayLike) -> None:
        """Appends one observable; the first call fixes its shape. Numbers are stored as float64, arrays as float32."""
        location = f"{schema.OBSERVABLES}/{name}"
        if location not in self._elements:
            self.element(location, np.shape(value), "f8" if np.ndim(value) == 0 else "f4")
        self.append(location, step, time, value)

    def flush(self) -> None:
        """Writes everything to the file: the values first, then the counts.

        Raises:
            OSError: if the disk is full; the file keeps its previous frames.
        """
        self._check_room(sum(element.waiting_bytes for element in self._elements.values()))
        for element in self._elements.values():
            element.write_tail()
        self._file.flush()
        for element in self._elements.values():
            element.count_tail()
        self._file.flush()
        self._flushed = clock.monotonic()

    def flush_if_due(self) -> None:
        """Flushes if the last flush was `FLUSH_SECONDS` ago."""
        if clock.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def _complete(self, elements: Iterable[Element]) -> None:
        """Writes blocks as compressed chunks, which are flushed before they are counted."""
        elements = list(elements)
        self._check_room(sum(element.block_bytes for element in elements))
        for element in elements:
            element.write_block()
        self._file.flush()
        for element in elements:
            element.count_block()

    def _check_room(self, size: int) -> None:
        """Checked in advance, because HDF5 leaves a file in an undefined state if the disk fills during a write."""
        if shutil.disk_usage(self.path.parent).free < size + _ROOM_TO_SPARE:
            raise OSError(errno.ENOSPC, f"{self.path}: the disk is full")

    def close(self) -> None:
        """Flushes, closes and compacts the file."""
        if self._file:
            self._complete(element for element in self._elements.values() if element.has_tail)
            self._file.close()
            compact(self.path)

    def abandon(self) -> None:
        """Abandons a file after a failed write, leaving it as it was after the last flush.

        On closing, HDF5 would try to write its remaining buffers, and a partial write would corrupt the file: its file
        descriptor is redirected to the null device instead.
        """
        with suppress(Exception):
            void = os.open(os.devnull, os.O_RDWR)
            os.dup2(void, self._file.id.get_vfd_handle())
            os.close(void)
        with suppress(Exception):
            self._file.close()


def _describe_file(file: h5py.File, provenance: Mapping[str, Any], precision: str) -> None:
    head = file.create_group("h5md")
    head.attrs["version"] = np.array(schema.H5MD_VERSION, "i4")
    head.create_group("author").attrs["name"] = "gasfield"
    creator = head.create_group("creator")
    creator.attrs["name"] = "gasfield"
    creator.attrs["version"] = __version__
    parameters = file.create_group(schema.PROVENANCE)
    parameters.attrs["precision"] = precision
    for key, value in provenance.items():
        parameters.attrs[key] = value


def _particles_group(
    file: h5py.File, location: str, dimensions: int, periods: NDArray[np.float64] | None = None
) -> h5py.Group:
    group = file.require_group(location)
    box = group.create_group("box")
    box.attrs["dimension"] = dimensions
    repeats = periods is not None and periods.any()
    box.attrs["boundary"] = np.array(["periodic" if repeats else "none"] * dimensions, dtype=h5py.string_dtype())
    if repeats:
        box.create_dataset("edges", data=periods)
    return group


def _describe_particles(group: h5py.Group, gas: Gas) -> None:
    group.create_dataset("id", data=np.arange(gas.count, dtype="i8"))
    species = group.create_dataset("species", data=gas.species.astype("i8"))
    if gas.velocities is not None or np.any(gas.masses != 1.0):
        group.create_dataset(schema.MASS, data=gas.masses)
    if np.any(gas.charges):
        group.create_dataset(schema.CHARGE, data=gas.charges)
    species.attrs[schema.GROUP_NAMES] = np.array(gas.names, dtype=h5py.string_dtype())
    group.create_dataset("token_id", data=gas.token_ids.astype("i8"))
    if np.any(gas.appears):
        group.create_dataset(schema.APPEARS, data=gas.appears.astype("i8"))
    tokens = [token.replace("\0", "\N{SYMBOL FOR NULL}") for token in gas.tokens]  # HDF5 strings end at a zero byte
    group.create_dataset("token", data=np.array(tokens, dtype=object), dtype=h5py.string_dtype())


def _link_identity(group: h5py.Group, vectors: h5py.Group) -> None:
    """Hard links: the projection has the same particles."""
    for name in schema.IDENTITY:
        group[name] = vectors[name]
