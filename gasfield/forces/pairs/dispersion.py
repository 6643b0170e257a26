"""Dispersion, or "dark energy": masses drive each other apart in proportion to their distance.

    F_i = L m_i (x_i - X),   X the centre of mass of those that push,   U = -(L/2) sum_i m_i |x_i - X|^2

It is the sum over pairs of -(L/2M) m_i m_j r_ij^2, M the whole mass, so that it keeps the total momentum; done by way
of the centre it takes N operations, not N^2. It is the linear push of a cosmological constant (Lambda/3 = L).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from gasfield.forces.base import Array, Force, ForceLaw, Surroundings
from gasfield.gas import Gas
from gasfield.registry import register


@register
class Dispersion(ForceLaw):
    """A push away from the centre of mass. Passive tracers are pushed and do not push."""

    kind: Literal["dispersion"] = "dispersion"
    rate: float = Field(ge=0.0, allow_inf_nan=False)
    """L [1/time^2]: left alone, distances grow as exp(sqrt(L) t)."""

    def build(self, surroundings: Surroundings) -> Force:
        """The push.

        Raises:
            InputError: if the space is periodic.
        """
        surroundings.require_no_period("dispersion")
        return DispersionForce(self.rate)


class DispersionForce(Force):
    """The push at work."""

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
        share = np.where(gas.pushes, 0.25, 0.5)
        energy: Array = -self._rate * share * gas.masses * (apart + inertia) * (mass > 0.0)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        mass = _centre(gas)[1]
        others = np.where(gas.pushes, mass - gas.masses, mass)
        laplacian: Array = -self._rate * gas.dimensions * gas.masses * others / max(mass, np.finfo(float).tiny)
        return laplacian


def _centre(gas: Gas) -> tuple[Array, float, float]:
    """Of those that push and are somewhere: centre of mass (D,), mass M, and sum of m |x - X|^2 / M; the mass
    is zero where nobody pushes."""
    there = gas.pushes & np.isfinite(gas.positions).all(axis=1)
    masses, places = gas.masses[there, None], gas.positions[there]
    mass = float(masses.sum())
    if mass == 0.0:
        return np.zeros(gas.dimensions), 0.0, 0.0
    centre: Array = np.sum(masses * places, axis=0) / mass
    return centre, mass, float(np.sum(masses * (places - centre) ** 2)) / mass
