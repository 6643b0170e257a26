"""Forces, one file each. `FORCES` maps the `kind` of a scenario to its specification."""

from typing import Any

from gasfield.forces.base import FORCES, AnyForce, Force, ForceSpec, Surroundings
from gasfield.forces.external import ExternalForce
from gasfield.forces.pairwise import PairForce, require_room
from gasfield.forces.strengths import NotNegative, PositiveStrength, Strength
from gasfield.forces.total import TotalForce, build_alone, build_force
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.registry import register
from gasfield.renames import former_name

__all__ = [
    "FORCES",
    "AnyForce",
    "ExternalForce",
    "Force",
    "ForceSpec",
    "NotNegative",
    "PairForce",
    "PositiveStrength",
    "Strength",
    "Surroundings",
    "TotalForce",
    "build_alone",
    "build_force",
    "pointwise_kernel",
    "register",
    "require_room",
]

_FORMER = {"ForceLaw": "ForceSpec", "leaf": "pointwise_kernel"}
"""Former names, which plug-ins may still import."""


def __getattr__(name: str) -> Any:
    if name in _FORMER and former_name(name, _FORMER[name]):
        return globals()[_FORMER[name]]
    raise AttributeError(f"module 'gasfield.forces' has no attribute '{name}'")
