"""Repeated checkpoints: frames of an imported series that are one and the same matrix are no motion and no rest.

An import compares whole checkpoints, before rows are chosen, and keeps the steps of those that are bit for bit another
one (`schema.REPEATS`). A simulation and a recording have none: what rests there is frozen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.trajectory import Trajectory, schema

_NAMED = 8


def distinct_frames(trajectory: Trajectory) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Indices of the frames of a trajectory that are not repeated checkpoints; and a note on the others."""
    frames = np.arange(len(trajectory))
    group, _, name = schema.REPEATS.rpartition("/")
    if name not in trajectory.numbers_of(group):
        return frames, ()
    repeated = np.isin(trajectory.steps, trajectory.observable(schema.REPEATS).steps)
    if not repeated.any():
        return frames, ()
    steps = trajectory.steps[repeated]
    more = f" and {len(steps) - _NAMED} more" if len(steps) > _NAMED else ""
    named = ", ".join(map(str, steps[:_NAMED].tolist()))
    note = f"{len(steps)} of {len(frames)} frames are checkpoints repeated bit for bit (steps {named}{more}): left out"
    return frames[~repeated], (note,)
