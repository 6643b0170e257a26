"""netCDF 4 by h5netcdf, pure Python over the library that trajectories need anyway: `xarray.open_dataset` reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gasfield.exporting.content import Part
from gasfield.files import draft_of
from gasfield.trajectory.tables import LENGTH, TIME, attributes_of

_CHUNK = 1 << 20
"""Bytes of a chunk, about."""


def write(part: Part, path: Path) -> list[Path]:
    """Writes the file, some frames at a time; the data set of `Trajectory.to_xarray`, without velocities.

    Raises:
        WriteError: if that is impossible.
    """
    import h5netcdf
    import h5py

    labels, selection, trajectory = part.labels, part.selection, part.trajectory
    text = h5py.string_dtype()
    rows, dimensions = len(selection.rows), trajectory.dimensions
    with draft_of(path) as draft, _in_short(), h5netcdf.File(draft, "w") as file:
        file.dimensions = {"step": part.frames, "row": rows, "axis": dimensions}
        file.attrs.update(attributes_of(trajectory))
        for name, over, values, unit in (
            ("step", "step", trajectory.steps[selection.frames], ""),
            ("time", "step", trajectory.times[selection.frames], TIME),
            ("row", "row", labels.rows, ""),
            ("token_id", "row", labels.token_ids, ""),
        ):
            _put(file, name, (over,), values, unit)
        for name, strings in (("token", labels.tokens), ("group", labels.groups)):
            file.create_variable(name, ("row",), text)[...] = np.array(strings, object)
        for each in part.series:
            _put(file, each.column, ("step", "row") if each.by_row else ("step",), each.values, "")
        chunk = (1, min(rows, max(1, _CHUNK // (dimensions * part.number.itemsize))), dimensions)
        position = file.create_variable(
            "position", ("step", "row", "axis"), part.number, chunks=chunk, compression="gzip", compression_opts=1,
            shuffle=True,
        )  # fmt: skip
        position.attrs.update({"units": LENGTH, "coordinates": "time token_id token group"})
        done = 0
        for piece in selection.pieces(trajectory):
            position[done : done + len(piece.frames)] = piece.positions.astype(part.number, copy=False)
            done += len(piece.frames)
            part.progress(done, part.frames)
    return [path]


@contextmanager
def _in_short() -> Iterator[None]:
    """What the system says, without where in the HDF5 library it was said."""
    try:
        yield
    except OSError as fault:
        found = re.search(r"errno = (\d+)", str(fault))
        raise (fault if found is None else OSError(int(found[1]), os.strerror(int(found[1])))) from None


def _put(file: Any, name: str, over: tuple[str, ...], values: Any, unit: str) -> None:
    variable = file.create_variable(name, over, values.dtype)
    variable[...] = values
    if unit:
        variable.attrs["units"] = unit
