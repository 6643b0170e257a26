"""Emissions and receptivities from the forces between tokens, or from their motion.

F_ij = (e_i - r_j)/(|e_i - r_j| + eps) (e_i . r_j)/(|e_i - r_j|^p + eps) is not linear in the poles: Levenberg and
Marquardt's method from many random starts, of which the best is kept. Given a table of forces, the poles are those of
fixed tokens; given trajectories, poles move with their tokens, e_i = x_i + a_i and r_i = x_i + b_i, and a and b are
learned from the velocities.

At p = 2 the scale of all poles of a table is free: they are scaled to a root mean square length of 1. Other directions
may be hardly determined; their number, and the band of each pole, follow from the singular values of the derivatives
and from the rounding of the table. What a table determines are forces, so the check is on the forces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import least_squares

from gasfield.errors import InputError
from gasfield.forces.learned import LearnedField, Moved, Term
from gasfield.forces.learned.two_poles import TwoPolesLaw
from gasfield.learning.data import TrainingData
from gasfield.learning.designs.poles import pair_forces
from gasfield.learning.model import FieldModel, Figures, Fitted
from gasfield.memory import require_memory
from gasfield.quantity import Quantity
from gasfield.registry import register
from gasfield.streams import Seed

Array = NDArray[np.float64]
Table = tuple[tuple[tuple[float, ...], ...], ...]
Problem = Callable[[Array], tuple[Array, Array]]
"""Poles (2 N D,) -> residuals and their derivatives."""

_WEAK = 1e-3
"""Singular values of the scaled derivatives below this, relative to the largest: hardly determined directions."""
_POOR = 0.1
"""Share of the square velocities left over from which on a fit to motion counts as failed."""
_COARSE, _FINE = 1e-5, 1e-12
"""Relative tolerances of a start, and of the best so far."""
_EVALUATIONS = 200
"""Of the residuals for each start."""
_FRAMES, _ENTRIES = 64, 1 << 24
"""Most intervals of the motion that are fitted, and most entries of their derivatives."""


@register
class EmissionReceptivityModel(FieldModel):
    """Two poles for each token: one it acts from, and one at which it is acted on."""

    tried: ClassVar[bool] = False

    kind: Literal["emission_receptivity"] = "emission_receptivity"
    forces: Table | None = None
    """Table of forces: row i has the D components of the force of i on each j; learned from motion if left out."""
    decay: float = Field(2.0, ge=0.0)
    """p."""
    eps: float = Field(1e-8, gt=0.0)
    """eps."""
    softening: float = Field(0.0, ge=0.0)
    """The distance below which the force stops growing; 0 is the published law [length]."""
    starts: int | None = Field(None, ge=1, le=100_000)
    """Random starts, 200 for a table and 10 for motion if left out; a table that is reached to its printed digits ends
    the search."""
    seed: Seed = 0
    """Of the starts, where there are no trajectories."""

    @property
    def needs_data(self) -> bool:  # type: ignore[override]
        """Whether it learns from motion."""
        return self.forces is None

    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if the table is not N x N x D, or there are too few frames.
        """
        return self._fit_table() if data is None else self._fit_motion(data)

    def figures(self, field: LearnedField) -> Figures:
        """Learned over given forces, where it was fitted to a table."""
        from gasfield.plots.learning_kernel import force_scatter

        arrays = field.terms["poles"].arrays
        if "given" not in arrays:
            return {}
        given, learned = arrays["given"].ravel(), arrays["learned"].ravel()
        return {"forces": lambda: force_scatter(given, learned, "Forces between tokens", "energy/length").figure}

    # --- from a table ------------------------------------------------------------------------------------------------

    def _fit_table(self) -> Fitted:
        given, half = _table_of(self.forces or ())
        count, dimensions = given.shape[1:]
        free = self.decay == 2.0 and self.softening == 0.0

        def problem(poles: Array) -> tuple[Array, Array]:
            emissions, receptivities = poles.reshape(2, count, dimensions)
            found = pair_forces(emissions[:, None], receptivities[None], self.decay, self.eps, self.softening)
            wrong = (found.force - given) / half
            slopes = np.zeros((count, count, dimensions, 2, count, dimensions))
            own = np.arange(count)
            slopes[own, :, :, 0, own] = found.by_emission / half
            slopes[:, own, :, 1, own] = found.by_receptivity.transpose(1, 0, 2, 3) / half
            residuals, derivatives = wrong.ravel(), slopes.reshape(wrong.size, -1)
            if free:  # the scale is set: the mean square of all poles is 1
                square, weight = float(poles @ poles) / (2 * count), 1e-3 / half
                residuals = np.append(residuals, weight * (square - 1.0))
                derivatives = np.vstack([derivatives, weight * poles / count])
            return residuals, derivatives

        best = self._search(problem, 2 * count * dimensions, 1.0, self.seed, enough=1.0, starts=200)
        poles = best.poles
        wrong, slopes = problem(poles)
        wrong = wrong[: given.size]
        errors, weak = _bands(slopes, poles, 1.0 / np.sqrt(3.0), dimensions)
        learned = given + wrong.reshape(given.shape) * half
        worst = float(np.abs(wrong).max())
        notes = [
            f"the forces of the table are met to {worst * half:.1e}, "
            + (f"within its printed digits ({half:g})" if worst <= 1.0 else f"which is more than its digits, {half:g}")
        ]
        if free:
            notes.append("at decay 2 the scale of all poles is free: their root mean square length is set to 1")
        if weak:
            notes.append(
                f"{weak} of {poles.size} directions of the poles are hardly determined (singular values below "
                f"{_WEAK:g} of the largest): the check is on the forces"
            )
        emission, receptivity = poles.reshape(2, count, dimensions)
        bands = errors.reshape(2, count, dimensions)
        widths = np.linalg.norm(bands, axis=2)
        quantities = {
            "largest_error": Quantity(worst * half, "energy/length"),
            "digit": Quantity(half, "energy/length"),
            "starts": Quantity(best.tried, "1"),
            "weak_directions": Quantity(weak, "1"),
            "band.emission": Quantity(widths[0].tolist(), "length"),
            "band.receptivity": Quantity(widths[1].tolist(), "length"),
        }
        arrays = {
            "emission": emission,
            "receptivity": receptivity,
            "emission_error": bands[0],
            "receptivity_error": bands[1],
            "given": given,
            "learned": learned,
        }
        law = TwoPolesLaw(decay=self.decay, eps=self.eps, softening=self.softening, on_itself=True)
        return Fitted(
            {"poles": Term(law, arrays)}, Moved("velocity"), quantities, tuple(notes), bounded=False,
            dimensions=dimensions,
        )  # fmt: skip

    # --- from motion -------------------------------------------------------------------------------------------------

    def _fit_motion(self, data: TrainingData) -> Fitted:
        if data.space != "free":
            raise InputError("poles are learned from motion in free space; use free.", parameter="space")
        if len(data.groups) > 1 and len({group.count for group in data.groups}) > 1:
            raise InputError("poles belong to particles: trajectories must have the same number of rows.")
        places, slopes = _sampled_motion(data)
        fitted = np.arange(len(places)) % 3 != 2
        count, dimensions = places.shape[1:]
        if fitted.sum() < 3:
            raise InputError(f"{len(places)} intervals; at least 4 are needed to learn poles from motion.")
        size = float(np.sqrt(np.mean(slopes**2)))
        spread = float(np.sqrt(np.mean(np.var(places, axis=1))))

        def problem_of(chosen: NDArray[np.bool_]) -> Problem:
            return lambda offsets: self._motion_residuals(offsets, places[chosen], slopes[chosen], size)

        best = self._search(problem_of(fitted), 2 * count * dimensions, 0.1 * spread, data.seed, enough=1e-2, starts=10)
        wrong, derivatives = problem_of(fitted)(best.poles)
        held = problem_of(~fitted)(best.poles)[0]
        noise = float(np.sqrt(np.mean(wrong**2)))
        errors, weak = _bands(derivatives, best.poles, noise, dimensions)
        emission, receptivity = best.poles.reshape(2, count, dimensions)
        bands = errors.reshape(2, count, dimensions)
        quantities = {
            "held_out": Quantity(float(np.mean(held**2)), "1"),
            "training": Quantity(noise**2, "1"),
            "starts": Quantity(best.tried, "1"),
            "weak_directions": Quantity(weak, "1"),
        }
        notes = [
            "every third interval was held out; velocities are mean velocities, forces those at the middle of each "
            "interval"
        ]
        if noise**2 > _POOR:
            notes.append(
                f"the best of {best.tried} starts leaves {noise**2:.2g} of the square of the velocities: no poles were "
                "found; try more starts, or motion without close encounters"
            )
        arrays = {
            "emission": emission, "receptivity": receptivity, "emission_error": bands[0], "receptivity_error": bands[1],
        }  # fmt: skip
        law = TwoPolesLaw(decay=self.decay, eps=self.eps, softening=self.softening, matrix=1.0)
        return Fitted({"poles": Term(law, arrays)}, Moved("velocity"), quantities, tuple(notes))

    def _motion_residuals(self, offsets: Array, places: Array, slopes: Array, size: float) -> tuple[Array, Array]:
        """(t n D,) and (t n D, 2 n D): velocities against the sums of forces, in units of a typical velocity."""
        frames, count, dimensions = places.shape
        a, b = offsets.reshape(2, count, dimensions)
        found = pair_forces(
            (places + a)[:, :, None], (places + b)[:, None], self.decay, self.eps, self.softening
        )  # (t, i, j, ...)
        others = ~np.eye(count, dtype=bool)
        force = np.where(others[:, :, None], found.force, 0.0).sum(axis=1)
        by_emission = np.where(others[:, :, None, None], found.by_emission, 0.0)
        by_receptivity = np.where(others[:, :, None, None], found.by_receptivity, 0.0).sum(axis=1)
        derivative = np.zeros((frames, count, dimensions, 2, count, dimensions))
        derivative[:, :, :, 0] = by_emission.transpose(0, 2, 3, 1, 4)
        own = np.arange(count)
        derivative[:, own, :, 1, own] = by_receptivity.transpose(1, 0, 2, 3)
        return ((force - slopes) / size).ravel(), derivative.reshape(force.size, -1) / size

    # --- the search --------------------------------------------------------------------------------------------------

    def _search(
        self, problem: Problem, parameters: int, scale: float, seed: int, *, enough: float, starts: int
    ) -> _Found:
        """The best of some starts; the first whose largest residual is below `enough` ends it."""
        chance, best, number = np.random.default_rng(seed), _Found(np.zeros(parameters), np.inf, np.inf, 0), 0
        for number in range(1, (self.starts or starts) + 1):  # noqa: B007 (the last one is reported)
            sizes = np.exp(chance.standard_normal(parameters).reshape(2, -1)[:, :1])
            start = scale * (sizes * chance.standard_normal((2, parameters // 2))).ravel()
            found = _descend(problem, start, _COARSE)
            if found.cost < best.cost:
                best = _descend(problem, found.poles, _FINE)
            if best.worst <= enough:
                break
        if not np.isfinite(best.cost):
            raise InputError(f"none of {number} starts gave finite forces.", parameter="starts")
        return replace(best, tried=number)


@dataclass(frozen=True)
class _Found:
    """Poles, half the sum of squares, the largest residual, and how many starts were tried."""

    poles: Array
    cost: float
    worst: float
    tried: int


def _descend(problem: Problem, start: Array, tolerance: float) -> _Found:
    """The local minimum of a start; of infinite cost where forces are not finite."""
    last: list[Array] = [start, *problem(start)]

    def at(poles: Array) -> list[Array]:
        if not np.array_equal(poles, last[0]):
            last[:] = [poles.copy(), *problem(poles)]
        return last

    with np.errstate(all="ignore"):
        try:
            found = least_squares(
                lambda poles: at(poles)[1], start, jac=lambda poles: at(poles)[2], x_scale="jac",
                max_nfev=_EVALUATIONS, xtol=tolerance, ftol=tolerance, gtol=tolerance,
            )  # fmt: skip
        except ValueError:
            return _Found(start, np.inf, np.inf, 0)
    cost = float(found.cost) if np.isfinite(found.cost) else np.inf
    return _Found(found.x, cost, float(np.abs(found.fun).max()), 0)


def _table_of(forces: Table) -> tuple[Array, float]:
    """(N, N, D) the table, and half a unit of its last printed digit.

    Raises:
        InputError: if it is not N x N x D.
    """
    lengths = {len(row) for row in forces}
    dimensions = {len(vector) for row in forces for vector in row}
    if lengths != {len(forces)} or len(dimensions) != 1 or not forces or 0 in dimensions:
        raise InputError(
            "the table needs N rows of N forces with D numbers each: the force of each token on each token.",
            parameter="forces",
        )
    given = np.array(forces, np.float64)
    decimals = max((-int(Decimal(repr(float(x))).as_tuple().exponent) for x in given.ravel()), default=0)
    return given, 0.5 * 10.0 ** -max(decimals, 1)


def _bands(slopes: Array, poles: Array, noise: float, dimensions: int) -> tuple[Array, int]:
    """(2 N D,) standard errors of the poles for residuals of a size, and the number of weak directions; columns are
    scaled by the lengths of the poles, and weak directions are cut at their threshold, so that errors are a band."""
    lengths = np.repeat(np.linalg.norm(poles.reshape(-1, dimensions), axis=1), dimensions)
    scale = np.maximum(lengths, 1e-3 * float(lengths.max()))
    _, values, axes = np.linalg.svd(slopes * scale, full_matrices=False)
    weak = int(np.sum(values < _WEAK * values[0]))
    widths = noise / np.maximum(values, noise)  # a band is not wider than the poles themselves
    return np.asarray(scale * np.sqrt(np.sum((axes * widths[:, None]) ** 2, axis=0))), weak


def _sampled_motion(data: TrainingData) -> tuple[Array, Array]:
    """(t, n, D) middles and mean velocities of evenly spaced intervals."""
    parameters = 2 * data.groups[0].count * data.dimensions
    most = min(_FRAMES, max(6, _ENTRIES // parameters**2))
    require_memory(4 * 8 * most * parameters**2, "the derivatives by the poles of all particles")
    every = max(1, -(-data.intervals // most))
    middles, slopes, seen = [], [], 0
    for part in data.transitions():
        chosen = (seen + np.arange(len(part.spans))) % every == 0
        seen += len(part.spans)
        middles.append(part.middle[chosen])
        slopes.append(part.slopes[chosen])
    return np.concatenate(middles), np.concatenate(slopes)
