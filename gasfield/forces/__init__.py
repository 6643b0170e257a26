"""Forces: one file a force. The registry maps the `kind` of a scenario to its specification."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gasfield.forces.base import Force, Surroundings
from gasfield.forces.circulation import Circulation
from gasfield.forces.constant import Constant
from gasfield.forces.double_well import DoubleWell
from gasfield.forces.harmonic import Harmonic
from gasfield.forces.mueller_brown import MuellerBrown
from gasfield.forces.recorded_gradient import RecordedGradient
from gasfield.forces.soft_repulsion import SoftRepulsion
from gasfield.forces.total import TotalForce
from gasfield.spec import Spec

FORCES: dict[str, type[Spec]] = {
    "harmonic": Harmonic,
    "double_well": DoubleWell,
    "mueller_brown": MuellerBrown,
    "constant": Constant,
    "circulation": Circulation,
    "soft_repulsion": SoftRepulsion,
    "recorded_gradient": RecordedGradient,
}

ForceSpec = Annotated[
    Harmonic | DoubleWell | MuellerBrown | Constant | Circulation | SoftRepulsion | RecordedGradient,
    Field(discriminator="kind"),
]
"""Union of all force specifications, told apart by `kind`."""

__all__ = [
    "FORCES",
    "Circulation",
    "Constant",
    "DoubleWell",
    "Force",
    "ForceSpec",
    "Harmonic",
    "MuellerBrown",
    "RecordedGradient",
    "SoftRepulsion",
    "Surroundings",
    "TotalForce",
]
