"""Cases of `constant`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from force_cases.case import Case, Felt, cloud, external, weighted
from gasfield.gas import Gas
from gasfield.spaces import Free, Periodic


def constant(force: list[float], *, periodic: bool = False) -> Callable[[Gas], Felt]:
    def law(places: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        return np.array([-np.dot(force, x) for x in places]), np.array([force for _ in places])

    def wound(gas: Gas) -> Felt:
        return Felt(law(gas.positions)[1], None, 0.0)

    return wound if periodic else external(law)


def electric(gas: Gas) -> Felt:
    field = np.array([1.0, -2.0])
    force = gas.charges[:, None] * field
    return Felt(force, -gas.charges * (gas.positions @ field), float(np.sum(gas.positions * force)))


CASES = [
    Case("constant", "free", Free(dimensions=3), cloud(3), constant([1.0, -2.0, 0.5]),
         {"force": [1.0, -2.0, 0.5]}, {"force": [1.0, -2.02, 0.5]}),
    Case("constant", "periodic", Periodic(dimensions=2, side=3.0), cloud(2), constant([1.0, -2.0], periodic=True),
         {"force": [1.0, -2.0]}, {"force": [1.0, -2.02]}, conservative=False),
    Case("constant", "electric", Free(dimensions=2), weighted(cloud(2)), electric,
         {"force": [1.0, -2.0], "per": "charge"}, {"force": [1.0, -2.02]}),
]  # fmt: skip
