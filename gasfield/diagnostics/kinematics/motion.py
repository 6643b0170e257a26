"""Kinds of motion: shares of translation, rotation, dilation, shear, breathing, convection and noise.

Two displacements are decomposed for each group: that since the first frame (cumulated shares, at every frame), and
that from each frame to the next (stepwise shares). Every share has a permutation null, the share of the same
displacements permuted across rows, which is what a linear map fits to noise; and a corrected value, without the noise
that the parameters of the map absorb. (Displacements are permuted, not positions: rows that exchange positions would
all move by the width of the cloud, which is the null of another motion.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.kinematics.deformation import intrinsic_frame
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, jackknife, missing, stated
from gasfield.statistics.motion_decomposition import KINDS, Moments, Reference, linear_parts
from gasfield.statistics.smoothing import TREE, Neighbours
from gasfield.streams import Stream, generator

_KEYS = (*(f"motion.{kind}" for kind in KINDS), *(f"motion.thermal.{kind}" for kind in KINDS[1:]))
_PERMUTATIONS = (4, 20, 1e11)
_PARTS = (8, 64, 4e11)
"""Parts of the jackknife, to which rows are assigned in turn: minimum, maximum, and about how many operations all of
them may cost."""
_ROWS = 4096
"""Most rows used, or four for each dimension where that is more."""
_FEWEST = 3
"""Fewest rows for which kinds of motion other than a translation are defined."""
_COLLAPSED = 0.02
"""Stretch, over the mean of all, below which an axis counts as collapsed."""
_ROWS_PER_AXIS = 10
"""Rows per axis of a reduced frame that replaces all dimensions."""
_FRAMES = (16, 200, 2e9)
_FEW_FRAMES = (2, 16, 5e11)
"""The same where a single decomposition is slow, as with thousands of rows in thousands of dimensions."""


@dataclass(frozen=True, kw_only=True)
class MotionResult(Result):
    """The parts of the motion over time.

    Attributes:
        steps: (S,) the frames after the first that were used.
        cumulated: (S, 7) shares of the displacement from the first frame, in the order of `KINDS`; NaN where it is 0.
        stepwise: (S, 7) shares of the displacement from the frame before each.
        cumulated_thermal, stepwise_thermal: (S, 6) shares of the same without the displacement of the centroid.
        frame: (D, k) axes of the linear map.
        reversed: (S,) whether the linear map since the first frame reverses the orientation; rotation, dilation and
            shear are then NaN.

    Keys, at the last frame against the first: `motion.KIND` and `motion.thermal.KIND` for the kinds of `KINDS`, each
    with `.permutation_null` (permuted displacements, with the scatter of the permutations) and `.corrected` (noise
    removed);
    `motion.dimensions` (k), `motion.condition` (longest over shortest axis) and `motion.reversed`, the share of the
    frames after the first to which the linear map reverses the orientation. Where rows are too few for a map of all
    dimensions in which they spread, `motion.KIND` is undefined except for the translation, and `motion.frame.KIND` and
    `motion.frame.thermal.KIND` refer to a map of their k longest axes. Errors are jackknife errors over rows.
    """

    steps: NDArray[np.int64]
    cumulated: Values
    stepwise: Values
    cumulated_thermal: Values
    stepwise_thermal: Values
    frame: Values
    reversed: NDArray[np.bool_]

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        shares = {
            f"{name}_{kind}": (values, "1")
            for name, table in (("cumulated", self.cumulated), ("stepwise", self.stepwise))
            for kind, values in zip(KINDS, table.T, strict=True)
        }
        return {**shares, "reversed": (self.reversed, "1")}

    def draw(self, ax: Axes | None = None) -> Axes:
        """The shares over time, of all motion and of the thermal motion."""
        from gasfield.plots.kinds import kinds_over_time

        k = self.frame.shape[1]
        title = f"{self.group}: kinds of motion since the start (linear map of {k} axes)"
        return kinds_over_time(self.steps, self.cumulated.T, self.cumulated_thermal.T, KINDS, title, ax)


@register
class Motion(Diagnostic[MotionResult]):
    """The decomposition of a group's motion."""

    needs_motion: ClassVar[bool] = True
    telling: ClassVar[tuple[str, ...] | None] = (
        "motion.translation",
        "motion.thermal.rotation",
        "motion.thermal.dilation",
        "motion.thermal.shear",
        "motion.thermal.residual",
    )

    kind: Literal["motion"] = "motion"
    dimensions: int | None = Field(default=None, ge=1)
    """k, the longest axes of the first frame that the linear map acts on; all in which the rows spread if left out."""
    over_time: bool = True
    """Whether to use the frames between the first and the last too."""

    def objection(self, group: Group) -> str | None:
        """Applies to groups of at least three rows with two frames, in flat space."""
        if group.curved:
            return "a curved space has no global linear map"
        return f"{group.count} rows: too few for kinds of motion" if group.count < _FEWEST else None

    def measure(self, group: Group, notes: list[str]) -> MotionResult:
        """The results for one group."""
        group = thinned(group, notes)
        axes, complete = choose_axes(group, self.dimensions, notes)
        if group.count < _FEWEST or len(group.steps) < 2:
            return _undetermined(group, axes, notes)
        frames = _frames(group, axes.shape[1]) if self.over_time else np.array([len(group.steps) - 1])
        first, last = _Interval.of(group, axes, 0), int(frames[-1])
        cumulated = Moments.stacked([first.moments(frame) for frame in frames])
        steps = (_Interval.of(group, intrinsic_frame(group.positions[f - 1], axes.shape[1]), f - 1) for f in frames)
        stepwise = Moments.stacked([own.moments(f) for own, f in zip(steps, frames, strict=True)])
        (total, thermal), (total_step, thermal_step) = cumulated.shares(), stepwise.shares()
        return MotionResult(
            group=group.name,
            estimates=_estimates(first, last, complete, notes) | _reversals(group.steps[frames], cumulated, notes),
            notes=tuple(notes),
            steps=group.steps[frames],
            cumulated=total,
            stepwise=total_step,
            cumulated_thermal=thermal,
            stepwise_thermal=thermal_step,
            frame=axes,
            reversed=cumulated.reversed,
        )


@dataclass(frozen=True)
class _Interval:
    """A group relative to one of its frames."""

    group: Group
    reference: Reference
    neighbours: Neighbours
    start: int

    @classmethod
    def of(cls, group: Group, axes: Values, start: int) -> _Interval:
        """Relative to the axes (D, k)."""
        reference = Reference.of(group.positions[start], axes)
        return cls(group, reference, Neighbours.of(reference.places), start)

    def displacement(self, frame: int) -> Values:
        """(N, D) from the start to a frame; exactly 0 about its mean where only rounding errors are left."""
        before, after = (self.group.frame(at) for at in (self.start, frame))
        moved: Values = after - before
        mean = moved.mean(axis=0)
        rounding = 4.0 * np.finfo(np.float64).eps * max(float(np.abs(before).max()), float(np.abs(after).max()))
        return moved if np.abs(moved - mean).max() > rounding else np.tile(mean, (len(moved), 1))

    def moments(self, frame: int) -> Moments:
        """The moments of the displacement up to a frame."""
        return Moments.of(self.reference, self.displacement(frame), self.neighbours)

    @property
    def work(self) -> float:
        """About how many operations a decomposition takes, without the search for neighbours."""
        return _work(self.group, self.reference.frame.shape[1])

    def smallest_stretch(self, frame: int) -> float:
        """Of the linear map up to a frame, over the geometric mean of all; 0 where all rows meet at one point."""
        moved = self.displacement(frame)
        sizes = np.abs(linear_parts(self.reference, moved - moved.mean(axis=0)).stretches)
        if sizes[0] < 1e-12:  # only rounding errors
            return 0.0
        return float(sizes[-1] / np.exp(np.mean(np.log(np.maximum(sizes, 1e-300)))))

    def without_parts(self, frame: int) -> Moments:
        """(B,) moments without each part of the jackknife; none where the rows are too few for it."""
        count, k = self.reference.coordinates.shape
        if count <= k + 2:
            return Moments(np.empty((0, len(KINDS))), np.empty(0), np.empty(0, np.bool_))
        moved, part = self.displacement(frame), np.arange(count) % _affordable(_PARTS, self.work)
        found = []
        for dropped in (part == number for number in range(part.max() + 1)):
            left = self.reference.rows(~dropped)
            found.append(Moments.of(left, moved[~dropped], self.neighbours.rows(~dropped)))
        return Moments.stacked(found)

    def permuted(self, frame: int) -> Moments:
        """(P,) moments of the displacements permuted across rows."""
        moved, chance = self.displacement(frame), generator(0, Stream.PERMUTATIONS)
        deals = [chance.permutation(len(moved)) for _ in range(_affordable(_PERMUTATIONS, self.work))]
        return Moments.stacked([Moments.of(self.reference, moved[deal], self.neighbours) for deal in deals])


def thinned(group: Group, notes: list[str]) -> Group:
    """The group, or a random sample of rows that keeps the decomposition cheap."""
    most = max(_ROWS, 4 * group.dimensions)
    if group.count <= most:
        return group
    notes.append(f"{most} of {group.count} rows are used")
    rows = np.sort(generator(0, Stream.PERMUTATIONS, 1).choice(group.count, most, replace=False))
    return group.of_rows(rows)


def _undetermined(group: Group, axes: Values, notes: list[str]) -> MotionResult:
    """The result where kinds cannot be distinguished; the notes give the reason."""
    if len(group.steps) < 2:
        notes.append("no row is present in two frames: motion is undefined")
    whole, thermal = np.empty((0, len(KINDS))), np.empty((0, len(KINDS) - 1))
    return MotionResult(
        group=group.name,
        estimates={key: missing("1") for key in (*_KEYS, "motion.reversed")},
        notes=tuple(notes),
        steps=group.steps[:0],
        cumulated=whole,
        stepwise=whole,
        cumulated_thermal=thermal,
        stepwise_thermal=thermal,
        frame=axes,
        reversed=np.empty(0, np.bool_),
    )


def choose_axes(group: Group, wanted: int | None, notes: list[str]) -> tuple[Values, bool]:
    """The axes (D, k) of the linear map, and whether they are all in which the rows spread (or those wanted).

    Raises:
        ValueError: if `wanted` is more than the number of rows allows.
    """
    none = np.empty((group.dimensions, 0))
    if group.count < _FEWEST or not len(group.steps):
        notes.append(f"{group.count} rows are too few to distinguish kinds of motion")
        return none, False
    axes = intrinsic_frame(group.positions[0])
    spread, most = axes.shape[1], (group.count - 1) // 2
    if wanted is not None:
        if wanted > min(spread, most):
            raise ValueError(f"{group.name}: {group.count} rows that spread in {spread} dimensions allow {most} axes")
        return np.ascontiguousarray(axes[:, :wanted]), True
    if not spread:
        notes.append("all rows are at one point: rotation and stretch are undefined")
    if spread <= most:
        return axes, spread > 0
    k = max(1, (group.count - 1) // _ROWS_PER_AXIS)
    notes.append(
        f"{group.count} rows that spread in {spread} dimensions are too few: a linear map fits any motion, "
        f"and its shares would be meaningless. motion.frame refers to a map of their {k} longest axes alone"
    )
    return np.ascontiguousarray(axes[:, :k]), False


def _work(group: Group, axes: int) -> float:
    count, dimensions = group.count, group.dimensions
    return count * (1000.0 + 4.0 * dimensions * (axes + 12)) + 30.0 * dimensions * axes**2


def _affordable(bounds: tuple[int, int, float], work: float) -> int:
    """Number of repetitions: between a minimum and a maximum, within a total cost."""
    least, most, budget = bounds
    return int(np.clip(budget // work, least, most))


def _frames(group: Group, axes: int) -> NDArray[np.int64]:
    """Frames after the first at which the parts are computed: all, or as many as the cost allows, evenly spaced."""
    work = _work(group, axes) + (2.0 * group.count**2 * group.dimensions if group.dimensions > TREE else 0.0)
    many = min(
        max(_affordable(_FEW_FRAMES, work), _affordable(_FRAMES, work) if work < 1e10 else 0), len(group.steps) - 1
    )
    return np.linspace(1, len(group.steps) - 1, many).astype(np.int64) if many > 1 else np.array([len(group.steps) - 1])


@dataclass(frozen=True)
class _Table:
    """Moments, with those needed for errors and nulls.

    Attributes:
        found: for all rows.
        without: (B,) without each part of the jackknife; empty where rows are too few for it.
        permuted: (P,) of permuted displacements.
        size: (N, D, k).
    """

    found: Moments
    without: Moments
    permuted: Moments
    size: tuple[int, int, int]

    @classmethod
    def of(cls, interval: _Interval, frame: int) -> Self:
        """The moments of the displacement up to a frame."""
        (count, k), dimensions = interval.reference.coordinates.shape, interval.group.dimensions
        size = (count, dimensions, k)
        return cls(interval.moments(frame), interval.without_parts(frame), interval.permuted(frame), size)

    def shares(self, prefix: str, first: int) -> dict[str, Estimate]:
        """Shares among the kinds from `first` on, with nulls and corrected values."""
        rows, parts = self.size[0], len(self.without.whole)
        fewer = (rows - rows // max(parts, 1), *self.size[1:])
        own, own_less, null = (m.shares()[first] for m in (self.found, self.without, self.permuted))
        corrected = self.found.without_noise(*self.size).shares()[first]
        corrected_less = self.without.without_noise(*fewer).shares()[first]
        told: dict[str, Estimate] = {}
        for place, kind in enumerate(KINDS[first:]):
            key = f"{prefix}.{kind}"
            told[key] = jackknife(own[place], own_less[:, place], "1")
            told[f"{key}.permutation_null"] = _mean_of_deals(null[:, place])
            told[f"{key}.corrected"] = jackknife(corrected[place], corrected_less[:, place], "1")
        linear = [f"{prefix}.{kind}.corrected" for kind in KINDS[first:4]]
        told |= {key: _unbiased(told[key]) for key in linear}
        rest = [told[f"{prefix}.{kind}.corrected"].value for kind in KINDS[first:-1]]
        residual = f"{prefix}.{KINDS[-1]}.corrected"
        if np.isfinite(rest).all():
            told[residual] = replace(told[residual], value=np.array(1.0 - np.sum(rest)))
        return told


def _unbiased(estimate: Estimate) -> Estimate:
    """The mean of the pseudo-values: it removes the bias of order 1/N that noise causes in the polar decomposition."""
    return estimate if estimate.pseudo is None else replace(estimate, value=np.array(estimate.pseudo.mean()))


def _mean_of_deals(values: Values) -> Estimate:
    """Mean and scatter over the permutations for which the share is determined, at least half of them; what no
    permutation can change (the translation) has no error, not a rounding error."""
    known = values[np.isfinite(values)]
    if 2 * len(known) < max(len(values), 4):
        return missing("1")
    values = known
    scatter = float(values.std(ddof=1))
    return stated(values.mean(), scatter, "1") if scatter > 1e-12 else exact(values.mean(), "1")


def _reversals(steps: NDArray[np.int64], cumulated: Moments, notes: list[str]) -> dict[str, Estimate]:
    """The share of frames to which the map reverses the orientation, with a note on what is undefined because of it."""
    over = cumulated.reversed
    if over.any():
        notes.append(
            f"the linear map since the first frame reverses the orientation in {over.sum()} of {len(over)} frames, "
            f"first at step {steps[over][0]}: the rows have folded over, collapsed or mixed; rotation, "
            "dilation and shear are undefined there"
        )
    return {"motion.reversed": exact(float(over.mean()), "1")}


def _estimates(first: _Interval, last: int, complete: bool, notes: list[str]) -> dict[str, Estimate]:
    """All keys; undefined values are added to `notes`."""
    estimates = {key: missing("1") for key in _KEYS}
    reference = first.reference
    k = reference.frame.shape[1]
    estimates["motion.dimensions"] = exact(k, "1")
    if k:
        estimates["motion.condition"] = exact(reference.condition, "1")
    table = _Table.of(first, last)
    if not table.found.whole > 0:
        notes.append("nothing has moved: shares are undefined")
        return estimates
    smallest = first.smallest_stretch(last) if k else 1.0
    if smallest < _COLLAPSED:
        notes.append(
            f"the rows have collapsed along an axis (to {smallest:.2g} of the mean): rotation and shear there are "
            "ill-determined, and the determinant, which gives the dilation, is small because of it"
        )
    if table.without.reversed.any() and not table.found.reversed:
        notes.append("without some of the rows the linear map reverses the orientation: its shares have no errors")
    if 2 * table.permuted.reversed.sum() > len(table.permuted.reversed):
        notes.append("most permutations reverse the orientation: rotation, dilation and shear have no permutation null")
    prefix = "motion" if complete else "motion.frame"
    told = table.shares(prefix, 0) if k else {}
    told |= {key: share for key, share in table.shares("motion", 0).items() if key.startswith("motion.translation")}
    if not table.found.thermal > 0:
        notes.append("all rows move alike: there is no thermal motion to decompose")
    elif k:
        told |= table.shares(f"{prefix}.thermal", 1)
    return estimates | told
