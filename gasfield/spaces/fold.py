"""Reflection at two parallel walls, any number of times at once.

Unfolded at the walls, a billiard path is a straight line through mirror images of the box, one side L apart. The end of
the line determines the image, hence the number of wall collisions, and the position in the box. Scalar functions for
use inside kernels.
"""

from __future__ import annotations

import numpy as np

from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit


@jit(**EXACT)
def image_of(place, half, inverse_side):  # type: ignore[no-untyped-def]
    """The image of [-half, half] that contains a position on the unfolded line, counted from the box itself: an integer
    as a float (it may exceed the range of integers), and the number of hits. A position on a wall is inside."""
    if abs(place) <= half:
        return 0.0
    return np.floor(place * inverse_side + 0.5)


@jit(**EXACT)
def facing(image):  # type: ignore[no-untyped-def]
    """1 for an even image, -1 for an odd one, which is mirrored."""
    return 1.0 - 2.0 * (image - 2.0 * np.floor(0.5 * image))


@jit(**EXACT)
def folded(place, half, image):  # type: ignore[no-untyped-def]
    """The position in [-half, half] of a position in that image. (NaN stays NaN: both comparisons are false.)"""
    inside = facing(image) * (place - 2.0 * half * image)
    if inside > half:
        return half
    if inside < -half:
        return -half
    return inside
