"""The local deformation of a structure: a linear map for the neighbourhood of each particle, instead of one for all.

One linear map through a structure that has folded or wound up averages over opposite stretches, and can shrink while
every part of the structure is stretched. A local map describes the flow as long as it is smooth over a neighbourhood;
where it is not, the remainder D2 of the neighbourhood shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.base import Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.statistics.affine_remainder import later_squares, local_d2min
from gasfield.statistics.estimate import Estimate, exact, mean, missing, share
from gasfield.statistics.local_maps import LocalMaps, shell
from gasfield.statistics.polar import Polar, polar, turns, unwrapped

UNEXPLAINED = 0.1
"""Share of the later extent that is not linear beyond which a map is said to explain too little. If a share p of the
mean square extent along an axis is not linear, the stretch there lies between s and s / sqrt(1 - p): 5% here."""
_WORK = 1 << 20
"""Most local maps of which rotations are followed over time; of more, evenly spaced frames are used."""


@dataclass(frozen=True)
class LocalFlow:
    """Local maps from the first frame to the last, and what follows from them; NaN where neighbours do not span the
    dimensions of the structure.

    Attributes:
        maps: (M, D, k) F_i, from coordinates in the frame of the structure to space.
        stretches: (M, k) of F_i, of descending magnitude; the last is negative where the orientation is reversed.
        ftle: (M,) logarithm of the largest stretch over the elapsed time [1/time].
        turns: (M, k // 2) rotation within the k dimensions [degrees]; in two dimensions signed, and followed over the
            frames beyond half a turn.
        d2min: (M,) squared residual, summed over the particles within two bonds [length^2].
        unexplained: (M,) the same over the sum of squared distances to these particles.
        counts: (M,) their number.
    """

    maps: Values
    stretches: Values
    ftle: Values
    turns: Values
    d2min: Values
    unexplained: Values
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, group: Group, coordinates: Values, frame: Values, notes: list[str]) -> Self:
        """Of a structure with coordinates (M, k) in a frame (D, k)."""
        (count, k), dimensions = coordinates.shape, group.dimensions
        nearest, around = (shell(group.bonds, count, distance) for distance in (1, 2))
        last = group.frame(-1) if len(group.steps) else np.empty((0, dimensions))
        d2min, counts = local_d2min(coordinates, last, around)
        squares = later_squares(last, around)
        local = LocalMaps.of(coordinates, nearest, around)
        maps, stretches = np.full((count, dimensions, k), np.nan), np.full((count, k), np.nan)
        angles, ftle = np.full((count, k // 2), np.nan), np.full(count, np.nan)
        if len(local.rows):
            found = polar(local.at(last), frame)
            maps[local.rows], stretches[local.rows] = local.at(last), found.stretches
            angles[local.rows] = _turns_over_time(group, local, frame, found, notes)
            elapsed = float(group.times[-1] - group.times[0])
            largest = np.abs(found.stretches[:, 0])
            ftle[local.rows] = np.log(largest, out=np.full(len(largest), np.nan), where=largest > 0)
            ftle = ftle / elapsed if elapsed > 0 else np.full(count, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            unexplained = np.where(squares > 0, d2min / squares, np.nan)
        return cls(maps, stretches, ftle, angles, d2min, unexplained, counts)

    @property
    def reversed(self) -> NDArray[np.bool_]:
        """(M,) whether the orientation of a neighbourhood is reversed; False where there is no map."""
        return np.asarray((self.stretches < 0).any(axis=1))

    def arrays(self) -> Mapping[str, tuple[Values, str]]:
        """Everything by name, with units."""
        return {
            "map": (self.maps, "1"),
            "stretch": (self.stretches, "1"),
            "ftle": (self.ftle, "1/time"),
            "turn": (self.turns, "degrees"),
            "d2min": (self.d2min, "length^2"),
            "unexplained": (self.unexplained, "1"),
        }

    def estimates(self, notes: list[str]) -> dict[str, Estimate]:
        """Means over the particles that have a map, the largest exponent, and the share that is reversed."""
        known = np.isfinite(self.d2min)
        mapped = np.asarray(np.isfinite(self.stretches).all(axis=1)) & (self.stretches.shape[1] > 0)
        if not known.all():
            notes.append(f"d2min.local: {np.sum(~known)} of {len(known)} particles have too few neighbours for a map")
        if not mapped.all():
            notes.append(
                f"ftle.local: the neighbours of {np.sum(~mapped)} of {len(mapped)} particles do not span the "
                "dimensions of the structure, as on a line, whose stretch is measured by pair_dispersion: they have no "
                "local map"
            )
        folded = known & (self.unexplained > UNEXPLAINED)
        if folded.any():
            notes.append(
                f"d2min.local: in {folded.sum()} of {known.sum()} neighbourhoods more than {UNEXPLAINED:.0%} of the "
                "motion is not linear: the flow varies between neighbours, and local exponents are those of its mean"
            )
        if self.reversed.any():
            notes.append(
                f"reversed.local: {self.reversed.sum()} of {mapped.sum()} neighbourhoods are reversed in orientation, "
                "which no smooth flow does: particles are too far apart there for local maps"
            )
        rates, angles = self.ftle[np.isfinite(self.ftle)], self.turns[mapped]
        turned = angles[np.isfinite(angles).all(axis=1)][:, :1].ravel()
        if not len(turned):
            notes.append("rotation.local: the structure has no plane in which a local map could turn")
        d2min = self.d2min[known]
        return {
            "d2min.local.sum": mean(d2min, "length^2"),
            "d2min.local.per_bond": mean(d2min / self.counts[known], "length^2"),
            "ftle.local.mean": mean(rates, "1/time"),
            "ftle.local.largest": exact(rates.max(), "1/time") if len(rates) else missing("1/time"),
            "rotation.local": mean(turned, "degrees"),
            "reversed.local": share(self.reversed[mapped]),
        }


def _turns_over_time(group: Group, local: LocalMaps, frame: Values, last: Polar, notes: list[str]) -> Values:
    """(m, k // 2) at the last frame; with k = 2 followed over the frames."""
    if local.axes != 2:
        return _known_turns(last, frame)
    frames = spread_over(len(group.steps), max(2, _WORK // len(local.rows)))
    series = np.array([_known_turns(polar(local.at(group.frame(int(f))), frame), frame) for f in frames])
    followed = unwrapped(series)
    say_if_too_far(followed, "rotation.local", notes)
    return np.asarray(followed[-1], np.float64)


def _known_turns(found: Polar, frame: Values) -> Values:
    return np.where(found.unique[..., None], turns(found.isometry, frame), np.nan)


def say_if_too_far(angles: Values, key: str, notes: list[str]) -> None:
    """A note where angles (T, ...) change by more than 90 degrees between frames, and whole turns may be missed."""
    with np.errstate(invalid="ignore"):
        far = np.abs(np.diff(angles, axis=0)) > 90.0
    if far.any():
        notes.append(f"{key}: turns of more than 90 degrees from one frame to the next: whole turns may be miscounted")
