"""Trajectories: frames over time in an H5MD file, with one reader for simulations and recordings."""

from gasfield.trajectory.field import AffineField, FullField, RecordedField
from gasfield.trajectory.reader import Series, Trajectory
from gasfield.trajectory.writer import TrajectoryWriter

__all__ = ["AffineField", "FullField", "RecordedField", "Series", "Trajectory", "TrajectoryWriter"]
