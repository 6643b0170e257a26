"""Particles without pair forces: steps compiled together have the bits of one step after another."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from gasfield.dynamics import mechanics
from gasfield.forces import ExternalForce, pointwise_kernel
from gasfield.gas import Gas
from gasfield.kernels import philox_float32
from gasfield.simulation import Simulation

DYNAMICS: dict[str, dict[str, Any]] = {
    "leimkuhler_matthews": {"kind": "brownian", "time_step": 0.02, "friction": 1.3},
    "euler_maruyama": {"kind": "brownian", "time_step": 0.02, "friction": 1.3, "scheme": "euler_maruyama"},
    "baoab": {"kind": "langevin", "time_step": 0.1, "friction": 0.7},
    "obabo": {"kind": "langevin", "time_step": 0.1, "friction": 0.7, "scheme": "obabo"},
    "newton": {"kind": "newton", "time_step": 0.1},
}
SPACES: list[dict[str, Any]] = [
    {"kind": "free", "dimensions": 2},
    {"kind": "periodic", "dimensions": 2, "sides": [2.0, 4.0]},
    {"kind": "box", "dimensions": 2, "sides": [2.0, 1.7]},
]
CELLS = [
    {"kind": "convection", "speed": 1.5, "cells": {"kind": "rolls", "wave_length": 2.0}},
    {"kind": "convection", "speed": -0.3, "cells": {"kind": "rolls", "wave_length": 1.0}},
]
COUNT = 300


def simulation(
    dynamics: dict[str, Any], space: dict[str, Any], forces: list[dict[str, Any]], temperature: Any = None
) -> Simulation:
    """A gas of two groups and several masses, whose ids are not in order."""
    chance, d = np.random.default_rng(4), space["dimensions"]
    gas = Gas(
        0.8 * (chance.random((COUNT, d)) - 0.5),
        np.arange(COUNT) % 2,
        ["light", "heavy"],
        masses=1.0 + chance.random(COUNT),
        charges=np.ones(COUNT),
        velocities=chance.standard_normal((COUNT, d)),
        ids=np.concatenate([np.arange(COUNT - 10), 2 * np.arange(10) + 1_000]),
    )
    warm = None if dynamics["kind"] == "newton" else temperature or 0.6
    return Simulation(gas, dynamics=dynamics, space=space, forces=forces, temperature=warm, seed=11)


def final(sim: Simulation, calls: list[int]) -> dict[str, np.ndarray]:
    """The whole state after some calls of the dynamics."""
    for steps in calls:
        sim.dynamics.run(sim.gas, steps)
    return sim.state()


def alike(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    """Names of arrays that differ."""
    assert one.keys() == other.keys()
    return [name for name in one if not np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Steps are compiled at once."""
    monkeypatch.setattr(mechanics, "_WORTH_COMPILING", 0.0)
    return monkeypatch


def compare(
    patch: pytest.MonkeyPatch, dynamics: dict[str, Any], space: dict[str, Any], forces: list[Any], warm: Any = None
) -> None:
    together = simulation(dynamics, space, forces, warm)
    found = final(together, [1, 8, 4])
    assert together.dynamics._compiled is not None  # type: ignore[attr-defined]
    patch.setattr(mechanics.Mechanics, "_compiled_for", lambda self, gas, steps: None)
    assert alike(found, final(simulation(dynamics, space, forces, warm), [13])) == []


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space["kind"])
@pytest.mark.parametrize("dynamics", DYNAMICS.values(), ids=DYNAMICS)
def test_compiled_steps_have_the_bits_of_single_ones(
    compiled: pytest.MonkeyPatch, dynamics: dict[str, Any], space: dict[str, Any]
) -> None:
    compare(compiled, dynamics, space, CELLS)


RAMP = {"kind": "ramp", "from": 1.0, "to": 0.2, "steps": 9}


@pytest.mark.parametrize("dynamics", [DYNAMICS["obabo"], DYNAMICS["leimkuhler_matthews"]], ids=["obabo", "brownian"])
def test_temperatures_of_groups_that_change(compiled: pytest.MonkeyPatch, dynamics: dict[str, Any]) -> None:
    by_group = {"kind": "by_group", "groups": {"light": 0.5, "heavy": RAMP}}
    compare(compiled, dynamics, SPACES[0], CELLS, by_group)


WIDE: dict[str, tuple[int, list[dict[str, Any]]]] = {
    "ideal": (1, []),
    "double well": (3, [{"kind": "double_well"}, {"kind": "harmonic", "stiffness": [1.0, 2.0, 3.0]}]),
    "wells": (5, [{"kind": "gaussian_wells", "wells": [{"at": [0.1] * 5, "depth": 2.0, "width": 0.4}]}]),
    "landscape": (
        3,
        [{"kind": "landscape", "temperature": 0.5, "centres": [[0.0] * 3, [0.5] * 3], "widths": [0.4, 0.3]}],
    ),
    "expression": (1, [{"kind": "expression", "energy": "a * cos(3 * x0) + |x|**4", "parameters": {"a": 0.3}}]),
}


@pytest.mark.validate
@pytest.mark.parametrize("case", WIDE.values(), ids=WIDE)
def test_bits_in_other_fields_and_dimensions(
    compiled: pytest.MonkeyPatch, case: tuple[int, list[dict[str, Any]]]
) -> None:
    d, forces = case
    for dynamics in (DYNAMICS["baoab"], DYNAMICS["leimkuhler_matthews"]):
        with compiled.context() as patch:
            compare(patch, dynamics, {"kind": "box", "dimensions": d, "side": 1.5}, forces)


def test_one_thread_and_several_make_the_same_bits(compiled: pytest.MonkeyPatch) -> None:
    allowed, found = numba.get_num_threads(), []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            found.append(final(simulation(DYNAMICS["baoab"], SPACES[2], CELLS), [13]))
    finally:
        numba.set_num_threads(allowed)
    assert alike(*found) == []


UNCOVERED: list[dict[str, Any]] = [
    {"space": {"kind": "ball", "dimensions": 2, "radius": 1.0}},
    {"forces": [{"kind": "soft_repulsion", "strength": strength, "cutoff": 0.1} for strength in (1.0, 2.0)]},
    {"forces": [{"kind": "lorentz", "field": 1.0}]},
    {"forces": [{"kind": "harmonic", "stiffness": 1.0, "groups": ["light"]}]},
    {"forces": [{"kind": "expression", "energy": "x0 * t"}]},
]


@pytest.mark.parametrize("case", UNCOVERED, ids=str)
def test_what_is_not_covered_is_advanced_step_by_step(compiled: pytest.MonkeyPatch, case: dict[str, Any]) -> None:
    sim = simulation(DYNAMICS["newton"], case.get("space", SPACES[0]), case.get("forces", CELLS))
    sim.dynamics.run(sim.gas, 1)
    assert sim.dynamics._compiled is None  # type: ignore[attr-defined]


@pointwise_kernel
def in_arrays(x, p, force):  # type: ignore[no-untyped-def]
    force -= 2.0 * x  # a literal beside an array, which the twin in float32 cannot have


def test_a_law_without_a_twin_is_computed_in_float64_and_rounded() -> None:
    places = np.random.default_rng(0).standard_normal((20, 2))
    law = {"kind": "newton", "time_step": 0.1, "precision": "float32"}
    sim = Simulation(places, dynamics=law, forces=[ExternalForce("odd", in_arrays, (), conservative=False)])
    sim.step(10)
    assert sim.gas.positions.dtype == np.float32
    angle = np.arccos(1.0 - 0.1**2)  # of a step of velocity Verlet with omega^2 = 2
    assert np.allclose(sim.gas.positions, places * np.cos(10 * angle), atol=1e-5)


def test_steps_are_compiled_once_that_pays() -> None:
    sim = simulation(DYNAMICS["newton"], SPACES[0], [{"kind": "circulation", "rate": 1.0}])
    dynamics: Any = sim.dynamics
    assert dynamics._compiled_for(sim.gas, 10) is None
    assert dynamics._compiled_for(sim.gas, 10_000_000) is not None


# --- single precision -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space["kind"])
@pytest.mark.parametrize("dynamics", DYNAMICS.values(), ids=DYNAMICS)
def test_single_precision_stays_near_double_precision(
    monkeypatch: pytest.MonkeyPatch, dynamics: dict[str, Any], space: dict[str, Any]
) -> None:
    """With the same noise, rounded: 13 roundings of numbers of order 1 in each of a few operations a step."""
    single = simulation({**dynamics, "precision": "float32"}, space, CELLS)
    found = final(single, [1, 12])
    split = simulation({**dynamics, "precision": "float32"}, space, CELLS)
    assert alike(found, final(split, [5, 3, 5])) == []
    assert single.gas.positions.dtype == np.float32
    assert np.all(single.space.contains(single.gas.positions))

    def rounded(out: Any, *address: Any) -> None:
        noise = np.empty(out.shape, np.float32)
        philox_float32.normals_float32(noise, *address)
        out[:] = noise

    monkeypatch.setattr(mechanics, "normals", rounded)
    monkeypatch.setattr(mechanics.Mechanics, "_compiled_for", lambda self, gas, steps: None)
    double = simulation(dynamics, space, CELLS)
    final(double, [13])
    assert np.abs(single.gas.unwrapped - double.gas.unwrapped).max() < 1e-4
    assert np.abs(single.dynamics._heat - double.dynamics._heat).max() < 1e-3  # type: ignore[attr-defined]


@pytest.mark.validate
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_moments_and_heat_in_a_harmonic_well(precision: str) -> None:
    """U = k x^2/2: the scheme of Leimkuhler and Matthews has <x^2> = T/k exactly, and the mean force along a step has
    the work U(x) - U(x') exactly, so that the heat of a particle from the origin is -U(x) up to rounding."""
    count, stiffness, warm = 400_000, 2.0, 0.5
    law = {"kind": "brownian", "time_step": 0.05, "friction": 1.0, "precision": precision}
    well = {"kind": "harmonic", "stiffness": stiffness}
    sim = Simulation(np.zeros((count, 1)), dynamics=law, forces=[well], temperature=warm, seed=2)
    sim.dynamics._effort = np.inf  # type: ignore[attr-defined]
    sim.step(400)
    x = sim.gas.positions[:, 0].astype(np.float64)
    scaled = x * np.sqrt(stiffness / warm)
    assert abs((scaled**2).mean() - 1.0) < 4.0 * np.sqrt(2.0 / count)
    assert abs((scaled**4).mean() - 3.0) < 4.0 * np.sqrt(96.0 / count)
    assert abs((1.02 * scaled**2).mean() - 1.0) > 4.0 * np.sqrt(2.0 / count)
    # Positions are rounded by 2**-25 of themselves in each of 400 steps, and their energy with them.
    rounding = 400 * 2.0**-25 if precision == "float32" else 400 * 2.0**-54
    heat = sim.dynamics.accumulators()["heat"]
    assert np.abs(heat + 0.5 * stiffness * x**2).max() < 8.0 * rounding


@pytest.mark.validate
def test_energy_drifts_by_rounding_only() -> None:
    """100,000 steps of velocity Verlet in a double well. Each rounds positions and velocities by up to 2**-24 of
    themselves, which moves the energy of a particle at random: by 2**-24 sqrt(100,000) = 1.9e-5 of it in the end, times
    a factor of order 1, and by much less in the mean of many particles."""

    def drift(precision: str) -> np.ndarray:
        chance = np.random.default_rng(0)
        gas = Gas(chance.standard_normal((512, 2)), velocities=chance.standard_normal((512, 2)))
        law = {"kind": "newton", "time_step": 0.02, "precision": precision}
        sim = Simulation(gas, dynamics=law, forces=[{"kind": "double_well"}])
        sim.dynamics._effort = np.inf  # type: ignore[attr-defined]

        def energies() -> np.ndarray:  # of each particle, over a few periods: the error of the scheme oscillates
            return np.mean([sim.step(7).gas.kinetic_energies() + sim.forces.energy(sim.gas) for _ in range(400)], 0)

        first = energies()
        sim.step(100_000)
        return np.asarray((energies() - first) / (1.0 + first))

    single, double = drift("float32"), drift("float64")
    print(f"float32: mean {single.mean():.2e}, spread {single.std():.2e}; ", end="")
    print(f"float64: mean {double.mean():.2e}, spread {double.std():.2e}")
    rounding = 2.0**-24 * np.sqrt(1e5)
    assert single.std() < double.std() + 4.0 * rounding
    assert abs(single.mean() - double.mean()) < 4.0 * (single.std() + double.std()) / np.sqrt(512)
    assert abs((single + 1e-3).mean() - double.mean()) > 4.0 * (single.std() + double.std()) / np.sqrt(512)
