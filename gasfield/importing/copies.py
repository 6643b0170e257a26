"""Compacted copies of trajectories of gasfield, including those of killed writers."""

from __future__ import annotations

from pathlib import Path

import h5py

from gasfield.errors import InputError
from gasfield.files import copy_file
from gasfield.trajectory import TrajectoryWriter, open_trajectory, schema
from gasfield.trajectory.frames import Frames

_MAGIC = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Whether a file begins with the HDF5 signature."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def copy_trajectory(path: Path, target: Path) -> tuple[str, ...]:
    """Copies every readable frame, and finishes the copy as its writer would have.

    Args:
        path: the trajectory, which is not modified.
        target: the file to create.

    Returns:
        A note on the number of frames.

    Raises:
        InputError: if it is not a trajectory of gasfield, or damaged.
        WriteError: if the copy cannot be written.
    """
    with open_trajectory(path):  # raises if it is invalid
        pass
    copy_file(path, target)
    try:
        TrajectoryWriter.go_on(target, _lengths(target)).close()
        with open_trajectory(target) as copied:
            return (f"{len(copied)} frames, steps {copied.steps[0]} to {copied.steps[-1]}, copied whole",)
    except InputError as fault:
        raise InputError(f"{path}: damaged; its last frames cannot be read.") from fault


def _lengths(path: Path) -> dict[str, int]:
    """Number of frames of every time-dependent element, including those whose chunk is not full."""
    found: dict[str, int] = {}
    with h5py.File(path, "r", locking=False) as file:

        def count(place: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group) and "value" in item and not place.startswith(schema.UNFINISHED):
                found[place] = len(Frames(file, place))

        try:
            file.visititems(count)
        except (OSError, KeyError, ValueError, RuntimeError) as fault:
            raise InputError(f"{path}: cannot be read completely; it is damaged ({fault}).") from None
    return found
