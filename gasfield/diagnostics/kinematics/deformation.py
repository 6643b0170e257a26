"""How a structure deforms: the best linear map of its own few dimensions into space, and the residual.

A structure of M points spans k dimensions. In an orthonormal frame V (D x k) of its first frame the centred points have
coordinates a_i (k); later they are at centred positions y_i (D). Least squares gives the map F (D x k) that minimises
sum_i |y_i - F a_i|^2, its polar decomposition F = R U an isometry R (D x k, where the structure's axes now point) and a
symmetric U whose eigenvalues are the principal stretches (`polar`; a structure that has folded over has a negative one
and a proper rotation). Rotation is split in two: the tilt of the k-plane out of its
first position (principal angles between the planes) and the rotation within it. The residual is D2min of Falk and
Langer (Phys. Rev. E 57:7192, 1998) for the whole structure, as a mean over points.

The map has (k + 1) D parameters, so independent noise of variance s^2 on every coordinate of the later positions leaves
E[sum_i |residual|^2] = s^2 D (M - k - 1): in each of the D coordinates it is the residual of a regression on k
coordinates and a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.kinematics.local_flow import UNEXPLAINED, LocalFlow, say_if_too_far
from gasfield.registry import register
from gasfield.statistics.estimate import Estimate, exact, jackknife, missing
from gasfield.statistics.polar import Polar, polar, tilts, turns, unwrapped
from gasfield.statistics.smoothing import Neighbours

_FLAT = 1e-3
"""A structure thinner than this fraction of its length counts as flat in that direction."""

_MOST_MAPS = 1 << 25
"""Most numbers in the maps without each of the points in turn, of points that may be no structure."""
_KEPT = 1 << 22
"""Most numbers in the maps of all frames; of more, evenly spaced frames are used."""


@dataclass(frozen=True, kw_only=True)
class DeformationResult(Result):
    """The linear map over time. Without a fit k is 0 and `maps` is empty in its last axis.

    Attributes:
        steps: (T,).
        frame: (D, k) orthonormal columns V: the structure's own axes at the first frame, longest first.
        maps: (T, D, k) F, from coordinates in `frame` to space.
        isometries: (T, D, k) R of F = R U.
        stretches: (T, k) principal stretches, of descending magnitude; the last is negative where the map reverses the
            orientation.
        reversed: (T,) whether it does.
        tilts: (T, k) principal angles between the first k-plane and the present one, descending [degrees].
        turns: (T, k // 2) angles of the rotation within the k-plane [degrees]; with k = 2 signed and followed beyond
            half a turn, NaN where undetermined; with more descending, in [0, 180].
        d2min: (T,) mean over points of the squared residual [length^2]; NaN where k + 1 points or fewer fit exactly.
        rows: (M,) of the particles in the trajectory.
        places: (M, k) coordinates of the points in `frame` at the first frame [length].
        local: maps for the neighbourhood of each particle at the last frame.

    Keys of one map for all points, all at the last frame with jackknife errors over points: `stretch.principal`,
    `rotation.angles` (the tilts), `rotation.in_frame` (the turns), `d2min.mean` and `d2min.relative` (over the mean
    square extent), `ftle.global` (the logarithm of the largest stretch over the elapsed time), `reversed.fraction`
    (share of the frames in which the orientation is reversed).

    Keys of a map for the neighbours of each particle, with the scatter over particles as error: `ftle.local.mean` and
    `.largest` (finite-time Lyapunov exponents; of the nearest neighbours where these span the dimensions, otherwise of
    all within two bonds), `rotation.local` (mean of the first turn), `reversed.local` (share of the particles),
    `d2min.local.sum` and `d2min.local.per_bond` (means over particles of the sum and of the mean over neighbours).
    """

    steps: NDArray[np.int64]
    frame: Values
    maps: Values
    isometries: Values
    stretches: Values
    tilts: Values
    reversed: NDArray[np.bool_]
    turns: Values
    d2min: Values
    rows: NDArray[np.int64]
    places: Values
    local: LocalFlow

    def series(self) -> dict[str, tuple[NDArray[Any], str]]:
        """Curves over the steps."""
        stretches = {f"stretch_{i}": (values, "1") for i, values in enumerate(self.stretches.T, 1)}
        return {**stretches, "d2min": (self.d2min, "length^2"), "reversed": (self.reversed, "1")}

    def arrays(self) -> Mapping[str, tuple[NDArray[Any], str]]:
        """By particle: `row` in the trajectory, `place` (M, k) at first in the `frame` (D, k), and the local maps with
        what follows from them."""
        first = {"row": (self.rows, "1"), "frame": (self.frame, "1"), "place": (self.places, "length")}
        return {**first, **self.local.arrays()}

    def draw(self, ax: Axes | None = None) -> Axes:
        """The principal stretches over time; of a structure of two dimensions also the local exponents at the points of
        the first frame (into `ax` alone: only the stretches). Returns the axes of the stretches."""
        from gasfield.plots.exponents import local_exponents
        from gasfield.plots.panels import Curve, curves
        from gasfield.plots.style import SERIES, Role, headline, new_figure

        lines = [
            Curve(self.steps, stretch, Role.CONTEXT, f"stretch {i + 1}", style={"color": SERIES[i % len(SERIES)]})
            for i, stretch in enumerate(self.stretches.T)
        ]
        title = f"{self.group}: principal stretches of one linear map (1: as at the start)"
        if ax is None and self.places.shape[1] == 2 and np.isfinite(self.local.ftle).any():
            figure = new_figure(11.4, 4.4)
            ax, field = figure.subplots(1, 2)
            local_exponents(field, self.places, self.local.ftle)
            headline(figure, title)
            title = ""
        return curves(lines, title, "principal stretch", reference=1.0, ax=ax)


@register
class Deformation(Diagnostic[DeformationResult]):
    """Deformation of one structure against its first frame."""

    telling: ClassVar[tuple[str, ...] | None] = ("stretch.principal", "d2min.relative", "ftle.global")

    kind: Literal["deformation"] = "deformation"
    dimensions: int | None = Field(default=None, ge=1)
    """k, the dimensions of the structure; found from the first frame if left out."""

    def objection(self, group: Group) -> str | None:
        """Applies to structures: groups with bonds, and those that were imported, of which no bonds are known."""
        if len(group.bonds):
            return None
        if not group.origin.imported:
            return "no bonds: not a structure"
        most = min(group.dimensions, max(1, group.count - 1))
        k = most if self.dimensions is None else min(self.dimensions, most)
        if group.count * k * (group.dimensions + k) > _MOST_MAPS:
            return f"{group.count} points without bonds in up to {k} dimensions: choose fewer `dimensions`"
        return None

    def measure(self, group: Group, notes: list[str]) -> DeformationResult:
        """The results for one structure, or for all rows of a trajectory as one."""
        axes = np.empty((group.dimensions, 0))
        if group.positions.size:
            axes = _oriented(intrinsic_frame(group.positions[0], self.dimensions))
        k = axes.shape[1]
        if not k:
            notes.append("the points of the structure coincide, or are fewer than two: it cannot deform")
        elif group.count < k + 2:
            notes.append(f"{group.count} points in {k} dimensions: a linear map fits them exactly, without residual")
        frames = spread_over(len(group.steps), max(2, _KEPT // max(1, group.dimensions * k)))
        if len(frames) < len(group.steps):
            notes.append(f"{len(frames)} of {len(group.steps)} frames are used")
            group = group.at_frames(frames)
        fit = _Fit.through(group, axes)
        found = polar(fit.maps, axes)
        angles = np.where(found.unique[:, None], turns(found.isometry, axes), np.nan)
        if k == 2:
            angles = unwrapped(angles)
            say_if_too_far(angles, "rotation.in_frame", notes)
        estimates = _estimates(group, fit, found, angles, notes)
        _say_what_one_map_hides(group, found, estimates, notes)
        local = LocalFlow.of(_bonded(group, fit.coordinates, notes), fit.coordinates, axes, notes)
        return DeformationResult(
            group=group.name,
            estimates=estimates | local.estimates(notes),
            notes=tuple(notes),
            steps=group.steps,
            frame=axes,
            maps=fit.maps,
            isometries=found.isometry,
            stretches=found.stretches,
            reversed=found.reversed,
            tilts=tilts(found.isometry, axes),
            turns=angles,
            d2min=fit.d2min,
            rows=group.ids,
            places=fit.coordinates,
            local=local,
        )


@dataclass(frozen=True)
class _Fit:
    """Least squares of later positions on the first `coordinates` (M, k) along `axes` (D, k), both centred."""

    axes: Values
    coordinates: Values
    gram: Values
    maps: Values
    d2min: Values

    @classmethod
    def through(cls, group: Group, axes: Values) -> _Fit:
        """Fits every frame."""
        count, k = group.count, axes.shape[1]
        maps = np.zeros((len(group.steps), group.dimensions, k))
        d2min = np.full(len(group.steps), np.nan)
        first = group.positions[:1].astype(np.float64)
        coordinates = _centred(first)[0] @ axes if count else np.empty((0, k))
        gram = coordinates.T @ coordinates
        if k:
            solver = np.linalg.solve(gram, coordinates.T)
            for frames, x in group.blocks(parts=4):
                y = _centred(x)
                maps[frames] = np.einsum("km,tmd->tdk", solver, y, optimize=True)
                if count > k + 1:
                    residual = y - coordinates @ maps[frames].transpose(0, 2, 1)
                    d2min[frames] = np.square(residual).sum(axis=2).mean(axis=1)
        return cls(axes, coordinates, gram, maps, d2min)

    def without(self, last: Values) -> tuple[Values, Values]:
        """Maps (M, D, k) and D2min (M,) at positions `last` (M, D) with each point left out in turn; M >= k + 2.

        Leaving a point out of centred moments subtracts M/(M-1) times its own product, and divides its residual by
        1 - leverage (both exact), so that M fits cost as much as one.
        """
        count, k = self.coordinates.shape
        y = last - last.mean(axis=0)
        share = count / (count - 1)
        moments = y.T @ self.coordinates - share * np.einsum("md,mk->mdk", y, self.coordinates)
        grams = self.gram - share * np.einsum("mj,mk->mjk", self.coordinates, self.coordinates)
        leverage = 1 / count + np.einsum("mk,km->m", self.coordinates, np.linalg.solve(self.gram, self.coordinates.T))
        if np.any(leverage > 1 - 1e-9):  # one point alone spans a direction: no map without it
            return np.full((count, len(y.T), k), np.nan), np.full(count, np.nan)
        maps = np.linalg.solve(grams, moments.transpose(0, 2, 1)).transpose(0, 2, 1)
        squares = np.square(y - self.coordinates @ self.maps[-1].T).sum(axis=1)
        d2min = (squares.sum() - squares / (1 - leverage)) / (count - 1)
        return maps, d2min


def intrinsic_frame(points: NDArray[np.floating[Any]], dimensions: int | None = None) -> Values:
    """Orthonormal columns (D, k) that span the points (M, D), longest extent first.

    A lattice drawn on paper with k dimensions has D of them once its coordinates are rounded. Directions count that are
    longer than rounding alone can make them (the Frobenius norm of the rounding bounds each singular value), and than
    `_FLAT` times the longest. With `dimensions` the k longest are taken, as far as the points span any.
    """
    x = points.astype(np.float64)
    centred = x - x.mean(axis=0)
    tall = len(x) > 2 * x.shape[1]  # the R factor has the same singular values and axes, and is smaller
    _, sizes, rows = np.linalg.svd(np.linalg.qr(centred, mode="r") if tall else centred, full_matrices=False)
    rounding = max(_unit_roundoff(points) * np.linalg.norm(x), np.finfo(np.float64).eps * max(x.shape) * sizes[0])
    if dimensions is None:
        dimensions = int(np.sum((sizes > 2 * rounding) & (sizes > _FLAT * sizes[0])))
    return np.ascontiguousarray(rows[: min(dimensions, int(np.sum(sizes > 0)))].T)


def _oriented(axes: Values) -> Values:
    """Axes that span the whole space, with the handedness of its coordinates, so that turns have their sense."""
    if axes.shape[0] == axes.shape[1] and np.linalg.det(axes) < 0:
        axes[:, -1] *= -1.0
    return axes


def _bonded(group: Group, coordinates: Values, notes: list[str]) -> Group:
    """The group with bonds: its own, or those between nearest neighbours at first."""
    count, k = coordinates.shape
    if len(group.bonds) or not k:
        return group
    nearest = Neighbours.of(coordinates, 2 * k).indices
    pairs = np.sort(np.stack([np.repeat(np.arange(count), nearest.shape[1]), nearest.ravel()], axis=1), axis=1)
    notes.append(f"there are no bonds: neighbours are the {nearest.shape[1]} nearest in the first frame")
    return replace(group, bonds=np.unique(pairs, axis=0))


def isometries(maps: Values, frame: Values) -> Values:
    """R (..., D, k) of the polar decomposition of maps of coordinates in a frame (D, k); see `polar`."""
    return polar(maps, frame).isometry


def _estimates(group: Group, fit: _Fit, found: Polar, angles: Values, notes: list[str]) -> dict[str, Estimate]:
    """All keys of the global map at the last frame; undefined values are added to `notes`."""
    estimates = {"stretch.principal": missing("1"), "rotation.angles": missing("degrees")}
    estimates |= {"rotation.in_frame": missing("degrees"), "d2min.mean": missing("length^2")}
    estimates |= {"d2min.relative": missing("1"), "ftle.global": missing("1/time"), "reversed.fraction": missing("1")}
    count, k = fit.coordinates.shape
    if not k:
        return estimates
    y = _centred(group.frame(-1))
    maps, d2min, relative = np.full((0, *fit.maps[-1].shape), np.nan), np.empty(0), np.empty(0)
    if count > k + 1:
        maps, d2min = fit.without(group.frame(-1))
        if not np.isfinite(d2min).all():
            notes.append("a single point spans a direction of the structure: there are no jackknife errors")
            maps, d2min = maps[:0], d2min[:0]
        squares = np.square(y).sum(axis=1)
        if squares.sum() > 0:
            left = squares.sum() - count / (count - 1) * squares
            if len(d2min) and (left > 0).all():
                relative = (count - 1) * d2min / left
            estimates["d2min.relative"] = jackknife(count * fit.d2min[-1] / squares.sum(), relative, "1")
    without, sizes = polar(maps, fit.axes), found.stretches[-1]
    estimates["stretch.principal"] = jackknife(sizes, without.stretches, "1")
    estimates["d2min.mean"] = jackknife(fit.d2min[-1], d2min, "length^2")
    estimates["reversed.fraction"] = exact(float(found.reversed.mean()), "1")
    elapsed = float(group.times[-1] - group.times[0])
    if elapsed > 0 and abs(sizes[0]) > 0:
        with np.errstate(divide="ignore"):
            rates = np.log(np.abs(without.stretches[:, 0])) / elapsed
        estimates["ftle.global"] = jackknife(np.log(np.abs(sizes[0])) / elapsed, rates, "1/time")
    if not found.unique[-1] or abs(sizes[-1]) <= 1e-12 * abs(sizes[0]):
        reason = "stretches two axes alike" if found.reversed[-1] else "has collapsed in a direction"
        notes.append(f"the structure {reason}: its rotation is undefined")
        return estimates
    estimates["rotation.angles"] = jackknife(
        tilts(found.isometry[-1], fit.axes), tilts(without.isometry, fit.axes), "degrees"
    )
    own, others = turns(found.isometry[-1], fit.axes), turns(without.isometry, fit.axes)
    away = (others - own + 180.0) % 360.0 - 180.0 if k == 2 else others - own
    estimates["rotation.in_frame"] = jackknife(angles[-1], angles[-1] + away, "degrees")
    return estimates


def _say_what_one_map_hides(group: Group, found: Polar, estimates: Mapping[str, Estimate], notes: list[str]) -> None:
    """Notes on reversals, and on a map that explains little."""
    over, left = found.reversed, float(estimates["d2min.relative"].value)
    if over.any():
        notes.append(
            f"the map reverses the orientation in {over.sum()} of {len(over)} frames, first at step "
            f"{group.steps[over][0]}: the structure has folded over, which is no rotation; its smallest stretch is "
            "negative there"
        )
    if left > UNEXPLAINED:
        notes.append(
            f"one linear map leaves {left:.0%} of the mean square extent unexplained (d2min.relative): stretch, "
            "rotation and ftle.global are those of the fit, not of the flow, whose stretch is ftle.local"
        )


def _centred(x: Values) -> Values:
    centred: Values = x - x.mean(axis=-2, keepdims=True)
    return centred


def _unit_roundoff(points: NDArray[np.floating[Any]]) -> float:
    """Largest relative rounding error of the numbers as they are: a float32 may hold a bfloat16, a float64 either."""
    single = points.astype(np.float32)
    if not np.array_equal(single, points):
        return 2.0**-53
    return 2.0**-8 if not np.any(single.view(np.uint32) & 0xFFFF) else 2.0**-24
