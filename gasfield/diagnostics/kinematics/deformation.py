"""How a structure deforms: the best linear map of its own few dimensions into space, and the residual.

A structure of M points spans k dimensions. In an orthonormal frame V (D x k) of its first frame the centred points have
coordinates a_i (k); later they are at centred positions y_i (D). Least squares gives the map F (D x k) that minimises
sum_i |y_i - F a_i|^2, its polar decomposition F = R U an isometry R (D x k, where the structure's axes now point) and a
symmetric U whose eigenvalues are the principal stretches. Rotation is split in two: the tilt of the k-plane out of its
first position (principal angles between the planes) and the rotation within it. The residual is D2min of Falk and
Langer (Phys. Rev. E 57:7192, 1998) for the whole structure, as a mean over points.

The map has (k + 1) D parameters, so independent noise of variance s^2 on every coordinate of the later positions leaves
E[sum_i |residual|^2] = s^2 D (M - k - 1): in each of the D coordinates it is the residual of a regression on k
coordinates and a constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.diagnostics.base import Axes, Diagnostic, Result, Values, spread_over
from gasfield.diagnostics.group import Group
from gasfield.registry import register
from gasfield.statistics.affine_remainder import local_d2min, neighbourhoods
from gasfield.statistics.estimate import Estimate, jackknife, mean, missing

_FLAT = 1e-3
"""A structure thinner than this fraction of its length counts as flat in that direction."""

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
        stretches: (T, k) principal stretches, descending.
        tilts: (T, k) principal angles between the first k-plane and the present one, descending [degrees].
        turns: (T, k // 2) angles of the rotation within the k-plane, descending [degrees].
        d2min: (T,) mean over points of the squared residual [length^2]; NaN where k + 1 points or fewer fit exactly.
        local_d2min: (M,) sum over the neighbours of each particle at the last frame [length^2]; NaN where there are
            too few (see `local_strain`).

    Keys, all at the last frame with jackknife errors over points: `stretch.principal`, `rotation.angles` (the tilts),
    `rotation.in_frame` (the turns), `d2min.mean` (one map for all points), `d2min.local.sum` and `d2min.local.per_bond`
    (a map for the neighbours of each particle; means over particles of the sum and of the mean over neighbours), `ftle`
    (logarithm of the largest stretch over the elapsed time: the finite-time Lyapunov exponent).
    """

    steps: NDArray[np.int64]
    frame: Values
    maps: Values
    isometries: Values
    stretches: Values
    tilts: Values
    turns: Values
    d2min: Values
    local_d2min: Values

    def plot(self, ax: Axes | None = None) -> Axes:
        """The principal stretches over time."""
        from gasfield.plots.panels import Curve, curves
        from gasfield.plots.style import SERIES, Role

        lines = [
            Curve(self.steps, stretch, Role.CONTEXT, f"stretch {i + 1}", style={"color": SERIES[i % len(SERIES)]})
            for i, stretch in enumerate(self.stretches.T)
        ]
        title = f"{self.group}: principal stretches (1: as at the start)"
        return curves(lines, title, "principal stretch", reference=1.0, ax=ax)


@register
class Deformation(Diagnostic[DeformationResult]):
    """Deformation of one structure against its first frame."""

    kind: Literal["deformation"] = "deformation"
    dimensions: int | None = Field(default=None, ge=1)
    """k, the dimensions of the structure; found from the first frame if left out."""

    def objection(self, group: Group) -> str | None:
        """Applies to structures: groups with bonds."""
        return None if len(group.bonds) else "no bonds: not a structure"

    def measure(self, group: Group, notes: list[str]) -> DeformationResult:
        """The results for one structure, or for all rows of a trajectory as one."""
        axes = np.empty((group.dimensions, 0))
        if group.positions.size:
            axes = intrinsic_frame(group.positions[0], self.dimensions)
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
        around = neighbourhoods(group.bonds, group.count)
        last = group.frame(-1) if len(group.steps) else np.empty((0, group.dimensions))
        sums, counts = local_d2min(fit.coordinates, last, around)
        return DeformationResult(
            group=group.name,
            estimates=_estimates(group, fit, notes) | _local_estimates(sums, counts, notes),
            notes=tuple(notes),
            steps=group.steps,
            frame=axes,
            maps=fit.maps,
            isometries=isometries(fit.maps),
            stretches=stretches(fit.maps),
            tilts=tilts(axes, fit.maps),
            turns=turns(axes, fit.maps),
            d2min=fit.d2min,
            local_d2min=sums,
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


def isometries(maps: Values) -> Values:
    """R (..., D, k) of the polar decomposition F = R U."""
    left, _, right = np.linalg.svd(maps, full_matrices=False)
    rotation: Values = left @ right
    return rotation


def stretches(maps: Values) -> Values:
    """Singular values (..., k) of F, descending."""
    sizes: Values = np.linalg.svd(maps, full_matrices=False)[1]
    return sizes


def tilts(axes: Values, maps: Values) -> Values:
    """Principal angles (..., k) between the planes of `axes` (D, k) and of F (..., D, k), descending [degrees].

    Cosines are inaccurate for small angles and sines near right angles; each angle is taken from the accurate one
    (Knyazev and Argentati, SIAM J. Sci. Comput. 23:2008, 2002).
    """
    plane = isometries(maps)
    inside = axes.T @ plane
    cosines = np.linalg.svd(inside)[1][..., ::-1]  # ascending: the angles descend
    sines = np.linalg.svd(plane - axes @ inside)[1][..., : axes.shape[1]]
    angles = np.where(cosines**2 > 0.5, np.arcsin(np.clip(sines, 0, 1)), np.arccos(np.clip(cosines, 0, 1)))
    degrees: Values = np.degrees(angles)
    return degrees


def turns(axes: Values, maps: Values) -> Values:
    """Angles (..., k // 2) of the rotation within the plane of `axes` (D, k), descending, in [0, 180] degrees.

    R relative to the first frame is V^T R; the orthogonal factor of its polar decomposition is the rotation, the other
    contains the tilts. Angles come in pairs of eigenvalues exp(+-i angle). Beyond a tilt of 90 degrees the rotation is
    meaningless.
    """
    k = axes.shape[1]
    if k < 2:
        return np.zeros((*maps.shape[:-2], 0))
    turned = isometries(axes.T @ isometries(maps))
    phases = np.sort(np.abs(np.angle(np.linalg.eigvals(turned))), axis=-1)[..., ::-1]
    degrees: Values = np.degrees(phases[..., : 2 * (k // 2) : 2])
    return degrees


def _estimates(group: Group, fit: _Fit, notes: list[str]) -> dict[str, Estimate]:
    """All keys at the last frame; undefined values are added to `notes`."""
    estimates = {"stretch.principal": missing("1"), "rotation.angles": missing("degrees")}
    estimates |= {"rotation.in_frame": missing("degrees"), "d2min.mean": missing("length^2"), "ftle": missing("1/time")}
    count, k = fit.coordinates.shape
    if not k:
        return estimates
    axes, last = fit.axes, fit.maps[-1]
    maps, d2min = np.full((0, *last.shape), np.nan), np.empty(0)
    if count > k + 1:
        maps, d2min = fit.without(group.frame(-1))
        if not np.isfinite(d2min).all():
            notes.append("a single point spans a direction of the structure: there are no jackknife errors")
            maps, d2min = maps[:0], d2min[:0]
    estimates["stretch.principal"] = jackknife(stretches(last), stretches(maps), "1")
    estimates["d2min.mean"] = jackknife(fit.d2min[-1], d2min, "length^2")
    elapsed = float(group.times[-1] - group.times[0])
    if elapsed > 0 and stretches(last)[0] > 0:
        with np.errstate(divide="ignore"):
            rates = np.log(stretches(maps)[:, 0]) / elapsed
        estimates["ftle"] = jackknife(np.log(stretches(last)[0]) / elapsed, rates, "1/time")
    if stretches(last)[-1] <= 1e-12 * stretches(last)[0]:
        notes.append("the structure has collapsed in a direction: its rotation is undefined")
        return estimates
    estimates["rotation.angles"] = jackknife(tilts(axes, last), tilts(axes, maps), "degrees")
    estimates["rotation.in_frame"] = jackknife(turns(axes, last), turns(axes, maps), "degrees")
    return estimates


def _local_estimates(sums: Values, counts: NDArray[np.int64], notes: list[str]) -> dict[str, Estimate]:
    """Means over the particles with enough neighbours."""
    known = np.isfinite(sums)
    if not known.all() and len(sums):
        notes.append(f"d2min.local: {int(np.sum(~known))} of {len(sums)} particles have too few neighbours for a map")
    each = sums[known]
    return {
        "d2min.local.sum": mean(each, "length^2"),
        "d2min.local.per_bond": mean(each / counts[known], "length^2"),
    }


def _centred(x: Values) -> Values:
    centred: Values = x - x.mean(axis=-2, keepdims=True)
    return centred


def _unit_roundoff(points: NDArray[np.floating[Any]]) -> float:
    """Largest relative rounding error of the numbers as they are: a float32 may hold a bfloat16, a float64 either."""
    single = points.astype(np.float32)
    if not np.array_equal(single, points):
        return 2.0**-53
    return 2.0**-8 if not np.any(single.view(np.uint32) & 0xFFFF) else 2.0**-24
