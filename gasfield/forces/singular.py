"""Whether a law that a user wrote has a value where the particles start."""

from __future__ import annotations

import numpy as np

from gasfield.errors import InputError
from gasfield.forces.base import Array
from gasfield.gas import Gas

TIP = 1e-50
"""The smallest distance that laws of a distance tell from zero [length]. Its powers up to the sixth are float64s."""
LESS_SHARP = 1e-25
"""A larger one: at distance zero, a law that has a limit comes out the same with both."""


def refuse_singular(what: str, gas: Gas, values: Array, less_sharp: Array) -> None:
    """Refuses a gas that has a particle where a law has no value.

    Args:
        what: the law, for the message.
        gas: the gas at the start.
        values: (N, k) energy and force of each particle.
        less_sharp: the same with LESS_SHARP in place of TIP.

    Raises:
        InputError: naming the first particle, its place and what the law gives there.
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
        f"{what} has no value where particle {i} of group '{gas.names[gas.species[i]]}' starts, at ({place}){others}: "
        f"the law is singular or undefined there. Move the particle, or soften the law."
    )


def in_float64(gas: Gas) -> Gas:
    """The gas with positions as kernels take them."""
    return gas.at(np.ascontiguousarray(gas.positions, np.float64))


def probe(places: Array, time: float = 0.0) -> Gas:
    """A gas of particles at places (N, D), to ask a law for its values."""
    count = len(places)
    return Gas(places, np.zeros(count, np.int64), ["probe"], np.full(count, -1), [""] * count, time=time)
