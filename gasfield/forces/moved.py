"""The motion that a learned field belongs to: a velocity, the gradient of an optimiser, or a force on masses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Target = Literal["velocity", "gradient", "force"]
"""What a field is: the velocity of the rows [length/time], minus the gradient that an optimiser turns into a step
[energy/length], or a force that accelerates masses [energy/length]."""


@dataclass(frozen=True)
class Moved:
    """The motion that a field was learned for.

    Attributes:
        target: what the field is.
        law: the dynamics and its constants as far as they matter and are known (`kind`, `learning_rate` of an
            optimiser, `time_step` of a map); empty where any dynamics of that target will do.
    """

    target: Target
    law: Mapping[str, Any] = field(default_factory=dict)
