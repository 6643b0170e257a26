"""A law of motion at work without files: what the tests of the engine have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from gasfield.dynamics import Bath, Conditions, Dynamics, DynamicsSpec
from gasfield.forces import ForceSpec, Surroundings, TotalForce
from gasfield.gas import Gas
from gasfield.kernels.threads import threads_worth
from gasfield.schedules import TemperatureSpec
from gasfield.spaces import Free, Space, SpaceSpec

_LAW: TypeAdapter[Any] = TypeAdapter(DynamicsSpec)
_FORCE: TypeAdapter[Any] = TypeAdapter(ForceSpec)
_SPACE: TypeAdapter[Any] = TypeAdapter(SpaceSpec)
_TEMPERATURE: TypeAdapter[Any] = TypeAdapter(TemperatureSpec)

HARMONIC = {"kind": "harmonic", "stiffness": 1.0}


def free(dimensions: int) -> dict[str, Any]:
    return {"kind": "free", "dimensions": dimensions}


@dataclass
class Engine:
    """A gas with its law of motion.

    Attributes:
        gas: the state.
        dynamics: the law at work on it.
        forces: the sum of its forces.
        space: where it lives.
    """

    gas: Gas
    dynamics: Dynamics
    forces: TotalForce
    space: Space

    def run(self, steps: int) -> Gas:
        """Advances by some steps."""
        pairs = self.gas.count if self.forces.interacting else 1
        with threads_worth(self.gas.positions.size * pairs):
            for _ in range(steps):
                self.dynamics.advance(self.gas)
        return self.gas

    def samples(self, frames: int, every: int, what: Callable[[Gas], np.ndarray]) -> np.ndarray:
        """(frames, ...) copies of something, once in `every` steps."""
        return np.array([np.array(what(self.run(every))) for _ in range(frames)])

    def energy(self) -> float:
        """Kinetic and potential energy of the gas."""
        pairs = self.gas.count if self.forces.interacting else 1
        with threads_worth(self.gas.positions.size * pairs):
            return float(self.gas.kinetic_energies().sum() + self.forces.energy(self.gas).sum())


def engine(
    law: dict[str, Any],
    positions: np.ndarray,
    *,
    forces: Sequence[dict[str, Any]] = (HARMONIC,),
    space: dict[str, Any] | None = None,
    temperature: Any = None,
    velocities: np.ndarray | None = None,
    masses: np.ndarray | None = None,
    seed: int = 1,
) -> Engine:
    """Builds a law of motion for particles at `positions` (N, D); at rest if no velocities are given."""
    count, dimensions = positions.shape
    place = _SPACE.validate_python(space or free(dimensions))
    spec = _LAW.validate_python(law)
    gas = Gas(
        positions.copy(), np.zeros(count, np.int64), ["gas"], np.full(count, -1), [""] * count,
        masses=np.ones(count) if masses is None else masses,
    )  # fmt: skip
    if spec.has_velocities:
        gas.velocities = np.zeros(positions.shape) if velocities is None else velocities.copy()
    total = TotalForce([_FORCE.validate_python(force).build(Surroundings(place)) for force in forces])
    bath = None if temperature is None else Bath(_TEMPERATURE.validate_python(temperature), gas.names)
    dynamics = spec.build(gas, Conditions(place, total, bath, seed))
    dynamics.project(gas)
    dynamics.begin(gas)
    return Engine(gas, dynamics, total, place)


def replica_mean(samples: np.ndarray) -> tuple[float, float, float]:
    """Mean of samples (frames, replicas), its standard error, and the effective number of samples.

    Replicas are independent, so the spread of their own means in time gives the error, however long they remember.
    """
    own = samples.mean(axis=0).ravel()
    error = float(own.std(ddof=1) / np.sqrt(len(own)))
    return float(own.mean()), error, float(samples.var() / error**2)


def halvings(step: float, count: int) -> Iterator[tuple[int, float]]:
    """(steps, time step) of runs over one time with ever halved steps."""
    for k in range(count):
        yield 2**k, step / 2**k


@dataclass(frozen=True)
class Prescribed:
    """A field of force given as a function of positions (N, D) and step."""

    pull: Callable[[np.ndarray, int], np.ndarray]
    conservative: bool = False
    interacting: bool = False
    mutual: bool = False
    steady: bool = True
    turns: bool = False

    def force(self, gas: Gas) -> np.ndarray:
        return self.pull(gas.positions, gas.step)

    def energy(self, gas: Gas) -> np.ndarray:
        raise ValueError("a prescribed field has no energy")


def under(field: Prescribed, dimensions: int) -> Conditions:
    """A prescribed field in free space, without a bath."""
    return Conditions(Free(dimensions=dimensions), field)
