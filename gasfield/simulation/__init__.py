"""Simulation: a gas that moves under forces, in memory."""

from gasfield.simulation.simulation import Simulation

__all__ = ["Simulation"]
