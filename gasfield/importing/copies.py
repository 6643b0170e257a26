"""A trajectory of gasfield, copied: whole and compact, also what a killed writer left."""

from __future__ import annotations

from pathlib import Path

import h5py

from gasfield.errors import InputError
from gasfield.trajectory import open_trajectory, schema
from gasfield.trajectory.compact import compact
from gasfield.trajectory.element import Element

_MAGIC = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 files do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def copy_trajectory(path: Path, target: Path) -> tuple[str, ...]:
    """Copies every frame that can be read, and brings the copy into the form that its writer would have given it.

    Args:
        path: the trajectory; it is only read.
        target: the file to create.

    Returns:
        How many frames it has.

    Raises:
        InputError: if it is no trajectory of gasfield, or damaged.
    """
    with open_trajectory(path):  # says what is wrong with it
        pass
    try:
        with (
            h5py.File(path, "r", locking=False) as theirs,
            h5py.File(target, "w", libver="earliest", locking=False) as ours,
        ):
            for name in list(theirs):
                theirs.copy(name, ours)  # compressed chunks as they are
            for place in _elements(ours):
                _finish(ours, place)
        compact(target)
        with open_trajectory(target) as copied:
            return (f"{len(copied)} frames, steps {copied.steps[0]} to {copied.steps[-1]}, copied whole",)
    except InputError as fault:
        raise InputError(f"{path}: {str(fault).removeprefix(f'{target}: ')}") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as fault:
        raise InputError(f"{path}: cannot be read whole; it is damaged ({_first_line(fault)}).") from None


def _elements(file: h5py.File) -> list[str]:
    """Places of all time-dependent elements."""
    found: list[str] = []

    def note(place: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group) and "value" in item and not place.startswith(schema.UNFINISHED):
            found.append(place)

    file.visititems(note)
    return found


def _finish(file: h5py.File, place: str) -> None:
    """The frames that waited for their chunk to be full become the last one.

    A writer that is killed may leave values that were not counted yet, and frames waiting that were counted since.
    """
    element, tail = file[place], file.get(f"{schema.UNFINISHED}/{place}")
    counted = len(element["step"])
    for name in ("time", "value"):
        element[name].resize(counted, axis=0)
    if tail is None:
        return
    if int(tail["extent"][0]) != counted:
        tail["extent"][1] = 0
    Element(file, place).finish()


def _first_line(fault: Exception) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0][:200]
