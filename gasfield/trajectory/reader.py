"""Reads a trajectory, simulated or recorded, including one still being written or whose writer was killed."""

from __future__ import annotations

import os
import time as clock
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.closing import Closing
from gasfield.errors import DamageWarning, InputError
from gasfield.gas import Gas
from gasfield.hdf5.reading import open_hdf5
from gasfield.resources import TRAJECTORY, find_file
from gasfield.trajectory import schema
from gasfield.trajectory.field import AffineField, FullField
from gasfield.trajectory.frames import Frames, OutrunError

_ATTEMPTS = 20
"""Attempts to open a file that is being written."""
_PAUSES, _PAUSE = 4, 0.05
"""How often, and for how many seconds, opening waits for a file that is being extended."""
_RECENT = 10.0
"""Seconds since the last change within which a file may still be growing."""


@dataclass(frozen=True)
class Series:
    """Values over time: steps (T,), times (T,), values (T, ...)."""

    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[Any]


class Trajectory(Closing):
    """An open H5MD file with a D-dimensional gas in `particles/vectors`.

    Attributes:
        path: the file.
        steps: (T,) step of each frame.
        times: (T,) time of each frame.
        names: the species (groups of particles), in file order.
        species: (N,) index into `names`.
        token_ids: (N,), -1 where a particle is not a token.
        tokens: (N,) strings.
        bonds: structure name -> (M, 2) particle indices.
        attributes: provenance: precision, optimiser, corpus, versions, ...
        masses: (N,); ones if the file has none.
        charges: (N,); zeros if the file has none.
        periods: (D,) sides of a periodic box, 0 along axes that are not periodic [length].
    """

    def __init__(self, path: str | Path) -> None:
        """Opens the file for reading.

        Raises:
            InputError: if the file is missing, not HDF5, cut short, or lacks a data set that every trajectory has.
        """
        self.path = Path(path)
        if not self.path.is_file():
            folder = self.path.is_dir()
            raise InputError(f"{self.path}: {f'no {TRAJECTORY} in this folder' if folder else 'no such file'}.")
        for attempt in range(_ATTEMPTS):
            try:
                self._salvage = attempt >= _PAUSES and not self._may_be_growing()
                self._open()
                return
            except OutrunError:
                self._file.close()
            except OSError as fault:
                if attempt >= _PAUSES or not self._may_be_growing():
                    raise InputError(
                        f"{self.path}: not readable as HDF5; it may be cut short, or of another format ({fault})"
                    ) from None
                clock.sleep(_PAUSE)
        raise InputError(f"{self.path}: is being written too fast to be opened.")

    def _may_be_growing(self) -> bool:
        """Whether a writer may be at work: while it extends a file, the length in the header runs ahead of the file."""
        return bool(h5py.is_hdf5(self.path)) and clock.time() - self.path.stat().st_mtime < _RECENT

    def _open(self) -> None:
        self._file = open_hdf5(self.path)
        try:
            self._read_head()
        except InputError:
            self._file.close()
            raise
        except (KeyError, OSError, RuntimeError, TypeError, ValueError) as fault:
            self._file.close()
            raise InputError(f"{self.path}: not a gasfield trajectory, or damaged ({fault}).") from None

    def _read_head(self) -> None:
        position = f"{schema.VECTORS}/{schema.POSITION}"
        self._positions = self._frames(position, axes=3)
        velocity = f"{schema.VECTORS}/{schema.VELOCITY}"
        self._velocities = self._frames(velocity, axes=3) if velocity in self._file else None
        self.steps: NDArray[np.int64] = self._positions.steps
        self.times: NDArray[np.float64] = self._positions.times
        species = self._dataset(f"{schema.VECTORS}/species")
        self.species: NDArray[np.int64] = species[:]
        self.names: list[str] = [str(name) for name in species.attrs[schema.GROUP_NAMES]]
        self.token_ids: NDArray[np.int64] = self._read(f"{schema.VECTORS}/token_id")
        mass = f"{schema.VECTORS}/{schema.MASS}"
        self.masses: NDArray[np.float64] = self._read(mass) if mass in self._file else np.ones(self.count)
        charge = f"{schema.VECTORS}/{schema.CHARGE}"
        self.charges: NDArray[np.float64] = self._read(charge) if charge in self._file else np.zeros(self.count)
        edges = f"{schema.VECTORS}/box/edges"
        self.periods: NDArray[np.float64] = self._read(edges) if edges in self._file else np.zeros(self.dimensions)
        self.tokens: list[str] = list(self._dataset(f"{schema.VECTORS}/token").asstr()[:])
        bonds = self._file.get(schema.CONNECTIVITY, {})
        self.bonds: dict[str, NDArray[np.int64]] = {name: bonds[name][:] for name in bonds}
        self.attributes: dict[str, Any] = dict(self._group(schema.PROVENANCE).attrs)
        if not len(self.steps):
            raise InputError(f"{self.path}: {position} has no frames yet.")

    # ------------------------------------------------------------------ frames

    @property
    def dimensions(self) -> int:
        """Number of dimensions D."""
        return int(self._positions.shape[2])

    @property
    def count(self) -> int:
        """Number of particles N."""
        return int(self._positions.shape[1])

    @property
    def precision(self) -> str:
        """The lattice of the positions: "float64", "float32" or "bfloat16"."""
        return str(self.attributes["precision"])

    @property
    def projection_axes(self) -> NDArray[np.float64]:
        """(3, D) orthonormal directions of the three coordinates in `particles/trajectory`."""
        axes: NDArray[np.float64] = self._read(f"{schema.PROJECTION}/axes")
        return axes

    def __len__(self) -> int:
        return len(self.steps)

    def positions(
        self, rows: NDArray[np.int64] | slice | None = None, frames: slice | None = None
    ) -> NDArray[np.floating]:
        """Positions (T, n, D) of some rows over some frames (all by default).

        Raises:
            InputError: if they would not fit into memory.
        """
        return self._block(self._positions, rows, frames)

    @property
    def has_velocities(self) -> bool:
        """Whether the file has velocities."""
        return self._velocities is not None

    def velocities(
        self, rows: NDArray[np.int64] | slice | None = None, frames: slice | None = None
    ) -> NDArray[np.floating]:
        """Velocities (T, n, D) of some rows over some frames (all by default) [length/time].

        Raises:
            InputError: if the trajectory has none, or they would not fit into memory.
        """
        if self._velocities is None:
            raise InputError(f"{self.path}: no data set {schema.VECTORS}/{schema.VELOCITY}; the gas has no velocities.")
        return self._block(self._velocities, rows, frames)

    def _block(
        self, source: Frames, rows: NDArray[np.int64] | slice | None, frames: slice | None
    ) -> NDArray[np.floating]:
        span = range(len(self))[frames or slice(None)]
        wanted = np.arange(self.count)[rows if rows is not None else slice(None)]
        self._check_memory(len(span) * len(wanted) * self.dimensions * source.dtype.itemsize, schema.VECTORS)
        if not len(wanted) or not len(span):
            return np.empty((len(span), len(wanted), self.dimensions), source.dtype)
        low, high = int(wanted.min()), int(wanted.max()) + 1
        block = self._cut(source, frames or slice(None), slice(low, high))
        return block if len(wanted) == high - low and np.all(np.diff(wanted) == 1) else block[:, wanted - low]

    def frame(self, index: int) -> NDArray[np.floating]:
        """Positions (N, D) of one frame; negative indices count from the end."""
        at = range(len(self))[index]
        frame: NDArray[np.floating] = self._cut(self._positions, slice(at, at + 1))[0]
        return frame

    def members(self, name: str) -> NDArray[np.int64]:
        """Indices of the particles of one species.

        Raises:
            InputError: if there is no such species.
        """
        if name not in self.names:
            raise InputError(f"{self.path}: no group '{name}'; the groups here are {', '.join(self.names)}.")
        return np.flatnonzero(self.species == self.names.index(name))

    def gas(self, step: int) -> Gas:
        """The gas at a recorded step.

        Raises:
            InputError: if no frame has that step.
        """
        found = np.flatnonzero(self.steps == step)
        if not len(found):
            raise InputError(
                f"{self.path}: no frame at step {step}; it has {len(self)}, steps {self.steps[0]} to {self.steps[-1]}."
            )
        return Gas(
            positions=self.frame(int(found[0])),
            species=self.species,
            names=self.names,
            token_ids=self.token_ids,
            tokens=self.tokens,
            bonds=self.bonds,
            step=step,
            time=float(self.times[found[0]]),
        )

    # ------------------------------------------------- observables and other data

    @property
    def observables(self) -> list[str]:
        """Names of the recorded observables (`loss`, `dead/radius`, ...)."""
        found: list[str] = []
        root = self._file.get(schema.OBSERVABLES)
        if root is not None:
            root.visititems(lambda name, item: found.append(name) if "value" in _keys(item) else None)
        return found

    @property
    def numbers(self) -> list[str]:
        """Names of the observables that are one number in each step."""
        return [name for name in self.observables if self._file[f"{schema.OBSERVABLES}/{name}/value"].ndim == 1]

    def observable(self, name: str) -> Series:
        """One observable over time.

        Raises:
            InputError: if it was not recorded.
        """
        return self._series(f"{schema.OBSERVABLES}/{name}")

    @property
    def has_survey(self) -> bool:
        """Whether all dead rows were recorded at some steps."""
        return schema.SURVEY in self._file

    def survey(self) -> Series:
        """All dead rows at the steps of the survey: values (S, N_dead, D)."""
        return self._series(f"{schema.SURVEY}/{schema.POSITION}")

    def survey_frames(self) -> Frames:
        """The same, read on demand while the file is open."""
        return self._frames(f"{schema.SURVEY}/{schema.POSITION}", axes=3)

    def last_motion(self) -> Series:
        """The last step in which any bit of a row of the survey changed, 0 if none did: values (S, N_dead), at the
        steps of the survey.

        Raises:
            InputError: if it was not recorded, as in older recordings.
        """
        return self._series(f"{schema.SURVEY}/{schema.LAST_MOTION}")

    @property
    def survey_ids(self) -> NDArray[np.int64]:
        """Token ids of the rows of the survey (N_dead,)."""
        return np.asarray(self._read(f"{schema.SURVEY}/token_id"), np.int64)

    def live_gradients(self) -> Series:
        """Gradients of the live rows in training, in the order of `members("live")`: values (T, n, D)."""
        return self._series(f"{schema.LIVE}/{schema.GRADIENT}")

    @property
    def fields(self) -> list[str]:
        """The stored forms of the field: "affine", "full"."""
        return [kind for kind, place in (("affine", schema.AFFINE), ("full", schema.FULL)) if place in self._file]

    def affine_field(self) -> AffineField:
        """The affine field at every recorded step.

        Raises:
            InputError: if the file has none.
        """
        place = self._field_group("affine", schema.AFFINE)
        stored = {"reference": "reference", "gradient": "gradient", "hessian": "tidal", "potential": "potential"}
        parts = {name: self._series(f"{place}/{dataset}") for name, dataset in stored.items()}
        count = min(len(part.steps) for part in parts.values())
        return AffineField(
            steps=parts["hessian"].steps[:count],
            origin=f"{self.path}: {place}",
            **{name: part.values[:count] for name, part in parts.items()},
        )

    def full_field(self) -> FullField:
        """The exact field at the steps at which it was recorded; snapshots are read on demand while the file is open.

        Raises:
            InputError: if the file has none.
        """
        place = self._field_group("full", schema.FULL)
        hidden, log_partition, weight, gradient = (
            self._frames(f"{place}/{name}") for name in ("hidden", "log_partition", "weight", "gradient")
        )
        has_own = f"{place}/{schema.POSITION}" in self._file
        position = self._frames(f"{place}/{schema.POSITION}") if has_own else self._positions
        return FullField(
            steps=gradient.steps,
            origin=f"{self.path}: {place}",
            hidden=hidden,
            log_partition=log_partition,
            weight=weight,
            gradient=gradient,
            position=position,
            position_steps=position.steps,
        )

    def _field_group(self, kind: str, place: str) -> str:
        if place not in self._file:
            others = ", ".join(self.fields) or "none"
            raise InputError(
                f"{self.path}: no data set {place}: this file has no {kind} field (fields here: {others}). "
                "Record one with `gasfield record`."
            )
        return place

    # ------------------------------------------------------------------- helpers

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __repr__(self) -> str:
        groups = ", ".join(f"{name} {int(np.sum(self.species == i))}" for i, name in enumerate(self.names))
        return (
            f"Trajectory({self.path}: {len(self)} frames, steps {self.steps[0]} to {self.steps[-1]}, "
            f"{self.count} particles ({groups}) in {self.dimensions} dimensions, {self.precision})"
        )

    def _cut(self, source: Frames, frames: slice, rows: slice | None = None) -> NDArray[np.floating]:
        """Part of the positions or velocities."""
        try:
            return source.read(frames, rows)
        except OSError as fault:
            raise InputError(f"{self.path}: {schema.VECTORS} cannot be read; the file is damaged ({fault}).") from None

    def _frames(self, location: str, axes: int | None = None) -> Frames:
        """The frames of an element, after checks of its data sets."""
        self._dataset(f"{location}/value", axes)
        for name in ("step", "time"):
            self._check_memory(self._dataset(f"{location}/{name}").nbytes, f"{location}/{name}")
        frames = Frames(self._file, location, salvage=self._salvage)
        if frames.lost:
            last = f"step {frames.steps[-1]}" if len(frames) else "the start"
            warnings.warn(
                f"{self.path}: {location} is damaged at its end: {frames.lost} frames after {last} are left out.",
                DamageWarning,
                stacklevel=2,
            )
        return frames

    def _group(self, location: str) -> h5py.Group:
        if location not in self._file:
            raise InputError(
                f"{self.path}: no group {location}; not a gasfield trajectory, or written by something else."
            )
        return self._file[location]

    def _dataset(self, location: str, axes: int | None = None) -> h5py.Dataset:
        item = self._file.get(location)
        if not isinstance(item, h5py.Dataset):
            raise InputError(
                f"{self.path}: no data set {location}; not a gasfield trajectory, or written by something else."
            )
        if axes is not None and item.ndim != axes:
            raise InputError(
                f"{self.path}: {location} has shape {item.shape}; {axes} axes are needed (time, particle, coordinate)."
            )
        return item

    def _read(self, location: str) -> NDArray[Any]:
        dataset = self._dataset(location)
        self._check_memory(dataset.nbytes, location)
        try:
            values: NDArray[Any] = dataset[:]
        except OSError as fault:
            raise InputError(
                f"{self.path}: {location} cannot be read; the file is damaged or cut short ({fault})."
            ) from None
        return values

    def _series(self, location: str) -> Series:
        if location not in self._file:
            raise InputError(f"{self.path}: no data set {location}.")
        frames = self._frames(location)
        self._check_memory(frames.nbytes, location)
        try:
            return Series(frames.steps, frames.times, frames.read())
        except OSError as fault:
            raise InputError(
                f"{self.path}: {location} cannot be read; the file is damaged or cut short ({fault})."
            ) from None

    def _check_memory(self, size: int, location: str) -> None:
        """A header may claim any size: it is checked before memory is allocated."""
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") if hasattr(os, "sysconf") else 1 << 33
        if size > 0.8 * free:
            raise InputError(
                f"{self.path}: {location} needs {size / 1e9:.1f} GB, more than the memory that is free "
                f"({free / 1e9:.1f} GB)."
            )


def open_trajectory(name: str | Path) -> Trajectory:
    """Opens a trajectory by its path, its run directory, or the name of a bundled one (`recordings/kjv-bf16.h5`).

    Raises:
        InputError: if it does not exist or cannot be read.
    """
    return Trajectory(find_file(str(name)) or name)


def _keys(item: h5py.Group | h5py.Dataset) -> Iterator[str]:
    return iter(item) if isinstance(item, h5py.Group) else iter(())
