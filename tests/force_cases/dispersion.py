"""Cases of `dispersion`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from force_cases.case import Case, Felt, cloud, half_passive, weighted
from gasfield.gas import Gas
from gasfield.spaces import Ball, Free


def push(rate: float) -> Callable[[Gas], Felt]:
    """Pairs with the energy -(L/2M) m_i m_j r^2, M the mass of those that push."""

    def felt(gas: Gas) -> Felt:
        x, m, mass = gas.positions, gas.masses, gas.masses[gas.is_source].sum()
        energy, force = np.zeros(gas.count), np.zeros(x.shape)
        for i in range(gas.count):
            for j in np.flatnonzero(gas.is_source):
                whole = -rate / (2 * mass) * m[i] * m[j] * np.sum((x[i] - x[j]) ** 2)
                energy[i] += whole / 2 if gas.is_source[i] else whole
                force[i] += rate / mass * m[i] * m[j] * (x[i] - x[j])
        return Felt(force, energy, float(np.sum(x * force)))

    return felt


CASES = [
    Case("dispersion", "1D", Free(dimensions=1), weighted(cloud(1)), push(0.7), {"rate": 0.7}, {"rate": 0.707}),
    Case("dispersion", "passive 3D", Ball(dimensions=3, radius=9.0), half_passive(weighted(cloud(3))), push(0.7),
         {"rate": 0.7}, {"rate": 0.707}),
]  # fmt: skip
