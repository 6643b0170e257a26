"""Whether the dynamics of a simulation are those that its learned fields were learned for."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

from gasfield.dynamics import DynamicsSpec
from gasfield.errors import InputError, Note
from gasfield.forces import TotalForce
from gasfield.forces.moved import Moved

_USE = {
    "velocity": "the velocity of the rows: use dynamics of kind advection or brownian",
    "gradient": "minus the gradient of an optimiser: use the optimiser as dynamics",
    "force": "a force on masses: use dynamics with velocities",
}
_TOLERANCE = 1e-6
"""Relative difference of two constants of an optimiser that counts as rounding."""


def require_learned_for(forces: TotalForce, law: DynamicsSpec) -> None:
    """Compares the dynamics with what each learned field was learned for; other constants of the same optimiser are
    noted with their numbers.

    Raises:
        InputError: if a field is used as something that it is not.
    """
    for number, force in enumerate(forces):
        if force.moved is not None:
            if force.moved.target not in _used_as(law):
                raise InputError(f"it was learned as {_USE[force.moved.target]}.", parameter=f"forces.{number}")
            for difference in _differences(force.moved, law):
                warnings.warn(Note(f"forces.{number}: {difference}"), stacklevel=3)


def _used_as(law: DynamicsSpec) -> tuple[str, ...]:
    """As what dynamics use the force on a particle of mass 1."""
    if law.is_optimiser:
        return ("gradient",)
    if law.force_is_velocity:
        return ("velocity",)
    return ("force",) if law.has_velocities else ("velocity", "force")  # overdamped motion in units of the mobility


def _differences(moved: Moved, law: DynamicsSpec) -> Iterator[str]:
    kind = moved.law.get("kind")
    if kind not in (None, law.kind):
        yield f"the field was learned for {kind}, the dynamics are {law.kind}"
        return
    for name, learned in moved.law.items():
        own = getattr(law, name, None)
        if name != "kind" and own is not None and not _same(own, learned):
            yield f"{name} is {own}; the field was learned for {learned}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=0.0)
    return bool(one == other)
