"""Every scheme against the exact law of its own time step: in a harmonic well, k = m = T = 1, and without a force.

Writes docs/studies/discrete-laws.md: measured variances and diffusion coefficients, errors over independent particles,
and how many standard errors they are off. Run by `make study`; about three minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics import (
    Andersen,
    Bath,
    Brownian,
    Conditions,
    Dynamics,
    DynamicsSpec,
    Hmc,
    Langevin,
    Mala,
    Metropolis,
)
from gasfield.forces import Surroundings, TotalForce
from gasfield.forces.fields.harmonic import Harmonic
from gasfield.gas import Gas
from gasfield.schedules import Constant
from gasfield.spaces import Free

PAGE = Path(__file__).parent / "discrete-laws.md"
OSCILLATORS, FRAMES = 40_000, 24
WINDOWS = 8
"""Stretches of a free path from each of which a diffusion coefficient is measured."""
STEPS, FRICTIONS, PARTS = (0.25, 0.5, 1.0), (0.5, 1.0, 4.0), (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Case:
    """A scheme at a step: what its variances are, and how long it takes to forget (in steps)."""

    name: str
    step: str
    law: DynamicsSpec
    x: float
    v: float | None
    memory: float


@dataclass(frozen=True)
class Measured:
    """A mean over oscillators, its standard error and the effective number of samples."""

    mean: float
    error: float
    size: float

    def row(self, expected: float) -> str:
        off = (self.mean - expected) / self.error
        return f"{expected:.4f} | {self.mean:.4f} ± {self.error:.4f} | {off:+.1f} | {self.size:,.0f}"


def cases() -> Iterator[Case]:
    """All rows of the table."""
    for h in STEPS:
        for g in FRICTIONS:
            root = np.sqrt(complex(g**2 / 4 - 1)).real
            memory = 1 / (2 * (g / 2 - root)) / h
            step, wide = f"h = {h}, γ = {g}", 1 / (1 - h**2 / 4)
            yield Case("BAOAB", step, Langevin(time_step=h, friction=g), 1.0, 1 - h**2 / 4, memory)
            yield Case("OBABO", step, Langevin(scheme="obabo", time_step=h, friction=g), wide, 1.0, memory)
            rate = Andersen(time_step=h, collision_rate=g)
            yield Case("Andersen", step.replace("γ", "ν"), rate, wide, 1.0, max(2 / g, g / 2) / h)
    for part in PARTS:
        for g in FRICTIONS:
            step = f"h/γ = {part}, γ = {g}"
            euler = Brownian(scheme="euler_maruyama", time_step=part * g, friction=g)
            yield Case("Euler-Maruyama", step, euler, 1 / (1 - part / 2), None, 0.5 / part)
            yield Case("Leimkuhler-Matthews", step, Brownian(time_step=part * g, friction=g), 1.0, None, 0.5 / part)
    yield Case("Metropolis", "length 0.7", Metropolis(step_length=0.7), 1.0, None, 10)
    yield Case("Metropolis", "length 2", Metropolis(step_length=2.0), 1.0, None, 5)
    yield Case("MALA", "h = 0.3", Mala(time_step=0.3), 1.0, 1.0, 3)
    yield Case("MALA", "h = 0.8", Mala(time_step=0.8), 1.0, 1.0, 3)
    yield Case("HMC", "h = 0.5, 3 steps", Hmc(time_step=0.5, leapfrog_steps=3), 1.0, 1.0, 3)
    yield Case("HMC", "h = 1.2, 2 steps", Hmc(time_step=1.2, leapfrog_steps=2), 1.0, 1.0, 3)


def started(law: DynamicsSpec, field: TotalForce, space: Free, seed: int) -> tuple[Gas, Dynamics]:
    """Particles in two dimensions from N(0, 1) in x and v, and their dynamics at T = 1."""
    chance, count = np.random.default_rng(seed), OSCILLATORS // 2
    gas = Gas(chance.standard_normal((count, 2)), np.zeros(count, np.int64), ["gas"], np.full(count, -1), [""] * count)
    if law.has_velocities:
        gas.velocities = chance.standard_normal((count, 2))
    return gas, law.build(gas, Conditions(space, field, Bath(Constant(value=1.0), ["gas"]), seed))


def diffusion(law: DynamicsSpec, seed: int) -> Measured | None:
    """D of free particles, half the slope of the square displacement between 8 memories and 16; None if D m/T is not
    known for the scheme."""
    free = law.free_diffusion
    if free is None:
        return None
    gas, dynamics = started(law, TotalForce([], 2), Free(dimensions=2), seed)
    start = gas.time
    dynamics.advance(gas)
    step = gas.time - start
    lag, found = max(2, int(np.ceil(8 * free.memory / step))), []
    for _ in range(WINDOWS):
        places = [gas.positions.copy()]
        for _ in range(2):
            for _ in range(lag):
                dynamics.advance(gas)
            places.append(gas.positions.copy())
        squares = [(place - places[0]).ravel() ** 2 for place in places[1:]]
        found.append((squares[1] - squares[0]) / (2 * lag * step))
    own = np.mean(found, axis=0)
    error = float(own.std(ddof=1) / np.sqrt(len(own)))
    return Measured(float(own.mean()), error, float(np.var(found) / error**2))


def measure(case: Case, seed: int) -> tuple[Measured, Measured | None]:
    """Mean square of places and of velocities, where there are any."""
    space = Free(dimensions=2)
    well = TotalForce([Harmonic(stiffness=1.0).build(Surroundings(space))])
    gas, dynamics = started(case.law, well, space, seed)

    def squares(array: Callable[[], NDArray[np.float64]]) -> Measured:
        every, frames = max(1, int(0.7 * case.memory)), []
        for _ in range(FRAMES):
            for _ in range(every):
                dynamics.advance(gas)
            frames.append(array().ravel() ** 2)
        own = np.mean(frames, axis=0)
        error = float(own.std(ddof=1) / np.sqrt(len(own)))
        return Measured(float(own.mean()), error, float(np.var(frames) / error**2))

    for _ in range(int(np.ceil(8 * case.memory))):
        dynamics.advance(gas)
    x = squares(lambda: gas.positions)
    return x, None if gas.velocities is None else squares(lambda: np.asarray(gas.velocities))


def page() -> str:
    """The page: one table for places, one for velocities, one for diffusion."""
    head = "| scheme | step | exact | measured | standard errors off | effective samples |\n|---|---|---|---|---|---|\n"
    places, speeds, spreads, worst = "", "", "", 0.0
    for seed, case in enumerate(cases()):
        x, v = measure(case, seed)
        places += f"| {case.name} | {case.step} | {x.row(case.x)} |\n"
        worst = max(worst, abs(x.mean - case.x) / x.error)
        if v and case.v is not None:
            speeds += f"| {case.name} | {case.step} | {v.row(case.v)} |\n"
            worst = max(worst, abs(v.mean - case.v) / v.error)
        d, free = diffusion(case.law, seed), case.law.free_diffusion
        if d and free:
            spreads += f"| {case.name} | {case.step} | {d.row(free.mobility)} |\n"
            worst = max(worst, abs(d.mean - free.mobility) / d.error)
    return (
        "# Every scheme against the law of its own step\n\n"
        f"Made by `make study`. Harmonic well, k = m = T = 1; {OSCILLATORS:,} independent oscillators,\n"
        f"{FRAMES} frames; the error is that of the mean over oscillators. The farthest is "
        f"{worst:.1f} standard errors off.\n\n"
        f"## ⟨x²⟩\n\n{head}{places}\n## ⟨v²⟩\n\n{head}{speeds}\n"
        "## Diffusion: D m/T without a force\n\n"
        "Half the slope of the square displacement between 8 and 16 memories 1/γ, from "
        f"{WINDOWS} stretches of each path.\n"
        f"Metropolis is left out: its steps do not depend on the temperature.\n\n{head}{spreads}"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
