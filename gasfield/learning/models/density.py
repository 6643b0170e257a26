"""An energy landscape from samples, U = -T log p: a gas at temperature T has the density of the data.

p is a mixture of Gaussians or a kernel density. Number of components and bandwidth are chosen by held-out likelihood;
of mixtures that are worse than the best choice by less than a standard error, the smallest is taken. Each fifth of the
sample is left out once. A fifth consists of whole rows where there are many, because the same row a moment later is no
independent sample; and of a stretch of time where there are few.

Samples fix only U/T. T is given, or comes from the motion with a named estimator (`methods.temperature`); if
it is a diffusion coefficient, the field is a velocity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.learned import LearnedField, Moved, Target, Term
from gasfield.forces.learned.mixture import MixtureLaw
from gasfield.learning.data import Sample, TrainingData
from gasfield.learning.methods.gaussian_mixture import Density, fit_mixture, kernel_density, kernel_scores
from gasfield.learning.methods.temperature import Estimator, temperature_of
from gasfield.learning.model import FieldModel, Figures, Fitted
from gasfield.quantity import Quantity
from gasfield.registry import register
from gasfield.streams import Stream, generator

Array = NDArray[np.float64]

COMPONENTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16)
"""Numbers of components that are tried, until two more make the held-out likelihood worse."""
BANDWIDTHS = tuple(float(number) for number in np.geomspace(0.04, 1.2, 14))
"""Bandwidths that are tried, in units of the spread of the sample."""
_FOLDS = 5
_MANY = 20
"""Rows from which on folds consist of whole rows."""


@register
class DensityModel(FieldModel):
    """U = -T log p of the sampled places."""

    needs_motion: ClassVar[bool] = False

    tried: ClassVar[bool] = False

    kind: Literal["density"] = "density"
    estimator: Literal["mixture", "kernel"] | None = None
    """Of the density; both are tried if it is left out."""
    components: int | None = Field(None, ge=1, le=1000)
    """Gaussians of the mixture; by held-out likelihood if left out."""
    bandwidth: float | None = Field(None, gt=0.0, allow_inf_nan=False)
    """Of the kernels, in units of the spread of the sample [1]; by held-out likelihood if left out."""
    temperature: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | Estimator | None = None
    """T, or how it is found: kinetic, configurational or diffusion. From the motion if left out."""
    target: Literal["velocity", "force"] | None = None
    """What the field is; if left out, a velocity where T is a diffusion coefficient, and a force otherwise."""
    samples: int = Field(4000, ge=10, le=20_000)
    """Most places that the density is estimated from; a kernel density has a Gaussian on each."""

    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if T is not known, there are too few different places, or parameters contradict each other.
        """
        assert data is not None
        if self.components is not None and self.bandwidth is not None:
            raise InputError("components belong to a mixture, a bandwidth to kernels: give one.", parameter="bandwidth")
        temperature, how = self._temperature(data)
        sample = data.labelled_sample(self.samples)
        points, folds, kind = sample.places, *_folds_of(sample, data)
        if len(np.unique(points, axis=0)) < 2 * _FOLDS:
            raise InputError(f"{len(np.unique(points, axis=0))} different places: at least {2 * _FOLDS} are needed.")
        choices = list(self._choices(points, folds, data.seed))
        best = _simplest(choices, folds)
        single = next((choice for choice in choices if choice.name == "1 component"), None)
        single = single or _mixture_choice(points, folds, 1, data.seed)
        density = best.build(points, data.seed)
        gain, gain_error = _mean_of_folds(best.scores - single.scores, folds)
        mean, error = _mean_of_folds(best.scores, folds)
        numbers = {
            "temperature": temperature,
            "log_likelihood": Quantity(mean, "1", error),
            "log_likelihood.over_one_gaussian": Quantity(gain, "1", gain_error),
            "components": Quantity(len(density.centres), "1"),
            "samples": Quantity(len(points), "1"),
            "energy_range": Quantity(_kt_range(density, points), "1"),
        }
        if best.bandwidth is not None:
            numbers["bandwidth"] = Quantity(best.bandwidth, "1")
        notes = [
            how,
            f"chosen: {best.name}; held out were {kind}",
            *_worth(best, gain, gain_error, points),
        ]
        arrays = {
            "centres": density.centres,
            "log_weights": density.log_weights,
            "shapes": density.shapes,
            "temperature": np.array(float(np.asarray(temperature.value))),
        }
        target: Target = self.target or ("velocity" if temperature.unit == "length^2/time" else "force")
        return Fitted({"density": Term(MixtureLaw(), arrays)}, Moved(target), numbers, tuple(notes))

    def figures(self, field: LearnedField) -> Figures:
        """The energy in the plane of the leading axes."""
        from gasfield.learning.pictures import energy_figures

        return energy_figures(field, "density")

    def _temperature(self, data: TrainingData) -> tuple[Quantity, str]:
        if isinstance(self.temperature, float | int):
            return Quantity(float(self.temperature), "energy"), "T is given"
        if self.temperature is None and all(len(group.steps) < 3 for group in data.groups):
            raise InputError(
                "samples fix only U/T, and fewer than three frames show no motion: give the temperature.",
                parameter="temperature",
            )
        found, estimator = temperature_of(data, self.temperature)
        return found, f"T is {estimator}: {found.text()} {found.unit}"

    def _choices(self, points: Array, folds: NDArray[np.int64], seed: int) -> Iterator[_Choice]:
        if self.bandwidth is None and self.estimator != "kernel":
            yield from _mixtures(points, folds, COMPONENTS if self.components is None else (self.components,), seed)
        if self.components is None and self.estimator != "mixture":
            tried = BANDWIDTHS if self.bandwidth is None else (self.bandwidth,)
            for bandwidth, scores in zip(tried, kernel_scores(points, tried, folds), strict=True):
                yield _Choice(f"kernels of bandwidth {bandwidth:.3g}", scores, bandwidth=bandwidth)


def _worth(best: _Choice, gain: float, error: float, points: Array) -> list[str]:
    """What must be said of the gain over a single Gaussian, per place."""
    count, d = points.shape
    notes = []
    if count < d * (d + 3) // 2:
        notes.append(
            f"{count} places for the {d * (d + 3) // 2} numbers of a single Gaussian in {d} dimensions: it is not "
            "resolved itself, so that a gain over it means little"
        )
    if best.components != 1 and gain <= 2.0 * error:
        notes.append(
            f"the held-out likelihood is not better than that of a single Gaussian ({gain:.3g} +- {error:.2g} for each "
            f"place, in {d} dimensions): the landscape is not resolved beyond a harmonic well"
        )
    return notes


@dataclass(frozen=True)
class _Choice:
    """A density that was tried: log p of each place (N,) under the fit to the other folds."""

    name: str
    scores: Array
    components: int | None = None
    bandwidth: float | None = None

    def build(self, points: Array, seed: int) -> Density:
        if self.components is not None:
            return fit_mixture(points, self.components, seed)
        assert self.bandwidth is not None
        return kernel_density(points, self.bandwidth)


def _simplest(choices: Sequence[_Choice], folds: NDArray[np.int64]) -> _Choice:
    """The best choice; or the first mixture that is not worse than it by more than a standard error."""
    best = max(choices, key=lambda choice: float(choice.scores.mean()))
    for choice in choices:
        if choice.components is not None:
            loss, error = _mean_of_folds(best.scores - choice.scores, folds)
            if loss <= error:
                return choice
    return best


def _mixtures(points: Array, folds: NDArray[np.int64], tried: tuple[int, ...], seed: int) -> Iterator[_Choice]:
    best, worse = -np.inf, 0
    for components in tried:
        if components * 2 > len(points):
            return
        choice = _mixture_choice(points, folds, components, seed)
        yield choice
        score = float(choice.scores.mean())
        best, worse = max(best, score), 0 if score > best else worse + 1
        if worse == 2:
            return


def _mixture_choice(points: Array, folds: NDArray[np.int64], components: int, seed: int) -> _Choice:
    scores = np.empty(len(points))
    for fold in np.unique(folds):
        out = folds == fold
        scores[out] = fit_mixture(points[~out], components, seed).log_at(points[out])
    name = f"{components} component" + ("s" if components > 1 else "")
    return _Choice(name, scores, components=components)


def _folds_of(sample: Sample, data: TrainingData) -> tuple[NDArray[np.int64], str]:
    """(M,) the fold of each place, and what a fold consists of."""
    chance = generator(data.seed, Stream.FIELD_CENTRES, 2)
    if min(group.count for group in data.groups) >= _MANY:
        folds = np.empty(len(sample.rows), np.int64)
        for source, group in enumerate(data.groups):
            own, mine = chance.permutation(group.count) % _FOLDS, sample.sources == source
            folds[mine] = own[sample.rows[mine]]
        return folds, "whole rows"
    lengths = np.array([len(group.steps) for group in data.groups])
    if lengths.min() < _FOLDS:
        return chance.permutation(len(sample.rows)) % _FOLDS, "places at random"
    return sample.frames * _FOLDS // lengths[sample.sources], "stretches of time"


def _mean_of_folds(scores: Array, folds: NDArray[np.int64]) -> tuple[float, float]:
    """The mean of scores (N,), and its standard error over folds and over places, whichever is larger."""
    each = np.array([scores[folds == fold].mean() for fold in np.unique(folds)])
    by_fold, by_place = each.std(ddof=1) / np.sqrt(len(each)), scores.std(ddof=1) / np.sqrt(len(scores))
    return float(scores.mean()), float(max(by_fold, by_place))


def _kt_range(density: Density, points: Array) -> float:
    """The range of U/T over the sample."""
    return float(np.ptp(density.log_at(points)))
