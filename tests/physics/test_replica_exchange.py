"""Replica exchange samples Boltzmann's law at every temperature of its ladder."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betainc

from gasfield.diagnostics.grouping import group_of
from gasfield.diagnostics.thermodynamics.steady import steady_part
from gasfield.errors import InputError, Note
from gasfield.operations.ladder import geometric
from gasfield.operations.replica_exchange import ReplicaExchanger
from gasfield.runs.run import run
from gasfield.scenario import Scenario
from gasfield.scenario.scenario import RunLength
from gasfield.simulation import Simulation

BARRIER, TILT = 1.5, 0.05
WELL: dict[str, Any] = {"kind": "double_well", "barrier": BARRIER, "tilt": TILT, "stiffness": 2.0}
HARMONIC = {"kind": "harmonic", "stiffness": 1.0}
LANGEVIN = {"kind": "langevin", "time_step": 0.05, "friction": 1.0}
METROPOLIS = {"kind": "metropolis", "step_length": 0.5}
LADDER = geometric(0.1, 1.0, 5).tolist()


def tempered(
    temperatures: list[float], count: int, force: dict[str, Any], dynamics: dict[str, Any] = LANGEVIN, **exchange: Any
) -> Scenario:
    """A gas at several temperatures that starts in the left well."""
    source = {"kind": "gaussian", "count": count, "spread": 0.1, "centre": [-1.0, 0.0]}
    return Scenario.model_validate(
        {
            "title": "t", "question": "q", "seed": 5, "space": {"kind": "free", "dimensions": 2},
            "gas": [{"name": "gas", "from": source}],
            "forces": [force], "dynamics": dynamics, "run": {"steps": 10},
            "replicas": {"temperatures": temperatures, **exchange},
        }
    )  # fmt: skip


def replicas(*given: Any, **exchange: Any) -> tuple[Simulation, ReplicaExchanger]:
    """The simulation of `tempered`, and its exchanges."""
    simulation = Simulation.from_scenario(tempered(*given, **exchange))
    (found,) = (operation for operation in simulation.operations if isinstance(operation, ReplicaExchanger))
    return simulation, found


def right_of(temperature: float) -> float:
    """The share of Boltzmann's law right of the barrier, by quadrature."""

    def weight(x: float) -> float:
        return float(np.exp(-(BARRIER * (x * x - 1.0) ** 2 + TILT * (x + 1.0)) / temperature))

    right, left = quad(weight, 0.0, 4.0)[0], quad(weight, -4.0, 0.0)[0]
    return right / (left + right)


def shares_on_the_right(simulation: Simulation, steps: int) -> np.ndarray:
    """(N,) how much of its time each particle is right of the barrier."""
    return simulation.sample(steps // 20, 20, lambda gas: gas.positions[:, 0] > 0.0).mean(axis=0)


def deviation(values: np.ndarray, expected: float) -> float:
    """From the expected mean, in standard errors; values of independent particles."""
    return float((values.mean() - expected) / (values.std(ddof=1) / np.sqrt(len(values))))


def test_a_barrier_of_15_t_is_crossed_where_langevin_of_the_same_cost_stays() -> None:
    """Both populations of every replica are within four standard errors of quadrature; they differ from one half, and
    from temperature to temperature, by many."""
    simulation, exchanges = replicas(LADDER, 100, WELL)
    right = shares_on_the_right(simulation.step(2000), 5000)[exchanges.ladder.rows]
    for shares, temperature in zip(right, LADDER, strict=True):
        assert abs(deviation(shares, right_of(temperature))) < 4.0
    assert deviation(right[0], 0.5) < -8.0
    assert deviation(right[0], right_of(0.15)) < -4.0  # of a neighbour: seen
    assert exchanges.round_trips > 1000
    plain = Simulation(
        np.tile([[-1.0, 0.0]], (500, 1)), forces=[WELL], dynamics=LANGEVIN, temperature=LADDER[0], seed=5
    )
    assert shares_on_the_right(plain.step(2000), 5000).mean() < 0.01 < 0.25 < right_of(LADDER[0])


@pytest.mark.parametrize("of", ["particles", "configurations"])
def test_the_acceptance_is_twice_the_chance_that_the_hotter_has_less_energy(of: str) -> None:
    """In a harmonic well energies have gamma laws, of D/2 for a particle and N D/2 for N: 2 I_x(f, f), x = T/(T+T').
    So a configuration of eight particles exchanges in .25 of the attempts where each particle does so in .67."""
    count, temperatures = 8, [0.5, 1.0]
    simulation, exchanges = replicas(temperatures, count, HARMONIC, METROPOLIS, of=of, every=10)
    simulation.step(200)
    counts = [exchanges.state()["accepted"].sum() for _ in range(601) if simulation.step(10)]
    accepted = np.diff(counts)
    freedom = 1 if of == "particles" else count
    expected = 2.0 * float(betainc(freedom, freedom, 1.0 / 3.0))
    blocks = accepted.reshape(30, 20).mean(axis=1)  # attempts are nearly independent, blocks of 20 are
    assert abs(deviation(blocks, expected)) < 4.0
    assert abs(deviation(blocks, 2.0 * float(betainc(2 * freedom, 2 * freedom, 1.0 / 3.0)))) > 4.0


def test_velocities_are_those_of_their_temperature_and_the_energy_given_is_heat() -> None:
    """OBABO keeps Maxwell's law at any step; exchanges every step would spoil it if velocities were not rescaled."""
    dynamics = LANGEVIN | {"scheme": "obabo", "friction": 0.1}
    for rescaled in (True, False):
        simulation, exchanges = replicas([0.5, 1.0], 400, HARMONIC, dynamics, every=1)
        if not rescaled:
            _keep_velocities(simulation)
        kinetic = simulation.step(200).sample(200, 5, lambda gas: gas.kinetic_energies()).mean(axis=0)
        off = [deviation(kinetic[rows], t) for rows, t in zip(exchanges.ladder.rows, [0.5, 1.0], strict=True)]
        assert (np.abs(off) < 4.0).all() == rescaled
    simulation, exchanges = replicas([0.5, 1.0], 400, HARMONIC, dynamics, every=1)
    before = simulation.step(20).energy() + simulation.dynamics.accumulators()["heat"].sum()
    exchanges.fire(simulation)
    after = simulation.energy() + simulation.dynamics.accumulators()["heat"].sum()
    assert after == pytest.approx(before, rel=1e-12)


def _keep_velocities(simulation: Simulation) -> None:
    """Undoes the rescaling of velocities at exchanges."""
    follow = simulation.dynamics.exchange

    def keep(sources: np.ndarray, scales: np.ndarray, given: np.ndarray) -> None:
        simulation.gas.velocities /= scales[:, None]
        follow(sources, scales, given)

    simulation.dynamics.exchange = keep


def test_a_wrong_ratio_is_seen() -> None:
    """With temperatures off by a fifth in the acceptance, energies are not those of the bath."""
    for factor, right in ((1.0, True), (1.2, False)):
        simulation, exchanges = replicas([0.5, 1.0], 400, HARMONIC, METROPOLIS, every=1)
        exchanges.ladder = exchanges.ladder.at(exchanges.ladder.temperatures * [1.0, factor])
        energies = simulation.step(100).sample(100, 5, simulation.forces.energy).mean(axis=0)
        off = [deviation(energies[rows], t) for rows, t in zip(exchanges.ladder.rows, [0.5, 1.0], strict=True)]
        assert (np.abs(off) < 4.0).all() == right


def test_a_ladder_adapts_and_then_stays() -> None:
    """To an acceptance of .4 of each pair; or between fixed ends, to the same acceptance."""
    for acceptance in (0.4, None):
        adapt = {"steps": 800, "acceptance": acceptance}
        simulation, exchanges = replicas([0.5, 0.55, 2.0], 100, HARMONIC, METROPOLIS, every=2, adapt=adapt)
        simulation.step(802)
        there = exchanges.ladder.temperatures.copy()
        np.testing.assert_array_equal(simulation.bath.at(simulation.gas.step), there)
        simulation.step(800)
        np.testing.assert_array_equal(exchanges.ladder.temperatures, there)
        assert there[0] == 0.5
        assert (there[-1] == 2.0) == (acceptance is None)
        aim = 0.4 if acceptance else exchanges.acceptance.mean()
        assert np.abs(exchanges.acceptance - aim).max() < 0.05
        if acceptance is None:  # the middle is geometric, where the heat capacity is constant
            assert there[1] == pytest.approx(1.0, abs=0.1)


def test_nothing_is_averaged_while_a_ladder_adapts(tmp_path: Path) -> None:
    """Not even at the lowest temperature, which stays."""
    scenario = tempered([0.5, 0.55, 2.0], 20, HARMONIC, METROPOLIS, every=2, adapt={"steps": 60})
    longer = {"run": RunLength(steps=120), "diagnostics": ()}
    with run(scenario.model_copy(update=longer), output=tmp_path / "out", pictures="none").open() as trajectory:
        for name in trajectory.names:
            assert steady_part(group_of(trajectory, name)).step >= 60


def test_interacting_particles_exchange_as_a_whole_and_separate_ladders_are_named() -> None:
    gravity = {"kind": "gravity", "softening": 0.5, "groups": ["gas"]}
    simulation, exchanges = replicas([0.1, 20.0], 12, gravity, every=1)
    alone = simulation.forces.energy(simulation.gas)
    before, rows = simulation.gas.positions.copy(), exchanges.ladder.rows
    simulation.step(50)
    assert exchanges.walkers.shape == (2, 1)
    with pytest.warns(Note, match=r"hardly mixes: gas-0 and gas-1 .* exchange in 0 of .* All 12 particles"):
        simulation.close()
    exchanges._try(0, np.where(np.isin(np.arange(24), rows[0]), 1e6, 0.0) + alone)  # certain: the colder is higher
    assert exchanges.walkers[:, 0].tolist() == [1, 0]
    assert not np.array_equal(simulation.gas.positions, before)
    np.testing.assert_allclose(
        simulation.forces.energy(simulation.gas).sum(), simulation.energy() - _kinetic(simulation)
    )


def _kinetic(simulation: Simulation) -> float:
    return float(simulation.gas.kinetic_energies().sum())


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("newton has none", HARMONIC, {"kind": "newton", "time_step": 0.1}, {}),
    ("account of the energy", HARMONIC, {"kind": "nose_hoover", "time_step": 0.1, "relaxation_time": 1.0}, {}),
    ("not a gradient", {"kind": "circulation", "rate": 1.0}, LANGEVIN, {}),
    ("changes with time", HARMONIC | {"stiffness": {"kind": "ramp", "from": 1, "to": 2, "steps": 9}}, LANGEVIN, {}),
    ("acts between the replicas", {"kind": "gravity", "softening": 0.5}, LANGEVIN, {}),
    ("energies of their own", {"kind": "gravity", "softening": 0.5, "groups": "each"}, LANGEVIN, {"of": "particles"}),
    ("the same temperature", HARMONIC, LANGEVIN, {"temperatures": [1.0, 1.0]}),
    ("lower temperature to a higher", HARMONIC, LANGEVIN, {"temperatures": {"from": 2.0, "to": 1.0, "count": 3}}),
]  # fmt: skip


@pytest.mark.parametrize(("says", "force", "dynamics", "keys"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_is_not_boltzmann_s_law_of_each_replica_is_refused(
    says: str, force: dict[str, Any], dynamics: dict[str, Any], keys: dict[str, Any]
) -> None:
    given = {"temperatures": [0.5, 1.0]} | keys
    with warnings.catch_warnings(), pytest.raises((InputError, ValueError), match=says):
        replicas(given.pop("temperatures"), 8, force, dynamics, **given)
