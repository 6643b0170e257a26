"""Reflection at two parallel walls, any number of times at once.

Unfolded at the walls, a billiard path is a straight line through mirror images of the box, one side L apart. Where the
line ends says in which image, hence how often a wall was hit, and where in the box. Scalars for use inside kernels.
"""

from __future__ import annotations

import numpy as np
from numba import jit

from gasfield.kernels.flags import EXACT


@jit(**EXACT)
def image_of(place, half, inverse_side):  # type: ignore[no-untyped-def]
    """The image of [-half, half] that a place on the unfolded line is in, counted from the box itself: a whole number
    as a float (a fast particle may be in one that no integer holds), and as many hits. On a wall it is still inside."""
    if abs(place) <= half:
        return 0.0
    return np.floor(place * inverse_side + 0.5)


@jit(**EXACT)
def facing(image):  # type: ignore[no-untyped-def]
    """1 where an image shows the box as it is, -1 where it is mirrored: every second one is."""
    return 1.0 - 2.0 * (image - 2.0 * np.floor(0.5 * image))


@jit(**EXACT)
def folded(place, half, image):  # type: ignore[no-untyped-def]
    """Where in [-half, half] a place of that image is. (NaN stays NaN: both comparisons are false.)"""
    inside = facing(image) * (place - 2.0 * half * image)
    if inside > half:
        return half
    if inside < -half:
        return -half
    return inside
