"""Laws of motion, one file each; `DYNAMICS` names those that a scenario can ask for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gasfield.dynamics.adamw import AdamW
from gasfield.dynamics.advection import Advection
from gasfield.dynamics.andersen import Andersen
from gasfield.dynamics.base import Conditions, Dynamics, ForceField, Law
from gasfield.dynamics.bath import Bath
from gasfield.dynamics.brownian import Brownian
from gasfield.dynamics.hmc import Hmc, Mala
from gasfield.dynamics.langevin import Langevin
from gasfield.dynamics.metropolis import Metropolis
from gasfield.dynamics.newton import Newton
from gasfield.dynamics.nose_hoover import NoseHoover
from gasfield.dynamics.sgd import SGD

DYNAMICS: dict[str, type[Law]] = {
    "newton": Newton,
    "langevin": Langevin,
    "brownian": Brownian,
    "nose_hoover": NoseHoover,
    "andersen": Andersen,
    "advection": Advection,
    "metropolis": Metropolis,
    "mala": Mala,
    "hmc": Hmc,
    "adamw": AdamW,
    "sgd": SGD,
}
"""`kind` in YAML -> specification, whose `build(gas, conditions)` gives the law of motion."""

DynamicsSpec = Annotated[
    Newton | Langevin | Brownian | NoseHoover | Andersen | Advection | Metropolis | Mala | Hmc | AdamW | SGD,
    Field(discriminator="kind"),
]
"""Union of all laws of motion, told apart by `kind`."""

__all__ = [
    "DYNAMICS",
    "SGD",
    "AdamW",
    "Advection",
    "Andersen",
    "Bath",
    "Brownian",
    "Conditions",
    "Dynamics",
    "DynamicsSpec",
    "ForceField",
    "Hmc",
    "Langevin",
    "Law",
    "Mala",
    "Metropolis",
    "Newton",
    "NoseHoover",
]
