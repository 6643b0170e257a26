"""A step as a program: the sub-flows of a splitting in their order, as compiled steps carry them out.

Each sub-flow of `gasfield.dynamics` is one instruction on a block of particles, with the same operations in the same
order, so that a program has the bits of the dynamics that it was written from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Do(IntEnum):
    """Instructions. The force at the positions is known before the first one."""

    KICK = 0
    """v <- v + g F, with g of each particle."""
    FLY = 1
    """x <- x + v h, reflected at walls."""
    ARRIVE = 2
    """Positions are final: wrapped into a periodic box, and the force at them computed."""
    NOISE = 3
    """Standard normals of the step at its beginning, with a number of the draw."""
    LATE_NOISE = 4
    """Standard normals of the step that begins at the end of this one."""
    BATH = 5
    """v <- c v + w R; the kinetic energy lost is heat."""
    AIM = 6
    """v <- w R."""
    DEPART = 7
    """Keeps positions and forces, for the work along the displacement."""
    MEASURE = 8
    """The displacement since departure, before it is wrapped."""
    GLIDE = 10
    """The scheme of Leimkuhler and Matthews after its noise, from the kick to the displacement, in one loop: flights of
    h, without walls."""
    WORK = 9
    """The displacement times the mean of the forces at its two ends is heat."""


@dataclass(frozen=True)
class Program:
    """A step.

    Attributes:
        codes: (P,) int64 instructions.
        values: (P,) of each instruction: the time h of FLY, the number of a draw, c of BATH.
        span: the time of a kick divided by the mass gives g.
        warmth: w^2 m/T: what the temperature of a particle is multiplied with.
    """

    codes: NDArray[np.int64]
    values: NDArray[np.float64]
    span: float
    warmth: float

    @classmethod
    def of(cls, instructions: Sequence[tuple[Do, float]], span: float, warmth: float = 0.0) -> Program:
        """From instructions with their values."""
        codes = np.array([int(code) for code, _ in instructions], np.int64)
        return cls(codes, np.array([value for _, value in instructions], np.float64), span, warmth)

    @property
    def thermal(self) -> bool:
        """Whether it needs temperatures."""
        return bool(np.isin(self.codes, [Do.NOISE, Do.LATE_NOISE]).any())


def splitting(word: str, time_step: float, friction: float = 0.0) -> Program:
    """The program of a word of B (kick), A (drift) and O (bath), such as BAOAB.

    Args:
        word: the order of sub-flows; each takes the time step divided by its number of occurrences.
        time_step: h [time].
        friction: of O [1/time].
    """
    spans = {letter: time_step / word.count(letter) for letter in set(word)}
    kept = float(np.exp(-friction * spans.get("O", 0.0)))
    instructions: list[tuple[Do, float]] = []
    draws, arrived = 0, False
    for place, letter in enumerate(word):
        if letter == "B":
            instructions.append((Do.KICK, 0.0))
        elif letter == "A":
            instructions.append((Do.FLY, spans["A"]))
            if place == word.rindex("A"):
                instructions.append((Do.ARRIVE, 0.0))
                arrived = True
        else:
            instructions += [(Do.LATE_NOISE if arrived else Do.NOISE, float(draws)), (Do.BATH, kept)]
            draws += 1
    return Program.of(instructions, spans["B"], 1.0 - kept * kept)


def leimkuhler_matthews(span: float, walls: bool) -> Program:
    """Brownian motion of second order; `span` is s = sqrt(2 h/gamma), and `walls` whether flights may be reflected."""
    if not walls:
        short = [(Do.NOISE, 0.0), (Do.GLIDE, 0.5 * span), (Do.ARRIVE, 0.0), (Do.WORK, 0.0)]
        return Program.of(short, span, 1.0)
    half = (Do.FLY, 0.5 * span)
    steps = [(Do.DEPART, 0.0), (Do.KICK, 0.0), half, (Do.NOISE, 0.0), (Do.AIM, 0.0), half]
    return Program.of([*steps, (Do.MEASURE, 0.0), (Do.ARRIVE, 0.0), (Do.WORK, 0.0)], span, 1.0)


def euler_maruyama(span: float) -> Program:
    """Brownian motion of first order; `span` is h/gamma."""
    steps = [(Do.DEPART, 0.0), (Do.NOISE, 0.0), (Do.AIM, 0.0), (Do.KICK, 0.0), (Do.FLY, 1.0)]
    return Program.of([*steps, (Do.MEASURE, 0.0), (Do.ARRIVE, 0.0), (Do.WORK, 0.0)], span, 2.0 * span)
