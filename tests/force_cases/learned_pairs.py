"""Cases of `learned`: interactions, from files written here. phi is a cubic polynomial, which its spline is exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from force_cases.attention import attention, matrices
from force_cases.case import Case, Felt, cloud, half_passive, on_sphere
from force_cases.emission_receptivity import pulled
from force_cases.learned import field_file
from gasfield.forces.learned import FieldLaw
from gasfield.forces.learned.attention import AttentionLaw
from gasfield.forces.learned.pair_kernel import PairKernelLaw
from gasfield.forces.learned.two_poles import TwoPolesLaw
from gasfield.gas import Gas
from gasfield.spaces import Free, Sphere

POWERS = np.array([0.4, -0.3, 0.1, -0.01])
"""phi = sum_q POWERS[q] s^q."""


def attracted(cosine: bool, mean: bool) -> Callable[[Gas], Felt]:
    """The definition, pair by pair: U = integral of phi r over r, or of phi over the cosine, from r = 0."""

    def felt(gas: Gas) -> Felt:
        x, sources = gas.positions, np.flatnonzero(gas.is_source)
        force, energy, q = np.zeros(x.shape), np.zeros(gas.count), np.arange(4)
        for i in range(gas.count):
            for j in sources:
                if i == j:
                    continue
                r = float(np.linalg.norm(x[i] - x[j]))
                s = float(np.dot(x[i], x[j])) if cosine else r
                force[i] += np.sum(POWERS * s**q) * (x[j] - x[i])
                pair = POWERS * (1.0 - s ** (q + 1)) / (q + 1) if cosine else POWERS * s ** (q + 2) / (q + 2)
                energy[i] += np.sum(pair) * (0.5 if gas.is_source[i] else 1.0)
        scale = 1.0 / len(sources) if mean else 1.0
        force, energy = scale * force, scale * energy
        return Felt(force, energy, sum(np.dot(a, f) for a, f in zip(x, force, strict=True)))

    return felt


def kernel_case(name: str, space: Any, gas: Callable[[], Gas], law: PairKernelLaw) -> Case:
    at = np.linspace(-1.0, 1.0, 30) if law.argument == "cosine" else np.linspace(0.0, 12.0, 60)
    arrays = {"argument": at, "phi": np.polynomial.polynomial.polyval(at, POWERS)}
    oracle = attracted(law.argument == "cosine", law.normalisation == "mean")
    return case(name, space, gas, law, arrays, {"phi": 1.02 * arrays["phi"]}, oracle)


def case(
    name: str,
    space: Any,
    gas: Callable[[], Gas],
    law: FieldLaw,
    arrays: dict[str, np.ndarray],
    wrong: dict[str, np.ndarray],
    oracle: Callable[[Gas], Felt],
) -> Case:
    d = space.dimensions
    files = [field_file(f"{name}-{number}", law, arrays | own, d) for number, own in enumerate(({}, wrong))]
    conservative = isinstance(law, PairKernelLaw)
    return Case("learned", name, space, gas, oracle, {"file": files[0]}, {"file": files[1]}, conservative=conservative)


QUERY, KEY, VALUE = matrices(3, 2, 5)
OFFSETS = np.array([[[0.5, -0.3, 1.0]] * 12, [[-0.2, 0.4, 0.3]] * 12])
"""Alike for all, since particles of different poles would be told apart where they coincide."""
POLES = {"softening": 0.3, "emission": {"matrix": 1.0, "offsets": OFFSETS[0].tolist()},
         "receptivity": {"matrix": 1.0, "offsets": OFFSETS[1].tolist()}}  # fmt: skip
CASES = [
    kernel_case("kernel", Free(dimensions=3), cloud(3), PairKernelLaw(argument="distance")),
    kernel_case(
        "mean kernel", Free(dimensions=2), half_passive(cloud(2)),
        PairKernelLaw(argument="distance", normalisation="mean"),
    ),
    kernel_case("kernel of the cosine", Sphere(dimensions=3), on_sphere, PairKernelLaw(argument="cosine", radius=1.0)),
    case("head", Free(dimensions=3), half_passive(cloud(3)), AttentionLaw(),
         {"query": 0.5 * QUERY, "key": KEY, "value": VALUE}, {"value": 1.02 * VALUE},
         attention("softmax", 0.5, [(QUERY, KEY, VALUE)])),
    case("poles", Free(dimensions=3), cloud(3), TwoPolesLaw(softening=0.3, matrix=1.0),
         {"emission": OFFSETS[0], "receptivity": OFFSETS[1]}, {"emission": 1.02 * OFFSETS[0]}, pulled(POLES)),
]  # fmt: skip
