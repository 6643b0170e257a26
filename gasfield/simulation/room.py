"""Room for a simulation: all sizes that a scenario asks for, checked against memory before anything is allocated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gasfield.errors import about
from gasfield.forces import Force, ForceSpec
from gasfield.memory import require_memory
from gasfield.scenario.initial_state import GroupSource
from gasfield.spaces import Space
from gasfield.tracers import Tracer

_COPIES = 4
"""Of the arrays of the gas that exist at the same time: those of the start, the state, forces, and the scratch space of
the dynamics. Measured with a million particles: 3.1 (adamw) to 4.8 (brownian, hmc) by 1/0.8 of free memory."""
_VALUES, _REST = 16, 57
"""Bytes of a particle for each coordinate (position and velocity), and of everything else: mass, charge, ids, ..."""


def require_room(
    groups: Sequence[GroupSource],
    tracers: Sequence[Tracer],
    space: Space,
    forces: Sequence[Force | ForceSpec],
    *,
    particles: int = 0,
) -> None:
    """Refuses a simulation that cannot fit into memory.

    Groups and tracers whose sizes are in files are not counted; readers of files check those.

    Args:
        groups: the sources of the gas.
        tracers: all of them.
        space: for its dimensions.
        forces: their specifications; forces that are built already are not counted.
        particles: that are there already.

    Raises:
        InputError: naming the keys that make it so large, and the size.
    """
    sizes: dict[str, int] = {f"gas.{n}.from.count": group.source.size or 0 for n, group in enumerate(groups)}
    sizes |= {f"tracers.{n}.shape": tracer.shape.size or 0 for n, tracer in enumerate(tracers)}
    count, dimensions = particles + sum(sizes.values()), space.dimensions
    largest = max(sizes, key=lambda key: sizes[key], default="gas")
    culprit = largest if sizes.get(largest, 0) >= dimensions else "space.dimensions"
    what = f"a gas of {_in_words(count)} particles ({largest}) in {_in_words(dimensions)} dimensions (space.dimensions)"
    require_memory(_COPIES * count * (_VALUES * dimensions + _REST), what, culprit)
    for number, force in enumerate(forces):
        if isinstance(force, ForceSpec):
            with about("forces", number):
                kind: Any = force.kind
                what = f"{kind} with {_in_words(dimensions)} dimensions (space.dimensions)"
                require_memory(force.storage(count, dimensions), what)


def _in_words(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"{float(number):.3g}"
