"""The negative control of a forecast: a motion without memory, for which persistence is the best forecast.

The increments of each step, all rows together, are permuted in time, and each is multiplied by a random sign that is
the same for all rows. Sizes and the pattern over rows stay, and every conditional mean of a later displacement is zero,
so that no forecast that uses the past can have a positive skill in expectation. (Shuffled frames are no control: they
scatter about their mean, which has skill 1/2 against persistence.)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gasfield.diagnostics import Group
from gasfield.memory import require_memory
from gasfield.streams import Stream, generator


def without_memory(group: Group, seed: int) -> Group:
    """The same rows from the same start with permuted increments of random sign, in float64.

    Raises:
        InputError: if they do not fit into memory.
    """
    require_memory(3 * 8 * group.positions.size, "the control of the forecast", "control")
    chance = generator(seed, Stream.FORECAST_CONTROL)
    places = group.places()
    increments = np.diff(places, axis=0)[chance.permutation(len(places) - 1)]
    increments *= chance.choice([-1.0, 1.0], len(increments))[:, None, None]
    positions = places[0] + np.concatenate([np.zeros_like(places[:1]), np.cumsum(increments, axis=0)])
    note = f"negative control: increments permuted in time, with a common random sign (seed {seed})"
    return replace(group, positions=positions, precision="float64", notes=(*group.notes, note))
