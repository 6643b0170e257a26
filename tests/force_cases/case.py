"""What tests need to know of a force: a space, a gas, its definition in plain NumPy, and a parameter that is wrong.

Every module of this folder has a list `CASES` of one kind of force; the tests of the contract take them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import naive
import numpy as np
from pydantic import TypeAdapter

from gasfield.forces import AnyForce, Force, Surroundings
from gasfield.gas import Gas
from gasfield.spaces import Space

SPEC: TypeAdapter[Any] = TypeAdapter(AnyForce)


def gas_at(positions: np.ndarray, is_source: np.ndarray | None = None, step: int = 0) -> Gas:
    count = len(positions)
    gas = Gas(positions, np.zeros(count, np.int64), ["gas"], np.full(count, -1), [""] * count, step=step)
    return gas if is_source is None else Gas(**{**vars(gas), "is_source": is_source})


def build(kind: str, space: Space, **parameters: Any) -> Force:
    return SPEC.validate_python({"kind": kind, **parameters}).build(Surroundings(space))


def pull(force: Force, gas: Gas) -> np.ndarray:
    total = np.zeros(gas.positions.shape)
    force.add(gas, total)
    return total


@dataclass
class Felt:
    """What an oracle says; energy is None where there is none."""

    force: np.ndarray
    energy: np.ndarray | None
    virial: float


@dataclass
class Case:
    """A force in a space with a gas, what the definition says, and a parameter that is slightly wrong."""

    kind: str
    about: str
    space: Space
    gas: Callable[[], Gas]
    oracle: Callable[[Gas], Felt]
    right: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, Any] = field(default_factory=dict)
    conservative: bool = True

    def __str__(self) -> str:
        return f"{self.kind} {self.about}"

    def force(self) -> Force:
        return build(self.kind, self.space, **self.right)

    def wrong_force(self) -> Force:
        return build(self.kind, self.space, **(self.right | self.wrong))


def cloud(dimensions: int, spread: float = 1.0, count: int = 12) -> Callable[[], Gas]:
    return lambda: gas_at(spread * np.random.default_rng(0).standard_normal((count, dimensions)))


def half_passive(gas: Callable[[], Gas]) -> Callable[[], Gas]:
    def made() -> Gas:
        whole = gas()
        return replace(whole, is_source=np.arange(whole.count) % 2 == 0)

    return made


def weighted(gas: Callable[[], Gas]) -> Callable[[], Gas]:
    """The same particles with masses and charges, one of them neutral."""

    def made() -> Gas:
        whole = gas()
        masses, charges = 1 + np.arange(whole.count) / 4, np.arange(whole.count) % 5 - 2.0
        return replace(whole, masses=masses, charges=charges)

    return made


def spread_out(dimensions: int, count: int = 12) -> Callable[[], Gas]:
    """Places of a jittered lattice of distance 1, so that nobody sits in another's core."""

    def made() -> Gas:
        side = int(np.ceil(count ** (1 / dimensions)))
        corners = np.stack(np.meshgrid(*[np.arange(side)] * dimensions, indexing="ij"), -1).reshape(-1, dimensions)
        jitter = np.random.default_rng(2).uniform(-0.15, 0.15, (count, dimensions))
        return gas_at(corners[:count].astype(float) + jitter)

    return made


def on_sphere() -> Gas:
    positions = np.random.default_rng(1).standard_normal((12, 3))
    return gas_at(positions / np.linalg.norm(positions, axis=1, keepdims=True))


def external(law: Callable[[np.ndarray], tuple[np.ndarray | None, np.ndarray]]) -> Callable[[Gas], Felt]:
    """An oracle from a law that gives (energy, force) at places; its virial is the sum of x . F."""

    def felt(gas: Gas) -> Felt:
        energy, force = law(gas.positions)
        return Felt(force, energy, sum(np.dot(x, f) for x, f in zip(gas.positions, force, strict=True)))

    return felt


def between_pairs(
    law: Callable[[float], tuple[float, float, float]],
    space: Space,
    strengths: Callable[[Gas], np.ndarray] = lambda gas: np.ones(gas.count),
) -> Callable[[Gas], Felt]:
    """An oracle from U, dU/dr and d2U/dr2 of a distance r."""

    def felt(gas: Gas) -> Felt:
        pairs = naive.pairs(gas.positions, gas.is_source, law, space.periods, strengths(gas))
        whole = sum(np.dot(x, f) for x, f in zip(gas.positions, pairs.force, strict=True))
        return Felt(pairs.force, pairs.energy, pairs.virial if space.periods.any() else whole)

    return felt
