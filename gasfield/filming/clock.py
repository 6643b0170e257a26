"""The clock of a film: the step that each of its pictures shows, the same for all trajectories in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError

Steps = NDArray[np.int64]
MOST = 20_000
"""Most pictures of a film."""


def clock_of(steps: Sequence[Steps], frames: int, speed: float | None, frames_per_second: float) -> Steps:
    """The steps (F,) that a film shows.

    Args:
        steps: of the frames of each trajectory.
        frames: most pictures, if no speed is given: frames of a single trajectory, evenly chosen; of several, steps
            evenly spread from the first of any to the last of any.
        speed: steps in a second of film.
        frames_per_second: of the film.

    Raises:
        InputError: if a film at that speed has fewer than two pictures, or too many.
    """
    first, last = min(int(own[0]) for own in steps), max(int(own[-1]) for own in steps)
    if speed is not None:
        count = np.floor((last - first) / speed * frames_per_second) + 1
        if not 2 <= count <= MOST:
            text = f"at this speed {last - first} steps give {count:,.0f} pictures; a film has 2 to {MOST:,}."
            raise InputError(text, parameter="speed", value=speed)
        shown = first + np.arange(int(count)) * (speed / frames_per_second)
        return np.append(shown[:-1], last).round().astype(np.int64)
    if len(steps) == 1:
        own = steps[0]
        return own[np.unique(np.linspace(0, len(own) - 1, frames).astype(np.int64))]
    return np.unique(np.linspace(first, last, frames).round().astype(np.int64))


def frames_at(steps: Steps, clock: Steps) -> Steps:
    """(F,) index of the last frame at or before each step of a clock; the first frame before that."""
    return np.maximum(np.searchsorted(steps, clock, side="right") - 1, 0)
