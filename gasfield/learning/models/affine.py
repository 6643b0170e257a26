"""An affine field: the velocity, or mean displacement per unit of time, is a + A (x - c).

Between frames h apart the exact solution is an affine map, so that A is biased by O(h) with forward differences,
y = a + A x(t), and by O(h^2) with the trapezoidal rule, y = a + A (x(t) + x(t + h))/2. Noise of the motion is
uncorrelated with x(t) but not with x(t + h): for thermal or rounded motion the forward difference is the unbiased one.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from gasfield.forces.learned import Moved, Term
from gasfield.forces.learned.affine import AffineLaw
from gasfield.learning.data import TrainingData
from gasfield.learning.least_squares.normal_equations import NormalEquations
from gasfield.learning.least_squares.quality import quality
from gasfield.learning.model import FieldModel, Fitted
from gasfield.registry import register


@register
class AffineModel(FieldModel):
    """F(x) = a + A (x - c) with a full matrix; c is the mean of the training data."""

    kind: Literal["affine"] = "affine"
    scheme: Literal["forward", "trapezoid"] = "forward"
    """Where the field is taken: at the start of each interval, or as the mean of both ends."""
    symmetric: bool = False
    """Whether only the symmetric part of the matrix is kept, so that the field has a potential."""

    def fit(self, data: TrainingData | None) -> Fitted:
        """Fits the model.

        Raises:
            InputError: if there are fewer rows and frames than parameters.
        """
        assert data is not None
        d, reference = data.dimensions, data.sample().mean(axis=0)
        equations = NormalEquations(d + 1, d, data.block_count)
        for part in data.transitions():
            places = (part.start if self.scheme == "forward" else part.middle) - reference
            design = np.concatenate([np.ones((*places.shape[:2], 1)), places], axis=2)
            for block in np.unique(part.blocks):
                chosen = part.blocks == block
                equations.add(int(block), design[chosen].reshape(-1, d + 1), part.slopes[chosen].reshape(-1, d))
        found = equations.solve(names="coefficients", seed=data.seed)
        offset, matrix = found.coefficients[0], found.coefficients[1:].T
        arrays = {
            "offset": offset,
            "matrix": 0.5 * (matrix + matrix.T) if self.symmetric else matrix,
            "reference": reference,
            "offset_error": found.errors[0],
            "matrix_error": found.errors[1:].T,
        }
        return Fitted({"affine": Term(AffineLaw(), arrays)}, Moved("velocity"), quality(found))
