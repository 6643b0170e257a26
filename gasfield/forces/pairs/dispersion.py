"""Dispersion, or "dark energy": masses repel each other proportionally to their distance.

    F_i = L m_i (x_i - X),   X the centre of mass of the sources,   U = -(L/2) sum_i m_i |x_i - X|^2

It is the sum over pairs of -(L/2M) m_i m_j r_ij^2, M the total mass, so that it conserves total momentum; computed from
the centre it takes O(N) operations, not O(N^2). It is the linear repulsion of a cosmological constant (Lambda/3 = L).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from gasfield.forces.base import Array, Force, ForceSpec, Surroundings
from gasfield.forces.strengths import NotNegative
from gasfield.gas import Gas
from gasfield.registry import register


@register
class Dispersion(ForceSpec):
    """Repulsion from the centre of mass. Passive tracers feel the force and do not exert it."""

    kind: Literal["dispersion"] = "dispersion"
    rate: NotNegative
    """L [1/time^2]: without other forces, distances grow as exp(sqrt(L) t)."""

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("dispersion")
        return DispersionForce(self.rate)


class DispersionForce(Force):
    """The built force."""

    conservative = True
    interacting = True
    mutual = True

    def __init__(self, rate: float) -> None:
        self._rate = float(rate)

    def add(self, gas: Gas, force: Array) -> None:
        centre, mass, _ = _centre(gas)
        if mass > 0.0:
            force += self._rate * gas.masses[:, None] * (gas.positions - centre)

    def energy(self, gas: Gas) -> Array:
        centre, mass, inertia = _centre(gas)
        apart = np.sum((gas.positions - centre) ** 2, axis=1)
        share = np.where(gas.is_source, 0.25, 0.5)
        energy: Array = -self._rate * share * gas.masses * (apart + inertia) * (mass > 0.0)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        mass = _centre(gas)[1]
        others = np.where(gas.is_source, mass - gas.masses, mass)
        laplacian: Array = -self._rate * gas.dimensions * gas.masses * others / max(mass, np.finfo(float).tiny)
        return laplacian


def _centre(gas: Gas) -> tuple[Array, float, float]:
    """Of the sources at finite positions: centre of mass (D,), mass M, and sum of m |x - X|^2 / M; the mass is zero
    without sources."""
    there = gas.is_source & np.isfinite(gas.positions).all(axis=1)
    masses, places = gas.masses[there, None], gas.positions[there]
    mass = float(masses.sum())
    if mass == 0.0:
        return np.zeros(gas.dimensions), 0.0, 0.0
    centre: Array = np.sum(masses * places, axis=0) / mass
    return centre, mass, float(np.sum(masses * (places - centre) ** 2)) / mass
