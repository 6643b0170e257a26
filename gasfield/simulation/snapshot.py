"""A state of a simulation in memory, to which it can be set back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from gasfield.simulation.arrangement import Arrangement


@dataclass(frozen=True)
class Snapshot:
    """What a simulation is set back to.

    Attributes:
        arrays: its state, as a checkpoint holds it.
        arrangement: who is there, and what acts on them.
        restored: whether it goes on from a state that was restored.
        waiting: whether operations wait for the next step.
    """

    arrays: Mapping[str, NDArray[Any]]
    arrangement: Arrangement
    restored: bool
    waiting: bool
