"""Velocities with which the particles of a gas start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
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
    """[energy]"""


class GivenVelocity(Spec):
    """One velocity for all."""

    kind: Literal["given"] = "given"
    velocity: tuple[float, ...]
    """D components [length/time]."""


class TurningVelocities(Spec):
    """Rigid rotation about the centre of the group."""

    kind: Literal["turning"] = "turning"
    rate: Finite
    """[1/time]; from the first axis of the plane towards the second where positive."""
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
        InputError: if a given velocity has another number of components than the space, or a plane does not fit it.
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
