"""Trajectories whose law of motion is known, for tests of what is learned from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import gasfield
from gasfield.operations import TrajectoryRecorder
from gasfield.simulation import Simulation

MATRIX = np.array([[-0.35, -1.0], [1.0, -0.65]])
FLOW = {
    "kind": "linear_flow",
    "dilation": -0.5,
    "rotation": [{"plane": [0, 1], "rate": 1.0}],
    "shear": [{"axes": [0, 1], "rate": 0.15}],
}
"""With this matrix."""


def recorded_flow(path: Path, *, steps: int = 40, count: int = 20) -> Path:
    """A gas in the flow dx/dt = A x by the Euler method: its displacements are exact."""
    start = np.random.default_rng(1).normal(size=(count, 2))
    sim = Simulation(start, forces=[FLOW], dynamics={"kind": "advection", "time_step": 0.05, "scheme": "euler"})
    sim.add_operation(TrajectoryRecorder(path, 1))
    sim.step(steps)
    sim.close()
    return path


def write_frames(path: Path, positions: NDArray[np.float64]) -> Path:
    """A trajectory of given positions (T, N, D), imported from an archive."""
    np.savez(path.with_suffix(".npz"), W=positions.astype(np.float32))
    gasfield.import_recording(path.with_suffix(".npz"), path)
    return path
