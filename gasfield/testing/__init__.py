"""Contracts that every registered component must fulfil, as functions for a test suite.

gasfield's own suite runs them for every registered component; authors of plug-ins run them for theirs:

    from gasfield.testing import check_force

    def test_shell():
        check_force({"kind": "shell", "stiffness": 3.0, "radius": 1.5}, Free(dimensions=3))

Each check raises an AssertionError that names the violated property. A contract is a tuple of checks
(`FORCE_CONTRACT`, ...), each of which can be called alone.
"""

from gasfield.testing.diagnostics import check_diagnostic
from gasfield.testing.dynamics import DYNAMICS_CONTRACT, DynamicsCase, check_dynamics
from gasfield.testing.forces import FORCE_CONTRACT, ForceCase, check_force
from gasfield.testing.models import check_model
from gasfield.testing.operations import check_operation
from gasfield.testing.processors import check_processor
from gasfield.testing.shapes import check_shape
from gasfield.testing.sources import check_source
from gasfield.testing.spaces import SPACE_CONTRACT, check_space

__all__ = [
    "DYNAMICS_CONTRACT",
    "FORCE_CONTRACT",
    "SPACE_CONTRACT",
    "DynamicsCase",
    "ForceCase",
    "check_diagnostic",
    "check_dynamics",
    "check_force",
    "check_model",
    "check_operation",
    "check_processor",
    "check_shape",
    "check_source",
    "check_space",
]
