"""Checks that a user-written law is defined at the initial positions."""

from __future__ import annotations

import numpy as np

from gasfield.errors import InputError
from gasfield.forces.base import Array
from gasfield.gas import Gas

TIP = 1e-50
"""The least distance in laws of a distance [length]. Its powers up to the sixth are representable in float64."""
LESS_SHARP = 1e-25
"""A larger one: at distance zero, a law that has a limit gives the same values with both."""


def refuse_singular(what: str, gas: Gas, values: Array, less_sharp: Array) -> None:
    """Refuses a gas with a particle at a position where a law is singular or undefined.

    Args:
        what: the law, for the message.
        gas: the gas at the start.
        values: (N, k) energy and force of each particle.
        less_sharp: the same with LESS_SHARP in place of TIP.

    Raises:
        InputError: naming the first such particle and its position.
    """
    with np.errstate(invalid="ignore"):
        differ = np.abs(values - less_sharp) > 1e-9 * (1.0 + np.abs(less_sharp))
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1) | differ.any(axis=1))
    if not len(wrong):
        return
    i = int(wrong[0])
    place = ", ".join(f"{x:g}" for x in gas.positions[i][:6]) + (", ..." if gas.dimensions > 6 else "")
    others = f" ({len(wrong)} particles in all)" if len(wrong) > 1 else ""
    raise InputError(
        f"{what} is singular or undefined at the start of particle {i} of group '{gas.names[gas.species[i]]}', "
        f"({place}){others}. Move the particle, or soften the law."
    )


def in_float64(gas: Gas) -> Gas:
    """The gas with contiguous float64 positions, for kernels."""
    return gas.at(np.ascontiguousarray(gas.positions, np.float64))


def probe(places: Array, time: float = 0.0) -> Gas:
    """A gas of particles at positions (N, D), at which to evaluate a law."""
    count = len(places)
    return Gas(places, np.zeros(count, np.int64), ["probe"], np.full(count, -1), [""] * count, time=time)
