"""Who crosses a plane, and where: the share of the crossings that are near a place in it, an opening, say.

A particle crosses between two frames if they are on different sides, at the place where the straight line between both
meets the plane. What crosses and returns between two frames is not seen: the frames must be close enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from gasfield.diagnostics.base import Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, jackknife, missing, share

Coordinate = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True)
class CrossingsResult(Result):
    """Crossings of a plane.

    Attributes:
        crossings: (N,) of each particle, in either direction.
        near: (N,) of these, those that are near the place.

    Keys: `crossings.count`, of all particles; `crossings.near`, the share of them that are near the place, with the
    error of a jackknife over particles; `crossings.beyond`, the share of particles on the side of the normal at
    the end.
    """

    crossings: Values
    near: Values

    @property
    def drawable(self) -> bool:
        """The picture of a field map shows the paths."""
        return False


@register
class Crossings(Diagnostic[CrossingsResult]):
    """Crossings of a plane between frames, and the share of them near a place."""

    needs_motion: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("crossings.near", "crossings.beyond")

    kind: Literal["crossings"] = "crossings"
    through: tuple[Coordinate, ...] = ()
    """D coordinates of a point of the plane [length]."""
    normal: tuple[Coordinate, ...] = ()
    """D components of its normal; its length does not matter."""
    at: tuple[Coordinate, ...] = ()
    """D coordinates of the place [length]."""
    reach: float = Field(default=1.0, gt=0.0, allow_inf_nan=False)
    """How near to the place counts as near [length]."""

    def objection(self, group: Group) -> str | None:
        """Needs a plane and a place, in a space that does not repeat."""
        sizes = {len(self.through), len(self.normal), len(self.at)}
        if sizes != {group.dimensions}:
            return f"`through`, `normal` and `at` must have {group.dimensions} numbers each: no plane is given"
        if not any(self.normal):
            return "`normal` is zero: no plane is given"
        return "the space repeats: a plane does not divide it" if group.repeats else None

    def measure(self, group: Group, notes: list[str]) -> CrossingsResult:
        """The results for one group."""
        normal = np.array(self.normal) / np.linalg.norm(self.normal)
        crossings, near = np.zeros((2, group.count))
        for _, x in group.blocks(overlap=1):
            height = (x - np.array(self.through)) @ normal
            frames, rows = np.nonzero((height[:-1] > 0) != (height[1:] > 0))
            before, after = height[frames, rows], height[frames + 1, rows]
            part = (before / (before - after))[:, None]
            places = x[frames, rows] + part * (x[frames + 1, rows] - x[frames, rows])
            within = np.linalg.norm(places - np.array(self.at), axis=1) <= self.reach
            crossings += np.bincount(rows, minlength=group.count)
            near += np.bincount(rows[within], minlength=group.count)
        if not crossings.any():
            notes.append("no particle crosses the plane: the share of crossings near the place is undefined")
        last = (group.frame(-1) - np.array(self.through)) @ normal
        return CrossingsResult(
            group=group.name,
            estimates={
                "crossings.count": exact(int(crossings.sum()), "1"),
                "crossings.near": _ratio(near, crossings),
                "crossings.beyond": share(last > 0),
            },
            notes=tuple(notes),
            crossings=crossings,
            near=near,
        )


def _ratio(some: Values, of: Values) -> Estimate:
    """Of the sums over particles (N,); undefined where no two particles cross."""
    without = of.sum() - of
    if len(of) < 2 or not np.all(without > 0.0):
        return missing("1")
    return jackknife(some.sum() / of.sum(), (some.sum() - some) / without, "1")
