"""Diagnostics: named results with units and errors from a trajectory, simulated or recorded. One file each, in folders
by physics; `DIAGNOSTICS` has them all by kind."""

from typing import Any

from gasfield.diagnostics.base import DIAGNOSTICS, Diagnostic, GroupedResult, Result, Scope
from gasfield.diagnostics.context import NotApplicable, Origin, RunContext
from gasfield.diagnostics.diagnosis import Diagnosis, LeftOut, diagnose
from gasfield.diagnostics.group import Group
from gasfield.diagnostics.headline import Headline
from gasfield.registry import register

__all__ = [
    "DIAGNOSTICS",
    "Diagnosis",
    "Diagnostic",
    "Group",
    "GroupedResult",
    "Headline",
    "LeftOut",
    "NotApplicable",
    "Origin",
    "Result",
    "RunContext",
    "Scope",
    "diagnose",
    "register",
]


def __getattr__(name: str) -> Any:
    """Every registered diagnostic by the name of its class, so that none is imported before it is used."""
    for spec in DIAGNOSTICS.values() if name[:1].isupper() else ():
        if spec.__name__ == name:
            return spec
    raise AttributeError(f"module 'gasfield.diagnostics' has no attribute '{name}'")
