"""A trajectory in memory as a pandas data frame or an xarray data set, and its observables at the steps of frames."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.extras import TABLES, require_packages
from gasfield.memory import require_memory
from gasfield.printable import storable
from gasfield.trajectory.selection import Labels, Piece, Rows, Selection

if TYPE_CHECKING:
    import pandas
    import xarray

    from gasfield.trajectory.reader import Trajectory

COLUMNS = ("step", "time", "row", "token_id", "token", "group", "vector", "position", "velocity", "axis")
"""Names of columns and axes besides those of coordinates and observables."""
LENGTH, TIME = "length", "time"
"""Units of coordinates and of times: those of the file."""
_LINE = 150
"""Bytes of a line of a data frame besides its coordinates, about: numbers, and pointers to shared strings."""
_COPIES = 3
"""A data frame is made of pieces, put together, and has its columns copied once more by pandas."""


@dataclass(frozen=True)
class Observed:
    """An observable at the steps of frames.

    Attributes:
        name: as in the file.
        values: (t,) or (t, n), float64; NaN at steps at which it was not recorded.
    """

    name: str
    values: NDArray[np.float64]

    @property
    def column(self) -> str:
        """Its name as that of a column: without separators of paths, which netCDF refuses, and unlike all others."""
        name = storable(self.name).replace("/", ".")
        return f"observable.{name}" if name in COLUMNS or re.fullmatch(r"x\d+", name) else name

    @property
    def by_row(self) -> bool:
        """Whether it has a value for each row."""
        return self.values.ndim == 2


def observed(trajectory: Trajectory, selection: Selection, names: Sequence[str] | None = None) -> list[Observed]:
    """Observables at the steps of the frames that are selected.

    Args:
        trajectory: open.
        selection: frames and rows.
        names: of observables that are one number, or one number for each row of the gas, in a step. By default all of
            the latter kind.

    Raises:
        InputError: if there is no such observable, or it has another shape.
    """
    steps = trajectory.steps[selection.frames]
    wanted = trajectory.observables if names is None else list(dict.fromkeys(names))
    found: list[Observed] = []
    for name in wanted:
        if names is not None and name not in trajectory.observables:
            raise InputError(f"{trajectory.path}: no observable '{name}'.", parameter="observables")
        shape = trajectory.shape_of_observable(name)
        if shape != (trajectory.count,) and names is None:
            continue
        if shape not in ((), (trajectory.count,)):
            what = "neither one number nor one for each row"
            raise InputError(f"{trajectory.path}: the observable '{name}' is {what}.", parameter="observables")
        series = trajectory.observable(name)
        values = series.values[:, selection.rows] if shape else series.values
        _, ours, theirs = np.intersect1d(steps, series.steps, return_indices=True)
        aligned = np.full((len(steps), *values.shape[1:]), np.nan)
        aligned[ours] = values[theirs]
        found.append(Observed(name, aligned))
    columns = [each.column for each in found]
    if len(set(columns)) < len(columns):
        raise InputError(f"{trajectory.path}: two observables have one name as columns.", parameter="observables")
    return found


@dataclass(frozen=True)
class Lines:
    """Lines of a table: rows in frames, frame after frame.

    Attributes:
        step, time: (m,).
        index: (m,) which of the selected rows each is.
        coordinates: (m, D) [length].
        observables: (m,) values by column.
    """

    step: NDArray[np.int64]
    time: NDArray[np.float64]
    index: NDArray[np.int64]
    coordinates: NDArray[np.floating[Any]]
    observables: dict[str, NDArray[np.float64]]


def lines_of(piece: Piece, first: int, series: Sequence[Observed]) -> Lines:
    """The lines of some frames: rows that are there.

    Args:
        piece: the frames.
        first: number of the first of them among those selected.
        series: observables of all frames that are selected.
    """
    frame, index = np.nonzero(piece.present)
    whole = len(index) == piece.present.size
    coordinates = piece.positions.reshape(-1, piece.positions.shape[2]) if whole else piece.positions[frame, index]
    columns = {
        each.column: each.values[first + frame, index] if each.by_row else each.values[first + frame] for each in series
    }
    return Lines(piece.steps[frame], piece.times[frame], index, coordinates, columns)


def all_lines(trajectory: Trajectory, selection: Selection, series: Sequence[Observed]) -> Iterator[tuple[int, Lines]]:
    """The lines of a whole selection, some frames at a time, each time with the number of frames that are done."""
    first = 0
    for piece in selection.pieces(trajectory):
        lines = lines_of(piece, first, series)
        first += len(piece.frames)
        yield first, lines


def to_dataframe(
    trajectory: Trajectory, rows: Rows = None, frames: slice | None = None, names: Sequence[str] | None = None
) -> pandas.DataFrame:
    """See `Trajectory.to_dataframe`."""
    require_packages(("pandas",), TABLES, "a data frame")
    import pandas

    selection = Selection.of(trajectory, rows, frames)
    size = _COPIES * (selection.nbytes(trajectory) + _LINE * selection.count)
    require_memory(size, f"{trajectory.path}: a data frame of {selection.count:,} lines")
    labels, series = Labels.of(trajectory, selection.rows), observed(trajectory, selection, names)
    made = [lines for _, lines in all_lines(trajectory, selection, series)] or [_no_lines(trajectory, series)]
    index = np.concatenate([each.index for each in made])
    coordinates = np.concatenate([each.coordinates for each in made])
    columns: dict[str, Any] = {
        "step": np.concatenate([each.step for each in made]),
        "time": np.concatenate([each.time for each in made]),
        "row": labels.rows[index],
        "token_id": labels.token_ids[index],
        "token": as_objects(labels.tokens)[index],
        "group": as_objects(labels.groups)[index],
        **{f"x{axis}": coordinates[:, axis] for axis in range(coordinates.shape[1])},
        **{each.column: np.concatenate([part.observables[each.column] for part in made]) for each in series},
    }
    frame = pandas.DataFrame(columns)
    frame.attrs = {"units": {"time": TIME} | {f"x{axis}": LENGTH for axis in range(coordinates.shape[1])}}
    return frame


def to_xarray(
    trajectory: Trajectory, rows: Rows = None, frames: slice | None = None, names: Sequence[str] | None = None
) -> xarray.Dataset:
    """See `Trajectory.to_xarray`."""
    require_packages(("xarray",), TABLES, "a data set of xarray")
    import xarray

    selection = Selection.of(trajectory, rows, frames)
    size = selection.nbytes(trajectory) * (1 + trajectory.has_velocities)
    require_memory(2 * size, f"{trajectory.path}: a data set")
    labels = Labels.of(trajectory, selection.rows)
    vectors = {"position": (trajectory.positions, LENGTH)}
    if trajectory.has_velocities:
        vectors["velocity"] = (trajectory.velocities, f"{LENGTH}/{TIME}")
    data: dict[str, Any] = {
        name: (("step", "row", "axis"), np.asarray(read(selection.rows, frames)), {"units": unit})
        for name, (read, unit) in vectors.items()
    }
    for each in observed(trajectory, selection, names):
        data[each.column] = (("step", "row") if each.by_row else ("step",), each.values)
    coordinates = {
        "step": trajectory.steps[selection.frames],
        "time": ("step", trajectory.times[selection.frames], {"units": TIME}),
        "row": labels.rows,
        "token_id": ("row", labels.token_ids),
        "token": ("row", as_objects(labels.tokens)),
        "group": ("row", as_objects(labels.groups)),
    }
    return xarray.Dataset(data, coordinates, attributes_of(trajectory))


def attributes_of(trajectory: Trajectory) -> dict[str, str]:
    """What is said of a whole table: where it is from, and the lattice of its numbers."""
    source = str(trajectory.attributes.get("source", ""))
    return {"file": storable(trajectory.path.name), "source": storable(source), "precision": trajectory.precision}


def _no_lines(trajectory: Trajectory, series: Sequence[Observed]) -> Lines:
    none, number = np.empty(0), trajectory.number_type
    coordinates = np.empty((0, trajectory.dimensions), number)
    return Lines(none.astype(int), none, none.astype(int), coordinates, {each.column: none for each in series})


def as_objects(texts: list[str]) -> NDArray[np.object_]:
    """Strings as an array of objects: an array of characters would drop zeros at their ends."""
    array = np.empty(len(texts), object)
    array[:] = texts
    return array
