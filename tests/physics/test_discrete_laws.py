"""Every scheme has the exact law of its own time step in a harmonic well (Leimkuhler and Matthews, 2015, chapter 7).

With k = m = T = 1 the stationary variances are known for any step h and friction:

    BAOAB 1, 1 - h^2/4;  OBABO and Andersen 1/(1 - h^2/4), 1;  Euler-Maruyama 1/(1 - h/2);  Leimkuhler-Matthews 1.
    Metropolis, MALA, HMC: 1.

Many independent oscillators start from N(0, 1) in x and v and have relaxed by exp(-8) or better when measured. The
tolerance is four standard errors over oscillators; a temperature wrong by 5% must be farther off than that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from laws import HARMONIC
from replicas import replica_mean

from gasfield.gas import Gas
from gasfield.simulation import Simulation

COUNT, DIMENSIONS, FRAMES = 10_000, 2, 24
STEPS = (0.25, 0.5, 1.0)
FRICTIONS = (0.5, 1.0, 4.0)
PARTS = (0.1, 0.25, 0.5)

Law = Callable[[float], float]


def slowest(friction: float) -> float:
    """Relaxation time of the variance of a damped oscillator."""
    root = np.sqrt(complex(friction**2 / 4 - 1))
    return float(1 / (2 * (friction / 2 - root.real)))


def variances(
    law: dict[str, Any], burn: int, every: int, temperature: float = 1.0
) -> dict[str, tuple[float, float, float]]:
    """Mean square of positions and velocities, each with error and effective size."""
    chance = np.random.default_rng(5)
    start = chance.standard_normal((COUNT, DIMENSIONS))
    system = Simulation(
        Gas(start, velocities=chance.standard_normal(start.shape)),
        dynamics=law,
        forces=[HARMONIC],
        temperature=temperature,
        seed=11,
    )
    system.step(burn)
    squares = system.sample(FRAMES, every, lambda gas: gas.positions**2)
    found = {"x": replica_mean(squares.reshape(FRAMES, -1))}
    if system.gas.velocities is not None:
        again = system.sample(FRAMES, every, lambda gas: gas.velocities**2)
        found["v"] = replica_mean(again.reshape(FRAMES, -1))
    return found


def agrees(found: tuple[float, float, float], expected: float) -> bool:
    mean, error, size = found
    assert size > 4 * COUNT, "too few effective samples to judge"
    return abs(mean - expected) < 4 * error


def judge(law: dict[str, Any], relaxation: float, step: float, x: float, v: float | None, wrong: bool = True) -> None:
    """The variances are x and v; those of a bath that is 5% too warm are not."""
    burn, every = int(np.ceil(8 * relaxation / step)), max(1, int(0.7 * relaxation / step))
    found = variances(law, burn, every)
    assert agrees(found["x"], x), (found["x"], x)
    if v is not None:
        assert agrees(found["v"], v), (found["v"], v)
    if wrong:
        warm = variances(law, burn, every, temperature=1.05)
        assert not agrees(warm["x"], x)


@pytest.mark.parametrize("friction", FRICTIONS)
@pytest.mark.parametrize("step", STEPS)
def test_baoab_has_exact_positions(step: float, friction: float) -> None:
    law = {"kind": "langevin", "scheme": "baoab", "time_step": step, "friction": friction}
    judge(law, slowest(friction), step, 1.0, 1 - step**2 / 4, wrong=step == 0.5)


@pytest.mark.parametrize("friction", FRICTIONS)
@pytest.mark.parametrize("step", STEPS)
def test_obabo_has_exact_velocities(step: float, friction: float) -> None:
    law = {"kind": "langevin", "scheme": "obabo", "time_step": step, "friction": friction}
    judge(law, slowest(friction), step, 1 / (1 - step**2 / 4), 1.0, wrong=step == 0.5)


@pytest.mark.parametrize("rate", FRICTIONS)
@pytest.mark.parametrize("step", STEPS)
def test_andersen_has_exact_velocities(step: float, rate: float) -> None:
    """The variance forgets by half of the collisions, or at the rate 2/nu of diffusion where they are frequent."""
    law = {"kind": "andersen", "time_step": step, "collision_rate": rate}
    judge(law, max(2 / rate, rate / 2), step, 1 / (1 - step**2 / 4), 1.0, wrong=step == 0.5)


@pytest.mark.parametrize("friction", FRICTIONS)
@pytest.mark.parametrize("part", PARTS)
def test_euler_maruyama_is_too_wide(part: float, friction: float) -> None:
    """With friction gamma the step that counts is h/gamma: `part`."""
    law = {"kind": "brownian", "scheme": "euler_maruyama", "time_step": part * friction, "friction": friction}
    judge(law, 0.5, part, 1 / (1 - part / 2), None, wrong=part == 0.25)


@pytest.mark.parametrize("friction", FRICTIONS)
@pytest.mark.parametrize("part", PARTS)
def test_leimkuhler_matthews_is_exact(part: float, friction: float) -> None:
    law = {"kind": "brownian", "time_step": part * friction, "friction": friction}
    judge(law, 0.5, part, 1.0, None, wrong=part == 0.25)


@pytest.mark.parametrize(
    ("law", "relaxation"),
    [
        ({"kind": "metropolis", "step_length": 0.7}, 10.0),
        ({"kind": "metropolis", "step_length": 2.0}, 5.0),
        ({"kind": "mala", "time_step": 0.3}, 3.0),
        ({"kind": "mala", "time_step": 0.8}, 3.0),
        ({"kind": "hmc", "time_step": 0.5, "leapfrog_steps": 3}, 3.0),
        ({"kind": "hmc", "time_step": 1.2, "leapfrog_steps": 2}, 3.0),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_metropolised_samplers_are_exact(law: dict[str, Any], relaxation: float) -> None:
    """<v^2> = 1 too, where velocities are: they are drawn from Maxwell's law, and a rejected move has them back."""
    judge(law, relaxation, 1.0, 1.0, 1.0 if law["kind"] in ("hmc", "mala") else None)


def test_a_verlet_that_is_not_judged_has_another_law() -> None:
    """Negative control: the law that HMC corrects at h = 1.2 is that of Verlet, 1/(1 - h^2/4) = 1.56."""
    found = variances({"kind": "andersen", "time_step": 1.2, "collision_rate": 1.0}, 30, 2)
    assert not agrees(found["x"], 1.0)
    assert agrees(found["x"], 1 / (1 - 1.2**2 / 4))


def test_the_law_of_one_scheme_is_not_that_of_another() -> None:
    """Negative control: at h = 1 positions of OBABO are 33% too wide and velocities of BAOAB 25% too slow."""
    law = {"kind": "langevin", "scheme": "obabo", "time_step": 1.0, "friction": 1.0}
    assert not agrees(variances(law, 20, 2)["x"], 1.0)
    law["scheme"] = "baoab"
    assert not agrees(variances(law, 20, 2)["v"], 1.0)


def test_masses_and_temperatures_of_groups() -> None:
    """<v^2> = (T/m)(1 - (omega h)^2/4) and <x^2> = T/k for BAOAB with mass m: equipartition among unlike particles."""
    chance, masses = np.random.default_rng(3), np.repeat([1.0, 4.0], 20_000)
    start = chance.standard_normal((len(masses), 1))
    law = {"kind": "langevin", "time_step": 0.5, "friction": 1.0}
    system = Simulation(
        Gas(start, velocities=start, masses=masses), dynamics=law, forces=[HARMONIC], temperature=2.0, seed=1
    )
    system.step(200)
    x = system.sample(FRAMES, 8, lambda gas: gas.positions[:, 0] ** 2)
    v = system.sample(FRAMES, 8, lambda gas: gas.velocities[:, 0] ** 2)
    for mass in (1.0, 4.0):
        rows = masses == mass
        assert agrees(replica_mean(x[:, rows]), 2.0)
        assert agrees(replica_mean(v[:, rows]), 2.0 / mass * (1 - 0.25 / mass / 4))
    assert not agrees(
        replica_mean(v[:, masses == 4.0]), 2.0 / 4 * (1 - 0.25 / 4)
    )  # the law of a mass that is not its own
