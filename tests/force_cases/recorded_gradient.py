"""Cases of `recorded_gradient`."""

from __future__ import annotations

from collections.abc import Callable

import naive
import numpy as np
from paths import RECORDINGS

from force_cases.case import Case, external, gas_at
from gasfield.gas import Gas
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory

RECORDED = str(RECORDINGS / "kjv-bf16.h5")


def dead_rows() -> Gas:
    with Trajectory(RECORDINGS / "kjv-bf16.h5") as recording:
        return gas_at(recording.frame(0)[:3].astype(np.float64), step=50)


def recorded(name: str) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    def law(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with Trajectory(RECORDINGS / "kjv-bf16.h5") as recording:
            affine, full = recording.affine_field().at(50), recording.full_field().at(50)
        if name == "affine":
            known = (affine.reference, affine.gradient, affine.hessian)
            return naive.affine_energy(places, affine.potential, *known), naive.affine_force(places, *known)
        state = (full.hidden, full.log_partition, full.weight)
        return naive.full_energy(places, *state), naive.full_force(places, *state)

    return law


CASES = [
    Case("recorded_gradient", name, Free(dimensions=64), dead_rows, external(recorded(name)),
         {"file": RECORDED, "field": name}, {"field": other})
    for name, other in (("affine", "full"), ("full", "affine"))
]  # fmt: skip
