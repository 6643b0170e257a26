"""An interaction kernel: F_i = c sum_j phi(s_ij) (x_j - x_i), with an external field besides.

phi is a spline, so that the fit is linear (Lu, Zhong, Tang and Maggioni, 2019, PNAS 116:14424; Bongini, Fornasier,
Hansen and Maggioni, 2017). s is the distance, or on a sphere the cosine, where phi multiplies the tangential part of
x_j - x_i. c is 1 (`sum`, the default) or 1/n (`mean`).

Field against kernel: a constant phi pulls every particle to the centroid, with n c phi (centroid - x_i). Where the
centroid does not move, an external harmonic well does the same, and no motion tells them apart. The fit measures the
share of the force of a constant phi that its external part can make as well, and where that is all of it, phi is taken
to be zero at the far end of the sampled range (the largest distance, the lowest cosine), and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.learned import LearnedField, Moved, Term
from gasfield.forces.learned.affine import AffineLaw
from gasfield.forces.learned.pair_kernel import Argument, Normalisation, PairKernelLaw
from gasfield.learning.data import TrainingData, Transitions
from gasfield.learning.model import FieldModel, Figures, Fitted
from gasfield.learning.motion import Scheme, scheme_of, target_of, targets_of
from gasfield.learning.pair_design import SplineSpace, arguments, coarsened, design
from gasfield.learning.separable import SeparableEquations, SeparableSolution, eliminated
from gasfield.quantity import Quantity
from gasfield.registry import register

Array = NDArray[np.float64]
External = Literal["none", "constant", "harmonic", "affine"]

_INTERVALS = (4, 6, 8, 12, 24)
"""Numbers of intervals that held-out error chooses from; all of them divide the last, so that sums are made once."""
_FRAMES, _ROWS = 200, 300
"""Most frames, and most rows of each, from which the range of the argument is found."""
_ALIKE = 1e-6
"""Share of the force of a constant phi below which nothing but rounding distinguishes it from the external part."""
_NEARLY_ALIKE = 1e-2
"""Share below which a note warns."""
_DESIGN_BYTES = 1 << 26
"""Most memory of one design."""


@register
class KernelModel(FieldModel):
    """Forces between particles by a function of their distance or angle."""

    kind: Literal["kernel"] = "kernel"
    argument: Argument | None = None
    """s; on a sphere the cosine, in free space the distance if left out."""
    normalisation: Normalisation = "sum"
    """Whether forces of all others are added, or averaged (divided by n)."""
    splines: int | None = Field(None, ge=4, le=200)
    """Number of B-splines; chosen between 7 and 27 by held-out error if left out."""
    degree: Literal[1, 3] = 3
    """Of the splines."""
    external: External = "none"
    """The field besides: none; a constant force; a harmonic well with its centre; or any affine field."""
    scheme: Scheme | None = None
    """Whether the field is taken at the start of each interval or as the mean of both ends; forward for thermal motion
    and trapezoid otherwise, if left out."""
    target: Literal["velocity", "force"] | None = None
    """Whether the field is a velocity or a force on masses; a force where the dynamics have velocities, if left out."""
    span: tuple[float, float] | None = None
    """Range of s; that of the data if left out."""

    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if there are too few rows or frames, all pairs have the same s, or the space does not fit.
        """
        assert data is not None
        work = _Work.of(self, data)
        for part in data.transitions():
            work.add(part)
        return work.fitted()

    def figures(self, field: LearnedField) -> Figures:
        """phi with its errors, and the distribution of its argument."""
        from gasfield.plots.learning_kernel import kernel_figure

        term = field.terms["kernel"]
        law, arrays = term.law, term.arrays
        assert isinstance(law, PairKernelLaw)
        name = "distance [length]" if law.argument == "distance" else "cosine"
        return {
            "kernel": lambda: kernel_figure(
                arrays["argument"], arrays["phi"], arrays["phi_error"], arrays["samples"], name, law.normalisation
            )
        }


class _Work:
    """One fit: its choices, and its sums."""

    def __init__(
        self, model: KernelModel, data: TrainingData, argument: Argument, radius: float, sampled: Array
    ) -> None:
        """A fit of the model to data with this argument, on a sphere of a radius (0 in free space).

        `sampled` are values of the argument."""
        self.model, self.data, self.argument, self.radius = model, data, argument, radius
        self.target = target_of(data, model.target)
        self.scheme, said = scheme_of(data, model.scheme)
        self.notes = [said] if said else []
        low, high = model.span or (float(sampled.min()), float(sampled.max()))
        finest = max(self._choices())
        self.splines = SplineSpace(low, high, finest, model.degree)
        self.sampled = sampled
        self.reference = data.sample().mean(axis=0)
        self.wells = int(model.external == "harmonic")
        self.features = {"none": 0, "constant": 1, "harmonic": 1, "affine": 1 + data.dimensions}[model.external]
        shape = (self.splines.count + self.wells, self.features, data.dimensions)
        self.equations = SeparableEquations(*shape, data.block_count)
        self.doubled = SeparableEquations(*shape, 1)

    @classmethod
    def of(cls, model: KernelModel, data: TrainingData) -> _Work:
        """A fit, with what the data decide.

        Raises:
            InputError: as `KernelModel.fit`.
        """
        curved = data.space == "sphere"
        argument: Argument = model.argument or ("cosine" if curved else "distance")
        if argument == "cosine" and not curved:
            raise InputError("the cosine is the argument on a sphere; use distance.", parameter="argument")
        if curved and model.external != "none":
            raise InputError("on a sphere the kernel is fitted by itself; use none.", parameter="external")
        fewest = min(group.count for group in data.groups)
        if fewest < 2:
            raise InputError(f"a kernel acts between particles; there is {fewest} row.", parameter="rows")
        radius = float(np.linalg.norm(data.groups[0].frame(0)[0])) if curved else 0.0
        sampled = _sampled(data, argument, radius)
        low, high = model.span or (float(sampled.min()), float(sampled.max()))
        if not high - low > 1e-9 * max(abs(low), abs(high)):
            raise InputError(
                f"the {argument} of all pairs is the same, {low:.6g}: a kernel is learned where it varies."
                if model.span is None else "the second number must be larger than the first.",
                parameter=None if model.span is None else "span",
            )  # fmt: skip
        return cls(model, data, argument, radius, sampled)

    def _choices(self) -> tuple[int, ...]:
        given = self.model.splines
        return _INTERVALS if given is None else (given - self.model.degree,)

    # --- sums --------------------------------------------------------------------------------------------------------

    def add(self, part: Transitions) -> None:
        """Adds the intervals of a part, and those of twice their length, for a bunch of rows after another."""
        places = np.concatenate([part.start, part.end[-1:]])
        targets = {1: targets_of(self.data, part, self.target)}
        if len(places) > 2:
            targets[2] = targets_of(self.data, part, self.target, 2)
        count = self.splines.count + self.wells
        size = max(1, _DESIGN_BYTES // (8 * count * places.shape[2]))
        for start in range(0, places.shape[1], size):
            self._add_rows(part, places, targets, slice(start, start + size))

    def _add_rows(self, part: Transitions, places: Array, targets: dict[int, Array], rows: slice) -> None:
        kept: list[tuple[Array, Array]] = []
        for frame, design_there in enumerate(self._designs(places, rows)):
            kept = [*kept[-2:], design_there]
            for stride in (1, 2):
                first = frame - stride
                if first < 0:
                    continue
                shared, own = kept[-1 - stride]
                if self.scheme == "trapezoid":
                    end = kept[-1]
                    shared, own = 0.5 * (shared + end[0]), 0.5 * (own + end[1])
                target = targets[stride][first, rows]
                if self.radius and self.scheme == "forward":
                    target = _tangential(places[first, rows], target, self.radius)
                if stride == 1:
                    self.equations.add(int(part.blocks[first]), shared, own, target)
                else:
                    self.doubled.add(0, shared, own, target)

    def _designs(self, places: Array, rows: slice) -> Iterator[tuple[Array, Array]]:
        """Of each frame: the design of the shared coefficients (p, n, D), and the features z (n, q)."""
        own = np.arange(places.shape[1])[rows]
        scale = 1.0 / places.shape[1] if self.model.normalisation == "mean" else 1.0
        for frame in places:
            shared = scale * design(frame[rows], frame, own, self.splines, self.argument, self.radius)
            away = frame[rows] - self.reference
            if self.wells:
                shared = np.concatenate([shared, -away[None]])
            ones = np.ones((len(own), 1))
            yield shared, np.concatenate([ones, away], axis=1)[:, : self.features]

    # --- the outcome -------------------------------------------------------------------------------------------------

    def fitted(self) -> Fitted:
        """Solves, and says what must be said."""
        alias = self._alias()
        pinned = alias is not None and 1.0 - alias < _ALIKE
        restrictions = [self._restriction(intervals, pinned) for intervals in self._choices()]
        found = self.equations.solve(restrictions, seed=self.data.seed)
        quantities = {
            "held_out": Quantity(found.held_out, "1", found.held_out_error),
            "training": Quantity(found.training, "1"),
            "ridge": Quantity(found.ridge, "1"),
            "splines": Quantity(self._choices()[found.choice] + self.model.degree, "1"),
            "rank": Quantity(found.rank, "1"),
            "equations": Quantity(found.samples, "1"),
            "smallest_eigenvalue": Quantity(float(found.eigenvalues[0]), "1"),
            "interval_error": Quantity(self._interval_error(found, restrictions[found.choice]), "1"),
        }
        if alias is not None:
            quantities["alias"] = Quantity(alias, "1")
        if self.wells:
            spread = float(np.std(found.draws[:, -1], ddof=1)) if len(found.draws) else np.nan
            quantities["external.stiffness"] = Quantity(float(found.shared[-1]), "1/time^2", spread)
        unknown = len(found.eigenvalues) - found.rank
        if unknown:
            self.notes.append(
                f"{unknown} of {len(found.eigenvalues)} directions of the coefficients are not determined by the data "
                "(eigenvalues of the scaled normal matrix below 1e-10 of the largest): they are set to zero"
            )
        self.notes += self._notes_on(alias, pinned)
        self.notes.append(
            f"phi multiplies x_j - x_i and is {'added' if self.model.normalisation == 'sum' else 'averaged'} over all "
            f"j; beyond the sampled {self.argument}, {self.splines.low:.4g} to {self.splines.high:.4g}, it is constant"
        )
        return Fitted(self._terms(found), Moved(self.target), quantities, tuple(self.notes))

    def _restriction(self, intervals: int, pinned: bool) -> Array:
        """(p, p') R of fewer intervals; with phi zero at the far end, if pinned."""
        fewer = SplineSpace(self.splines.low, self.splines.high, intervals, self.splines.degree)
        matrix = coarsened(self.splines, fewer)
        if pinned:
            matrix = matrix[:, 1:] if self.argument == "cosine" else matrix[:, :-1]
        whole = np.zeros((matrix.shape[0] + self.wells, matrix.shape[1] + self.wells))
        whole[: matrix.shape[0], : matrix.shape[1]] = matrix
        if self.wells:
            whole[-1, -1] = 1.0
        return whole

    def _alias(self) -> float | None:
        """Share of the square force of a constant phi that the external part can make as well; None without one."""
        if not self.features:
            return None
        total = self.equations.total()
        left = eliminated(total).matrix
        constant = np.zeros(len(left))
        constant[: self.splines.count] = 1.0  # cardinal B-splines add up to 1
        whole, rest = float(constant @ total.aa @ constant), float(constant @ left @ constant)
        if self.wells and left[-1, -1] > 0.0:
            rest -= float(constant @ left[:, -1]) ** 2 / float(left[-1, -1])
        return 1.0 - max(rest, 0.0) / whole if whole > 0.0 else 1.0

    def _notes_on(self, alias: float | None, pinned: bool) -> list[str]:
        if alias is None or 1.0 - alias > _NEARLY_ALIKE:
            return []
        what = (
            f"a constant phi and the {self.model.external} field make the same force (all but {1.0 - alias:.1e} of it)"
        )
        if pinned:
            end = "lowest cosine" if self.argument == "cosine" else "largest distance"
            return [f"{what}: the data cannot tell them apart, and phi is taken to be zero at the {end}"]
        return [f"{what}: that part of both is known with large errors only"]

    def _interval_error(self, found: SeparableSolution, restriction: Array) -> float:
        """Estimated error of phi by the finite interval, relative to its root mean square over the sample: the
        difference from a fit with intervals of twice the length, over 3 for the trapezoidal rule, whose error is
        O(h^2), and over 1 for forward differences; it includes the statistical error of the difference."""
        if not self.doubled.total().samples:
            return np.nan
        other = self.doubled.solution_with(restriction, found.ridge)
        values = self.splines.cardinal(self.sampled[:: max(1, len(self.sampled) // 5000)])
        one, two = values @ found.shared[: self.splines.count], values @ other[: self.splines.count]
        size = float(np.sqrt(np.mean(one**2)))
        order = 3.0 if self.scheme == "trapezoid" else 1.0
        return float(np.sqrt(np.mean((one - two) ** 2))) / order / size if size > 0.0 else np.nan

    def _terms(self, found: SeparableSolution) -> dict[str, Term]:
        grid = self.splines.grid()
        values, count = self.splines.cardinal(grid), self.splines.count
        draws = found.draws[:, :count] @ values.T
        edges = np.concatenate([[-np.inf], 0.5 * (grid[1:] + grid[:-1]), [np.inf]])
        law = PairKernelLaw(
            argument=self.argument,
            normalisation=self.model.normalisation,
            degree=self.model.degree,
            radius=self.radius or None,
        )
        arrays = {
            "argument": grid,
            "phi": values @ found.shared[:count],
            "phi_error": draws.std(axis=0, ddof=1) if len(draws) else np.full(len(grid), np.nan),
            "samples": np.histogram(self.sampled, edges)[0].astype(np.float64),
        }
        terms = {"kernel": Term(law, arrays)}
        if self.features:
            d = self.data.dimensions
            matrix, errors = np.zeros((d, d)), np.zeros((d, d))
            if self.wells:
                matrix -= found.shared[-1] * np.eye(d)
            elif self.features > 1:
                matrix, errors = found.own[1:].T, found.own_errors[1:].T
            affine = {
                "offset": found.own[0],
                "matrix": matrix,
                "reference": self.reference,
                "offset_error": found.own_errors[0],
                "matrix_error": errors,
            }
            terms["external"] = Term(AffineLaw(), affine)
        return terms


def _tangential(places: Array, vectors: Array, radius: float) -> Array:
    inward = np.sum(places * vectors, axis=1, keepdims=True) / radius**2
    return np.asarray(vectors - inward * places)


def _sampled(data: TrainingData, argument: Argument, radius: float) -> Array:
    """Values of s in evenly spaced frames, among evenly spaced rows."""
    values = []
    for group in data.groups:
        frames = np.unique(np.linspace(0, len(group.steps) - 1, max(2, _FRAMES // len(data.groups))).astype(np.int64))
        rows = np.unique(np.linspace(0, group.count - 1, min(group.count, _ROWS)).astype(np.int64))
        values += [arguments(group.frame(int(frame))[rows], argument, radius) for frame in frames]
    return np.concatenate(values)
