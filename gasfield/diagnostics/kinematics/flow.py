"""The nonlinear flow: the residual of the displacements after the best linear map is subtracted, in a plane.

The linear map is that of `motion`: on all axes in which the rows spread if there are enough rows, otherwise on
their longest ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.kinematics.motion import choose_axes, thinned
from gasfield.registry import register
from gasfield.statistics.estimate import exact, missing
from gasfield.statistics.motion_decomposition import Reference, linear_parts


@dataclass(frozen=True, kw_only=True)
class FlowResult(Result):
    """Displacements from the first frame to the last, in the plane of the first two axes of the rows at the start.

    Attributes:
        places: (N, 2) rows at the start, relative to their centroid [length].
        thermal: (N, 2) displacement without its mean [length].
        remainder: (N, 2) the same minus the best linear map.
        across: (N,) length of the remainder out of the plane.

    Key: `flow.plane_share`, the share of the remainder's square that lies in the plane.
    """

    places: Values
    thermal: Values
    remainder: Values
    across: Values

    def draw(self, ax: Axes | None = None) -> Axes:
        """Arrows of the thermal motion, and of its remainder after the best linear map."""
        from gasfield.plots.flow import two_flows

        return two_flows(
            self.places, self.thermal, self.remainder, self.across, f"{self.group}: flow since the start", ax
        )


@register
class Flow(Diagnostic[FlowResult]):
    """The flow of a group in a plane."""

    needs_motion: ClassVar[bool] = True

    kind: Literal["flow"] = "flow"

    def objection(self, group: Group) -> str | None:
        """Applies where `motion` does, in two dimensions or more."""
        if group.curved:
            return "a curved space has no global linear map"
        return "one dimension does not span a plane" if group.dimensions < 2 else None

    def measure(self, group: Group, notes: list[str]) -> FlowResult:
        """The results for one group."""
        group = thinned(group, notes)
        axes, _ = choose_axes(group, None, notes)
        share, empty = missing("1"), np.empty((0, 2))
        if axes.shape[1] < 1 or len(group.steps) < 2:
            notes.append("too few rows, or all at one point: their flow has no plane")
            return FlowResult(
                group=group.name, estimates={"flow.plane_share": share}, notes=tuple(notes), places=empty,
                thermal=empty, remainder=empty, across=np.empty(0),
            )  # fmt: skip
        reference = Reference.of(group.positions[0], axes)
        moved = group.frame(-1) - group.frame(0)
        thermal = moved - moved.mean(axis=0)
        remainder = thermal - reference.coordinates @ linear_parts(reference, thermal).whole.T
        plane = _plane(axes)
        inside = remainder @ plane
        whole = float(np.sum(remainder**2))
        if whole > (1e-12 * max(float(np.abs(moved).max()), 1e-300)) ** 2 * moved.size:
            share = exact(float(np.sum(inside**2)) / whole, "1")
        else:
            notes.append("a linear map explains all of the motion: there is no remainder")
        return FlowResult(
            group=group.name,
            estimates={"flow.plane_share": share},
            notes=tuple(notes),
            places=reference.places @ plane,
            thermal=thermal @ plane,
            remainder=inside,
            across=np.linalg.norm(remainder - inside @ plane.T, axis=1),
        )


def _plane(axes: Values) -> Values:
    """(D, 2) the first two axes, the second completed if missing; the largest component of each is positive."""
    plane = axes[:, :2]
    if plane.shape[1] < 2:
        other = np.eye(len(plane))[:, [int(np.argmin(np.abs(plane[:, 0])))]]
        other -= plane * (plane.T @ other)
        plane = np.hstack([plane, other / np.linalg.norm(other)])
    signs = np.sign(plane[np.argmax(np.abs(plane), axis=0), [0, 1]])
    signed: Values = plane * signs
    return signed
