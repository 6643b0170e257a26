"""Laws of motion, one file each; `DYNAMICS` names those that a scenario can ask for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gasfield.dynamics.adamw import AdamW
from gasfield.dynamics.base import Dynamics
from gasfield.dynamics.sgd import SGD
from gasfield.spec import Spec

DYNAMICS: dict[str, type[Spec]] = {"adamw": AdamW, "sgd": SGD}
"""`kind` in YAML -> specification, whose `build(gas)` gives the law of motion."""

DynamicsSpec = Annotated[AdamW | SGD, Field(discriminator="kind")]
"""Union of all laws of motion, told apart by `kind`."""

__all__ = ["DYNAMICS", "SGD", "AdamW", "Dynamics", "DynamicsSpec"]
