"""Cases of `recorded_pull`."""

from __future__ import annotations

from dataclasses import replace

import naive
import numpy as np
from paths import RECORDINGS

from force_cases.case import Case, external, gas_at
from gasfield.gas import Gas
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory

FILE, STEP, COUNT = RECORDINGS / "kjv-bf16.h5", 50, 3


def live_rows() -> Gas:
    """Not where they were in the recording, and not in its order."""
    with Trajectory(FILE) as recording:
        rows = recording.members("live")[COUNT - 1 :: -1]
        gas = gas_at(recording.frame(STEP)[rows].astype(np.float64) + 0.1, step=STEP)
        return replace(gas, token_ids=recording.token_ids[rows])


def pulled(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with Trajectory(FILE) as recording:
        field, series = recording.affine_field().at(STEP), recording.live_gradients()
        rows = recording.members("live")[COUNT - 1 :: -1]
        where = recording.frame(int(np.searchsorted(recording.steps, STEP)))[rows].astype(np.float64)
    gradient = series.values[list(series.steps).index(STEP)][COUNT - 1 :: -1]
    force = -gradient - naive.affine_force(where, field.reference, field.gradient, field.hessian)
    return -np.sum(force * places, axis=1), force


CASES = [
    Case("recorded_pull", "affine", Free(dimensions=64), live_rows, external(pulled),
         {"file": str(FILE), "field": "affine"}, {"field": "full"})
]  # fmt: skip
