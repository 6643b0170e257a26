"""Sums over all pairs, in any number of dimensions.

The sum on a particle runs over the sources in ascending order, in one accumulator for each coordinate, so that it has
the same bits whichever kernel computes it: `flat` (up to three dimensions), `plain` (any), or neighbour lists.

In single precision, sums over a block of sources are float32, and sums of blocks float64.
"""

from gasfield.forces.direct.sums import FLAT, push, sums

__all__ = ["FLAT", "push", "sums"]
