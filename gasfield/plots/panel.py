"""The data of a panel of a map: one field, with the groups that move in it."""

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
        energy: (k, k) at y, x; None if the field has no potential or is the velocity of a flow [energy].
        force: (k, k, 2) its first two components at y, x [energy/length].
        tracks: for each group (T, few, 2), interrupted by NaN where a periodic boundary is crossed.
        starts: for each group (N, 2), positions in the first frame; empty for a large group.
        ends: for each group (N, 2), positions in the last frame.
        top: the 99% quantile of the energies of particles in this field; NaN without a potential.
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
