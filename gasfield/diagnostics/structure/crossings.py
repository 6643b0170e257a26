"""Who crosses a plane, and where: the share of the crossings that are near a place in it, an opening, say.

A particle crosses between two frames if they are on different sides, at the place where the straight line between both
meets the plane. What crosses and returns between two frames is not seen: the frames must be close enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
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
        steps: (T,).
        so_far, near_so_far: (T,) crossings until each step, all and near the place.

    Keys: `crossings.count`, of all particles; `crossings.near`, the share of them that are near the place, with the
    error of a jackknife over particles; `crossings.beyond`, the share of particles on the side of the normal at
    the end.
    """

    crossings: Values
    near: Values

    steps: NDArray[np.int64]
    so_far: Values
    near_so_far: Values

    def draw(self, ax: Axes | None = None) -> Axes:
        """Crossings until each step, all and near the place."""
        from gasfield.plots.panels import Curve, curves
        from gasfield.plots.style import Role

        lines = [
            Curve(self.steps, self.so_far, Role.REAL, "all"),
            Curve(self.steps, self.near_so_far, Role.SIMULATED, "near the place"),
        ]
        return curves(lines, f"{self.group}: crossings of the plane", "crossings until then", ax=ax)


@register
class Crossings(Diagnostic[CrossingsResult]):
    """Crossings of a plane between frames, and the share of them near a place."""

    needs_motion: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ()

    kind: Literal["crossings"] = "crossings"
    through: tuple[Coordinate, ...] = ()
    """D coordinates of a point of the plane; the median place at the start if left out [length]."""
    normal: tuple[Coordinate, ...] = ()
    """D components of its normal; its length does not matter; the first axis if left out."""
    at: tuple[Coordinate, ...] = ()
    """D coordinates of the place; the point of the plane if left out [length]."""
    reach: float = Field(default=1.0, gt=0.0, allow_inf_nan=False)
    """How near to the place counts as near [length]."""

    def objection(self, group: Group) -> str | None:
        """Needs a space that does not repeat, and as many numbers as dimensions."""
        if {len(self.through), len(self.normal), len(self.at)} - {0, group.dimensions}:
            return f"`through`, `normal` and `at` must have {group.dimensions} numbers each"
        if self.normal and not any(self.normal):
            return "`normal` is zero: that is no plane"
        return "the space repeats: a plane does not divide it" if group.repeats else None

    def measure(self, group: Group, notes: list[str]) -> CrossingsResult:
        """The results for one group."""
        crossings, near = np.zeros((2, group.count))
        frames_crossed, frames_near = np.zeros((2, len(group.steps)))
        if not group.count or not len(group.steps):
            notes.append("no row has a position throughout: nobody can be seen to cross")
            unknown = {f"crossings.{name}": missing("1") for name in ("count", "near", "beyond")}
            return self._result(group, unknown, notes, crossings, near, frames_crossed, frames_near)
        through = np.array(self.through or np.median(group.frame(0), axis=0))
        at = np.array(self.at or through)
        normal = np.array(self.normal or np.eye(group.dimensions)[0])
        normal /= np.linalg.norm(normal)
        for number, x in group.blocks(overlap=1):
            height = (x.astype(np.float64) - through) @ normal
            frames, rows = np.nonzero((height[:-1] > 0) != (height[1:] > 0))
            before, after = height[frames, rows], height[frames + 1, rows]
            part = (before / (before - after))[:, None]
            places = x[frames, rows] + part * (x[frames + 1, rows] - x[frames, rows])
            within = np.linalg.norm(places - at, axis=1) <= self.reach
            crossings += np.bincount(rows, minlength=group.count)
            near += np.bincount(rows[within], minlength=group.count)
            later = np.arange(len(group.steps))[number][frames + 1]
            np.add.at(frames_crossed, later, 1.0)
            np.add.at(frames_near, later[within], 1.0)
        if np.count_nonzero(crossings) < 2:
            who = "one particle only" if crossings.any() else "no particle"
            notes.append(f"{who} crosses the plane: the share of crossings near the place is undefined")
        last = (group.frame(-1) - through) @ normal
        estimates = {
            "crossings.count": exact(int(crossings.sum()), "1"),
            "crossings.near": _ratio(near, crossings),
            "crossings.beyond": share(last > 0),
        }
        return self._result(group, estimates, notes, crossings, near, frames_crossed, frames_near)

    @staticmethod
    def _result(
        group: Group, estimates: dict[str, Estimate], notes: list[str], crossings: Values, near: Values,
        frames_crossed: Values, frames_near: Values,
    ) -> CrossingsResult:  # fmt: skip
        return CrossingsResult(
            group=group.name,
            estimates=estimates,
            notes=tuple(notes),
            crossings=crossings,
            near=near,
            steps=group.steps,
            so_far=np.cumsum(frames_crossed),
            near_so_far=np.cumsum(frames_near),
        )


def _ratio(some: Values, of: Values) -> Estimate:
    """Of the sums over particles (N,); undefined where no two particles cross."""
    without = of.sum() - of
    if len(of) < 2 or not np.all(without > 0.0):
        return missing("1")
    return jackknife(some.sum() / of.sum(), (some.sum() - some) / without, "1")
