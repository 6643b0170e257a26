"""What a panel of a map shows: one field, with what moves in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """One field with the groups that move in it.

    Attributes:
        names: of the groups.
        x, y: (k,) grid of the first two coordinates [length].
        energy: (k, k) at y, x; None where the field has no potential, or is a flow that particles follow [energy].
        force: (k, k, 2) its first two components at y, x [energy/length].
        tracks: for each group (T, few, 2), broken by NaN where a periodic side is crossed.
        starts: for each group (N, 2), places in the first frame; none of a large one.
        ends: for each group (N, 2), places in the last frame.
        top: the energy below which the particles in this field are 99% of the time; NaN without a potential.
    """

    names: tuple[str, ...]
    x: Values
    y: Values
    energy: Values | None
    force: Values
    tracks: tuple[Values, ...]
    starts: tuple[Values, ...]
    ends: tuple[Values, ...]
    top: float
