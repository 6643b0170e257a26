"""The state of a gas as arrays by name: what a checkpoint holds of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.gas import Gas
from gasfield.spaces import Space

State = Mapping[str, NDArray[Any]]


def state_of(gas: Gas) -> dict[str, NDArray[Any]]:
    """Copies of everything that changes in a gas."""
    arrays: dict[str, NDArray[Any]] = {
        "gas/positions": gas.positions.copy(),
        "gas/ids": gas.ids.copy(),
        "gas/step": np.array(gas.step),
        "gas/time": np.array(gas.time),
    }
    if gas.velocities is not None:
        arrays["gas/velocities"] = gas.velocities.copy()
    if gas.images is not None:
        arrays["gas/images"] = gas.images.copy()
    return arrays


def restore_gas(gas: Gas, space: Space, state: State) -> None:
    """Puts back what `state_of` gave, in place, into a gas of as many particles.

    Raises:
        KeyError: if an array is missing.
        ValueError: if one has another shape.
    """
    gas.positions[...] = state["gas/positions"]
    if gas.velocities is not None:
        gas.velocities[...] = state["gas/velocities"]
    if gas.images is not None:
        gas.images[...] = state.get("gas/images", 0)
        space.wrap(gas.positions, gas.images)  # releases without images left positions unwrapped
    gas.step, gas.time = int(state["gas/step"]), float(state["gas/time"])


def under(prefix: str, state: State) -> dict[str, NDArray[Any]]:
    """The arrays whose names have a prefix, without it."""
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
