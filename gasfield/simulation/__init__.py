"""Simulation: a gas that moves."""

from gasfield.simulation.simulation import CHECKPOINT_SECONDS, Progress, Simulation

__all__ = ["CHECKPOINT_SECONDS", "Progress", "Simulation"]
