"""A linear field: drift, decay and a matrix of low rank, F(x, t) = a(t) - decay x + K (x - C).

For `target: velocity`, F is the mean displacement per unit of time, and moves rows by advection. For
`target: gradient`, F is minus the gradient that training gave the rows, and moves them through the optimiser of that
training. The drift is constant in each window in time, or a line between their edges, and keeps its last value beyond
the training span. With `centre: fixed`, C is the mean of the training data and the decay is towards the origin; with
`centre: centroid`, both act about the centroid of the rows, so that the drift alone moves the centroid.

Velocities are mean velocities over the intervals between frames: with `scheme: forward` the matrix is biased by O(h),
with `trapezoid` by O(h^2); noise of the motion is uncorrelated with the start of its interval only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import linalg

from gasfield.errors import InputError
from gasfield.forces.learned import LearnedField, Moved, Term
from gasfield.forces.learned.drift import DriftLaw
from gasfield.forces.learned.linear import Centre, DecayLaw, HessianLaw
from gasfield.learning.data import TrainingData
from gasfield.learning.designs.drift_basis import DriftBasis, Profile
from gasfield.learning.designs.linear_parts import LinearParts, Moments, Parts, TermName
from gasfield.learning.least_squares.normal_equations import DRAWS, NormalEquations, Solution
from gasfield.learning.least_squares.quality import quality
from gasfield.learning.least_squares.ranks import ranks, simplest
from gasfield.learning.model import FieldModel, Figures, Fitted
from gasfield.learning.recorded.gradients import Form
from gasfield.learning.recorded.training import common_law, gradients_at_start, gradients_of
from gasfield.quantity import Quantity
from gasfield.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

_MOST_AXES = 1024
"""Default number of principal axes in higher dimensions."""
_FEW_DRAWS = 40
"""Resamplings where one takes seconds: errors of 11%."""
_SLOW = 256
"""Number of axes from which that is so."""
_SHOWN = 10
"""Eigenvalues that are printed; the file has all."""


@register
class LinearModel(FieldModel):
    """F(x, t) = a(t) - decay x + K (x - C)."""

    kind: Literal["linear"] = "linear"
    target: Literal["velocity", "gradient"] = "velocity"
    """What the field is: the velocity of the rows, or minus the gradient that training gave them."""
    terms: tuple[TermName, ...] = ("drift", "decay", "hessian")
    """The terms that are fitted; without a drift, everything is about the origin."""
    rank: int | None = Field(None, ge=0)
    """Rank of K; if left out, the smallest whose held-out error is within one standard error of the best."""
    symmetric: bool = False
    """Whether K is symmetric, so that the field has a potential at each time."""
    windows: int = Field(1, ge=1)
    """Windows in time of the drift."""
    profile: Profile = "constant"
    """The drift is constant in each window, or a trend: a straight line from edge to edge."""
    centre: Centre = "fixed"
    """C: the mean of the training data, or the centroid of the moving rows."""
    scheme: Literal["forward", "trapezoid"] = "forward"
    """Where the field is taken: at the start of each interval, or as the mean of both ends."""
    field: Form = "affine"
    """For a gradient: the form of the recorded field from which that of the dead rows is taken."""
    axes: int | None = Field(None, ge=1)
    """Principal axes of the data to which K is confined; D, and at most 1,024, if left out."""

    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if there are too few data, the rank is larger than the number of axes, or the gradient was not
                recorded.
        """
        assert data is not None
        self._require(data)
        drift = DriftBasis.of(data, self.windows, self.profile) if "drift" in self.terms else None
        fitting = _Fitting(self, data, drift, _centre(self, data))
        return fitting.fitted()

    def simpler(self) -> dict[str, FieldModel]:
        terms = self.terms if len(self.terms) > 1 else ()
        return {left: self.model_copy(update={"terms": tuple(t for t in terms if t != left)}) for left in terms}

    def figures(self, field: LearnedField) -> Figures:
        """The drift over time, and the spectrum of K."""

        def drift() -> Figure:
            from gasfield.plots.learning_linear import drift_over_time

            arrays = field.terms["drift"].arrays
            return drift_over_time(
                arrays["times"], arrays["values"], arrays["values_error"], field.span[1], trend=self.profile == "trend"
            )

        def spectrum() -> Figure:
            from gasfield.plots.learning_linear import spectrum_with_errors

            arrays = field.terms["hessian"].arrays
            return spectrum_with_errors(arrays["eigenvalues"], arrays["eigenvalues_error"])

        drawn = {"drift": drift, "hessian": spectrum}
        return {
            name: draw
            for name, draw in drawn.items()
            if name in field.terms and (name != "hessian" or len(field.terms[name].arrays["left"]))
        }

    def _require(self, data: TrainingData) -> None:
        if not self.terms or len(set(self.terms)) < len(self.terms):
            raise InputError("name some of drift, decay, hessian, each once.", parameter="terms")
        most = self.axes or min(data.dimensions, _MOST_AXES)
        if most > data.dimensions:
            raise InputError(f"there are {data.dimensions} dimensions, not {most}.", parameter="axes")
        if self.rank is not None and self.rank > most:
            raise InputError(
                f"the rank is at most the number of axes, {most} of {data.dimensions} dimensions.", parameter="rank"
            )
        if self.target == "gradient" and self.scheme != "forward":
            raise InputError("a gradient is known at the start of each interval: use forward.", parameter="scheme")


class _Part(NamedTuple):
    """A piece of the data: block (t,), functions of the drift (t, k), x (t, n, q), y (t, n, D)."""

    blocks: NDArray[np.int64]
    functions: Array
    places: Array
    target: Array


class _Errors(NamedTuple):
    """Standard errors of a(t) (k, D), of the decay, and of the eigenvalues of K (r,)."""

    drift: Array
    rate: float
    eigenvalues: Array


@dataclass(frozen=True)
class _Fitting:
    """One fit, with what was chosen before it.

    Attributes:
        model: the specification.
        data: the training data.
        drift: functions of the drift; None without one.
        centre: (D,) C.
    """

    model: LinearModel
    data: TrainingData
    drift: DriftBasis | None
    centre: Array

    def fitted(self) -> Fitted:
        """Fits the model."""
        model, basis = self.model, self._basis()
        equations = self._equations(basis)
        penalty = np.diag(np.r_[np.zeros(self._functions), np.ones(equations.parameters - self._functions)])
        found = equations.solve(penalty=penalty, names="coefficients", seed=self.data.seed, draws=0)
        rank, held_out, held_out_error = self._best_rank(equations, basis, found.ridge)
        solver = self._solver((equations.matrix, equations.right), basis, found.ridge)
        parts = solver.solve(solver.axes(rank))
        errors = self._errors(equations, basis, found.ridge, parts)
        left = np.array([equations.left_over(parts.coefficients, int(block)) for block in equations.used])
        summary = Solution(
            parts.coefficients, found.errors, found.ridge, held_out, held_out_error, equations.shares(left)[0],
            found.rank, found.samples,
        )  # fmt: skip
        law, notes = common_law(self.data) if model.target == "gradient" else ({}, [])
        quantities = quality(summary) | {"held_out_full": Quantity(found.held_out, "1", found.held_out_error)}
        return Fitted(
            terms=self._terms(parts, errors, basis),
            moved=Moved(model.target, law),
            quantities=quantities | self._quantities(parts, errors),
            notes=(*notes, *self._notes(basis)),
        )

    @property
    def _functions(self) -> int:
        return 0 if self.drift is None else self.drift.functions

    def _basis(self) -> Array | None:
        """(q, D) the leading principal axes of the positions; None for all dimensions."""
        count, d = self.model.axes or min(self.data.dimensions, _MOST_AXES), self.data.dimensions
        if count == d:
            return None
        covariance = np.zeros((d, d))
        for part in self.data.transitions():
            places = self._relative(part.start).reshape(-1, d)
            covariance += places.T @ places
        _, vectors = linalg.eigh(covariance, subset_by_index=(d - count, d - 1), check_finite=False)
        return np.ascontiguousarray(vectors[:, ::-1].T)

    def _relative(self, places: Array) -> Array:
        """(t, n, D) relative to C."""
        centre = places.mean(axis=1, keepdims=True) if self.model.centre == "centroid" else self.centre
        return np.asarray(places - centre)

    def _parts(self, basis: Array | None) -> Iterator[_Part]:
        gradients = gradients_of(self.data, self.model.field) if self.model.target == "gradient" else []
        for part in self.data.transitions():
            places = self._relative(part.start if self.model.scheme == "forward" else part.middle)
            functions = np.empty((len(places), 0)) if self.drift is None else self.drift.at(part.times)
            target = part.slopes
            if gradients:
                target = -gradients_at_start(self.data, gradients[part.source], part)
            yield _Part(part.blocks, functions, places if basis is None else places @ basis.T, target)

    def _equations(self, basis: Array | None) -> NormalEquations:
        """The normal equations, from sums over the rows of each frame: the functions of the drift do not depend on the
        row."""
        d, k = self.data.dimensions, self._functions
        q = d if basis is None else len(basis)
        equations = NormalEquations(k + q, d, self.data.block_count)
        for part in self._parts(basis):
            for block in np.unique(part.blocks):
                chosen = part.blocks == block
                x, y, functions = part.places[chosen], part.target[chosen], part.functions[chosen]
                rows, n = x.reshape(-1, q), x.shape[1]
                matrix, right = np.empty((k + q, k + q)), np.empty((k + q, d))
                matrix[:k, :k] = n * functions.T @ functions
                matrix[:k, k:] = functions.T @ x.sum(axis=1)
                matrix[k:, :k] = matrix[:k, k:].T
                matrix[k:, k:] = rows.T @ rows
                right[:k] = functions.T @ y.sum(axis=1)
                right[k:] = rows.T @ y.reshape(-1, d)
                equations.add_sums(int(block), matrix, right, float(np.vdot(y, y)), len(rows))
        return equations

    def _solver(self, sums: tuple[Array, Array], basis: Array | None, ridge: float) -> LinearParts:
        moments = Moments.of(sums, basis, self._functions, ridge)
        return LinearParts(moments, symmetric=self.model.symmetric, terms=self.model.terms)

    def _best_rank(self, equations: NormalEquations, basis: Array | None, ridge: float) -> tuple[int, float, float]:
        """The smallest rank that is as good as the best one, and its held-out error with the error of that."""
        q = equations.parameters - self._functions
        candidates = [0] if "hessian" not in self.model.terms else ranks(q, self.model.rank)
        used = equations.used
        left = np.empty((len(candidates), len(used)))
        for column, block in enumerate(used.tolist()):
            solver = self._solver(equations.without(block), basis, ridge)
            for row, rank in enumerate(candidates):
                left[row, column] = equations.left_over(solver.solve(solver.axes(rank)).coefficients, block)
        chosen = simplest(left, equations.square)
        return candidates[chosen], *equations.shares(left[chosen])

    def _errors(self, equations: NormalEquations, basis: Array | None, ridge: float, fitted: Parts) -> _Errors:
        """Bootstrap errors at fixed axes of K: the change of an eigenvalue is the diagonal of V^-1 dK V."""
        axes = fitted.left
        draws = DRAWS if axes.shape[1] < _SLOW else _FEW_DRAWS
        if len(equations.used) < 3:
            return _Errors(np.full((self._functions, self.data.dimensions), np.nan), np.nan, np.full(len(axes), np.nan))
        turn = fitted.eigenvectors
        inverse, centre = np.linalg.pinv(turn), self._decay_centre
        drifts, rates, values = [], [], []
        for sums in equations.resampled(self.data.seed, draws):
            each = self._solver(sums, basis, ridge).solve(axes)
            drifts.append(each.drift + each.rate * centre)
            rates.append(each.rate)
            values.append(np.einsum("ij,jk,ki->i", inverse, each.along_axes, turn))
        return _Errors(*(np.std(each, axis=0, ddof=1) for each in (drifts, rates, values)))

    @property
    def _decay_centre(self) -> Array:
        """What the decay is moved by, from C to the origin."""
        return self.centre if self.model.centre == "fixed" else np.zeros_like(self.centre)

    def _terms(self, parts: Parts, errors: _Errors, basis: Array | None) -> dict[str, Term]:
        about, chosen = self.model.centre, self.model.terms
        terms: dict[str, Term] = {}
        if self.drift is not None:
            law = DriftLaw(interpolation="previous" if self.model.profile == "constant" else "linear")
            values = parts.drift + parts.rate * self._decay_centre
            terms["drift"] = Term(law, {"times": self.drift.knots, "values": values, "values_error": errors.drift})
        if "decay" in chosen:
            rate = {"rate": np.array(parts.rate), "rate_error": np.array(errors.rate)}
            terms["decay"] = Term(DecayLaw(about=about), rate | {"centre": np.zeros_like(self.centre)})
        if "hessian" in chosen:
            left = parts.left if basis is None else parts.left @ basis
            right = left if parts.right is parts.left else parts.right if basis is None else parts.right @ basis
            spectrum = np.stack([parts.eigenvalues.real, parts.eigenvalues.imag], axis=1)
            arrays = {"left": left, "core": parts.core, "right": right, "centre": self.centre}
            arrays |= {"eigenvalues": spectrum, "eigenvalues_error": errors.eigenvalues}
            terms["hessian"] = Term(HessianLaw(about=about), arrays)
        return terms

    def _quantities(self, parts: Parts, errors: _Errors) -> dict[str, Quantity]:
        unit = "1/time" if self.model.target == "velocity" else "energy/length^2"
        speed = "length/time" if self.model.target == "velocity" else "energy/length"
        found: dict[str, Quantity] = {}
        if self.drift is not None:
            last = (parts.drift + parts.rate * self._decay_centre)[-1]
            error = float(np.linalg.norm(errors.drift[-1]))
            found["drift.last"] = Quantity(float(np.linalg.norm(last)), speed, error)
        if "decay" in self.model.terms:
            found["decay.rate"] = Quantity(parts.rate, unit, errors.rate)
        if "hessian" in self.model.terms:
            values = parts.eigenvalues
            found["hessian.rank"] = Quantity(len(values), "1")
            shown = values[:_SHOWN]
            if len(values):
                found["hessian.eigenvalues"] = Quantity(shown.real.tolist(), unit, errors.eigenvalues[:_SHOWN].tolist())
            if np.any(shown.imag):
                found["hessian.frequencies"] = Quantity(shown.imag.tolist(), unit)
        return found

    def _notes(self, basis: Array | None) -> list[str]:
        notes = []
        if basis is not None:
            notes.append(
                f"the matrix acts along {len(basis)} principal axes of the positions, of {self.data.dimensions} "
                "dimensions; the decay acts in all"
            )
        if self.model.centre == "centroid":
            notes.append("decay and matrix act about the centroid of the rows that move, not about a fixed point")
        return notes


def _centre(model: LinearModel, data: TrainingData) -> Array:
    if "drift" not in model.terms or model.centre == "centroid":
        return np.zeros(data.dimensions)
    mean: Array = data.sample().mean(axis=0)
    return mean
