"""Trajectories: frames over time in an H5MD file, with one reader for simulations and recordings."""

from gasfield.trajectory.checkpoint import Checkpoint
from gasfield.trajectory.content import Series
from gasfield.trajectory.events import NEVER
from gasfield.trajectory.field import AffineField, AffineSnapshot, FullField, FullSnapshot, RecordedField
from gasfield.trajectory.live import LiveRecord
from gasfield.trajectory.reader import Trajectory, open_trajectory
from gasfield.trajectory.schema import SURVEYED
from gasfield.trajectory.writer import TrajectoryWriter

__all__ = [
    "NEVER",
    "SURVEYED",
    "AffineField",
    "AffineSnapshot",
    "Checkpoint",
    "FullField",
    "FullSnapshot",
    "LiveRecord",
    "RecordedField",
    "Series",
    "Trajectory",
    "TrajectoryWriter",
    "open_trajectory",
]
