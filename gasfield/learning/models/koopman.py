"""A Koopman model: a linear map of functions of the state from each frame to the next (DMD and EDMD).

With `state: rows` each row is a sample of one map, x' = C K psi(x); psi holds a constant, the position, and by
`dictionary` monomials or Gaussians (Williams, Kevrekidis and Rowley, 2015). With `state: whole` the state is the whole
gas, along its leading modes (Schmid, 2010). Directions without an axis stay as they are. `noise` corrects for noise of
the measurement: see `methods.dmd`. It is exact for positions; for nonlinear functions of noisy positions it
is an approximation.

The field is (x' - x)/h: the Euler method with the recorded interval h gives the map itself, and nothing else does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.learned import LearnedField, Moved, Term
from gasfield.forces.learned.dictionary import Dictionary, monomial_count
from gasfield.forces.learned.koopman import KoopmanLaw, WholeKoopmanLaw
from gasfield.learning.data import TrainingData
from gasfield.learning.designs.lifted import RowCoordinates, WholeCoordinates
from gasfield.learning.least_squares.normal_equations import DRAWS, share
from gasfield.learning.least_squares.ranks import ranks, simplest
from gasfield.learning.methods.dmd import Covariances, ModeDecomposition, Noise, PairSums, Step, spectrum
from gasfield.learning.model import FieldModel, Figures, Fitted
from gasfield.quantity import Quantity
from gasfield.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

_EVEN = 1e-6
"""Relative difference of intervals that are the same."""
_UNSTABLE = 1e-9
"""By how much the size of an eigenvalue exceeds 1 if it counts as unstable."""
_WHOLE_RANK = 32
"""Most modes of the whole gas, if the rank is not given."""
_FEW_DRAWS, _SLOW = 40, 200
"""Resamplings where there are more coordinates than this."""
_SHOWN = 10
"""Eigenvalues that are printed; the file has all."""


@register
class KoopmanModel(FieldModel):
    """A linear map of functions of the state, from each frame to the next."""

    kind: Literal["koopman"] = "koopman"
    state: Literal["rows", "whole"] = "rows"
    """Each row is a sample of one map; or the whole gas is one state."""
    dictionary: Dictionary = "identity"
    """Functions beside a constant and the position; the identity has none."""
    degree: int = Field(2, ge=2, le=10)
    """Largest degree of monomials."""
    centres: int = Field(100, ge=1)
    """Number of radial basis functions, with centres drawn from the positions."""
    width: float = Field(1.0, gt=0.0, allow_inf_nan=False)
    """Their width, in units of the median distance between centres."""
    axes: int | None = Field(None, ge=1)
    """Leading principal axes on which these functions depend; if left out, as many as give at most 300 monomials."""
    noise: Noise = "none"
    """Correction for noise of the measurement."""
    rank: Annotated[int, Field(ge=1)] | Literal["all", "held_out"] | None = None
    """Axes of the map: a number, all that were sampled, or the smallest number whose held-out error is within one
    standard error of the best. If left out, all for rows, and by held-out error of at most 32 for the whole gas."""
    clip: bool = False
    """Whether unstable modes are moved onto the unit circle."""

    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if the intervals between frames differ, or there are fewer pairs than functions.
        """
        assert data is not None
        if self.state == "whole" and self.dictionary != "identity":
            raise InputError("functions of the whole gas are not available: use state: rows.", parameter="dictionary")
        if self.dictionary == "monomials" and monomial_count(self.axes or 1, self.degree) > 5000:
            raise InputError(
                f"{monomial_count(self.axes or 1, self.degree)} monomials of {self.axes} axes are more than 5,000: "
                "use fewer axes, or a smaller degree.",
                parameter="axes",
            )
        interval = _interval(data)
        if self.state == "whole":
            most = self.rank if isinstance(self.rank, int) else min(_WHOLE_RANK, max(1, data.intervals // 4))
            whole = WholeCoordinates.of(data, most)
            found = _fit(self, data, whole)
            term = Term(WholeKoopmanLaw(), _whole_arrays(whole, found, interval))
            notes = [f"{whole.count} modes have {whole.share:.3%} of the variance of the positions"]
        else:
            rows = RowCoordinates.of(
                data, self.dictionary, degree=self.degree, centres=self.centres, width=self.width, axes=self.axes
            )
            found = _fit(self, data, rows)
            term = Term(KoopmanLaw(dictionary=self.dictionary), _row_arrays(rows, found, interval))
            notes = []
        return Fitted(
            terms={"koopman": term},
            moved=Moved("velocity", {"kind": "advection", "time_step": interval, "scheme": "euler"}),
            quantities=_quantities(found, interval),
            notes=(*notes, *self._notes(found)),
        )

    def figures(self, field: LearnedField) -> Figures:
        """The eigenvalues beside the unit circle."""

        def eigenvalues() -> Figure:
            from gasfield.plots.learning_linear import eigenvalues_in_the_plane

            arrays = field.terms["koopman"].arrays
            return eigenvalues_in_the_plane(arrays["eigenvalues"], arrays["eigenvalues_error"])

        return {"eigenvalues": eigenvalues}

    def _notes(self, found: _Found) -> list[str]:
        notes = []
        if found.unstable:
            done = "they are moved onto the unit circle" if self.clip else "clip: true moves them onto the unit circle"
            notes.append(
                f"{found.unstable} of {len(found.eigenvalues)} modes are unstable, up to {found.radius:.6g}: {done}"
            )
        if self.noise != "none" and self.dictionary != "identity":
            notes.append("the correction for noise is exact for positions, and approximate for functions of them")
        return notes


@dataclass(frozen=True)
class _Found:
    """The map, with its numbers.

    Attributes:
        step: the map of the coordinates.
        eigenvalues: (r + 1,) with that of the constant, the largest first.
        errors: (r + 1,) their standard errors.
        radius, radius_error: the spectral radius without the constant.
        unstable, unstable_error: the number of unstable modes.
        quality: dotted key -> number.
    """

    step: Step
    eigenvalues: NDArray[np.complex128]
    errors: Array
    radius: float
    radius_error: float
    unstable: int
    unstable_error: float
    quality: dict[str, Quantity]


def _interval(data: TrainingData) -> float:
    """The one interval between frames.

    Raises:
        InputError: if they differ.
    """
    spans = np.concatenate([np.diff(group.times) for group in data.groups])
    usual = float(np.median(spans))
    if np.abs(spans - usual).max() > _EVEN * usual:
        raise InputError(
            f"the intervals between frames are {spans.min():g} to {spans.max():g}: the map of a Koopman model "
            f"belongs to one interval.{_even_range(data)} Or use the model linear, which fits velocities.",
            parameter="frames",
        )
    return usual


def _even_range(data: TrainingData) -> str:
    """Where the longest run of even intervals is, in words, for a single trajectory."""
    if len(data.groups) > 1:
        return ""
    spans = np.diff(data.groups[0].times)
    breaks = np.flatnonzero(np.abs(np.diff(spans)) > _EVEN * spans[:-1]) + 1
    edges = np.r_[0, breaks, len(spans)]
    longest = int(np.argmax(np.diff(edges)))
    first, last = int(edges[longest]), int(edges[longest + 1])
    return (
        f" The longest part with even ones is {last - first + 1} frames from number {first} on, {spans[first]:g} apart."
    )


def _fit(model: KoopmanModel, data: TrainingData, coordinates: RowCoordinates | WholeCoordinates) -> _Found:
    sums = PairSums(coordinates.count, data.block_count, both_ways=model.noise != "none")
    for part in coordinates.pairs(data):
        for block in np.unique(part.blocks):
            chosen = part.blocks == block
            before, after = (each[chosen].reshape(-1, coordinates.count) for each in (part.before, part.after))
            sums.add(int(block), before, after, float(part.squares[chosen].sum()))
    pairs = int(sums.counts.sum())
    if pairs < coordinates.count + 1:
        raise InputError(
            f"{pairs} pairs of successive positions for {coordinates.count + 1} functions: too little data. Use more "
            "frames or rows, or fewer functions."
        )
    whole = _decomposition(model, sums.covariances())
    rank, held_out, error = _best_rank(model, sums, whole.most, coordinates.states)
    step = whole.step(rank, model.clip)
    values, vectors = spectrum(step.inner)
    draws = 0 if len(sums.used) < 3 else DRAWS if coordinates.count <= _SLOW else _FEW_DRAWS
    inverse = np.linalg.pinv(vectors)
    drawn = [
        np.einsum("ij,jk,ki->i", inverse, whole.inner_of(each, rank), vectors, optimize=True)
        for each in sums.resampled(data.seed, draws)
    ]
    return _found(step, values, np.array(drawn), _quality(sums, step, coordinates, pairs, held_out, error))


def _decomposition(model: KoopmanModel, found: Covariances) -> ModeDecomposition:
    return ModeDecomposition(found, model.noise, scaled=model.dictionary != "identity")


def _best_rank(model: KoopmanModel, sums: PairSums, most: int, states: int) -> tuple[int, float, float]:
    """The rank, the share of the squared displacement that is left over on blocks that were left out, and its error."""
    asked = model.rank or ("all" if model.state == "rows" else "held_out")
    if isinstance(asked, int) and asked > most:
        raise InputError(f"positions and functions have a spread along {most} axes, not {asked}.", parameter="rank")
    candidates = ranks(most, most if asked == "all" else asked if isinstance(asked, int) else None)
    candidates = [rank for rank in candidates if rank]
    left = np.empty((len(candidates), len(sums.used)))
    for column, block in enumerate(sums.used.tolist()):
        found = _decomposition(model, sums.without(block))
        for row, rank in enumerate(candidates):
            left[row, column] = sums.left_over(found.step(rank, model.clip), block, states)
    best = simplest(left, float(sums.square.sum()))
    squares = sums.square[sums.used] - sums.resolved(states)[sums.used]
    return candidates[best], *share(left[best] + squares, sums.square[sums.used])


def _quality(
    sums: PairSums,
    step: Step,
    coordinates: RowCoordinates | WholeCoordinates,
    pairs: int,
    held_out: float,
    error: float,
) -> dict[str, Quantity]:
    left = np.array([sums.left_over(step, int(block), coordinates.states) for block in sums.used])
    outside = sums.square - sums.resolved(coordinates.states)
    return {
        "held_out": Quantity(held_out, "1", error),
        "training": Quantity(float((left.sum() + outside.sum()) / sums.square.sum()), "1"),
        "functions": Quantity(coordinates.count + 1, "1"),
        "rank": Quantity(len(step.inner), "1"),
        "pairs": Quantity(pairs, "1"),
    }


def _found(
    step: Step, values: NDArray[np.complex128], drawn: NDArray[np.complex128], numbers: dict[str, Quantity]
) -> _Found:
    """With errors from the eigenvalues of bootstrap samples (draws, r), to first order in their change."""
    sizes = np.abs(drawn) if len(drawn) else np.full((2, len(values)), np.nan)
    errors = np.std(drawn, axis=0, ddof=1) if len(drawn) else np.full(len(values), np.nan)
    place = int(np.sum(np.abs(values) > 1.0))  # the constant has the eigenvalue 1, without error
    count = int(np.sum(np.abs(values) > 1.0 + _UNSTABLE))
    return _Found(
        step=step,
        eigenvalues=np.insert(values, place, 1.0),
        errors=np.insert(errors, place, 0.0),
        radius=float(np.abs(values[0])),
        radius_error=float(np.std(sizes.max(axis=1), ddof=1)),
        unstable=count,
        unstable_error=float(np.std(np.sum(sizes > 1.0 + _UNSTABLE, axis=1), ddof=1)) if len(drawn) else np.nan,
        quality=numbers,
    )


def _row_arrays(rows: RowCoordinates, found: _Found, interval: float) -> dict[str, Array]:
    """Those of a `KoopmanLaw`."""
    step, d = found.step, rows.states
    response = step.response[:d] / interval
    return {
        "offset": step.shift[:d] / interval - response[:, :d] @ step.mean[:d],
        "matrix": response[:, :d],
        "centre": rows.centre,
        "axes": rows.axes,
        "table": rows.table,
        "mean": step.mean[d:],
        "weights": response[:, d:].T,
        **_eigenvalues(found),
    }


def _whole_arrays(whole: WholeCoordinates, found: _Found, interval: float) -> dict[str, Array]:
    """Those of a `WholeKoopmanLaw`."""
    step = found.step
    matrix = step.response / interval
    return {
        "offset": step.shift / interval - matrix @ step.mean,
        "matrix": matrix,
        "modes": whole.modes,
        "mean": whole.mean,
        **_eigenvalues(found),
    }


def _eigenvalues(found: _Found) -> dict[str, Array]:
    values = found.eigenvalues
    return {"eigenvalues": np.stack([values.real, values.imag], axis=1), "eigenvalues_error": found.errors}


def _quantities(found: _Found, interval: float) -> dict[str, Quantity]:
    values, errors = found.eigenvalues[:_SHOWN], found.errors[:_SHOWN].tolist()
    radius = max(found.radius, 1e-300)
    growth = Quantity(float(np.log(radius)) / interval, "1/time", found.radius_error / radius / interval)
    numbers = found.quality | {
        "spectral_radius": Quantity(found.radius, "1", found.radius_error),
        "growth": growth,
        "unstable": Quantity(found.unstable, "1", found.unstable_error),
        "eigenvalues": Quantity(values.real.tolist(), "1", errors),
    }
    if np.any(values.imag):
        numbers["imaginary_parts"] = Quantity(values.imag.tolist(), "1", errors)
    return numbers
