"""Reads a trajectory, simulated or recorded, including one still being written or whose writer was killed."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.hdf5.guard import Guard
from gasfield.hdf5.reading import open_hdf5
from gasfield.printable import listed
from gasfield.resources import TRAJECTORY, find_file
from gasfield.trajectory import schema
from gasfield.trajectory.content import NUMBER, Content, DamagedError, Series
from gasfield.trajectory.events import disappearances
from gasfield.trajectory.foreign import is_foreign, read_foreign
from gasfield.trajectory.frames import Frames, OutrunError
from gasfield.trajectory.particles import Particles, read_particles
from gasfield.trajectory.training import RecordOfTraining

if TYPE_CHECKING:
    import pandas
    import xarray

_ATTEMPTS = 20
"""Attempts to open a file that is being written."""
_PAUSES, _PAUSE = 4, 0.05
"""How often, and for how many seconds, opening waits for a file that is being extended."""
_RECENT = 10.0
"""Seconds since the last change within which a file may still be growing."""


class Trajectory(RecordOfTraining):
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
        """Opens the file for reading, and checks what it says of its particles.

        Raises:
            InputError: if the file is missing, not HDF5, cut short, refers to other files, or is not as the format
                says.
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
                continue
            except DamagedError:
                if attempt >= _PAUSES or not self._may_be_growing():
                    raise
                clock.sleep(_PAUSE)
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
        with ExitStack() as opened:
            guard = opened.enter_context(Guard(self.path))
            self._file = opened.enter_context(open_hdf5(self.path))
            if not guard.is_current():
                raise OutrunError
            self._content = Content(self.path, self._file, guard, salvage)
            with self._content.reading("its head"):
                self._read_head()
            self._content = replace(self._content, salvage=True)  # nobody tries again after this
            self._opened = opened.pop_all()

    def _read_head(self) -> None:
        read = read_foreign if is_foreign(self._content) else read_particles
        found: Particles = read(self._content)
        self._positions, self._velocities, self._place = found.positions, found.velocities, found.place
        whole = min(len(frames) for frames in (found.positions, found.velocities) if frames is not None)
        self.steps: NDArray[np.int64] = found.positions.steps[:whole]
        self.times: NDArray[np.float64] = found.positions.times[:whole]
        self.species, self.names, self._appears = found.species, found.names, found.appears
        self.token_ids, self.tokens = found.token_ids, found.tokens
        self.masses, self.charges, self.periods = found.masses, found.charges, found.periods
        self.bonds: dict[str, NDArray[np.int64]] = found.bonds
        self.attributes: dict[str, Any] = found.attributes

    # ------------------------------------------------------------------ frames

    @property
    def is_foreign(self) -> bool:
        """Whether another program has written it, as H5MD."""
        return self._place != schema.VECTORS

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
    def number_type(self) -> np.dtype[Any]:
        """The type in which positions are stored, and read."""
        return self._positions.dtype

    @property
    def frames_in_chunk(self) -> int:
        """Number of frames that are compressed together: reading one of them unpacks all."""
        return self._positions.block

    @property
    def projection_axes(self) -> NDArray[np.float64]:
        """(3, D) orthonormal directions of the three coordinates in `particles/trajectory`."""
        place = f"{schema.PROJECTION}/axes"
        axes = self._content.array(place, NUMBER, None, self.dimensions).astype(np.float64, copy=False)
        if not np.isfinite(axes).all():
            raise InputError(f"{self.path}: {place} has numbers that are not finite.")
        return axes

    def __len__(self) -> int:
        return len(self.steps)

    @cached_property
    def appears(self) -> NDArray[np.int64]:
        """(N,) the step from which each particle is there; 0 for one that is there from the start.

        Files of earlier versions do not say: there, a particle without a finite position in the first frame appears in
        the first frame in which it has one. One that never has is there, and broken.
        """
        if self._appears is not None:
            return self._appears
        appears = np.zeros(self.count, np.int64)
        absent = ~np.isfinite(self.frame(0)).all(axis=1)
        for index in range(1, len(self) if absent.any() else 0):
            come = absent & np.isfinite(self.frame(index)).all(axis=1)
            appears[come], absent = self.steps[index], absent & ~come
            if not absent.any():
                break
        return appears

    @cached_property
    def disappears(self) -> NDArray[np.int64]:
        """(N,) the step from which each particle is gone, taken away by an event; beyond all steps for others."""
        return disappearances(self.attributes, self.names, self.species)

    def present(self, frame: int) -> NDArray[np.bool_]:
        """(N,) which particles are there in a frame; the others are planted later or were taken away, and have no
        position (NaN)."""
        return self.there(int(self.steps[frame]))

    def there(self, step: int) -> NDArray[np.bool_]:
        """(N,) which particles are there at a step."""
        return np.asarray((self.appears <= step) & (step < self.disappears))

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
            raise InputError(f"{self.path}: no data set {self._place}/{schema.VELOCITY}; the gas has no velocities.")
        return self._block(self._velocities, rows, frames)

    def _block(
        self, source: Frames, rows: NDArray[np.int64] | slice | None, frames: slice | None
    ) -> NDArray[np.floating]:
        span = range(len(self))[frames or slice(None)]
        wanted = np.arange(self.count)[rows if rows is not None else slice(None)]
        self._content.check_memory(len(span) * len(wanted) * self.dimensions * source.dtype.itemsize, self._place)
        if not len(wanted) or not len(span):
            return np.empty((len(span), len(wanted), self.dimensions), source.dtype)
        low, high = int(wanted.min()), int(wanted.max()) + 1
        block = source.read(frames or slice(None), slice(low, high))
        return block if len(wanted) == high - low and np.all(np.diff(wanted) == 1) else block[:, wanted - low]

    def frame(self, index: int) -> NDArray[np.floating]:
        """Positions (N, D) of one frame; negative indices count from the end."""
        at = range(len(self))[index]
        frame: NDArray[np.floating] = self._positions[at]
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
        return self._content.elements(schema.OBSERVABLES)

    @property
    def numbers(self) -> list[str]:
        """Names of the observables that are one number in each step."""
        return [name for name in self.observables if self._is_number(f"{schema.OBSERVABLES}/{name}")]

    def numbers_of(self, group: str = "") -> list[str]:
        """Names, without the group, of the observables of one group that are one number in each step; of the gas as a
        whole if left out. The other groups are not looked through."""
        root = f"{schema.OBSERVABLES}/{group}" if group else schema.OBSERVABLES
        return [name for name in self._content.elements(root, 1) if self._is_number(f"{root}/{name}")]

    def _is_number(self, location: str) -> bool:
        return bool(self._content.dataset(f"{location}/value").ndim == 1)

    def observable(self, name: str) -> Series:
        """One observable over time.

        Raises:
            InputError: if it was not recorded.
        """
        location = f"{schema.OBSERVABLES}/{name}"
        shape = self._content.dataset(f"{location}/value").shape or ()
        return self._content.series(location, *shape[1:])

    def shape_of_observable(self, name: str) -> tuple[int, ...]:
        """The shape of one value of an observable; () for a number.

        Raises:
            InputError: if it was not recorded.
        """
        return tuple(map(int, self._content.dataset(f"{schema.OBSERVABLES}/{name}/value").shape[1:]))

    @property
    def numbers_of_rows(self) -> list[str]:
        """Names of the elements of the gas that are one number of each particle in a frame (`norm` in a trace)."""
        places = {name: f"{self._place}/{name}" for name in self._content.elements(self._place, 1)}
        shapes = {name: self._content.dataset(f"{place}/value").shape for name, place in places.items()}
        return [name for name, shape in shapes.items() if shape is not None and shape[1:] == (self.count,)]

    def number_of_rows(self, name: str) -> Frames:
        """One of `numbers_of_rows`: (T, N), each with its own steps, read on demand while the file is open.

        Raises:
            InputError: if it is not there.
        """
        return self._content.frames(f"{self._place}/{name}", self.count)

    def has_element(self, location: str) -> bool:
        """Whether there is something at a path inside the file."""
        return location in self._content

    def element(self, location: str, *shape: int | None) -> Frames:
        """Any element over time, read on demand while the file is open.

        Args:
            location: of the element inside the file.
            shape: of its values; None stands for any length.

        Raises:
            InputError: if it is not there, or has another shape.
        """
        return self._content.frames(location, *shape)

    # -------------------------------------------------------------------- tables

    def to_dataframe(
        self,
        rows: NDArray[np.int64] | slice | None = None,
        frames: slice | None = None,
        observables: Sequence[str] | None = None,
    ) -> pandas.DataFrame:
        """A table with a line for each row in each frame in which it is there: `step`, `time`, `row`, `token_id`,
        `token`, `group`, the coordinates `x0`, `x1`, ... and the observables.

        Args:
            rows: of the gas; all by default.
            frames: all by default.
            observables: names; see `gasfield.trajectory.tables.observed`. By default those with a value for each row.

        Raises:
            InputError: if pandas is not installed, the table would not fit into memory, or there is no such observable.
        """
        from gasfield.trajectory.tables import to_dataframe

        return to_dataframe(self, rows, frames, observables)

    def to_xarray(
        self,
        rows: NDArray[np.int64] | slice | None = None,
        frames: slice | None = None,
        observables: Sequence[str] | None = None,
    ) -> xarray.Dataset:
        """A data set with `position` (and `velocity`) over `step`, `row` and `axis`, NaN where a row is not there; with
        the coordinates `time`, `token_id`, `token` and `group`, and the observables. Units are attributes.

        Args and errors as for `to_dataframe`, with xarray.
        """
        from gasfield.trajectory.tables import to_xarray

        return to_xarray(self, rows, frames, observables)

    # ------------------------------------------------------------------- helpers

    def close(self) -> None:
        """Closes the file."""
        self._opened.close()

    def __repr__(self) -> str:
        sizes = np.bincount(self.species, minlength=len(self.names))
        groups = listed([f"{name} {size}" for name, size in zip(self.names, sizes, strict=False)])
        return (
            f"Trajectory({self.path}: {len(self)} frames, steps {self.steps[0]} to {self.steps[-1]}, "
            f"{self.count} particles ({groups}) in {self.dimensions} dimensions, {self.precision})"
        )


def open_trajectory(name: str | Path) -> Trajectory:
    """Opens a trajectory by its path, its run directory, or the name of a bundled one (`recordings/kjv-bf16.h5`).

    Raises:
        InputError: if it does not exist or cannot be read.
    """
    return Trajectory(find_file(str(name)) or name)
