"""What a simulation in memory starts from: a gas, an array, a source or a list of groups become one initial state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError, about
from gasfield.forces import Force, ForceSpec
from gasfield.gas import Gas
from gasfield.scenario.initial_state import GroupSource, InitialState
from gasfield.simulation.room import require_room
from gasfield.spaces import AnySpace, Free, Space
from gasfield.spec import parse
from gasfield.tracers import Tracer

GasLike = Gas | ArrayLike | Mapping[str, Any] | Sequence[GroupSource | Mapping[str, Any]]
"""A gas, positions (N, D), a source as in YAML (`{"kind": "matrix", "file": ...}`), or a list of groups as there."""
Find = Callable[[str], Path]


def specification(annotation: Any, data: Any, *place: str | int) -> Any:
    """A specification as it is, or the one that a mapping describes."""
    with about(*place):
        return parse(annotation, data)


def initial_state(
    gas: GasLike,
    tracers: Sequence[Tracer],
    space: Space | Mapping[str, Any] | None,
    seed: int,
    find: Find,
    forces: Sequence[Force | ForceSpec] = (),
) -> InitialState:
    """The initial state that a gas, an array, a source, or groups describe, if it and the forces fit into memory."""
    given = None if space is None else specification(AnySpace, space, "space")
    if isinstance(gas, Mapping):
        gas = [{"name": "gas", "from": gas}]
    if (
        isinstance(gas, Sequence)
        and (len(gas) or tracers)
        and all(isinstance(g, GroupSource | Mapping) for g in gas[:1])
    ):
        if given is None:
            raise InputError("groups that come from sources need a space.", parameter="space")
        groups = [specification(GroupSource, group, "gas", number) for number, group in enumerate(gas)]
        require_room(groups, tracers, given, forces)
        return InitialState.of_sources(groups, tracers, given, seed, find)
    with about("gas"):
        whole = gas.copy() if isinstance(gas, Gas) else Gas(_positions(gas))
        whole.positions = whole.positions.astype(np.float64)
    within = given or Free(dimensions=whole.dimensions)
    require_room((), tracers, within, forces, particles=whole.count)
    return InitialState.of_gas(whole, tracers, within, seed, find)


def _positions(values: Any) -> NDArray[np.float64]:
    """(N, D) finite positions from whatever NumPy takes for an array."""
    try:
        positions = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise InputError("is neither a gas, nor positions (N, D), nor a list of groups.") from None
    if positions.ndim != 2 or not positions.size or not np.isfinite(positions).all():
        shape = " x ".join(map(str, positions.shape)) or "a single number"
        raise InputError(f"positions are finite numbers of shape N x D, one row a particle; these are {shape}.")
    return positions
