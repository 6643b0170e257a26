"""Dynamics, one file each. `DYNAMICS` maps the `kind` of a scenario to its specification."""

from gasfield.dynamics.adafactor import Adafactor
from gasfield.dynamics.adamw import AdamW
from gasfield.dynamics.advection import Advection
from gasfield.dynamics.andersen import Andersen
from gasfield.dynamics.base import (
    DYNAMICS,
    AnyDynamics,
    Conditions,
    Dynamics,
    DynamicsSpec,
    ForceField,
    FreeDiffusion,
    take_back,
)
from gasfield.dynamics.bath import Bath
from gasfield.dynamics.brownian import Brownian
from gasfield.dynamics.coupled_adam import CoupledAdam
from gasfield.dynamics.hmc import Hmc, Mala
from gasfield.dynamics.langevin import Langevin
from gasfield.dynamics.lion import Lion
from gasfield.dynamics.metropolis import Metropolis
from gasfield.dynamics.muon import Muon
from gasfield.dynamics.newton import Newton
from gasfield.dynamics.nose_hoover import NoseHoover
from gasfield.dynamics.sgd import SGD

__all__ = [
    "DYNAMICS",
    "SGD",
    "Adafactor",
    "AdamW",
    "Advection",
    "Andersen",
    "AnyDynamics",
    "Bath",
    "Brownian",
    "Conditions",
    "CoupledAdam",
    "Dynamics",
    "DynamicsSpec",
    "ForceField",
    "FreeDiffusion",
    "Hmc",
    "Langevin",
    "Lion",
    "Mala",
    "Metropolis",
    "Muon",
    "Newton",
    "NoseHoover",
    "take_back",
]
