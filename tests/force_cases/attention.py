"""Cases of `attention`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from force_cases.case import Case, Felt, cloud, half_passive, on_sphere
from gasfield.gas import Gas
from gasfield.spaces import Free, Sphere

Heads = list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def attention(form: str, beta: float, heads: Heads | None = None) -> Callable[[Gas], Felt]:
    """The definition, pair by pair."""

    def felt(gas: Gas) -> Felt:
        x, pushers, eye = gas.positions, np.flatnonzero(gas.is_source), np.eye(gas.dimensions)
        force, energy, n = np.zeros(x.shape), np.zeros(gas.count), len(np.flatnonzero(gas.is_source))
        for query, key, value in heads or [(eye, eye, eye)]:
            for i in range(gas.count):
                weights = np.array([np.exp(beta * np.dot(query @ x[i], key @ x[j])) for j in pushers])
                norm = weights.sum() if form == "softmax" else n
                force[i] += sum(w * (value @ x[j]) for w, j in zip(weights, pushers, strict=True)) / norm
                whole = -sum(
                    (w - 1) / beta if beta else np.dot(x[i], x[j]) for w, j in zip(weights, pushers, strict=True)
                )
                energy[i] = whole / n * (0.5 if gas.is_source[i] else 1.0)
        plain = form == "unnormalised" and heads is None
        return Felt(force, energy if plain else None, sum(np.dot(a, f) for a, f in zip(x, force, strict=True)))

    return felt


def crowd(dimensions: int, count: int) -> Callable[[], Gas]:
    """More than a block of particles."""
    return cloud(dimensions, 0.6, count)


def matrices(dimensions: int, inner: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    shapes = ((inner, dimensions), (inner, dimensions), (dimensions, dimensions))
    return tuple(chance.uniform(0.2, 1.5, shape) for shape in shapes)  # type: ignore[return-value]


def written(head: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Any]:
    return dict(zip(("query", "key", "value"), (matrix.tolist() for matrix in head), strict=True))


def case(about: str, space: Any, gas: Callable[[], Gas], form: str, beta: float, heads: Heads | None = None) -> Case:
    law: dict[str, Any] = {"form": form, "beta": beta}
    if heads is not None:
        law |= written(heads[0]) if len(heads) == 1 else {"heads": [written(head) for head in heads]}
    conservative = form == "unnormalised" and heads is None
    return Case("attention", f"{form} {about}", space, gas, attention(form, beta, heads), law, {"beta": beta + 0.02},
                conservative=conservative)  # fmt: skip


ONE, TWO = matrices(3, 2, 5), matrices(3, 4, 6)
CASES = [
    case("1D", Free(dimensions=1), cloud(1), "softmax", 1.5),
    case("sphere", Sphere(dimensions=3), on_sphere, "softmax", 4.0),
    case("beta 0", Free(dimensions=3), cloud(3), "softmax", 0.0),
    case("passive, blocks, 10D", Free(dimensions=10), half_passive(crowd(10, 300)), "softmax", 0.7),
    case("one head", Free(dimensions=3), half_passive(cloud(3)), "softmax", 0.5, [ONE]),
    case("two heads", Free(dimensions=3), cloud(3, 0.5), "softmax", 0.5, [ONE, TWO]),
    case("two heads", Free(dimensions=3), cloud(3, 0.5), "unnormalised", 0.3, [ONE, TWO]),
    case("1D", Free(dimensions=1), cloud(1, 0.5), "unnormalised", 1.5),
    case("passive 3D", Free(dimensions=3), half_passive(cloud(3, 0.5)), "unnormalised", 1.5),
    case("sphere", Sphere(dimensions=3), on_sphere, "unnormalised", 3.0),
    case("beta 0", Free(dimensions=2), half_passive(cloud(2)), "unnormalised", 0.0),
]
