"""A field without assumptions on its potential, split into a gradient and a rotational part.

    F(x) = a + A y + sum_k v_k sin(w_k . y + b_k),  y = x - mean

with a vector for each random Fourier feature. Fourier features are closed under gradients (that of cos is along w sin),
so that the split (`methods.helmholtz`) is exact within the span: the terms `gradient`, which has an energy,
and `rotational` add up to the fitted field. It is orthogonal under the density of the sampled places.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.forces.learned import LearnedField, Moved, Term
from gasfield.forces.learned.features import FourierFeatures
from gasfield.forces.learned.fourier import FourierField
from gasfield.learning.data import TrainingData
from gasfield.learning.designs.basis import (
    RIDGES,
    Frame,
    draw_features,
    evaluate,
    law_of,
    shrink_features,
    smoothest,
)
from gasfield.learning.designs.feature_model import FeatureModel
from gasfield.learning.designs.field_samples import Motion, motion_of, samples, thinning
from gasfield.learning.least_squares.normal_equations import NormalEquations
from gasfield.learning.least_squares.quality import quality
from gasfield.learning.methods.helmholtz import GradientPart, GradientProjection, shares_of
from gasfield.learning.model import Figures, Fitted
from gasfield.quantity import Quantity
from gasfield.registry import register

Array = NDArray[np.float64]

_NAMES = "features and axes"
_NUMBERS = 5_000_000
"""Coordinates of the places over which the field is split."""
_AMPLE = 10
"""Coordinates of different rows for each gradient projected onto, below which the split is called uncertain."""


@register
class GeneralModel(FeatureModel):
    """A field that need not be a gradient, and its Helmholtz-Hodge split."""

    tried: ClassVar[bool] = False

    kind: Literal["general"] = "general"

    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if there are fewer places than parameters, or velocities are missing.
        """
        assert data is not None
        motion = motion_of(data, self.target, self.scheme)
        places = data.sample(max(1000, min(20_000, _NUMBERS // data.dimensions)))
        frame = Frame.of(places)
        widths = self.widths(places, data.seed)
        drawn = [_fourier(self.count, frame.inwards(places), width, data.seed) for width in widths]
        best = _best_of(data, motion, frame, drawn) if len(drawn) > 1 else 0
        features = drawn[best]
        (equations,) = general_equations(data, motion, frame, [features])
        penalty = _penalty(equations)
        found = equations.solve(RIDGES, penalty=penalty, names=_NAMES, seed=data.seed)

        z = frame.inwards(places)
        design, projection = _design(features, z), GradientProjection(features, z)
        field, part = design @ found.coefficients, projection.of(design @ found.coefficients)
        shares = shares_of(projection, field, [design @ move for move in equations.influences(found, penalty)])
        numbers = quality(found) | {
            "length_scale": Quantity(widths[best], "length"),
            "share.gradient": Quantity(shares.gradient, "1", shares.error),
            "share.rotational": Quantity(shares.rotational, "1", shares.error),
        }
        notes = [
            *motion.notes,
            f"gradient and rotational part are orthogonal under the density of {len(z)} sampled places, "
            f"{projection.rank} gradients",
        ]
        if motion.friction:
            notes.append("m dv/dt includes the mean friction -m gamma <v> at each place")
        rows = sum(group.count for group in data.groups)
        if rows * data.dimensions < _AMPLE * projection.rank:
            notes.append(
                f"{rows} rows in {data.dimensions} dimensions for {projection.rank} gradients: if rows stay near their "
                "places, a part of the rotation is taken for a gradient. Use more rows or fewer features"
            )
        terms = _terms(frame, features, found.coefficients, part)
        return Fitted(terms, Moved(motion.target), numbers, tuple(notes))

    def figures(self, field: LearnedField) -> Figures:
        """The two parts in the plane of the leading axes, and their shares."""
        from gasfield.learning.pictures import general_figures

        return general_figures(field)


def general_equations(
    data: TrainingData, motion: Motion, frame: Frame, choices: list[FourierFeatures], every: int = 1
) -> list[NormalEquations]:
    """The normal equations of each choice of features along the axes of a frame, in one pass over the data."""
    d = data.dimensions
    equations = [NormalEquations(1 + d + features.count, d, data.block_count) for features in choices]
    for part in samples(data, motion, every):
        z, field = frame.inwards(part.places), frame.turned(part.field)
        for features, sums in zip(choices, equations, strict=True):
            sums.add(part.block, _design(features, z), field)
    return equations


def _best_of(data: TrainingData, motion: Motion, frame: Frame, choices: list[FourierFeatures]) -> int:
    tried = general_equations(data, motion, frame, choices, every=thinning(data))
    errors = [
        equations.solve(RIDGES, penalty=_penalty(equations), names=_NAMES, draws=0).held_out for equations in tried
    ]
    return smoothest(errors)


def _penalty(equations: NormalEquations) -> Array:
    return shrink_features(equations.parameters, slice(1 + equations.right.shape[1], None))


def _fourier(count: int, z: Array, width: float, seed: int) -> FourierFeatures:
    features = draw_features("fourier", count, z, width, seed)
    assert isinstance(features, FourierFeatures)
    return features


def _design(features: FourierFeatures, z: Array) -> Array:
    """(n, 1 + D + K): 1, z, and the sines."""
    return np.concatenate([np.ones((len(z), 1)), z, evaluate(features, z)], axis=1)


def _terms(frame: Frame, features: FourierFeatures, coefficients: Array, part: GradientPart) -> dict[str, Term]:
    """Both parts in the coordinates of the trajectories."""
    axes, d = frame.axes, len(frame.mean)
    law, described = law_of(features, frame)
    turned = axes.T @ part.matrix @ axes
    symmetric = 0.5 * (turned + turned.T)
    gradient = {"offset": axes.T @ part.offset, "matrix": symmetric, "amplitudes": part.amplitudes}
    vectors = coefficients[1 + d :] - part.amplitudes[:, None] * features.waves
    rotational = {
        "offset": axes.T @ (coefficients[0] - part.offset),
        "matrix": axes.T @ coefficients[1 : 1 + d].T @ axes - symmetric,
        "vectors": vectors @ axes,
    }
    common = {"reference": frame.mean, **described}
    return {"gradient": Term(law, gradient | common), "rotational": Term(FourierField(), rotational | common)}
