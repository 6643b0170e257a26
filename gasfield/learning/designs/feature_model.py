"""What the models of a field in features of one position have in common: their number, their scale, and the motion."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gasfield.learning.data import Array
from gasfield.learning.designs.basis import length_scales
from gasfield.learning.model import FieldModel
from gasfield.learning.motion import Scheme


class FeatureModel(FieldModel):
    """A field as a sum over features of the position."""

    count: int = Field(200, ge=1, le=5000)
    """Number of features."""
    length_scale: float | None = Field(None, gt=0.0, allow_inf_nan=False)
    """Of the features [length]; by cross-validation among multiples of the median distance if left out."""
    target: Literal["velocity", "force"] | None = None
    """What the field is; if left out, the force for runs with stored velocities, the velocity otherwise."""
    scheme: Scheme | None = None
    """Where the field is taken; if left out, half way where the motion is without noise; else at the start of each
    interval, or of the one before where successive displacements share their noise."""

    def widths(self, places: Array, seed: int) -> list[float]:
        """The length scales to choose from, given a sample of places (M, D) [length]."""
        return length_scales(places, seed) if self.length_scale is None else [self.length_scale]
