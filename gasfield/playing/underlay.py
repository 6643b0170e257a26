"""What lies under the particles in the plane: energy or force on a grid, of the forces that act on each particle
alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.forces import Force, TotalForce
from gasfield.gas import Gas
from gasfield.kernels.threads import threads_worth
from gasfield.simulation import Simulation

GRID = 96
"""Points along each side."""


@dataclass(frozen=True)
class Underlay:
    """A field on a grid.

    Attributes:
        kind: "energy" or "field".
        values: (ny, nx) [energy], or (2, ny, nx) [energy/length].
        low, high: (2,) corners [length].
        step: at which it is so.
        steady: whether it stays so until something acts differently.
    """

    kind: str
    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    step: int
    steady: bool


def fields(simulation: Simulation) -> list[Force]:
    """The forces that act on each particle alone."""
    return [force for force in simulation.forces if not force.interacting]


def can_be_drawn(simulation: Simulation, kind: str) -> bool:
    """Whether there is such a field in a flat plane at the present step."""
    acting = fields(simulation)
    flat = simulation.space.dimensions == 2 and not simulation.space.curved
    return flat and bool(acting) and simulation.forces_known() and (
        kind == "field" or all(force.conservative for force in acting)
    )  # fmt: skip


def underlay(simulation: Simulation, kind: str, low: NDArray[np.float64], high: NDArray[np.float64]) -> Underlay | None:
    """The field under a gas; None where there is none that can be drawn."""
    if not can_be_drawn(simulation, kind):
        return None
    acting = fields(simulation)
    total = TotalForce(acting, 2)
    gas = _probe(simulation, acting, low, high)
    with threads_worth(gas.positions.size), np.errstate(over="ignore", invalid="ignore"):
        if kind == "energy":
            values = total.energy(gas).reshape(GRID, GRID)
        else:
            values = np.ascontiguousarray(np.moveaxis(total.force(gas).reshape(GRID, GRID, 2), 2, 0))
    return Underlay(kind, values, low, high, simulation.gas.step, total.steady)


def _probe(simulation: Simulation, acting: list[Force], low: NDArray[np.float64], high: NDArray[np.float64]) -> Gas:
    """Particles at the points of a grid, of a group on which the forces act."""
    x, y = (np.linspace(low[axis], high[axis], GRID) for axis in (0, 1))
    places = np.column_stack([np.tile(x, GRID), np.repeat(y, GRID)])
    gas = simulation.gas
    names = [name for name in gas.names if all(force.acts_on(name) for force in acting)] or gas.names
    like = np.flatnonzero(gas.species == gas.names.index(names[0]))
    mass, charge = (
        float(values[like[0]]) if len(like) else fill for values, fill in ((gas.masses, 1), (gas.charges, 0))
    )
    return Gas(
        places,
        species=np.full(len(places), gas.names.index(names[0])),
        names=list(gas.names),
        step=gas.step,
        time=gas.time,
        masses=np.full(len(places), mass),
        charges=np.full(len(places), charge),
    )
