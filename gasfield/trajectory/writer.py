"""Writes a trajectory that can be read while it grows and after a kill.

Plain HDF5 (earliest format, no SWMR), values flushed before the frame count: a reader takes the length of `step` as the
number of frames, so it never sees a frame whose values are not there. Frames wait in memory until a chunk is full or
`FLUSH_SECONDS` have passed, because a data set that grows by single frames is slow and compresses badly.
"""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

import gasfield
from gasfield.gas import Gas
from gasfield.trajectory import schema
from gasfield.trajectory.compact import compact, copy_frames

FLUSH_SECONDS = 10.0
_CHUNK_BYTES = 1 << 19
_CHUNK_FRAMES = 100
_CHUNK_COUNTS = 256
_FILTERS: dict[str, Any] = {"compression": "gzip", "compression_opts": 6, "shuffle": True}


def chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Chunks long in time and narrow in rows serve both slices, and repeat themselves enough to compress."""
    frame_bytes = max(1, int(np.prod(shape)) * itemsize)
    frames = int(np.clip(_CHUNK_BYTES // frame_bytes, 1, _CHUNK_FRAMES))
    if len(shape) < 2 or frames == _CHUNK_FRAMES:
        return (frames, *shape)
    row_bytes = max(1, int(np.prod(shape[1:])) * itemsize)
    rows = int(np.clip(_CHUNK_BYTES // (row_bytes * _CHUNK_FRAMES), 1, shape[0]))
    return (_CHUNK_FRAMES, rows, *shape[1:])


def keep_mantissa(values: ArrayLike, bits: int) -> NDArray[np.float32]:
    """Rounds float32 to `bits` explicit mantissa bits (nearest, ties to even); the rest then compresses to nothing."""
    pattern = np.asarray(values, np.float32).view(np.uint32)
    if bits >= 23:
        return pattern.view(np.float32)
    drop = np.uint32(23 - bits)
    half = (np.uint32(1) << (drop - np.uint32(1))) - np.uint32(1) + ((pattern >> drop) & np.uint32(1))
    return (((pattern + half) >> drop) << drop).view(np.float32)


class Element:
    """One H5MD time-dependent element: `step`, `time` and `value`, all growing along the first axis."""

    def __init__(self, group: h5py.Group) -> None:
        """Goes on with an element that is in the file."""
        self._step, self._time, self.value = group["step"], group["time"], group["value"]
        self._block = self.value.chunks[0]
        self._waiting: list[tuple[int, float, NDArray[Any]]] = []

    @classmethod
    def create(
        cls, parent: h5py.Group, name: str, shape: tuple[int, ...], dtype: str, chunks: tuple[int, ...] | None
    ) -> Self:
        """A new element without frames, for values of `shape`."""
        group = parent.create_group(name)
        layout = chunks or chunk_shape(shape, np.dtype(dtype).itemsize)
        group.create_dataset("step", (0,), "i8", maxshape=(None,), chunks=(_CHUNK_COUNTS,))
        group.create_dataset("time", (0,), "f8", maxshape=(None,), chunks=(_CHUNK_COUNTS,))
        group.create_dataset("value", (0, *shape), dtype, maxshape=(None, *shape), chunks=layout, **_FILTERS)
        return cls(group)

    def __len__(self) -> int:
        """Frames in the file."""
        return len(self._step)

    def tail(self) -> NDArray[Any]:
        """The frames in the file whose chunk is not full yet."""
        frames: NDArray[Any] = self.value[len(self) - len(self) % self._block :]
        return frames

    def append(self, step: int, time: float, value: ArrayLike) -> bool:
        """Takes a frame; True when a whole chunk is waiting to be written."""
        self._waiting.append((step, time, np.array(value, self.value.dtype)))
        return bool((len(self) + len(self._waiting)) % self._block == 0)

    def write_values(self) -> None:
        """First half of a flush: the values."""
        if self._waiting:
            start = self.value.shape[0]
            self.value.resize(start + len(self._waiting), axis=0)
            self.value[start:] = np.stack([value for _, _, value in self._waiting])

    def write_count(self) -> None:
        """Second half: the frame count that makes them visible."""
        for dataset, column in ((self._time, 1), (self._step, 0)):
            start = dataset.shape[0]
            dataset.resize(start + len(self._waiting), axis=0)
            dataset[start:] = [row[column] for row in self._waiting]
        self._waiting.clear()


class TrajectoryWriter:
    """Creates an H5MD file for a gas and appends frames to it.

    Args:
        path: file to create; must not exist.
        gas: its particles are described once; its positions are not written yet.
        precision: "float64", "float32" or "bfloat16": the lattice that positions live on. Bfloat16 values are stored as
            float32, which holds them exactly.
        provenance: attributes (text and numbers) that say where the trajectory comes from.
        periods: (D,) sides of a periodic box, 0 where space does not repeat itself; none if left out [length].
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
        start = np.asarray(gas.positions, np.float64)
        self._axes = _principal_axes(start[np.isfinite(start).all(axis=1)])
        projection = _particles_group(self._file, schema.PROJECTION, 3, periods if gas.dimensions == 3 else None)
        projection.create_dataset("axes", data=self._axes, maxshape=self._axes.shape)
        _link_identity(projection, vectors)
        self.element(f"{schema.PROJECTION}/{schema.POSITION}", (gas.count, 3), "f4")
        self._file.flush()

    @classmethod
    def go_on(cls, path: Path, lengths: Mapping[str, int], tails: Mapping[str, NDArray[Any]]) -> Self:
        """Goes on with a file whose writer was killed.

        What a killed writer left is read, never written to: the frames up to a checkpoint are copied into a new file,
        which then takes its place.

        Args:
            path: the file.
            lengths: what `lengths` gave at the checkpoint.
            tails: what `tails` gave there.

        Raises:
            InputError: if frames that the checkpoint counts are not in the file.
        """
        copy_frames(path, lengths, tails)
        writer = cls.__new__(cls)
        writer.path = path
        writer._file = h5py.File(path, "r+", locking=False)
        writer._elements = {place: Element(writer._file[place]) for place in lengths}
        writer._flushed = clock.monotonic()
        writer._axes = writer._file[f"{schema.PROJECTION}/axes"][:]
        writer._dimensions = int(writer._axes.shape[1])
        return writer

    def lengths(self) -> dict[str, int]:
        """How many frames each element has in the file, after a flush."""
        self.flush()
        return {place: len(element) for place, element in self._elements.items()}

    def tails(self) -> dict[str, NDArray[Any]]:
        """The last frames of each element, which a kill could still take."""
        return {place: element.tail() for place, element in self._elements.items()}

    def element(
        self, location: str, shape: tuple[int, ...], dtype: str = "f8", chunks: tuple[int, ...] | None = None
    ) -> Element:
        """Adds a time-dependent element at a path inside the file, for values of `shape`."""
        parent, name = location.rsplit("/", 1)
        self._elements[location] = Element.create(self._file.require_group(parent), name, shape, dtype, chunks)
        return self._elements[location]

    def subset(self, location: str, ids: NDArray[np.int64], token_ids: NDArray[np.int64] | None = None) -> None:
        """Adds a particles group that holds some rows only, known by their ids."""
        group = _particles_group(self._file, location, self._dimensions)
        group.create_dataset("id", data=ids.astype("i8"))
        if token_ids is not None:
            group.create_dataset("token_id", data=token_ids.astype("i8"))

    def describe(self, location: str, **attributes: Any) -> None:
        """Sets attributes of a group or data set."""
        self._file.require_group(location).attrs.update(attributes)

    def append(self, location: str, step: int, time: float, value: ArrayLike) -> None:
        """Appends one frame to an element."""
        full = self._elements[location].append(step, time, value)
        if full or clock.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def frame(
        self, step: int, time: float, positions: NDArray[np.floating], velocities: NDArray[np.floating] | None = None
    ) -> None:
        """Appends the positions (N, D) of the gas, and their projection; velocities too where it has them."""
        self.append(f"{schema.VECTORS}/{schema.POSITION}", step, time, positions)
        if velocities is not None:
            self.append(f"{schema.VECTORS}/{schema.VELOCITY}", step, time, velocities)
        self.append(f"{schema.PROJECTION}/{schema.POSITION}", step, time, self._project(positions))

    def observe(self, name: str, step: int, time: float, value: ArrayLike) -> None:
        """Appends one observable; the first call fixes its shape. Numbers are kept as float64, arrays as float32."""
        location = f"{schema.OBSERVABLES}/{name}"
        if location not in self._elements:
            self.element(location, np.shape(value), "f8" if np.ndim(value) == 0 else "f4")
        self.append(location, step, time, value)

    def flush(self) -> None:
        """Brings everything to the file: all values first, then the counts."""
        for element in self._elements.values():
            element.write_values()
        self._file.flush()
        for element in self._elements.values():
            element.write_count()
        self._file.flush()
        self._flushed = clock.monotonic()

    def close(self) -> None:
        """Flushes, turns the projection to the principal axes of the whole trajectory, closes and compacts the file."""
        if self._file:
            self.flush()
            self._turn_projection()
            self._file.close()
            compact(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _project(self, positions: NDArray[np.floating]) -> NDArray[np.float32]:
        return keep_mantissa(np.asarray(positions, np.float64) @ self._axes.T, 12)

    def _turn_projection(self) -> None:
        """The axes of the first frame know nothing of the flow that follows; those of the whole trajectory show it."""
        frames = self._elements[f"{schema.VECTORS}/{schema.POSITION}"].value
        if self._dimensions <= 3 or not len(frames):
            return
        stride = max(1, len(frames) // 100)
        points = frames[::stride].reshape(-1, self._dimensions).astype(np.float64)
        self._axes = _principal_axes(points[np.isfinite(points).all(axis=1)])
        self._file[f"{schema.PROJECTION}/axes"][:] = self._axes
        target = self._file[f"{schema.PROJECTION}/{schema.POSITION}/value"]
        for start in range(0, len(frames), 100):
            target[start : start + 100] = self._project(frames[start : start + 100])


def _describe_file(file: h5py.File, provenance: Mapping[str, Any], precision: str) -> None:
    head = file.create_group("h5md")
    head.attrs["version"] = np.array(schema.H5MD_VERSION, "i4")
    head.create_group("author").attrs["name"] = "gasfield"
    creator = head.create_group("creator")
    creator.attrs["name"] = "gasfield"
    creator.attrs["version"] = gasfield.__version__
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
    tokens = [token.replace("\0", "\N{SYMBOL FOR NULL}") for token in gas.tokens]  # HDF5 strings end at a zero byte
    group.create_dataset("token", data=np.array(tokens, dtype=object), dtype=h5py.string_dtype())


def _link_identity(group: h5py.Group, vectors: h5py.Group) -> None:
    """Hard links: the projection shows the same particles."""
    for name in schema.IDENTITY:
        group[name] = vectors[name]


def _principal_axes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, D) orthonormal rows, largest spread first; in three dimensions or fewer the coordinate axes themselves."""
    dimensions = points.shape[1]
    if dimensions <= 3 or not len(points):
        return np.eye(3, dimensions)
    centred = points - points.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1].T[:3]
    return axes * np.where(axes[np.arange(3), np.abs(axes).argmax(axis=1)] < 0, -1.0, 1.0)[:, None]
