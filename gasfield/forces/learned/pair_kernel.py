"""A learned interaction: F_i = c sum_j phi(s_ij) (x_j - x_i), from a table of phi.

s is the distance r = |x_i - x_j| (on a sphere, the chord), or on a sphere of radius R the cosine 1 - r^2/(2 R^2) of the
angle between x_i and x_j; c is 1, or 1/n for n sources. Between the points of the table phi is a cubic spline (or
piecewise linear), beyond its ends it is constant. It is a central force with the pair energy U, dU/d(r^2) = c phi/2, so
it is conservative and obeys Newton's third law; on a sphere the dynamics keep its tangential part, for which x_j - x_i
and x_j are the same. U is 0 at r = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import scipy

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, Surroundings
from gasfield.forces.learned.law import Arrays, FieldLaw, Shape
from gasfield.forces.pairwise import PairForce
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register

Argument = Literal["distance", "cosine"]
"""Of phi."""
Normalisation = Literal["sum", "mean"]
"""Whether the forces of all sources are added, or averaged."""
_ON_SPHERE = 1e-4
"""Relative difference of two radii that counts as rounding."""


@register
class PairKernelLaw(FieldLaw):
    """Attraction by phi(s) times the difference of positions."""

    layout: ClassVar[Mapping[str, Shape]] = {"argument": ("G",), "phi": ("G",)}

    kind: Literal["pair_kernel"] = "pair_kernel"
    argument: Argument
    """s: the distance (chord) r, or the cosine 1 - r^2/(2 R^2)."""
    normalisation: Normalisation = "sum"
    """c: 1, or 1/n."""
    degree: Literal[1, 3] = 3
    """Of the spline through the table."""
    radius: float | None = None
    """R of the sphere on which it was learned; None in free space [length]."""

    def build(self, arrays: Arrays, surroundings: Surroundings) -> Force:
        """Builds the force.

        Raises:
            InputError: if the space is periodic, the cosine is asked for where there is no sphere of that radius, or
                the table is no table.
        """
        surroundings.require_no_period("a learned kernel")
        curved = surroundings.space.curved
        if self.argument == "cosine":
            own = surroundings.space.outer_radius if curved else None
            if self.radius is None or own is None or abs(own - self.radius) > _ON_SPHERE * own:
                here = "the space is not curved" if own is None else f"the radius of the space is {own:g}"
                raise InputError(
                    f"the kernel is a function of the cosine on a sphere of radius {self.radius or 0:g}; {here}."
                )
        argument, phi = arrays["argument"], arrays["phi"]
        if len(argument) <= self.degree or not np.all(np.diff(argument) > 0.0):
            raise InputError("the argument of a kernel must increase, over more points than the degree of its spline.")
        return PairKernelForce(self, argument, phi, surroundings.space.periods)


class PairKernelForce(PairForce):
    """The built force."""

    def __init__(self, law: PairKernelLaw, argument: Array, phi: Array, periods: Array) -> None:
        """A table of phi (G,) over its argument (G,), in a space of periods (D,), all zero."""
        breaks, pieces = _pieces(argument, phi, law.degree)
        cosine, radius2 = law.argument == "cosine", float(law.radius or 1.0) ** 2
        steps = [_integral(pieces[k], breaks[k], breaks[k + 1] - breaks[k], cosine) for k in range(len(pieces))]
        if cosine:  # from the far end, s = 1
            energies = radius2 * (np.append(np.cumsum(steps[::-1])[::-1], 0.0) + phi[-1] * (1.0 - breaks[-1]))
        else:
            energies = 0.5 * phi[0] * breaks[0] ** 2 + np.append(0.0, np.cumsum(steps))
        super().__init__(tabulated, (float(cosine), radius2, breaks, pieces, energies), periods)
        self._mean = law.normalisation == "mean"

    def strengths(self, gas: Gas) -> Array:
        """(N,) sqrt(c)."""
        return np.full(gas.count, 1.0 / np.sqrt(max(int(gas.is_source.sum()), 1)) if self._mean else 1.0)


def _pieces(argument: Array, phi: Array, degree: int) -> tuple[Array, Array]:
    """Breaks (P + 1,) of the spline through a table, and the coefficients (P, 4) of its pieces by ascending powers of
    the distance from the break at the left."""
    spline = scipy.interpolate.PPoly.from_spline(scipy.interpolate.make_interp_spline(argument, phi, k=degree))
    wide = np.diff(spline.x) > 0.0  # the knots at the ends are repeated
    pieces = np.zeros((int(wide.sum()), 4))
    pieces[:, : degree + 1] = spline.c[:, wide].T[:, ::-1]
    return np.append(spline.x[:-1][wide], spline.x[-1]), pieces


@jit(**EXACT)
def _integral(piece, left, y, cosine):  # type: ignore[no-untyped-def]
    """Integral of phi over the cosine, or of phi r over the distance r, from `left` to left + y."""
    total, power = 0.0, y
    for q in range(4):
        if cosine:
            total += piece[q] * power / (q + 1)
        else:
            total += piece[q] * power * (left / (q + 1) + y / (q + 2))
        power *= y
    return total


@pointwise_kernel
def tabulated(u, p):  # type: ignore[no-untyped-def]
    """U, phi/2 and phi'(s) (ds/du)/2 at u = r^2."""
    cosine, radius2, breaks, pieces, energies = p
    last = pieces.shape[0]
    s = 1.0 - 0.5 * u / radius2 if cosine > 0.0 else np.sqrt(u)
    bend = 0.0
    if s < breaks[0]:
        phi = pieces[0, 0]
        outer = radius2 * (breaks[0] - s) if cosine > 0.0 else 0.5 * (u - breaks[0] ** 2)
        energy = energies[0] + phi * outer
    elif s >= breaks[last]:
        y = breaks[last] - breaks[last - 1]
        piece = pieces[last - 1]
        phi = piece[0] + y * (piece[1] + y * (piece[2] + y * piece[3]))
        outer = radius2 * (breaks[last] - s) if cosine > 0.0 else 0.5 * (u - breaks[last] ** 2)
        energy = energies[last] + phi * outer
    else:
        low, high = 0, last
        while high - low > 1:
            middle = (low + high) // 2
            if breaks[middle] <= s:
                low = middle
            else:
                high = middle
        piece, y = pieces[low], s - breaks[low]
        phi = piece[0] + y * (piece[1] + y * (piece[2] + y * piece[3]))
        slope = piece[1] + y * (2.0 * piece[2] + 3.0 * y * piece[3])
        if cosine > 0.0:
            energy = energies[low] - radius2 * _integral(piece, breaks[low], y, True)
            bend = -0.25 * slope / radius2
        else:
            energy = energies[low] + _integral(piece, breaks[low], y, False)
            bend = 0.25 * slope / s if s > 0.0 else 0.0
    return energy, 0.5 * phi, bend
