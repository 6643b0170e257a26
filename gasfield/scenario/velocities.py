"""Velocities with which the particles of a gas start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError, about
from gasfield.forces.base import Finite, of_dimension
from gasfield.gas import Gas
from gasfield.spaces import Space
from gasfield.spec import Spec
from gasfield.streams import Stream, generator

Values = NDArray[np.float64]


class ThermalVelocities(Spec):
    """Velocities drawn from Maxwell's distribution."""

    kind: Literal["thermal"] = "thermal"
    temperature: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Of the distribution [energy]."""
    without: tuple[Literal["momentum", "angular_momentum"], ...] = ()
    """Totals of the group that are removed from what was drawn: angular momentum is about the centre of mass."""
    exact: bool = False
    """Whether velocities are scaled to a kinetic energy of exactly T/2 for each degree of freedom that is left."""
    mean: tuple[Finite, ...] | None = None
    """Velocity of the group as a whole, added to the thermal ones [length/time]."""


class GivenVelocity(Spec):
    """One velocity for all."""

    kind: Literal["given"] = "given"
    velocity: tuple[float, ...]
    """D components [length/time]."""


class TurningVelocities(Spec):
    """Rigid rotation about the centre of the group."""

    kind: Literal["turning"] = "turning"
    rate: Finite
    """Angular velocity [1/time]; from the first axis of the plane towards the second where positive."""
    plane: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = (0, 1)
    """Two coordinates."""


Velocities = ThermalVelocities | GivenVelocity | TurningVelocities


def initial_velocities(
    gas: Gas, given: Sequence[Velocities | None], temperatures: Values | None, space: Space, seed: int
) -> Values:
    """(N, D) velocities to start with [length/time].

    Args:
        gas: the particles.
        given: what each species starts with; species beyond the end of the sequence, and None, start with thermal
            velocities at the temperature of the bath, at rest without one.
        temperatures: (S,) of the bath for each species; None without a bath.
        space: projects velocities onto its tangent spaces.
        seed: of the run.

    Raises:
        InputError: if a given velocity has another number of components than the space, a plane does not fit it, or a
            total is to be removed that the space does not have.
    """
    velocities = np.zeros(gas.positions.shape)
    for number in range(len(gas.names)):
        rows = np.flatnonzero(gas.species == number)
        own = given[number] if number < len(given) else None
        if isinstance(own, GivenVelocity):
            velocities[rows] = of_dimension(own.velocity, gas.dimensions, f"{number}.velocities.velocity")
            continue
        if isinstance(own, TurningVelocities):
            velocities[rows] = _rotating(gas.positions[rows], own, f"{number}.velocities.plane")
            continue
        temperature = own.temperature if own else (0.0 if temperatures is None else float(temperatures[number]))
        draw = generator(seed, Stream.INITIAL_VELOCITIES, number).standard_normal((len(rows), gas.dimensions))
        velocities[rows] = np.sqrt(temperature / gas.masses[rows])[:, None] * draw
        if own is not None:
            with about(number, "velocities"):
                velocities[rows] = _adjusted(velocities[rows], gas.select(rows), own, space)
    space.tangent(gas.positions, velocities)
    return velocities


def _rotating(positions: NDArray[np.floating], given: TurningVelocities, key: str) -> Values:
    """(M, D) velocities of a rigid rotation of places about their mean."""
    first, second = given.plane
    if first == second or max(first, second) >= positions.shape[1]:
        raise InputError(f"two different coordinates below {positions.shape[1]} span a plane.", parameter=key)
    apart = positions - np.asarray(positions, np.float64).mean(axis=0)
    velocities = np.zeros(positions.shape)
    velocities[:, first], velocities[:, second] = -given.rate * apart[:, second], given.rate * apart[:, first]
    return velocities


def _adjusted(velocities: Values, group: Gas, given: ThermalVelocities, space: Space) -> Values:
    """(M, D) drawn velocities of a group without the totals that are to be removed, and at the exact temperature."""
    if given.without and space.curved:
        raise InputError("on a curved space there is no total momentum.", parameter="without")
    if "angular_momentum" in given.without and space.periods.any():
        raise InputError("in a periodic space there is no angular momentum.", parameter="without")
    space.tangent(group.positions, velocities)
    masses, removed = group.masses[:, None], 0
    centred = np.asarray(group.positions, np.float64) - np.sum(masses * group.positions, axis=0) / masses.sum()
    if "momentum" in given.without:
        velocities -= np.sum(masses * velocities, axis=0) / masses.sum()
        removed += group.dimensions
    if "angular_momentum" in given.without:
        turning, rotations = rigid_rotation(centred, velocities, group.masses)
        velocities -= centred @ turning.T
        removed += rotations
    if given.exact:
        twice = float(np.sum(masses * velocities**2))
        freedom = max(space.freedom * group.count - removed, 0)
        velocities *= np.sqrt(given.temperature * freedom / twice) if twice > 0.0 else 1.0
    return velocities + of_dimension(given.mean, group.dimensions, "mean")


def rigid_rotation(centred: Values, velocities: Values, masses: Values) -> tuple[Values, int]:
    """The antisymmetric W (D, D) of the rigid rotation v = W x that has the angular momentum of a group, and the number
    of planes in which it can turn.

    With S = sum m x x^T and L = sum m (v x^T - x v^T), it solves S W + W S = L: W_ab = L_ab/(s_a + s_b) in the axes
    of S, where S is diagonal with entries s.

    Args:
        centred: (M, D) positions relative to the centre of mass [length].
        velocities: (M, D) [length/time].
        masses: (M,).
    """
    weighted = masses[:, None] * centred
    # Sums over particles without BLAS, whose order depends on the number of threads.
    sizes, axes = np.linalg.eigh(np.einsum("ia,ib->ab", weighted, centred))
    momentum = np.einsum("ia,ib->ab", velocities, weighted)
    momentum = axes.T @ (momentum - momentum.T) @ axes
    sums = sizes[:, None] + sizes
    turns = sums > 1e-12 * max(float(sizes[-1]), np.finfo(float).tiny)
    rates = np.where(turns, momentum / np.where(turns, sums, 1.0), 0.0)
    return axes @ rates @ axes.T, int(np.triu(turns, 1).sum())
