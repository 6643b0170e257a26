"""Do the bonds of a structure hold? Strain of each bond, and the share of bonds that are not stretched too far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.kinematics.deformation import intrinsic_frame, isometries
from gasfield.registry import register
from gasfield.statistics.estimate import exact, mean, missing, share

_PANELS = 4

_KEPT = 1 << 24
"""Most strains, of bonds times frames, that are kept; of more, those of bonds evenly spread over all."""


@dataclass(frozen=True, kw_only=True)
class BondsResult(Result):
    """Strains over time.

    Attributes:
        steps: (T,).
        bonds: (B, 2) pairs of rows.
        strain: (T, B) length over that in the first frame, less 1.
        kept: (T,) share of bonds not longer than `limit` times their first length.
        shown: frames of the panels.
        places: (len(shown), M, d) the structure in those frames, centred, in its own axes as they are turned by then,
            d = 2 or 3 [length].

    Keys, at the last frame: `bonds.retention` (`kept`), `bonds.least` (the least `kept` of all frames),
    `bonds.strain.mean`, `bonds.strain.std`, `bonds.strain.largest`. Errors take bonds for independent.
    """

    steps: NDArray[np.int64]
    bonds: NDArray[np.int64]
    strain: Values
    kept: Values
    shown: NDArray[np.int64]
    places: Values

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        return {"kept": (self.kept, "1")}

    def draw(self, ax: Axes | None = None) -> Axes:
        """The structure at four times, its bonds coloured by strain."""
        from gasfield.plots.strain import strained

        titles = [f"step {self.steps[frame]}" for frame in self.shown]
        strains = self.strain[self.shown]
        return strained(self.places, self.bonds, strains, titles, f"{self.group}: strain of its bonds", ax)


@register
class Bonds(Diagnostic[BondsResult]):
    """Bonds of one structure."""

    needs_motion: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = ("bonds.retention", "bonds.strain.mean")

    kind: Literal["bonds"] = "bonds"
    limit: float = Field(default=1.5, gt=1.0, allow_inf_nan=False)
    """A bond is lost where it is longer than this times its first length."""

    def objection(self, group: Group) -> str | None:
        """Applies to structures with two frames."""
        return None if len(group.bonds) else "no bonds: not a structure"

    def measure(self, group: Group, notes: list[str]) -> BondsResult:
        """The results for one structure."""
        bonds = group.bonds
        first = _lengths(group.positions[0], bonds) if len(group.steps) else np.zeros(len(bonds))
        solid = first > 0
        if not solid.all():
            notes.append(f"{int(np.sum(~solid))} of {len(bonds)} bonds have no length at the start and are left out")
        bonds, first = bonds[solid], first[solid]
        if len(bonds) * len(group.steps) > _KEPT:
            few = spread_over(len(bonds), max(1, _KEPT // len(group.steps)))
            notes.append(f"{len(few)} of {len(bonds)} bonds are used")
            bonds, first = bonds[few], first[few]
        strain = np.empty((len(group.steps), len(bonds)))
        for frame, x in enumerate(group.positions if len(bonds) else ()):
            strain[frame] = _lengths(x, bonds) / first - 1.0
        whole = strain <= self.limit - 1.0
        keys = ("bonds.retention", "bonds.least", "bonds.strain.mean", "bonds.strain.std", "bonds.strain.largest")
        estimates = {key: missing("1") for key in keys}
        shown = spread_over(len(group.steps), _PANELS)
        kept = np.full(len(group.steps), np.nan)
        if strain.size:
            kept = whole.mean(axis=1)
            last = strain[-1]
            values = (share(whole[-1]), exact(kept.min(), "1"), mean(last, "1"), exact(last.std(), "1"))
            estimates = dict(zip(keys, (*values, exact(last.max(), "1")), strict=True))
        else:
            notes.append("no bond is present throughout: strain is undefined")
        return BondsResult(
            group=group.name,
            estimates=estimates,
            notes=tuple(notes),
            steps=group.steps,
            bonds=bonds,
            strain=strain,
            kept=kept,
            shown=shown,
            places=_places(group, shown) if group.positions.size else np.empty((0, 0, 2)),
        )


def _lengths(x: NDArray[np.floating], bonds: NDArray[np.int64]) -> Values:
    lengths: Values = np.linalg.norm(x[bonds[:, 0]].astype(np.float64) - x[bonds[:, 1]], axis=1)
    return lengths


def _places(group: Group, frames: NDArray[np.int64]) -> Values:
    """(F, M, d) seen along the structure's own first axes, two or three of them, as its isometry has turned them."""
    first = group.frame(0)
    axes = intrinsic_frame(group.positions[0], 3 if group.dimensions > 2 else 2)
    shown = 3 if intrinsic_frame(group.positions[0]).shape[1] > 2 else 2
    coordinates = (first - first.mean(axis=0)) @ axes
    places = np.zeros((len(frames), group.count, shown))
    for place, frame in enumerate(frames):
        later = group.frame(int(frame))
        later -= later.mean(axis=0)
        turned = isometries(np.linalg.lstsq(coordinates, later, rcond=None)[0].T, axes)
        seen = later @ turned
        places[place, :, : min(shown, seen.shape[1])] = seen[:, :shown]
    return places
