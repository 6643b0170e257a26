"""Pressure: P V = N T for the ideal gas, at the walls and from the virial; Clausius' theorem where forces act."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exact_samples import experiment, remembering, run_of
from scipy import integrate

from gasfield.diagnostics import Group
from gasfield.diagnostics.thermodynamics.pressure import Pressure, PressureResult

pytestmark = pytest.mark.usefixtures("one_numba_thread")

T, COUNT = 1.3, 400
CUBE = {"kind": "box", "dimensions": 3, "side": 5.0}
SPACES = {
    "square": {"kind": "box", "dimensions": 2, "side": 5.0},
    "cube": CUBE,
    "slab": {"kind": "box", "dimensions": 3, "sides": [4.0, 8.0, 2.0]},
    "disc": {"kind": "ball", "dimensions": 2, "radius": 3.0},
    "ball": {"kind": "ball", "dimensions": 3, "radius": 3.0},
    "ball in 6 dimensions": {"kind": "ball", "dimensions": 6, "radius": 3.0},
}


def off_by(result: PressureResult, key: str, expected: float) -> float:
    """How many standard errors an estimate is off."""
    estimate = result.estimates[key]
    assert estimate.error is not None
    assert estimate.error > 0
    return abs(float(estimate.value) - expected) / float(estimate.error)


def flights(space: dict, observations: int = 600, span: float = 0.5, seed: int = 0, law: str = "langevin") -> Group:
    """An ideal gas between walls: free flights with exact reflections, from a place and a velocity of its own each."""
    chance = np.random.default_rng(seed)
    laws = experiment(space, T if law == "langevin" else None, law, degrees_of_freedom=COUNT * space["dimensions"])
    room = laws.space
    x = room.uniform(chance, COUNT)
    v = np.sqrt(T) * chance.standard_normal(x.shape)
    masses, turned = np.full(COUNT, 2.0), np.zeros(COUNT)
    v /= np.sqrt(masses)[:, None]
    kinetic, impulse = [np.mean(0.5 * masses * np.sum(v**2, axis=1))], [0.0]
    for _ in range(observations):
        if law == "langevin":
            v = np.sqrt(T / masses)[:, None] * chance.standard_normal(x.shape)
        room.drift(x, v, span, turned)
        impulse.append(float(np.sum(masses * turned)))
        kinetic.append(np.mean(0.5 * masses * np.sum(v**2, axis=1)))
    series = {"kinetic_energy": kinetic, "wall_impulse": impulse, "virial": np.zeros(len(kinetic))}
    frames = np.broadcast_to(x, (len(kinetic), *x.shape))
    return run_of(frames, laws, np.broadcast_to(v, frames.shape), masses, series, interval=span)


@pytest.mark.parametrize("name", SPACES)
def test_an_ideal_gas_has_the_pressure_n_t_over_v(name: str) -> None:
    group = flights(SPACES[name])
    result = Pressure().compute(group)
    space = group.run.space
    assert float(result.estimates["pressure.ideal"].value) == pytest.approx(COUNT * T / space.volume)
    for key in ("wall", "virial"):
        assert off_by(result, f"pressure.{key}", COUNT * T / space.volume) < 4
        assert off_by(result, f"pressure.{key}_over_ideal", 1.0) < 4
        assert off_by(result, f"pressure.{key}_over_ideal", 1.05) > 4  # negative control
        assert float(result.estimates[f"pressure.{key}_over_ideal"].error) < 0.0125
    assert result.estimates["pressure.wall"].unit == f"energy/length^{space.dimensions}"


def test_without_a_bath_the_ideal_gas_has_the_kinetic_temperature() -> None:
    """Newton's gas: every particle keeps its speed. In a cube each coordinate pushes by its own energy, on the whole
    exactly as 2 K / (D V) says; what is left are the hits at both ends of the run."""
    group = flights(CUBE, law="newton")
    result = Pressure().compute(group)
    energy = float(group.series["kinetic_energy"].values[0])
    assert float(result.estimates["pressure.ideal"].value) == pytest.approx(COUNT * 2 * energy / 3 / 5.0**3)
    assert float(result.estimates["pressure.virial_over_ideal"].value) == pytest.approx(1.0, abs=1e-12)
    assert float(result.estimates["pressure.wall_over_ideal"].value) == pytest.approx(1.0, abs=0.01)
    assert any("no bath" in note for note in result.notes)


def test_the_virial_of_a_trap_is_the_density_at_its_wall() -> None:
    """Under U = k x^2/2 in a ball the gas pushes with P = T n(R), the density that Boltzmann's law has at the wall."""
    dimensions, radius, stiffness, frames = 2, 2.0, 1.0, 4000
    chance = np.random.default_rng(3)
    x = np.sqrt(T / stiffness) * chance.standard_normal((40 * frames * 8, dimensions))
    x = x[np.linalg.norm(x, axis=1) < radius][: 40 * frames].reshape(frames, 40, dimensions)
    v = np.sqrt(T) * chance.standard_normal(x.shape)
    series = {
        "kinetic_energy": 0.5 * np.mean(np.sum(v**2, axis=2), axis=1),
        "virial": -stiffness * np.sum(x**2, axis=(1, 2)),
    }
    disc = {"kind": "ball", "dimensions": dimensions, "radius": radius}
    result = Pressure().compute(run_of(x, experiment(disc, T), v, series=series))
    weight = lambda r: 2 * np.pi * r * np.exp(-0.5 * stiffness * r**2 / T)  # noqa: E731
    at_wall = 40 * np.exp(-0.5 * stiffness * radius**2 / T) / integrate.quad(weight, 0, radius)[0]
    assert off_by(result, "pressure.virial", T * at_wall) < 4
    assert off_by(result, "pressure.virial", 1.05 * T * at_wall) > 4  # negative control
    assert np.isnan(result.estimates["pressure.wall"].value)
    assert any("nothing was counted" in note for note in result.notes)


def test_errors_know_of_correlations_in_time() -> None:
    """Forty runs of a kinetic energy that remembers itself for twenty observations: errors are their scatter."""
    chance = np.random.default_rng(4)
    box = {"kind": "periodic", "dimensions": 2, "side": 4.0}
    x = np.zeros((2000, 3, 2))
    found = []
    for _ in range(40):
        kinetic = T * (1 + 0.1 * remembering(chance, 2000, (), 0.9))
        series = {"kinetic_energy": kinetic, "virial": np.zeros(2000)}
        found.append(Pressure().compute(run_of(x, experiment(box, T), x, series=series)).estimates["pressure.virial"])
    scatter = np.std([float(estimate.value) for estimate in found], ddof=1)
    claimed = np.sqrt(np.mean([float(estimate.error) ** 2 for estimate in found]))
    assert claimed == pytest.approx(scatter, rel=4 / np.sqrt(2 * 39))
    assert scatter > 3 * 0.1 * 3 * T / 16 / np.sqrt(2000)  # negative control: the naive error is far too small


def test_means_add_up_to_the_whole_run() -> None:
    result = Pressure().compute(flights(CUBE))
    for key, line in (("pressure.wall", result.wall), ("pressure.virial", result.virial)):
        assert line.values[-1] == pytest.approx(float(result.estimates[key].value))
        assert line.errors[-1] == pytest.approx(float(result.estimates[key].error))
        assert np.all(np.diff(line.errors) < 0)


def test_particles_that_join_later_are_waited_for() -> None:
    group = flights(CUBE)
    absent = np.array(group.positions)
    absent[:100, 300:] = np.nan
    late = run_of(absent, group.run, np.array(group.velocities), group.masses, {}, 0.5)
    appears = np.where(np.arange(late.count) < 300, 0, late.steps[100])
    late = replace(late, series=group.series, appears=appears)
    result = Pressure().compute(late)
    assert result.wall.times[0] > 100 * 0.5
    assert off_by(result, "pressure.wall_over_ideal", 1.0) < 4


@pytest.mark.parametrize(
    ("space", "law", "why"),
    [
        ({"kind": "free", "dimensions": 3}, "langevin", "no finite volume"),
        ({"kind": "sphere", "dimensions": 3}, "langevin", "curved"),
        (CUBE, "brownian", "no velocities"),
    ],
)
def test_where_there_is_no_pressure_it_says_why(space: dict, law: str, why: str) -> None:
    x = np.zeros((10, 5, 3))
    assert why in str(Pressure().why_not(run_of(x, experiment(space, T, law), series={"virial": np.zeros(10)})))
    with pytest.raises(ValueError, match=why):
        Pressure().compute(run_of(x, experiment(space, T, law)))
