"""Forces, one file each. `FORCES` maps the `kind` of a scenario to its specification."""

from gasfield.forces.base import FORCES, Force, ForceLaw, ForceSpec, Surroundings
from gasfield.forces.external import ExternalForce
from gasfield.forces.pairwise import PairForce, require_room
from gasfield.forces.total import TotalForce, build_force
from gasfield.kernels.leaf import leaf
from gasfield.registry import register

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
