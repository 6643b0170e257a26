"""Digests of recorded frames, by which those of a session are compared with those of files."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.simulation import Simulation
from gasfield.trajectory import Trajectory


def digest(simulation: Simulation) -> str:
    """That of the frame that is recorded now."""
    return digest_of(simulation.in_rows(simulation.gas.unwrapped))


def digest_of(positions: NDArray[np.floating[Any]]) -> str:
    """SHA-256 of the positions (N, D) of a frame: ids and places of those that are there."""
    there = np.flatnonzero(np.isfinite(positions).all(axis=1))
    places = np.ascontiguousarray(positions[there].astype("<f8"))
    return hashlib.sha256(there.astype("<i8").tobytes() + places.tobytes()).hexdigest()


def digests_of(trajectory: Trajectory) -> dict[int, str]:
    """Step of each frame of a file -> its digest."""
    return {int(step): digest_of(trajectory.positions()[frame]) for frame, step in enumerate(trajectory.steps)}
