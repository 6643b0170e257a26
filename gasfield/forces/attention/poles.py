"""Tokens with two poles: one from which a token acts, and one at which it is acted on.

    e_i = E x_i + a_i        r_i = R x_i + b_i

With E = R = 1 a token is a rigid body: its poles are at fixed offsets from its position.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gasfield.errors import InputError
from gasfield.forces.attention.matrices import Matrix, Rows, rows_of, square_of
from gasfield.forces.base import Array
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit
from gasfield.spec import Spec


class Pole(Spec):
    """One pole of every token."""

    matrix: Matrix = 1.0
    """E or R: (D, D), or a number times the identity."""
    offsets: Rows | None = None
    """a or b: D numbers for each particle of the run, in the order of its groups; none if left out [length]."""

    def at_work(self, dimensions: int, key: str) -> PoleMap:
        """The pole as arrays.

        Raises:
            InputError: if matrix or offsets do not fit the dimensions.
        """
        offsets = None if self.offsets is None else rows_of(self.offsets, dimensions, f"{key}.offsets")
        if not isinstance(self.matrix, tuple):
            return PoleMap(float(self.matrix), offsets, key)
        return PoleMap(square_of(self.matrix, dimensions, f"{key}.matrix"), offsets, key)


class PoleMap(NamedTuple):
    """The map from positions to poles.

    Attributes:
        matrix: (D, D), or a number times the identity.
        offsets: (N, D), one row for each particle id; None for none.
        key: of the specification, for messages.
    """

    matrix: Array | float
    offsets: Array | None
    key: str

    def of(self, gas: Gas) -> Array:
        """(N, D) the poles of the particles of a gas."""
        turned = np.zeros(gas.positions.shape)
        if isinstance(self.matrix, float):
            turned += self.matrix * gas.positions
        else:
            for k, column in enumerate(self.matrix.T):  # in a fixed order, for any number of threads
                turned += gas.positions[:, k, None] * column
        return turned if self.offsets is None else turned + self.offsets[gas.ids]

    def check(self, gas: Gas) -> None:
        """Refuses a wrong number of rows of offsets.

        Raises:
            InputError: if a particle has no row, or if all groups are present and there are too many rows.
        """
        if self.offsets is None or not gas.count:
            return
        rows, needed = len(self.offsets), int(gas.ids.max()) + 1
        everyone = needed == gas.count and len(np.unique(gas.species)) == len(gas.names)
        if rows < needed or (rows > needed and everyone):
            raise InputError(
                f"{rows} rows are given; there are {needed} particles. Give one row for each "
                "particle of the run, in the order of its groups.",
                parameter=f"{self.key}.offsets",
            )


@jit(**EXACT)
def square_gaps(pole, columns, start, stop, squared):  # type: ignore[no-untyped-def]
    """Writes |pole - column|^2 of columns[:, start:stop] of (D, M) to the beginning of `squared`."""
    squared[: stop - start] = 0.0
    for k in range(pole.size):
        here, there = pole[k], columns[k, start:stop]
        for b in range(there.size):
            apart = there[b] - here
            squared[b] += apart * apart
