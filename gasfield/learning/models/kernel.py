"""An interaction kernel: F_i = c sum_j phi(s_ij) (x_j - x_i), with an external field besides.

phi is a spline, so that the fit is linear (Lu, Zhong, Tang and Maggioni, 2019, PNAS 116:14424; Bongini, Fornasier,
Hansen and Maggioni, 2017). s is the distance, or on a sphere the cosine, where phi multiplies the tangential part of
x_j - x_i. c is 1 (`sum`, the default) or 1/n (`mean`).

Field against kernel: a constant phi pulls every particle to the centroid, with n c phi (centroid - x_i). Where the
centroid does not move, an external harmonic well does the same, and no motion tells them apart. The fit measures the
share of the force of a constant phi that its external part can make as well, and where that is all of it, phi is taken
to be zero at the largest sampled distance, and a note says so.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.learned import LearnedField, Moved, Term
from gasfield.forces.learned.affine import AffineLaw
from gasfield.forces.learned.pair_kernel import Argument, Normalisation, PairKernelLaw
from gasfield.learning.data import TrainingData
from gasfield.learning.designs.kernel_sums import External, KernelProblem, KernelSums, sampled_arguments
from gasfield.learning.designs.pair_design import SplineSpace
from gasfield.learning.least_squares.separable import SeparableSolution
from gasfield.learning.model import FieldModel, Figures, Fitted
from gasfield.learning.motion import Scheme, said_of_velocities, scheme_of, sources_of, target_of
from gasfield.quantity import Quantity
from gasfield.registry import register

Array = NDArray[np.float64]

_INTERVALS = (4, 6, 8, 12, 24)
"""Numbers of intervals that held-out error chooses from; all of them divide the last, so that sums are made once."""
_ALIKE = 1e-6
"""Share of the force of a constant phi below which nothing but rounding distinguishes it from the external part."""
_NEARLY_ALIKE = 1e-2
"""Share below which a note warns."""


@register
class KernelModel(FieldModel):
    """Forces between particles by a function of their distance or angle."""

    kind: Literal["kernel"] = "kernel"
    argument: Argument | None = None
    """s; on a sphere the cosine, in free space the distance if left out."""
    normalisation: Normalisation = "sum"
    """Whether forces of all others are added, or averaged (divided by n)."""
    splines: int | None = Field(None, ge=2, le=200)
    """Number of B-splines; chosen by held-out error, of 4 to 24 intervals, if left out."""
    degree: Literal[1, 3] = 3
    """Of the splines."""
    external: External = "none"
    """The field besides, in free space: none; a constant force; a harmonic well with its centre; any affine field."""
    scheme: Scheme | None = None
    """Where the field is taken, see `gasfield.learning.motion`; trapezoid for smooth motion, and forward or lagged for
    noisy motion, if left out."""
    target: Literal["velocity", "force"] | None = None
    """Whether the field is a velocity or a force on masses; a force where the dynamics have velocities, if left out."""
    limits: tuple[float, float] | None = None
    """Range of s, beyond which phi is constant; that of the data if left out."""

    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if there are too few rows or frames, all pairs have the same s, or the space does not fit.
        """
        assert data is not None
        argument, radius = self._place(data)
        sampled = sampled_arguments(data, argument, radius)
        choices = self._choices()
        splines = SplineSpace(*self._range(argument, sampled), max(choices), self.degree)
        target = target_of(data, self.target)
        scheme, said = scheme_of(data, self.scheme)
        mean = self.normalisation == "mean"
        problem = KernelProblem(argument, radius, mean, self.external, scheme, target, splines)
        sums = KernelSums(problem, data)
        alias = sums.alias()
        pinned = alias is not None and 1.0 - alias < _ALIKE
        restrictions = [sums.restriction(intervals, pinned) for intervals in choices]
        found = sums.equations.solve(restrictions, seed=data.seed)
        quantities = _quality(found) | {
            "splines": Quantity(choices[found.choice] + self.degree, "1"),
            "interval_error": Quantity(sums.interval_error(found, restrictions[found.choice], sampled), "1"),
        }
        if alias is not None:
            quantities["alias"] = Quantity(alias, "1")
        if problem.wells:
            spread = float(np.std(found.draws[:, -1], ddof=1)) if len(found.draws) else np.nan
            unit = "1/time" if target == "velocity" else "energy/length^2"
            quantities["external.stiffness"] = Quantity(float(found.shared[-1]), unit, spread)
        slow = said_of_velocities(data) if target == "force" else ""
        notes = [*(note for note in (said, slow) if note), *self._notes(problem, found, alias, pinned)]
        terms = {"kernel": self._kernel(problem, found, sampled)}
        if self.external != "none":
            terms["external"] = _external(problem, found, sums.reference)
        return Fitted(terms, Moved(target), quantities, tuple(notes))

    def figures(self, field: LearnedField) -> Figures:
        """phi with its errors, and the distribution of its argument."""
        from gasfield.plots.learning_kernel import kernel_figure

        term = field.terms["kernel"]
        law, arrays = term.law, term.arrays
        assert isinstance(law, PairKernelLaw)
        name = "distance [length]" if law.argument == "distance" else "cosine"
        unit = "1/time" if field.moved.target == "velocity" else "energy/length^2"
        return {
            "kernel": lambda: kernel_figure(
                arrays["argument"], arrays["phi"], arrays["phi_error"], arrays["samples"], name, unit
            )
        }

    def _place(self, data: TrainingData) -> tuple[Argument, float]:
        """s, and the radius of the sphere (0 in free space)."""
        curved = data.space == "sphere"
        argument: Argument = self.argument or ("cosine" if curved else "distance")
        if argument == "cosine" and not curved:
            raise InputError("the cosine is the argument on a sphere; use distance.", parameter="argument")
        if curved and self.external != "none":
            raise InputError("on a sphere the kernel is fitted by itself; use none.", parameter="external")
        fewest = min(int(sources_of(data, number).sum()) for number in range(len(data.groups)))
        if fewest < 2:
            raise InputError(f"a kernel acts between particles; there is {fewest} that acts.", parameter="rows")
        return argument, float(np.linalg.norm(data.groups[0].frame(0)[0])) if curved else 0.0

    def _range(self, argument: Argument, sampled: Array) -> tuple[float, float]:
        low, high = self.limits or (float(sampled.min()), float(sampled.max()))
        if high - low > 1e-9 * max(abs(low), abs(high)):
            return low, high
        if self.limits is not None:
            raise InputError("the second number must be larger than the first.", parameter="limits")
        raise InputError(
            f"the {argument} of all pairs is the same, {low:.6g}: a kernel is learned where it varies.",
            parameter="argument",
        )

    def _choices(self) -> tuple[int, ...]:
        """Numbers of intervals."""
        if self.splines is None:
            return _INTERVALS
        if self.splines <= self.degree:
            raise InputError(f"splines of degree {self.degree} are at least {self.degree + 1}.", parameter="splines")
        return (self.splines - self.degree,)

    def _notes(self, problem: KernelProblem, found: SeparableSolution, alias: float | None, pinned: bool) -> list[str]:
        notes = []
        unknown = len(found.eigenvalues) - found.rank
        if unknown:
            notes.append(
                f"{unknown} of {len(found.eigenvalues)} directions of the coefficients are not determined by the data "
                "(eigenvalues of the scaled normal matrix below 1e-10 of the largest): they are set to zero"
            )
        if alias is not None and 1.0 - alias < _NEARLY_ALIKE:
            what = f"a constant phi and the {self.external} field make the same force (all but {1.0 - alias:.1e} of it)"
            notes.append(
                f"{what}: the data cannot tell them apart, and phi is taken to be zero at the largest distance"
                if pinned
                else f"{what}: that part of both is known with large errors only"
            )
        low, high = problem.splines.low, problem.splines.high
        notes.append(
            f"phi multiplies x_j - x_i and is {'averaged' if problem.mean else 'added'} over all j; beyond the sampled "
            f"{problem.argument}, {low:.4g} to {high:.4g}, it is constant"
        )
        return notes

    def _kernel(self, problem: KernelProblem, found: SeparableSolution, sampled: Array) -> Term:
        grid = problem.splines.grid()
        values, count = problem.splines.cardinal(grid), problem.splines.count
        draws = found.draws[:, :count] @ values.T
        edges = np.concatenate([[-np.inf], 0.5 * (grid[1:] + grid[:-1]), [np.inf]])
        law = PairKernelLaw(
            argument=problem.argument,
            normalisation=self.normalisation,
            degree=self.degree,
            radius=problem.radius or None,
        )
        arrays = {
            "argument": grid,
            "phi": values @ found.shared[:count],
            "phi_error": draws.std(axis=0, ddof=1) if len(draws) else np.full(len(grid), np.nan),
            "samples": np.histogram(sampled, edges)[0].astype(np.float64),
        }
        return Term(law, arrays)


def _quality(found: SeparableSolution) -> dict[str, Quantity]:
    return {
        "held_out": Quantity(found.held_out, "1", found.held_out_error),
        "training": Quantity(found.training, "1"),
        "ridge": Quantity(found.ridge, "1"),
        "rank": Quantity(found.rank, "1"),
        "equations": Quantity(found.samples, "1"),
        "smallest_eigenvalue": Quantity(float(found.eigenvalues[0]), "1"),
    }


def _external(problem: KernelProblem, found: SeparableSolution, reference: Array) -> Term:
    """The field besides as an affine law."""
    d = len(reference)
    matrix, errors = np.zeros((d, d)), np.zeros((d, d))
    if problem.wells:
        matrix -= found.shared[-1] * np.eye(d)
    elif problem.external == "affine":
        matrix, errors = found.own[1:].T, found.own_errors[1:].T
    arrays = {
        "offset": found.own[0],
        "matrix": matrix,
        "reference": reference,
        "offset_error": found.own_errors[0],
        "matrix_error": errors,
    }
    return Term(AffineLaw(), arrays)
