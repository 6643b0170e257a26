"""Cases of `constant`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from force_cases.case import Case, Felt, cloud, external
from gasfield.gas import Gas
from gasfield.spaces import Free, Periodic


def constant(force: list[float], *, periodic: bool = False) -> Callable[[Gas], Felt]:
    def law(places: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        return np.array([-np.dot(force, x) for x in places]), np.array([force for _ in places])

    def wound(gas: Gas) -> Felt:
        return Felt(law(gas.positions)[1], None, 0.0)

    return wound if periodic else external(law)


CASES = [
    Case("constant", "free", Free(dimensions=3), cloud(3), constant([1.0, -2.0, 0.5]),
         {"force": [1.0, -2.0, 0.5]}, {"force": [1.0, -2.02, 0.5]}),
    Case("constant", "periodic", Periodic(dimensions=2, side=3.0), cloud(2), constant([1.0, -2.0], periodic=True),
         {"force": [1.0, -2.0]}, {"force": [1.0, -2.02]}, conservative=False),
]  # fmt: skip
