"""Reads a trajectory, simulated or recorded, including one still being written or whose writer was killed."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.closing import Closing
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.hdf5.reading import open_hdf5
from gasfield.resources import TRAJECTORY, find_file
from gasfield.trajectory import schema
from gasfield.trajectory.content import INTEGER, NUMBER, Content, Series
from gasfield.trajectory.field import AffineField, FullField
from gasfield.trajectory.frames import Frames, OutrunError

_ATTEMPTS = 20
"""Attempts to open a file that is being written."""
_PAUSES, _PAUSE = 4, 0.05
"""How often, and for how many seconds, opening waits for a file that is being extended."""
_RECENT = 10.0
"""Seconds since the last change within which a file may still be growing."""


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
                self._open(salvage=attempt >= _PAUSES and (attempt == _ATTEMPTS - 1 or not self._may_be_growing()))
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
        """Whether a writer may be at work; one of a version before announces lengths that are not there yet."""
        return bool(h5py.is_hdf5(self.path)) and clock.time() - self.path.stat().st_mtime < _RECENT

    def _open(self, *, salvage: bool) -> None:
        self._file = open_hdf5(self.path)
        self._content = Content(self.path, self._file, salvage)
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
        self._positions = self._content.frames(position, None, None)
        velocity = f"{schema.VECTORS}/{schema.VELOCITY}"
        shape = (self.count, self.dimensions)
        self._velocities = self._content.frames(velocity, *shape) if velocity in self._file else None
        whole = len(self._positions if self._velocities is None else min(self._positions, self._velocities, key=len))
        self.steps: NDArray[np.int64] = self._positions.steps[:whole]
        self.times: NDArray[np.float64] = self._positions.times[:whole]
        if self._velocities is not None and np.any(self._velocities.steps[:whole] != self.steps):
            raise InputError(f"{self.path}: positions and velocities have different steps.")
        self.species: NDArray[np.int64] = self._of_particles("species", INTEGER)
        self.names: list[str] = [
            str(name) for name in self._content.dataset(f"{schema.VECTORS}/species").attrs[schema.GROUP_NAMES]
        ]
        self._content.require_below(self.species, len(self.names), f"{schema.VECTORS}/species")
        self.token_ids: NDArray[np.int64] = self._of_particles("token_id", INTEGER)
        self.masses: NDArray[np.float64] = self._of_particles(schema.MASS, NUMBER, np.ones(self.count))
        self.charges: NDArray[np.float64] = self._of_particles(schema.CHARGE, NUMBER, np.zeros(self.count))
        edges = f"{schema.VECTORS}/box/edges"
        self.periods: NDArray[np.float64] = (
            self._content.array(edges, NUMBER, self.dimensions) if edges in self._file else np.zeros(self.dimensions)
        )
        self.tokens: list[str] = list(self._content.checked(f"{schema.VECTORS}/token", "OS", self.count).asstr()[:])
        self.bonds: dict[str, NDArray[np.int64]] = {name: self._bonds(name) for name in self._bonded()}
        self.attributes: dict[str, Any] = dict(self._content.group(schema.PROVENANCE).attrs)
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
        """The lattice of the positions: "float64", "float32", "bfloat16", "float16", "float8_e4m3fn" or
        "float8_e5m2"."""
        return str(self.attributes["precision"])

    @property
    def projection_axes(self) -> NDArray[np.float64]:
        """(3, D) orthonormal directions of the three coordinates in `particles/trajectory`."""
        axes: NDArray[np.float64] = self._content.read(f"{schema.PROJECTION}/axes")
        return axes

    def __len__(self) -> int:
        return len(self.steps)

    @cached_property
    def appears(self) -> NDArray[np.int64]:
        """(N,) the step from which each particle is there; 0 for one that is there from the start.

        Files of earlier versions do not say: there, a particle without a finite position in the first frame appears in
        the first frame in which it has one. One that never has is there, and broken.
        """
        if f"{schema.VECTORS}/{schema.APPEARS}" in self._file:
            return self._of_particles(schema.APPEARS, INTEGER)
        appears = np.zeros(self.count, np.int64)
        absent = ~np.isfinite(self.frame(0)).all(axis=1)
        for index in range(1, len(self) if absent.any() else 0):
            come = absent & np.isfinite(self.frame(index)).all(axis=1)
            appears[come], absent = self.steps[index], absent & ~come
            if not absent.any():
                break
        return appears

    def present(self, frame: int) -> NDArray[np.bool_]:
        """(N,) which particles are there in a frame; the others are planted later, and have no position (NaN)."""
        return np.asarray(self.appears <= self.steps[frame])

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
        self._content.check_memory(len(span) * len(wanted) * self.dimensions * source.dtype.itemsize, schema.VECTORS)
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
            appears=self.appears,
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

    def numbers_of(self, group: str = "") -> list[str]:
        """Names, without the group, of the observables of one group that are one number in each step; of the gas as a
        whole if left out. The other groups are not looked through."""
        root = self._file.get(f"{schema.OBSERVABLES}/{group}" if group else schema.OBSERVABLES)
        children = [] if root is None or not hasattr(root, "items") else root.items()
        return [name for name, item in children if "value" in _keys(item) and item["value"].ndim == 1]

    def observable(self, name: str) -> Series:
        """One observable over time.

        Raises:
            InputError: if it was not recorded.
        """
        location = f"{schema.OBSERVABLES}/{name}"
        return self._content.series(location, *self._content.dataset(f"{location}/value").shape[1:])

    @property
    def has_survey(self) -> bool:
        """Whether all dead rows were recorded at some steps."""
        return schema.SURVEY in self._file

    def survey(self) -> Series:
        """All dead rows at the steps of the survey: values (S, N_dead, D)."""
        return self._content.series(f"{schema.SURVEY}/{schema.POSITION}", len(self.survey_ids), self.dimensions)

    def survey_frames(self) -> Frames:
        """The same, read on demand while the file is open."""
        return self._content.frames(f"{schema.SURVEY}/{schema.POSITION}", len(self.survey_ids), self.dimensions)

    def last_motion(self) -> Series:
        """The last step in which any bit of a row of the survey changed, 0 if none did: values (S, N_dead), at the
        steps of the survey.

        Raises:
            InputError: if it was not recorded, as in older recordings.
        """
        return self._content.series(f"{schema.SURVEY}/{schema.LAST_MOTION}", None)

    @property
    def survey_ids(self) -> NDArray[np.int64]:
        """Token ids of the rows of the survey (N_dead,)."""
        return np.asarray(self._content.array(f"{schema.SURVEY}/token_id", INTEGER, None), np.int64)

    def live_gradients(self) -> Series:
        """Gradients of the live rows in training, in the order of `members("live")`: values (T, n, D)."""
        return self._content.series(f"{schema.LIVE}/{schema.GRADIENT}", None, self.dimensions)

    def moment_at(self, name: str, step: int) -> NDArray[np.float32]:
        """(N, D) a moment of the optimiser (`first_moment`, `second_moment`, `momentum`) before the update at a step.

        Raises:
            InputError: if it was not recorded there.
        """
        place = f"{schema.VECTORS}/{name}"
        found = np.empty(0, np.int64)
        if place in self._content:
            frames = self._content.frames(place, self.count, self.dimensions)
            found = np.flatnonzero(frames.steps == step)
        if not len(found):
            raise InputError(f"{self.path}: the {name.replace('_', ' ')} at step {step} is not recorded.")
        return np.asarray(frames[int(found[0])], np.float32)

    def live_part(self, name: str) -> Series:
        """A part of the gradients of the live rows (`push`, `pull`, `input`), in the order of `members("live")`, scaled
        as the optimiser received it: values (T, n, D).

        Raises:
            InputError: if it was not recorded.
        """
        return self._content.series(f"{schema.LIVE}/{name}", None, self.dimensions)

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
        d = self.dimensions
        parts = {
            "reference": self._content.series(f"{place}/reference", d),
            "gradient": self._content.series(f"{place}/gradient", d),
            "hessian": self._content.series(f"{place}/tidal", d * (d + 1) // 2),
            "potential": self._content.series(f"{place}/potential"),
        }
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
        hidden = self._content.frames(f"{place}/hidden", None, self.dimensions)
        log_partition, weight = (
            self._content.frames(f"{place}/{name}", hidden.shape[1]) for name in ("log_partition", "weight")
        )
        has_own = f"{place}/{schema.POSITION}" in self._file
        position = (
            self._content.frames(f"{place}/{schema.POSITION}", None, self.dimensions) if has_own else self._positions
        )
        gradient = self._content.frames(f"{place}/gradient", *position.shape[1:])
        return FullField(
            steps=gradient.steps[: min(len(hidden), len(log_partition), len(weight))],
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

    def _of_particles(self, name: str, kinds: str, otherwise: NDArray[Any] | None = None) -> NDArray[Any]:
        """(N,) a number of each particle; another array where the file has none and there is one."""
        location = f"{schema.VECTORS}/{name}"
        if otherwise is not None and location not in self._file:
            return otherwise
        return self._content.array(location, kinds, self.count)

    def _bonded(self) -> list[str]:
        """The structures with bonds."""
        return list(self._content.group(schema.CONNECTIVITY)) if schema.CONNECTIVITY in self._file else []

    def _bonds(self, name: str) -> NDArray[np.int64]:
        """(M, 2) indices of particles."""
        pairs = self._content.array(f"{schema.CONNECTIVITY}/{name}", INTEGER, None, 2)
        self._content.require_below(pairs, self.count, f"{schema.CONNECTIVITY}/{name}")
        return pairs


def open_trajectory(name: str | Path) -> Trajectory:
    """Opens a trajectory by its path, its run directory, or the name of a bundled one (`recordings/kjv-bf16.h5`).

    Raises:
        InputError: if it does not exist or cannot be read.
    """
    return Trajectory(find_file(str(name)) or name)


def _keys(item: h5py.Group | h5py.Dataset) -> Iterator[str]:
    return iter(item) if isinstance(item, h5py.Group) else iter(())
