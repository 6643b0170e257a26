"""Cases of `orbiting_wells`: places as sums of turned arms, by complex numbers; then wells that stand still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from force_cases.case import Case, Felt, cloud, external
from force_cases.gaussian_wells import gaussians
from gasfield.gas import Gas
from gasfield.spaces import Free


def at_time(time: float, gas: Callable[[], Gas]) -> Callable[[], Gas]:
    def made() -> Gas:
        later = gas()
        later.time = time
        return later

    return made


def orbiting(wells: list[dict[str, Any]], centre: list[float]) -> Callable[[Gas], Felt]:
    def place(well: dict[str, Any], time: float) -> np.ndarray:
        middle = np.array(centre) if well.get("around") is None else place(wells[well["around"]], time)
        arm = well.get("radius", 0.0) * np.exp(1j * (well.get("rate", 0.0) * time + well.get("phase", 0.0)))
        i, j = well.get("plane", [0, 1])
        middle[i], middle[j] = middle[i] + arm.real, middle[j] + arm.imag
        return middle

    def felt(gas: Gas) -> Felt:
        standing = [{"at": place(well, gas.time), "depth": well["depth"], "width": well["width"]} for well in wells]
        return external(gaussians(standing))(gas)

    return felt


WHEELS = [
    {"depth": 2.0, "width": 0.7},
    {"around": 0, "radius": 1.5, "rate": 0.8, "depth": 1.0, "width": 0.5},
    {"around": 1, "radius": 0.5, "rate": -3.0, "phase": 0.4, "plane": [1, 2], "depth": -0.6, "width": 0.4},
]
PAIR = [{"radius": 1.0, "rate": 0.5, "phase": phase, "depth": 1.0, "width": 0.6} for phase in (0.0, 3.0)]
CASES = [
    Case("orbiting_wells", "3D", Free(dimensions=3), at_time(1.7, cloud(3)), orbiting(WHEELS, [0.1, 0.2, 0.3]),
         {"wells": WHEELS, "centre": [0.1, 0.2, 0.3]}, {"wells": [*WHEELS[:2], WHEELS[2] | {"rate": -3.05}]}),
    Case("orbiting_wells", "2D at the start", Free(dimensions=2), cloud(2), orbiting(PAIR, [0.0, 0.0]),
         {"wells": PAIR}, {"wells": [PAIR[0], PAIR[1] | {"phase": 3.05}]}),
]  # fmt: skip
