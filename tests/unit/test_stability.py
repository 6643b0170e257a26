"""The stability monitor: a divergence that stays finite is an error, and a healthy run is none."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from gasfield.errors import BlowUp
from gasfield.gas import Gas
from gasfield.operations import Callback
from gasfield.operations.stability import StabilityMonitor
from gasfield.simulation import Simulation

CLOUD = np.random.default_rng(1).standard_normal((10, 2))
WELL = {"kind": "harmonic", "stiffness": 1.0}


def simulation(law: dict[str, Any], temperature: float | None = None, **more: Any) -> Simulation:
    return Simulation(CLOUD, dynamics=law, temperature=temperature, **{"forces": [WELL]} | more)


@pytest.mark.parametrize(
    ("law", "temperature"),
    [
        ({"kind": "sgd", "learning_rate": 2.1}, None),
        ({"kind": "sgd", "learning_rate": 2.001, "weight_decay": 0.01}, None),
        ({"kind": "sgd", "learning_rate": 0.5, "momentum": 1.05}, None),
        ({"kind": "newton", "time_step": 2.001}, None),
        ({"kind": "langevin", "time_step": 2.01, "friction": 1e-3}, 1.0),
        ({"kind": "brownian", "time_step": 2.01, "friction": 1.0}, 1.0),
    ],
)
def test_a_slow_divergence_is_an_error(law: dict[str, Any], temperature: float | None) -> None:
    """Each step multiplies the distance from the centre by 1.002 to 1.1: no two neighbouring events differ much."""
    running = simulation(law, temperature, operations=[Callback(lambda simulation: None, every=1)])
    with pytest.raises(BlowUp, match=r"step \d+: particle \d+ .*mean energy (went|jumped) from"):
        running.step(20_000)
    assert np.abs(running.gas.positions).max() < 1e5 * np.abs(CLOUD).max()


@pytest.mark.parametrize(
    ("law", "temperature"),
    [
        ({"kind": "sgd", "learning_rate": 1.99}, None),
        ({"kind": "sgd", "learning_rate": 1.5, "momentum": 0.9}, None),
        ({"kind": "newton", "time_step": 1.9}, None),
        ({"kind": "langevin", "time_step": 1.9, "friction": 1e-3}, 1.0),
        ({"kind": "adamw", "learning_rate": 1.0}, None),
    ],
)
def test_a_step_below_the_limit_is_none(law: dict[str, Any], temperature: float | None) -> None:
    assert simulation(law, temperature).step(5_000).gas.step == 5_000


def test_a_fall_into_a_well_is_no_divergence() -> None:
    """At rest where the energy is next to zero: the kinetic energy is a thousand times the scale of the start."""
    wells = {"kind": "gaussian_wells", "wells": [{"at": [0.0, 0.0], "depth": 50.0, "width": 1.0}]}
    law = {"kind": "newton", "time_step": 0.01}
    Simulation(CLOUD * 0.1 + [5.0, 0.0], dynamics=law, forces=[wells]).step(20_000)


def test_what_an_operation_does_is_not_held_against_the_dynamics() -> None:
    def kick(simulation: Simulation) -> None:
        assert simulation.gas.velocities is not None
        simulation.gas.velocities *= 100.0 if simulation.gas.step == 50 else 1.0

    simulation({"kind": "newton", "time_step": 0.1}, operations=[Callback(kick, every=50)]).step(200)


def test_a_restored_simulation_remembers_the_energy_of_the_start() -> None:
    law = {"kind": "newton", "time_step": 2.001}
    first, second = simulation(law), simulation(law)
    state = first.step(20).state()
    second.restore(state)
    with pytest.raises(BlowUp) as of_first:
        first.step(1_000)
    with pytest.raises(BlowUp) as of_second:
        second.step(1_000)
    assert str(of_second.value) == str(of_first.value)


def test_a_gas_without_particles_is_no_fault() -> None:
    """It has no mean energy, and no particle that a report could name."""
    running = simulation({"kind": "newton", "time_step": 0.01})
    monitor = next(operation for operation in running.operations if isinstance(operation, StabilityMonitor))
    running.gas = _empty(running.gas)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor.begin(running)
        monitor.prepare(running)
        monitor.guard(running)


def _empty(gas: Gas) -> Gas:
    nothing, rows = np.empty(0), np.empty(0, np.int64)
    at = np.empty((0, 2))
    return Gas(at, rows, gas.names, rows, [], velocities=at.copy(), masses=nothing, charges=nothing, ids=rows)
