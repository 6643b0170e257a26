"""Groups in the form that a simulation writes, drawn from known equilibria without a simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from gasfield.diagnostics.context import Origin, RunContext
from gasfield.diagnostics.group import Group
from gasfield.dynamics import Newton
from gasfield.forces import Surroundings, TotalForce
from gasfield.forces.base import FORCES
from gasfield.spaces import Free
from gasfield.trajectory import Series

Values = NDArray[np.float64]


def ar1(memory: float, length: int, others: tuple[int, ...], rng: np.random.Generator) -> Values:
    """(length, *others) stationary series x' = a x + sqrt(1 - a^2) xi of unit variance."""
    noise = rng.normal(size=(length, *others))
    noise[1:] *= np.sqrt(1 - memory**2)
    series: Values = lfilter([1], [1, -memory], noise, axis=0)
    return series


@dataclass(frozen=True)
class KnownForces(RunContext):
    """A run context with declared properties of the forces: a well that confines, whatever the sample is from."""

    conservative: bool = True
    interacting: bool = False

    def forces(self, group: str) -> TotalForce:
        """Forces with the declared properties."""
        well = {"kind": "harmonic", "stiffness": 1.0}
        forces = TotalForce([FORCES["harmonic"].model_validate(well).build(Surroundings(self.space))])
        forces.conservative, forces.interacting = self.conservative, self.interacting
        return forces


def context(
    dimensions: int, freedom: int | None, *, conservative: bool = True, interacting: bool = False, groups: int = 1
) -> RunContext:
    """The run context that is declared for a sample."""
    return KnownForces(
        space=Free(dimensions=dimensions),
        laws=(),
        dynamics=Newton(time_step=0.01),
        groups=("gas", "other")[:groups],
        degrees_of_freedom=freedom,
        conservative=conservative,
        interacting=interacting,
    )


def group(positions: Values, numbers: dict[str, Values], interval: float = 0.5, **settings: object) -> Group:
    """A group with frames (T, N, D) and numbers (T,) at the same steps; `settings` as in `context`."""
    length, count, dimensions = positions.shape
    steps = 10 * np.arange(length)
    times = interval * np.arange(length)
    freedom = settings.pop("freedom", count * dimensions if "kinetic_energy" in numbers else None)
    return Group(
        "gas",
        steps,
        positions,
        times=times,
        series={name: Series(steps, times, values) for name, values in numbers.items()},
        origin=Origin(context(dimensions, freedom, **settings)),  # type: ignore[arg-type]
    )


def harmonic(
    rng: np.random.Generator,
    *,
    count: int = 100,
    dimensions: int = 2,
    length: int = 1000,
    temperature: float = 0.7,
    stiffness: float = 2.0,
    velocities: bool = True,
    bath: float | None = None,
    memory: float = 0.8,
    **settings: Any,
) -> Group:
    """Particles of mass 1 in U = k x^2 / 2, each coordinate an AR(1) series; `bath`: the declared temperature."""
    x = np.sqrt(temperature / stiffness) * ar1(memory, length, (count, dimensions), rng)
    square = np.sum(x**2, axis=2).mean(axis=1)
    numbers = {
        "temperature": np.full(length, temperature if bath is None else bath),
        "potential_energy": 0.5 * stiffness * square,
        "gradient_squared": stiffness**2 * square,
        "laplacian": np.full(length, stiffness * dimensions),
    }
    if velocities:
        v = np.sqrt(temperature) * ar1(memory, length, (count, dimensions), rng)
        numbers["kinetic_energy"] = 0.5 * np.sum(v**2, axis=2).mean(axis=1)
    return group(x, numbers, **settings)


class DoubleWell:
    """U = x^4 - 2 x^2 in one dimension at a temperature, by quadrature."""

    def __init__(self, temperature: float, mixing: float = 1.0) -> None:
        """`mixing` lambda: U = (1 - lambda) x^2 / 2 + lambda (x^4 - 2 x^2)."""
        self.temperature, self.mixing = temperature, mixing
        self.x = np.linspace(-5, 5, 10_001)  # the rectangle rule converges exponentially
        weight = np.exp(-self.potential(self.x) / temperature)
        self.partition = float(weight.sum() * (self.x[1] - self.x[0]))
        self.density = weight / weight.sum()

    def potential(self, x: Values) -> Values:
        return (1 - self.mixing) * x**2 / 2 + self.mixing * (x**4 - 2 * x**2)

    def slope(self, x: Values) -> Values:
        return (1 - self.mixing) * x + self.mixing * (4 * x**3 - 4 * x)

    def curvature(self, x: Values) -> Values:
        return (1 - self.mixing) + self.mixing * (12 * x**2 - 4)

    def mean(self, values: Values) -> float:
        return float(self.density @ values)

    @property
    def energy(self) -> float:
        return self.mean(self.potential(self.x))

    @property
    def heat_capacity(self) -> float:
        return (self.mean(self.potential(self.x) ** 2) - self.energy**2) / self.temperature**2

    @property
    def free_energy(self) -> float:
        return -self.temperature * np.log(self.partition)

    @property
    def entropy(self) -> float:
        return (self.energy - self.free_energy) / self.temperature

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Values:
        step = self.x[1] - self.x[0]
        return np.interp(np.sort(rng.random(shape), axis=None), np.cumsum(self.density), self.x + 0.5 * step)[
            rng.permutation(int(np.prod(shape)))
        ].reshape(shape)

    def gas(self, count: int, length: int, rng: np.random.Generator) -> Group:
        """Independent positions without velocities."""
        x = self.draw((length, count), rng)
        numbers = {
            "temperature": np.full(length, self.temperature),
            "potential_energy": self.potential(x).mean(axis=1),
            "gradient_squared": (self.slope(x) ** 2).mean(axis=1),
            "laplacian": self.curvature(x).mean(axis=1),
        }
        return group(x[..., None], numbers)
