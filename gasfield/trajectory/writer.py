"""Writes a trajectory that can be read while it grows and after a kill.

Frames wait in memory until `flush`, which is called at every checkpoint and at least every `FLUSH_SECONDS`. After it
they are visible to any program that reads HDF5, and durable. What the library lays out never reaches the disk by its
own hand (`gasfield.hdf5.GrowingFile`).
"""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.closing import Closing
from gasfield.errors import InputError, WriteError
from gasfield.gas import Gas
from gasfield.hdf5 import GrowingFile
from gasfield.hdf5.guard import UNREADABLE, open_checked
from gasfield.hdf5.reading import open_hdf5
from gasfield.printable import storable
from gasfield.trajectory import schema
from gasfield.trajectory.compact import compact, copy_frames, elements, missing_frames
from gasfield.trajectory.element import Element, is_packed
from gasfield.trajectory.projection import PLACE, principal_axes, project
from gasfield.version import __version__

FLUSH_SECONDS = 5.0

_MOST_STRINGS = 4000
"""Strings in an attribute: each takes 16 bytes."""
_LARGEST_ATTRIBUTE = 60_000
"""Bytes of an attribute; the library keeps at most 64 KiB in the header of an object."""


_SIDES = f"{schema.PROJECTION}/{schema.EDGES}"


class TrajectoryWriter(Closing):
    """Creates an H5MD file for a gas and appends frames to it. Threads may share it.

    Args:
        path: file to create; must not exist.
        gas: the particles, which are described once; positions are not written yet.
        precision: "float64" or a `Precision`: the lattice of the positions. Values of 16 and 8 bits are stored as
            float32, which represents them exactly.
        provenance: attributes (text and numbers) on the origin of the trajectory.
        periods: (D,) sides of a periodic box, 0 along axes that are not periodic [length]; None for no period.
        axes: (3, D) of the projection; the principal ones of the gas if left out.

    Attributes:
        path: the file.
        axes: (3, D) of the projection, until the file is finished.
        elements: path -> each element that it grows.

    Raises:
        InputError: if it has more groups than a file can name.
        WriteError: if it exists or cannot be created.
    """

    def __init__(
        self,
        path: Path,
        gas: Gas,
        *,
        precision: str,
        provenance: Mapping[str, Any],
        periods: NDArray[np.float64] | None = None,
        axes: NDArray[np.float64] | None = None,
    ) -> None:
        if path.exists():
            raise WriteError(path, "it exists already")
        if len(gas.names) > _MOST_STRINGS:
            raise InputError(f"a trajectory holds at most {_MOST_STRINGS} groups, not {len(gas.names)}.")
        sides = periods if gas.dimensions == 3 and periods is not None and periods.any() else None
        self._open(GrowingFile.create(path), principal_axes(gas.positions) if axes is None else axes, sides)

        def describe(root: h5py.Group) -> None:
            _describe_file(root, provenance, precision)
            vectors = _particles_group(root, schema.VECTORS, gas.dimensions, periods)
            _describe_particles(vectors, gas)
            for name, pairs in gas.bonds.items():
                bonds = root.require_group(schema.CONNECTIVITY).create_dataset(name, data=pairs.astype("i8"))
                bonds.attrs["particles_group"] = vectors.ref
            projection = _particles_group(root, schema.PROJECTION, 3, sides, over_time=True)
            projection.create_dataset("axes", data=self.axes, maxshape=self.axes.shape)
            _link_identity(projection, vectors)

        self._file.edit(describe)
        dtype = "f8" if precision == "float64" else "f4"
        self.element(f"{schema.VECTORS}/{schema.POSITION}", gas.positions.shape, dtype)
        if gas.velocities is not None:
            self.element(f"{schema.VECTORS}/{schema.VELOCITY}", gas.positions.shape, dtype)
        self.element(PLACE, (gas.count, 3), "f4")
        if sides is not None:
            self.element(_SIDES, (3,), "f8")

    @classmethod
    def go_on(cls, path: Path, lengths: Mapping[str, int]) -> Self:
        """Continues a file, whether its writer was killed or had finished it. Later frames are discarded at the next
        flush; nothing of the file is overwritten before. A file of a version before is copied.

        Args:
            path: the file.
            lengths: value of `lengths` at the checkpoint.

        Raises:
            InputError: if frames that the checkpoint counts are missing.
            WriteError: if the file cannot be written.
        """
        try:
            with open_checked(path) as file:
                can_grow = GrowingFile.can_continue(path) and _has_own_chunks(file, lengths)
            if not can_grow:
                copy_frames(path, lengths)
            writer = cls.__new__(cls)
            with open_hdf5(path) as file:
                sides = file[f"{schema.VECTORS}/{schema.EDGES}"][:] if _SIDES in lengths else None
                writer._open(GrowingFile(path), file[f"{schema.PROJECTION}/axes"][:], sides)
                for place, length in lengths.items():
                    value = file[place]["value"]
                    writer.element(place, value.shape[1:], value.dtype, value.chunks).adopt(file[place], length)
                others = sorted(set(elements(file)) - set(lengths))
        except UNREADABLE as fault:
            raise missing_frames(path, fault) from None
        writer._file.edit(lambda root: _delete(root, others))
        return writer

    def _open(self, file: GrowingFile, axes: NDArray[np.float64], sides: NDArray[np.float64] | None) -> None:
        self._sides = sides
        self.path, self._file, self.axes, self._dimensions = file.path, file, axes, int(axes.shape[1])
        self.elements: dict[str, Element] = {}
        self._file.edit(lambda root: root.require_group(schema.UNFINISHED))
        self._lock, self._flushed, self._stopped = threading.RLock(), clock.monotonic(), threading.Event()
        self._failure: WriteError | None = None
        threading.Thread(target=self._flush_in_time, name="gasfield-flush", daemon=True).start()

    @property
    def rows(self) -> int:
        """Number of rows N of its frames."""
        return self.elements[f"{schema.VECTORS}/{schema.POSITION}"].shape[0]

    def stated(self, name: str) -> Any:
        """An attribute on the origin of the trajectory, as the file has it; None if it has none."""
        with open_hdf5(self.path) as file:
            return file[schema.PROVENANCE].attrs.get(name)

    def lengths(self) -> dict[str, int]:
        """Number of frames of each element in the file, after a flush.

        Raises:
            WriteError: as for `flush`.
        """
        with self._lock:
            self.flush()
            return {place: len(element) for place, element in self.elements.items()}

    def element(
        self, location: str, shape: tuple[int, ...], dtype: Any = "f8", chunks: tuple[int, ...] | None = None
    ) -> Element:
        """Adds a time-dependent element at a path inside the file, for values of `shape`."""
        with self._lock:
            self.elements[location] = Element(self._file, location, shape, np.dtype(dtype).newbyteorder("<"), chunks)
            return self.elements[location]

    def subset(self, location: str, ids: NDArray[np.int64], token_ids: NDArray[np.int64] | None = None) -> None:
        """Adds a particles group of some rows, identified by their ids."""

        def add(root: h5py.Group) -> None:
            group = _particles_group(root, location, self._dimensions)
            group.create_dataset("id", data=ids.astype("i8"))
            if token_ids is not None:
                group.create_dataset("token_id", data=token_ids.astype("i8"))

        with self._lock:
            self._file.edit(add)

    def describe(self, location: str, **attributes: Any) -> None:
        """Sets attributes of a group; one that is None is taken away."""
        with self._lock:
            self._file.edit(lambda root: _set_attributes(root.require_group(location), attributes))

    def append(self, location: str, step: int, time: float, value: ArrayLike) -> None:
        """Appends one frame to an element.

        Raises:
            WriteError: if it cannot be written; the file keeps the frames of the last flush.
        """
        with self._lock:
            self._append(location, step, time, value)
            self._flush_if_due()

    def frame(
        self, step: int, time: float, positions: NDArray[np.floating], velocities: NDArray[np.floating] | None = None
    ) -> None:
        """Appends the positions (N, D) of the gas and their projection, and its velocities if given.

        Raises:
            WriteError: as for `append`.
        """
        with self._lock:
            self._append(f"{schema.VECTORS}/{schema.POSITION}", step, time, positions)
            if velocities is not None:
                self._append(f"{schema.VECTORS}/{schema.VELOCITY}", step, time, velocities)
            self._append(PLACE, step, time, project(positions, self.axes))
            if self._sides is not None:
                self._append(_SIDES, step, time, self._sides)
            self._flush_if_due()

    def observe(self, name: str, step: int, time: float, value: ArrayLike) -> None:
        """Appends one observable; the first call fixes its shape. Numbers are stored as float64, arrays as float32.

        Raises:
            WriteError: as for `append`.
        """
        location = f"{schema.OBSERVABLES}/{name}"
        with self._lock:
            if location not in self.elements:
                self.element(location, np.shape(value), "f8" if np.ndim(value) == 0 else "f4")
            self.append(location, step, time, value)

    def flush(self) -> None:
        """Makes all frames so far visible and durable.

        Raises:
            WriteError: if that is impossible; the file keeps the frames of the last flush.
        """
        with self._lock:
            self._check()
            try:
                self._file.commit()
            except WriteError as fault:
                self._failure = fault
                raise
            self._flushed = clock.monotonic()

    def close(self) -> None:
        """Flushes, finishes and compacts the file; once or more often.

        Raises:
            WriteError: if it cannot be finished; the file keeps the frames of the last flush.
        """
        self._stopped.set()
        with self._lock:
            if self._file.is_closed:
                return
            try:
                self._check()
                self._file.edit(lambda root: _delete(root, [schema.UNFINISHED]))
                self._file.finish()
            finally:
                self._file.close()
            compact(self.path)

    def abandon(self) -> None:
        """Closes a file as it was after the last flush; it can be continued."""
        self._stopped.set()
        with self._lock:
            self._file.close()
            self.elements.clear()

    def _check(self) -> None:
        """Raises the error of an earlier write: a file is never written again after one."""
        if self._failure is not None:
            raise self._failure

    def _append(self, location: str, step: int, time: float, value: ArrayLike) -> None:
        self._check()
        try:
            self.elements[location].append(step, time, value)
        except OSError as fault:
            with suppress(WriteError):  # what is waiting has room in the file even if there is none for a new chunk
                self._file.commit()
            self._failure = WriteError.of(self.path, fault)
            raise self._failure from fault

    def _flush_if_due(self) -> None:
        if clock.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def _flush_in_time(self) -> None:
        """Flushes every `FLUSH_SECONDS`, whether frames follow or not."""
        while not self._stopped.wait(max(0.1, FLUSH_SECONDS / 5)):
            with self._lock:
                if self._failure is None and not self._file.is_closed:
                    with suppress(WriteError):  # the next call of the owner raises it
                        self._flush_if_due()


def _has_own_chunks(file: h5py.File, places: Mapping[str, int]) -> bool:
    """Whether chunks can be appended to some elements; those of a version before have others."""
    return all(is_packed(file[place][name]) for place in places for name in ("step", "time", "value"))


def _set_attributes(group: h5py.Group, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        if value is not None:
            group.attrs[name] = value
        elif name in group.attrs:
            del group.attrs[name]


def _delete(root: h5py.Group, places: list[str]) -> None:
    for place in places:
        del root[place]


def _describe_file(file: h5py.Group, provenance: Mapping[str, Any], precision: str) -> None:
    head = file.create_group("h5md")
    head.attrs["version"] = np.array(schema.H5MD_VERSION, "i4")
    head.create_group("author").attrs["name"] = "gasfield"
    creator = head.create_group("creator")
    creator.attrs["name"] = "gasfield"
    creator.attrs["version"] = __version__
    parameters = file.create_group(schema.PROVENANCE)
    parameters.attrs["precision"] = precision
    parameters.attrs["id"] = identifier(provenance)
    for key, value in provenance.items():
        parameters.attrs[key] = value


def identifier(provenance: Mapping[str, Any]) -> str:
    """The id of a file, made of its content: a simulation with the same provenance has the same bits; a recording is
    like no other."""
    if provenance.get("source") != "simulation":
        return uuid4().hex
    return sha256(repr(sorted(provenance.items())).encode()).hexdigest()[:32]


def _particles_group(
    file: h5py.Group,
    location: str,
    dimensions: int,
    periods: NDArray[np.float64] | None = None,
    *,
    over_time: bool = False,
) -> h5py.Group:
    """A new group of particles in a box, whose sides are written here unless they are an element over time."""
    group = file.require_group(location)
    box = group.create_group("box")
    box.attrs["dimension"] = dimensions
    sides = np.zeros(dimensions) if periods is None else periods
    boundary = ["periodic" if side else "none" for side in sides]
    if dimensions <= _MOST_STRINGS:
        box.attrs["boundary"] = np.array(boundary, dtype=h5py.string_dtype())
    elif (short := np.array(boundary, dtype="S")).nbytes < _LARGEST_ATTRIBUTE:
        box.attrs["boundary"] = short
    if sides.any() and not over_time:
        box.create_dataset("edges", data=sides)
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
    tokens = [storable(token) for token in gas.tokens]
    group.create_dataset("token", data=np.array(tokens, dtype=object), dtype=h5py.string_dtype())


def _link_identity(group: h5py.Group, vectors: h5py.Group) -> None:
    """Hard links: the projection has the same particles."""
    for name in schema.IDENTITY:
        group[name] = vectors[name]
