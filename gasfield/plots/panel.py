"""The data of panels: a field, with the groups that move in it over a run, or at one time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
View = Literal["plane", "sphere", "space"]
"""Two coordinates; a unit sphere; three coordinates."""


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


@dataclass(frozen=True)
class Shown:
    """A group at one time.

    Attributes:
        name: of the group.
        places: (n, 2), or (n, 3) in space [length].
        bonds: (B, 2) pairs of its rows; empty where it is not a structure.
        strain: (B,) of the bonds.
    """

    name: str
    places: Values
    bonds: NDArray[np.int64]
    strain: Values


@dataclass(frozen=True)
class Snapshot:
    """A panel: one time, one field, the groups that move in it.

    Attributes:
        caption: the time in words.
        field: its grid, where it is known and the space is a plane.
        groups: those that move in it.
    """

    caption: str
    field: Panel | None
    groups: tuple[Shown, ...]
