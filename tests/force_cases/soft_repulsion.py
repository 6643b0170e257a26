"""Cases of `soft_repulsion`."""

from __future__ import annotations

from collections.abc import Callable

import naive
import numpy as np

from force_cases.case import Case, Felt, cloud, half_passive, on_sphere
from gasfield.gas import Gas
from gasfield.spaces import Free, Periodic, Space, Sphere


def soft(strength: float, reach: float, space: Space) -> Callable[[Gas], Felt]:
    def felt(gas: Gas) -> Felt:
        pairs = naive.soft_repulsion(gas.positions, gas.is_source, strength, reach, space.periods)
        whole = sum(np.dot(x, f) for x, f in zip(gas.positions, pairs.force, strict=True))
        return Felt(pairs.force, pairs.energy, pairs.virial if space.periods.any() else whole)

    return felt


def soft_case(about: str, space: Space, gas: Callable[[], Gas], reach: float = 1.2) -> Case:
    law = {"strength": 3.0, "cutoff": reach}
    return Case("soft_repulsion", about, space, gas, soft(3.0, reach, space), law, {"cutoff": 0.99 * reach})


CASES = [
    soft_case("1D", Free(dimensions=1), cloud(1)),
    soft_case("passive 2D", Free(dimensions=2), half_passive(cloud(2))),
    soft_case("periodic 3D", Periodic(dimensions=3, side=2.5), cloud(3, 2.0)),
    soft_case("passive periodic 8D", Periodic(dimensions=8, side=2.0), half_passive(cloud(8, 0.3)), 1.0),
    soft_case("sphere", Sphere(dimensions=3), on_sphere),
]
