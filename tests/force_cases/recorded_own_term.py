"""Cases of `recorded_own_term`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from paths import RECORDINGS

from force_cases.case import Case, external, gas_at
from gasfield.gas import Gas
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory

FILE, OTHER, STEP, COUNT = RECORDINGS / "kjv-bf16.h5", RECORDINGS / "kjv-fp32.h5", 50, 3


def live_rows() -> Gas:
    """Not where they were in the recording, and not in its order."""
    with Trajectory(FILE) as recording:
        rows = recording.members("live")[COUNT - 1 :: -1]
        gas = gas_at(recording.frame(STEP)[rows].astype(np.float64) + 0.1, step=STEP)
        return replace(gas, token_ids=recording.token_ids[rows])


def changed(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energy and force by the definition: of log Z_b' - log Z_b, less those of the recorded field."""
    with Trajectory(FILE) as recording:
        at = recording.full_field().at(STEP)
        rows = recording.members("live")[COUNT - 1 :: -1]
        own = recording.frame(int(np.searchsorted(recording.steps, STEP)))[rows].astype(np.float64)
    energy, force = np.zeros(len(places)), np.zeros(places.shape)
    for row, (place, before) in enumerate(zip(places, own, strict=True)):
        for h, log_z, weight in zip(at.hidden, at.log_partition, at.weight, strict=True):
            there = np.exp(np.dot(place, h) - log_z)
            ratio = 1 - np.exp(np.dot(before, h) - log_z) + there
            energy[row] += weight * (np.log(ratio) - there)
            force[row] -= weight * (there / ratio - there) * h
    return energy, force


CASES = [
    Case("recorded_own_term", "", Free(dimensions=64), live_rows, external(changed),
         {"file": str(FILE)}, {"file": str(OTHER)})
]  # fmt: skip
