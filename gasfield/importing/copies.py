"""Compacted copies of trajectories of gasfield, including those of killed writers."""

from __future__ import annotations

from pathlib import Path

from gasfield.errors import InputError
from gasfield.hdf5.guard import UNREADABLE, open_checked
from gasfield.hdf5.headers import UnexpectedLayoutError
from gasfield.printable import shortened
from gasfield.trajectory import Trajectory, TrajectoryWriter, open_trajectory
from gasfield.trajectory.compact import copy
from gasfield.trajectory.frames import OutrunError

_MAGIC = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Whether a file begins with the HDF5 signature.

    Raises:
        InputError: if it cannot be opened.
    """
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError as fault:
        raise InputError(f"{path}: {fault.strerror or fault}.") from None


def copy_trajectory(path: Path, target: Path) -> tuple[str, ...]:
    """Copies every readable frame, and finishes the copy as its writer would have. H5MD of other programs becomes a
    trajectory of gasfield.

    Args:
        path: the trajectory, which is not modified.
        target: the file to create.

    Returns:
        A note on the number of frames.

    Raises:
        InputError: if it is not a trajectory, or damaged.
        WriteError: if the copy cannot be written.
    """
    with open_trajectory(path) as trajectory:
        count, first, last = len(trajectory), trajectory.steps[0], trajectory.steps[-1]
        if trajectory.is_foreign:
            _rewrite(trajectory, target)
            return (f"{count} frames, steps {first} to {last}, of {trajectory.count} particles in H5MD",)
    try:
        with open_checked(path):
            copy(path, target)
    except (*UNREADABLE, AttributeError, OutrunError, UnexpectedLayoutError) as fault:
        raise InputError(f"{path}: damaged; not all frames can be read ({shortened(str(fault))}).") from None
    return (f"{count} frames, steps {first} to {last}, copied whole",)


def _rewrite(trajectory: Trajectory, target: Path) -> None:
    """Writes the frames of a trajectory of another program."""
    gas = trajectory.gas(int(trajectory.steps[0]))
    gas.masses, gas.charges = trajectory.masses, trajectory.charges
    if trajectory.has_velocities:
        gas.velocities = trajectory.velocities(frames=slice(0, 1))[0]
    provenance = {name: value for name, value in trajectory.attributes.items() if name != "precision"}
    with TrajectoryWriter(
        target, gas, precision=trajectory.precision, provenance=provenance, periods=trajectory.periods
    ) as writer:
        for index, (step, time) in enumerate(zip(trajectory.steps.tolist(), trajectory.times.tolist(), strict=True)):
            frame = slice(index, index + 1)
            velocities = trajectory.velocities(frames=frame)[0] if trajectory.has_velocities else None
            writer.frame(step, time, trajectory.positions(frames=frame)[0], velocities)
