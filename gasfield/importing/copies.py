"""Compacted copies of trajectories of gasfield, including those of killed writers."""

from __future__ import annotations

from pathlib import Path

from gasfield.errors import InputError
from gasfield.trajectory import open_trajectory
from gasfield.trajectory.compact import copy
from gasfield.trajectory.frames import OutrunError

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
    with open_trajectory(path) as trajectory:
        count, first, last = len(trajectory), trajectory.steps[0], trajectory.steps[-1]
    try:
        copy(path, target)
    except (KeyError, OSError, OutrunError, RuntimeError, ValueError) as fault:
        raise InputError(f"{path}: damaged; not all frames can be read ({fault}).") from None
    return (f"{count} frames, steps {first} to {last}, copied whole",)
