"""A trajectory of gasfield, copied: whole and compact, also what a killed writer left."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py

from gasfield.errors import InputError
from gasfield.trajectory import TrajectoryWriter, open_trajectory, schema
from gasfield.trajectory.frames import Frames

_MAGIC = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 files do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def copy_trajectory(path: Path, target: Path) -> tuple[str, ...]:
    """Copies every frame that can be read, and finishes the copy as its writer would have.

    Args:
        path: the trajectory; it is read only.
        target: the file to create.

    Returns:
        How many frames it has.

    Raises:
        InputError: if it is no trajectory of gasfield, or damaged.
    """
    with open_trajectory(path):  # says what is wrong with it
        pass
    shutil.copyfile(path, target)
    try:
        TrajectoryWriter.go_on(target, _lengths(target)).close()
        with open_trajectory(target) as copied:
            return (f"{len(copied)} frames, steps {copied.steps[0]} to {copied.steps[-1]}, copied whole",)
    except InputError as fault:
        raise InputError(f"{path}: it is damaged; its last frames cannot be completed.") from fault


def _lengths(path: Path) -> dict[str, int]:
    """Frames of every time-dependent element, those that wait for their chunk included."""
    found: dict[str, int] = {}
    with h5py.File(path, "r", locking=False) as file:

        def count(place: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group) and "value" in item and not place.startswith(schema.UNFINISHED):
                found[place] = len(Frames(file, place))

        try:
            file.visititems(count)
        except (OSError, KeyError, ValueError, RuntimeError) as fault:
            raise InputError(f"{path}: cannot be read whole; it is damaged ({fault}).") from None
    return found
