"""The contract of gas sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.scenario.sources import GAS_SOURCES, GasSource, SourceContext
from gasfield.spaces import Free, Space
from gasfield.testing.tools import (
    require,
)

Array = NDArray[np.float64]


def check_source(
    source: GasSource | Mapping[str, Any], space: Space | None = None, *, find: Callable[[str], Path] = Path
) -> None:
    """Runs the contract of gas sources: finite positions of one group with the given name, in the dimensions of the
    space, the same each time; in another number of dimensions it gives these, or refuses.

    Args:
        source: the specification, or the mapping that a scenario would have.
        space: where the particles live; three free dimensions if left out.
        find: resolves names of data files.

    Raises:
        AssertionError: if something does not hold.
    """
    spec, space = GAS_SOURCES.parse(source), space or Free(dimensions=3)
    gas, again = (spec.gas(SourceContext("some", space, 5, 1, find)) for _ in range(2))
    require(gas.count > 0 and np.isfinite(gas.positions).all(), "there is no particle, or a position is not finite")
    require(gas.dimensions == space.dimensions, f"positions have {gas.dimensions} dimensions, not {space.dimensions}")
    require(gas.names == ["some"] and not gas.species.any(), "the particles are not one group with the given name")
    require(set(gas.bonds) <= {"some"}, "bonds belong to no group")
    np.testing.assert_array_equal(gas.positions, again.positions, "the same context gives other positions")
    wider = Free(dimensions=space.dimensions + 1)
    try:
        other = spec.gas(SourceContext("some", wider, 5, 1, find))
    except InputError:
        return
    require(other.dimensions == wider.dimensions, "another number of dimensions is neither given nor refused")
