"""Room for a simulation: all sizes that a scenario asks for, checked against memory before anything is allocated, and
those of its files against the disk before the run begins."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gasfield.dynamics import DynamicsSpec
from gasfield.errors import Note, about
from gasfield.forces import Force, ForceSpec
from gasfield.memory import free_disk, require_disk, require_memory
from gasfield.operations import Every, OperationSpec
from gasfield.operations.trajectory import TrajectoryFile
from gasfield.scenario import Scenario
from gasfield.scenario.initial_state import GroupSource
from gasfield.spaces import Space
from gasfield.tracers import Tracer
from gasfield.trajectory.size import file_bytes, waiting_bytes

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


_NOISY, _STILL = 0.6, 0.02
"""The least size of compressed frames, as a share: of particles that noise moves at every step, whose digits are random
(measured: 0.7 to 0.95), and of those that may come to rest."""
_CHECKPOINTS = 2
"""Checkpoints that a run keeps at any time."""


def require_room_for_run(scenario: Scenario, particles: int, folder: Path, *, written: int = 0) -> None:
    """Refuses a run whose files cannot fit on the disk, or whose frames cannot wait in memory for being written. What
    may not fit, depending on how well it compresses, is noted.

    Args:
        scenario: of the run.
        particles: that it has.
        folder: the run directory, which need not exist yet.
        written: bytes of its trajectory that are on the disk already.

    Raises:
        InputError: naming the keys that make it so large, and the size.
    """
    law, length, dimensions = scenario.law, scenario.run, scenario.space.dimensions
    frames = length.steps // length.record_every + 1 + sum(_frames(each, length.steps) for each in scenario.operations)
    seen = length.steps // (length.observe_every or length.record_every) + 1
    of_file: dict[str, Any] = {"precision": law.lattice, "velocities": law.has_velocities}
    what = (
        f"the trajectory of {_in_words(frames)} frames (run.steps, run.record_every) of {_in_words(particles)} "
        f"particles in {_in_words(dimensions)} dimensions"
    )
    with scenario.faults_at():
        require_memory(waiting_bytes(particles, dimensions, frames, **of_file), f"writing {what}", "run.record_every")
        kept = _CHECKPOINTS * particles * (_VALUES * dimensions + _REST)
        whole = file_bytes(particles, dimensions, frames, seen, **of_file)
        least = int((_NOISY if _always_moves(law, scenario) else _STILL) * whole)
        require_disk(max(least - written, 0) + kept, folder, what, "run.record_every")
    free = free_disk(folder)
    if free is not None and whole - written + kept > free:
        text = f"{what} may need {whole / 1e9:,.1f} GB, more than the disk has free ({free / 1e9:.1f} GB)"
        warnings.warn(Note(text), stacklevel=2)


def _always_moves(law: DynamicsSpec, scenario: Scenario) -> bool:
    """Whether noise moves every particle at every step."""
    bath = scenario.temperature
    return law.thermal and bath is not None and bath.lowest > 0.0


def _frames(operation: OperationSpec, steps: int) -> int:
    """Frames that an operation writes besides those of the run."""
    trigger = operation.trigger
    return steps // trigger.steps + 1 if isinstance(operation, TrajectoryFile) and isinstance(trigger, Every) else 0


def _in_words(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"{float(number):.3g}"
