"""Forces: one file a force. The registry maps the `kind` of a scenario to its specification."""

from gasfield.forces.base import Force, ForceLaw, Surroundings
from gasfield.forces.external import ExternalForce
from gasfield.forces.pairwise import PairForce, require_room
from gasfield.forces.registry import FORCES, ForceSpec, register
from gasfield.forces.total import TotalForce, build_force
from gasfield.kernels.leaf import leaf

__all__ = [
    "FORCES",
    "ExternalForce",
    "Force",
    "ForceLaw",
    "ForceSpec",
    "PairForce",
    "Surroundings",
    "TotalForce",
    "build_force",
    "leaf",
    "register",
    "require_room",
]
