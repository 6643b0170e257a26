"""Forces between particles in single precision: their error beside float64, energies, and bits."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from gasfield.dynamics import mechanics
from gasfield.errors import InputError
from gasfield.forces import Surroundings, TotalForce
from gasfield.forces.pairs.gravity import Gravity
from gasfield.forces.pairs.lennard_jones import LennardJones
from gasfield.gas import Gas
from gasfield.simulation import Simulation
from gasfield.spaces import Free, Periodic

SIDE, DIMENSIONS, CELLS = 8.0, 3, 6
LENNARD_JONES: dict[str, Any] = {"kind": "lennard_jones", "cutoff": 2.5}
TRAP: dict[str, Any] = {"kind": "convection", "speed": 0.3, "cells": {"kind": "rolls", "wave_length": SIDE}}


def liquid(cells: int = CELLS, side: float = SIDE) -> Gas:
    """A disturbed cubic lattice of particles."""
    chance = np.random.default_rng(7)
    axes = (np.arange(cells) + 0.5) * side / cells - 0.5 * side
    places = np.stack(np.meshgrid(axes, axes, axes), -1).reshape(-1, 3)
    velocities = chance.standard_normal(places.shape)
    return Gas(places + 0.06 * chance.standard_normal(places.shape), velocities=velocities - velocities.mean(axis=0))


def melt(precision: str, forces: list[dict[str, Any]] | None = None, cells: int = CELLS) -> Simulation:
    """Lennard-Jones particles at constant energy."""
    return Simulation(
        liquid(cells),
        dynamics={"kind": "newton", "time_step": 0.004, "precision": precision},
        space={"kind": "periodic", "dimensions": 3, "side": SIDE},
        forces=forces or [LENNARD_JONES],
    )


def bits(sim: Simulation) -> bytes:
    """Positions and velocities."""
    assert sim.gas.velocities is not None
    return sim.gas.positions.tobytes() + sim.gas.velocities.tobytes()


def error_of(force: Any, gas: Gas) -> tuple[float, float]:
    """Root mean square of the error in float32 and of the force itself."""
    exact, rounded = np.zeros(gas.positions.shape), np.zeros(gas.positions.shape)
    force.add(gas, exact)
    force.with_precision("float32").add(gas, rounded)
    return float(np.sqrt(np.mean((rounded - exact) ** 2))), float(np.sqrt(np.mean(exact**2)))


def test_errors_of_forces_over_lists_are_those_of_rounded_places() -> None:
    """Each coordinate is rounded to a spacing s of 2^-23 of the side, a power of two, hence off by s / sqrt(12) at
    random. With the Hessian K_ij of a pair, the force on i is then off by sum_j K_ij (e_i - e_j), of variance
    (s^2 / 12) (|sum_j K_ij|^2 + sum_j |K_ij|^2); products add 2^-24 of the forces of pairs, which is less."""
    gas, space = liquid(), Periodic(dimensions=3, side=SIDE)
    force = LennardJones(cutoff=2.5).build(Surroundings(space))
    error, size = error_of(force, gas)
    apart = gas.positions[:, None] - gas.positions[None]
    apart -= SIDE * np.rint(apart / SIDE)
    u = np.sum(apart**2, axis=2)
    u[(u == 0.0) | (u > 2.5**2)] = np.inf
    slope, bend = 12.0 / u**4 - 24.0 / u**7, 168.0 / u**8 - 48.0 / u**5
    along = apart[..., :, None] * apart[..., None, :]
    hessian = 2.0 * slope[..., None, None] * np.eye(3) + 4.0 * bend[..., None, None] * along
    squares = np.sum(hessian.sum(axis=1) ** 2, axis=(1, 2)) + np.sum(hessian**2, axis=(1, 2, 3))
    expected = SIDE * 2.0**-23 * np.sqrt(np.mean(squares) / 3.0 / 12.0)
    assert 0.8 * expected < error < 1.3 * expected
    assert error < 1e-4 * size


def test_direct_sums_in_float32_have_errors_of_single_precision_and_energies_of_double() -> None:
    gas, force = liquid(), Gravity(strength=1.0, softening=0.1).build(Surroundings(Free(dimensions=3)))
    error, size = error_of(force, gas)
    assert 0.0 < error < 32 * 2.0**-24 * size
    single = force.with_precision("float32")
    assert np.array_equal(single.energy(gas), force.energy(gas))
    assert np.array_equal(single.laplacian(gas), force.laplacian(gas))
    assert single.virial(gas) == force.virial(gas)


def test_energies_over_lists_stay_in_float64() -> None:
    gas, force = liquid(), LennardJones(cutoff=2.5).build(Surroundings(Periodic(dimensions=3, side=SIDE)))
    single = force.with_precision("float32")
    assert np.array_equal(single.energy(gas), force.energy(gas))
    assert single.virial(gas) == force.virial(gas)
    assert single.with_precision("float32") is single
    assert force.with_precision("float64") is force


@pytest.mark.parametrize("precision", ["mixed", "float32"])
@pytest.mark.parametrize("cells", [CELLS, 3])
def test_bits_do_not_depend_on_calls_threads_or_compiled_steps(
    precision: str, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    forces = [TRAP, LENNARD_JONES]
    whole = melt(precision, forces, cells)
    whole.step(24)
    monkeypatch.setattr(mechanics, "_WORTH_COMPILING", 0.0)  # `mixed` was taken step by step before
    split = melt(precision, forces, cells)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        for steps in (1, 16, 7):
            split.step(steps)
    finally:
        numba.set_num_threads(before)
    assert split.gas.positions.dtype == (np.float32 if precision == "float32" else np.float64)
    assert bits(split) == bits(whole)
    assert bits(split) != bits(melt(precision, forces, cells))


def test_a_resumed_run_in_float32_has_the_same_bits() -> None:
    forces = [TRAP, LENNARD_JONES]
    whole, again = melt("float32", forces), melt("float32", forces)
    whole.step(10)
    saved = whole.state()
    whole.step(10)
    again.restore(saved)
    again.step(10)
    assert bits(again) == bits(whole)


def test_mixed_conserves_the_energy_as_float64_does() -> None:
    """Forces that are wrong by 1e-5 of themselves at random do work of about 1e-5 sqrt(steps) of a kick; the negative
    control has forces that are wrong by 1%, always in the same direction: those of another diameter."""

    def drift(sim: Simulation) -> float:
        def energy() -> float:
            assert sim.gas.velocities is not None
            kinetic = 0.5 * float(np.sum(sim.gas.velocities.astype(np.float64) ** 2))
            return (kinetic + float(exact.energy(sim.gas).sum())) / sim.gas.count

        exact = TotalForce([LennardJones(cutoff=2.5).build(Surroundings(Periodic(dimensions=3, side=SIDE)))], 3)
        start = energy()
        sim.step(100)
        return energy() - start

    plain, mixed = drift(melt("float64")), drift(melt("mixed"))
    wrong = drift(melt("float64", [{**LENNARD_JONES, "diameter": 1.01}]))
    assert abs(mixed - plain) < 2e-5
    assert abs(wrong - plain) > 1e-3


def test_numbers_out_of_the_range_of_float32_are_refused() -> None:
    """The sixth power of a diameter in metres is far below the smallest float32: the force would be zero."""
    law = {"kind": "lennard_jones", "diameter": 3e-10, "strength": 1e-21}
    gas = Gas(np.array([[0.0, 0.0, 0.0], [3.2e-10, 0.0, 0.0]]), velocities=np.zeros((2, 3)))
    dynamics = {"kind": "newton", "time_step": 1e-15, "precision": "mixed"}
    with pytest.raises(InputError, match="out of the range of float32"):
        Simulation(gas, dynamics=dynamics, space={"kind": "free", "dimensions": 3}, forces=[law])
