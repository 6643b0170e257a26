"""Forces: one file a force. The registry maps the `kind` of a scenario to its specification."""

from __future__ import annotations

from gasfield.forces.base import Force, Surroundings
from gasfield.forces.recorded_gradient import RecordedGradient
from gasfield.spec import Spec

FORCES: dict[str, type[Spec]] = {"recorded_gradient": RecordedGradient}

ForceSpec = RecordedGradient
"""Union of all force specifications, told apart by `kind`."""

__all__ = ["FORCES", "Force", "ForceSpec", "RecordedGradient", "Surroundings"]
