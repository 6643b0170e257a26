"""Starts: lattices, overlap and relaxation, and velocities without net momentum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

import gasfield
from gasfield import Simulation
from gasfield.errors import BlowUp, InputError, Note
from gasfield.forces.closest import nearest_sources
from gasfield.gas import Gas
from gasfield.scenario.sources.lattice import cells_for
from gasfield.simulation.overlap import pair_curvature

Array = NDArray[np.float64]
NEWTON = {"kind": "newton", "time_step": 0.005}
LANGEVIN = {"kind": "langevin", "time_step": 0.005, "friction": 1.0}
BALLS = {"kind": "lennard_jones", "cutoff": 2.0 ** (1.0 / 6.0)}
BOX = {"kind": "periodic", "dimensions": 3, "side": 6.0}


def lattice(space: str = "periodic", dimensions: int = 3, **given: Any) -> Array:
    sides = {} if space in ("free", "sphere") else {"radius": 4.0} if space == "ball" else {"side": 8.0}
    sim = Simulation(
        {"kind": "lattice"} | given, space={"kind": space, "dimensions": dimensions} | sides, dynamics=NEWTON
    )
    return np.asarray(sim.gas.positions)


def neighbour_distances(positions: Array, periods: float | None = None) -> tuple[Array, Array]:
    """Distance (N,) of the nearest neighbour, and how many are at this distance."""
    tree = cKDTree(positions + 4.0, boxsize=periods)
    distances = tree.query(positions + 4.0, k=2)[0][:, 1]
    near = [len(found) - 1 for found in tree.query_ball_point(positions + 4.0, distances * (1 + 1e-9))]
    return distances, np.array(near)


@pytest.mark.parametrize(
    ("kind", "dimensions", "count", "coordination", "spacing"),
    [
        ("cubic", 2, 64, 4, 1.0),
        ("cubic", 3, 512, 6, 1.0),
        ("bcc", 3, 2 * 8**3, 8, np.sqrt(0.75)),
        ("fcc", 3, 4 * 8**3, 12, np.sqrt(0.5)),
    ],
)
def test_a_full_lattice_has_its_coordination_number(
    kind: str, dimensions: int, count: int, coordination: int, spacing: float
) -> None:
    """Eight cells along a side of 8; Conway and Sloane, chapter 1."""
    distances, near = neighbour_distances(lattice(dimensions=dimensions, lattice=kind, count=count), 8.0)
    np.testing.assert_allclose(distances, spacing, rtol=1e-12)
    assert (near == coordination).all()


def test_no_site_is_on_a_wall() -> None:
    for kind in ("cubic", "bcc", "fcc"):
        positions = lattice("box", lattice=kind, count=200)
        np.testing.assert_allclose(positions.max(axis=0), -positions.min(axis=0), atol=1e-12)
        assert np.abs(positions).max() < 3.8
    moved = lattice("box", count=512, jitter=0.1)  # of 1,536 numbers: the standard error is 1.8%
    assert np.std(moved - lattice("box", count=512)) == pytest.approx(0.1, rel=0.07)
    assert np.abs(lattice("box", count=512, jitter=2.0)).max() <= 4.0


@pytest.mark.parametrize("kind", ["hexagonal", "fcc", "cubic"])
def test_a_block_is_centred_and_has_the_spacing_given(kind: str) -> None:
    dimensions = 2 if kind == "hexagonal" else 3
    centre = (1.0, 2.0, 3.0)[:dimensions]
    positions = lattice("free", dimensions, lattice=kind, count=150, spacing=1.3, centre=centre)
    np.testing.assert_allclose(neighbour_distances(positions)[0], 1.3, rtol=1e-12)
    assert np.abs(positions.mean(axis=0) - centre).max() < 0.3


@pytest.mark.parametrize(("count", "dimensions"), [(1, 1), (1000, 384), (7, 3), (230_000, 30)])
def test_there_are_hardly_more_sites_than_particles(count: int, dimensions: int) -> None:
    numbers = cells_for(count, 1, np.ones(dimensions))
    assert count <= np.prod(numbers) <= 2 * count
    assert numbers.max() - numbers.min() <= 1


@pytest.mark.parametrize(
    ("space", "dimensions", "given", "message"),
    [
        ("free", 3, {"count": 5}, r"gas\.0\.from\.spacing: .* needs the distance of nearest neighbours"),
        ("periodic", 2, {"count": 5, "lattice": "fcc"}, r"lattice: fcc is a lattice of a space of 3 dimensions"),
        ("sphere", 3, {"count": 5, "spacing": 0.1}, "flat space"),
        ("box", 3, {"count": 5, "centre": (0.0, 0.0, 0.0)}, "centre"),
        ("ball", 3, {"count": 500, "spacing": 2.0}, "outside the space"),
    ],
)
def test_a_lattice_that_does_not_fit_is_refused(
    space: str, dimensions: int, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        lattice(space, dimensions, **given)


# --- overlap ---------------------------------------------------------------------------------------------------------


def balls(source: Any, dynamics: Any = LANGEVIN, **given: Any) -> Simulation:
    temperature = None if dynamics["kind"] == "newton" else 1.0
    return Simulation(source, space=BOX, forces=[BALLS], dynamics=dynamics, temperature=temperature, **given)


def test_the_nearest_source_is_that_of_a_search_by_hand() -> None:
    chance = np.random.default_rng(0)
    gas = Gas(chance.uniform(-3, 3, (300, 3)))
    gas.is_source[::3] = False
    distances, partners = nearest_sources(gas, np.full(3, 6.0))
    apart = gas.positions[:, None] - gas.positions
    every = np.linalg.norm(apart - 6.0 * np.round(apart / 6.0), axis=2)
    every[:, ~gas.is_source] = np.inf
    np.fill_diagonal(every, np.inf)
    np.testing.assert_allclose(distances, every.min(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(partners, every.argmin(axis=1))


@pytest.mark.parametrize("dimensions", [1, 3, 50])
def test_the_curvature_is_the_second_derivative_of_the_law(dimensions: int) -> None:
    """d2U/dr2 of 4 (r^-12 - r^-6), in any number of dimensions; the error of the difference is of second order."""
    sim = Simulation(
        np.zeros((2, dimensions)) + 2.0 * np.arange(2)[:, None],
        space={"kind": "free", "dimensions": dimensions}, forces=[{"kind": "lennard_jones"}], dynamics=NEWTON,
    )  # fmt: skip
    for r in (0.7, 0.9, 1.1):
        exact = 4 * (156 * r**-14 - 42 * r**-8)
        assert pair_curvature(sim.gas, list(sim.forces), 0, 1, r) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("dynamics", [NEWTON, LANGEVIN, {"kind": "brownian", "time_step": 1e-4}])
def test_overlap_is_found_before_the_first_step(dynamics: Any) -> None:
    with pytest.raises(InputError, match=r"gas: \d+ of 150 particles overlap: the closest two.*minimize: \{\}"):
        balls({"kind": "uniform", "count": 150}, dynamics).step()
    start = balls({"kind": "lattice", "count": 150}, dynamics)
    start.step(20)


def test_the_limit_is_where_steps_fail() -> None:
    """Two particles at rest at a distance r under r^-12: just above the limit the step is refused; a start with a tenth
    of the curvature, which is at the limit of linear stability itself, keeps its energy within a factor."""
    law = {"kind": "inverse_power", "strength": 1.0, "diameter": 1.0, "exponent": 12.0}

    def pair(curvature: float) -> Simulation:
        h = NEWTON["time_step"]
        r = (156.0 * h**2 / (2.0 * curvature)) ** (1.0 / 14.0)  # k h^2 / (4 mu) = curvature, mu = 1/2
        x = np.array([[0.5 * r, 0.0], [-0.5 * r, 0.0]])
        return Simulation(x, space={"kind": "free", "dimensions": 2}, forces=[law], dynamics=NEWTON)

    with pytest.raises(InputError, match="overlap"):
        pair(10.5).step()
    calm = pair(0.5)
    before = calm.energy()
    assert calm.step(200).energy() == pytest.approx(before, rel=0.5)


def test_soft_particles_may_start_anywhere() -> None:
    """Their curvature is bounded, so no distance is too short: nothing is refused that would run."""
    soft = {"kind": "soft_repulsion", "strength": 5.0, "cutoff": 1.0}
    Simulation(np.zeros((4, 3)), space=BOX, forces=[soft], dynamics=NEWTON).step(10)
    metropolis = {"kind": "metropolis", "step_length": 0.1, "accept": "gas"}
    balls({"kind": "uniform", "count": 50}, metropolis).step(2)  # a proposal may be rejected, and nothing blows up


def test_a_tracer_that_is_planted_on_a_particle_is_refused() -> None:
    tracer = {
        "name": "probe",
        "shape": {"kind": "line", "count": 2, "spacing": 2.0},
        "frame": {"kind": "axes"},
        "place": {"kind": "point", "at": [1.01, 0.0, 0.0]},
        "plant_at": 3,
    }
    source = {"kind": "places", "at": [[0.0, 0.0, 0.0]]}
    sim = Simulation(source, space=BOX, forces=[BALLS], dynamics=NEWTON, tracers=[tracer])
    with pytest.raises(InputError, match=r"tracers\.0: .* particles overlap"):
        sim.step(5)


# --- relaxation ------------------------------------------------------------------------------------------------------


def test_a_relaxed_fluid_runs(tmp_path: Path) -> None:
    sim = balls({"kind": "uniform", "count": 150}, minimize={"steps": 2000})
    sim.step(20)
    assert sim.minimum is not None
    assert sim.minimum.converged
    assert sim.minimum.force <= 1e-3
    assert sim.minimum.energy < 1e-3 < sim.minimum.energy_before


@pytest.mark.parametrize(
    ("space", "force", "least"),
    [
        ({"kind": "free", "dimensions": 3}, {"kind": "harmonic", "stiffness": 2.0, "centre": (1.0, 0.0, 0.0)}, 0.0),
        ({"kind": "sphere", "dimensions": 3}, {"kind": "harmonic", "stiffness": 1.0, "centre": (2.0, 0.0, 0.0)}, 0.5),
    ],
    ids=["free", "sphere"],
)
def test_the_minimum_is_found_in_every_space(space: Any, force: Any, least: float) -> None:
    """Of (k/2)|x - c|^2 at c, and on the unit sphere (1/2)(2 - 1)^2."""
    sim = Simulation({"kind": "gaussian", "count": 5, "spread": 0.1}, space=space, forces=[force], dynamics=NEWTON)
    found = sim.minimize({"force": 1e-9})
    assert found.energy == pytest.approx(least, abs=1e-12)
    np.testing.assert_allclose(sim.gas.positions, np.tile((1.0, 0.0, 0.0), (5, 1)), atol=1e-8)


def test_what_cannot_be_minimised_is_refused_or_noted() -> None:
    flow = {"kind": "circulation", "rate": 1.0}
    free = {"kind": "free", "dimensions": 2}
    with pytest.raises(InputError, match="no energy to be minimised"):
        Simulation(np.ones((1, 2)), space=free, forces=[flow], dynamics=NEWTON, minimize={}).step()
    box = {"kind": "box", "dimensions": 2, "side": 3.0}
    sim = Simulation(np.ones((1, 2)), space=box, forces=[{"kind": "constant", "force": (1.0, 0.5)}], dynamics=NEWTON)
    with pytest.warns(Note, match=r"after 2 steps the largest force is .* tolerance was not reached"):
        sim.minimize({"steps": 2})


def test_a_relaxed_run_is_resumed_with_the_same_bits(tmp_path: Path) -> None:
    """The first frame is the relaxed start, the file says how it came about, passive tracers have not moved."""
    (tmp_path / "a.yaml").write_text(
        """
title: relaxed
question: none
space: {kind: periodic, dimensions: 3, side: 5.0}
gas: [{name: balls, from: {kind: uniform, count: 60}}]
tracers: [{name: probe, shape: {kind: ring, count: 5, radius: 0.7}, place: {kind: point, at: [0, 0, 0]}}]
forces: [{kind: lennard_jones, cutoff: 1.122462048309373, groups: [balls]}]
dynamics: {kind: langevin, time_step: 0.005, friction: 1.0}
temperature: 1.0
minimize: {force: 0.01}
run: {steps: 40, record_every: 10}
diagnostics: []
"""
    )
    done = gasfield.run(tmp_path / "a.yaml", output=tmp_path / "long", pictures="none")
    with gasfield.open(done.directory / "trajectory.h5") as whole:
        assert '"converged": true' in whole.attributes["minimize"]
        first = whole.positions()[0]
        assert cKDTree(first[:60]).query(first[:60], 2)[0][:, 1].min() > 0.9
        sim = Simulation.from_scenario(tmp_path / "a.yaml")
        np.testing.assert_array_equal(first[60:], sim.gas.unwrapped[60:])
    gasfield.run(tmp_path / "a.yaml", output=tmp_path / "short", pictures="none", overrides=["run.steps=20"])
    gasfield.resume(tmp_path / "short", steps=40)
    with gasfield.open(tmp_path / "short") as short, gasfield.open(tmp_path / "long") as long:
        np.testing.assert_array_equal(short.positions(), long.positions())


# --- velocities ------------------------------------------------------------------------------------------------------


def thermal(dimensions: int = 3, count: int = 40, space: Any = None, **given: Any) -> Gas:
    group = {
        "name": "gas", "mass": 2.0, "from": {"kind": "gaussian", "count": count, "spread": 1.0},
        "velocities": {"kind": "thermal", "temperature": 1.5, **given},
    }  # fmt: skip
    return Simulation([group], space=space or {"kind": "free", "dimensions": dimensions}, dynamics=NEWTON).gas


def angular_momentum(gas: Gas) -> Array:
    """(D, D) about the centre of mass."""
    assert gas.velocities is not None
    x = gas.positions - np.average(gas.positions, axis=0, weights=gas.masses)
    moments = np.einsum("i,ia,ib->ab", gas.masses, x, gas.velocities)
    return np.asarray(moments - moments.T)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 7])
def test_drawn_velocities_without_totals_have_none(dimensions: int) -> None:
    """Momentum, and each of the D (D - 1)/2 components of the angular momentum; as drawn they are not zero."""
    drawn, still = thermal(dimensions), thermal(dimensions, without=["momentum", "angular_momentum"])
    assert drawn.velocities is not None
    assert still.velocities is not None
    assert np.abs(drawn.velocities.sum(axis=0)).min() > 0.1
    assert np.abs(still.velocities.sum(axis=0)).max() < 1e-12
    assert np.abs(angular_momentum(still)).max() < 1e-12
    if dimensions > 1:
        assert np.abs(angular_momentum(drawn)).max() > 0.1


@pytest.mark.parametrize("without", [[], ["momentum"], ["momentum", "angular_momentum"]])
@pytest.mark.parametrize("count", [2, 40])
def test_an_exact_start_has_half_t_for_each_degree_of_freedom(without: list[str], count: int) -> None:
    """Of 3 N, less 3 of the momentum and 3 of the angular momentum; a pair does not turn about itself, and has 2."""
    gas = thermal(count=count, without=without, exact=True)
    turns = (2 if count == 2 else 3) if "angular_momentum" in without else 0
    freedom = 3 * count - (3 if without else 0) - turns
    assert gas.kinetic_energies().sum() == pytest.approx(0.5 * 1.5 * freedom, rel=1e-12)


def test_thermal_velocities_may_have_a_mean() -> None:
    gas = thermal(without=["momentum"], mean=(1.0, 0.0, -2.0))
    assert gas.velocities is not None
    np.testing.assert_allclose(gas.velocities.mean(axis=0), (1.0, 0.0, -2.0), atol=1e-12)


@pytest.mark.parametrize(
    ("space", "without"),
    [
        ({"kind": "periodic", "dimensions": 3, "side": 9.0}, "angular_momentum"),
        ({"kind": "sphere", "dimensions": 3}, "momentum"),
    ],
)
def test_a_total_that_the_space_does_not_have_is_refused(space: Any, without: str) -> None:
    with pytest.raises(InputError, match=r"gas\.0\.velocities\.without: (in|on) a .* there is no"):
        thermal(space=space, without=[without])


def test_a_blow_up_without_overlap_is_still_one() -> None:
    unstable = {"kind": "newton", "time_step": 3.0}
    far = Simulation(np.array([[1e30]]), forces=[{"kind": "harmonic", "stiffness": 1.0}], dynamics=unstable)
    with pytest.raises(BlowUp):
        far.step(2000)
