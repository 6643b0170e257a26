"""What every force owes, over the whole registry: a force that is added is tested by being there.

Conservative forces are minus the gradient of the total energy, by central differences along every coordinate of every
particle. With h = 1e-4 the truncation h^2/6 U''' is below 1e-7 of the force scale for the cases here, and rounding
eps U/h is 1e-12 U; the tolerance is 1e-6 of the largest force.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import naive
import numba
import numpy as np
import pytest
from paths import RECORDINGS
from pydantic import TypeAdapter

from gasfield.errors import InputError
from gasfield.forces import FORCES, Force, ForceSpec, Surroundings, TotalForce
from gasfield.gas import Gas
from gasfield.spaces import Ball, Free, Periodic, Space, Sphere
from gasfield.trajectory import Trajectory

SPEC: TypeAdapter[Any] = TypeAdapter(ForceSpec)
BF16 = str(RECORDINGS / "kjv-bf16.h5")


@dataclass(frozen=True)
class Case:
    """A force somewhere.

    Attributes:
        spec: as in YAML.
        space: where.
        positions: (N, D).
        oracle: (positions, pushes) -> force (N, D), plainly from the definition; None where another test has it.
        pushes: (N,) who acts on others.
    """

    spec: dict[str, Any]
    space: Space
    positions: np.ndarray
    oracle: Callable[[np.ndarray, np.ndarray], np.ndarray] | None
    pushes: np.ndarray | None = None

    def build(self, **changes: Any) -> Force:
        return SPEC.validate_python(self.spec | changes).build(Surroundings(self.space))

    def gas(self, positions: np.ndarray | None = None) -> Gas:
        at = self.positions if positions is None else positions
        gas = Gas(at.copy(), np.zeros(len(at), np.int64), ["gas"], np.full(len(at), -1), [""] * len(at))
        if self.pushes is not None:
            gas.pushes = self.pushes.copy()
        return gas


def some(dimensions: int, count: int = 7, spread: float = 1.0) -> np.ndarray:
    return spread * np.random.default_rng(dimensions).standard_normal((count, dimensions))


def dead_rows() -> np.ndarray:
    with Trajectory(BF16) as recording:
        return recording.frame(0)[:4].astype(np.float64)


SOFT = {"kind": "soft_repulsion", "strength": 3.0, "range": 1.3}
MIXED = np.array([True, False, True, True, False, True, True])
CASES: dict[str, Case] = {
    "harmonic": Case(
        {"kind": "harmonic", "stiffness": 1.7}, Free(dimensions=3), some(3),
        lambda x, _: naive.harmonic_force(x, [1.7] * 3, [0] * 3),
    ),
    "harmonic-anisotropic": Case(
        {"kind": "harmonic", "stiffness": [1.0, 0.0, 2.5], "centre": [1.0, 2.0, -1.0]}, Ball(dimensions=3, radius=9.0),
        some(3), lambda x, _: naive.harmonic_force(x, [1.0, 0.0, 2.5], [1.0, 2.0, -1.0]),
    ),
    "double_well": Case(
        {"kind": "double_well", "barrier": 1.5, "width": 0.8, "tilt": 0.3, "stiffness": 2.0}, Free(dimensions=4),
        some(4), lambda x, _: naive.double_well_force(x, 1.5, 0.8, 0.3, 2.0),
    ),
    "double_well-line": Case(
        {"kind": "double_well"}, Free(dimensions=1), some(1), lambda x, _: naive.double_well_force(x, 1.0, 1.0, 0.0, 1.0)
    ),
    "mueller_brown": Case(
        {"kind": "mueller_brown", "scale": 0.5}, Free(dimensions=2), some(2, spread=0.4) + [-0.3, 0.6],
        lambda x, _: naive.mueller_brown_force(x, 0.5),
    ),
    "constant": Case(
        {"kind": "constant", "force": [1.0, -2.0]}, Free(dimensions=2), some(2),
        lambda x, _: np.tile([1.0, -2.0], (len(x), 1)),
    ),
    "constant-periodic": Case(
        {"kind": "constant", "force": [1.0, -2.0]}, Periodic(dimensions=2, side=4.0), some(2),
        lambda x, _: np.tile([1.0, -2.0], (len(x), 1)),
    ),
    "circulation": Case(
        {"kind": "circulation", "rate": 0.7}, Free(dimensions=5), some(5), lambda x, _: naive.circulation_force(x, 0.7)
    ),
    "soft_repulsion": Case(SOFT, Free(dimensions=3), some(3), lambda x, p: naive.soft_force(x, p, 3.0, 1.3, None)),
    "soft_repulsion-periodic": Case(
        SOFT, Periodic(dimensions=2, side=3.0), some(2, spread=3.0), lambda x, p: naive.soft_force(x, p, 3.0, 1.3, 3.0)
    ),
    "soft_repulsion-passive": Case(
        SOFT, Periodic(dimensions=2, side=3.0), some(2, spread=3.0),
        lambda x, p: naive.soft_force(x, p, 3.0, 1.3, 3.0), MIXED,
    ),
    "soft_repulsion-sphere": Case(
        SOFT, Sphere(dimensions=3), some(3) / np.linalg.norm(some(3), axis=1, keepdims=True),
        lambda x, p: naive.soft_force(x, p, 3.0, 1.3, None),
    ),
    "recorded_gradient-affine": Case(
        {"kind": "recorded_gradient", "file": BF16}, Free(dimensions=64), dead_rows(), None
    ),
    "recorded_gradient-full": Case(
        {"kind": "recorded_gradient", "file": BF16, "field": "full"}, Free(dimensions=64), dead_rows(), None
    ),
}  # fmt: skip
WITHOUT_ENERGY = {"circulation", "constant-periodic"}
POTENTIAL = [name for name in CASES if name not in WITHOUT_ENERGY]


def pull(force: Force, gas: Gas) -> np.ndarray:
    total = np.zeros(gas.positions.shape)
    force.add(gas, total)
    return total


def moved(case: Case, particle: int, coordinate: int, by: float) -> Gas:
    positions = case.positions.copy()
    positions[particle, coordinate] += by
    return case.gas(positions)


def energy_felt(force: Force, gas: Gas, particle: int) -> float:
    """What the force on a particle is the gradient of: the energy of all who push; of a passive one its own."""
    energy = force.energy(gas)
    return float(energy[gas.pushes].sum() if gas.pushes[particle] else energy[particle])


def slopes(force: Force, case: Case, h: float = 1e-4) -> np.ndarray:
    found = np.zeros(case.positions.shape)
    for particle, coordinate in np.ndindex(*found.shape):
        ends = [energy_felt(force, moved(case, particle, coordinate, by), particle) for by in (h, -h)]
        found[particle, coordinate] = (ends[0] - ends[1]) / (2 * h)
    return found


def test_every_force_has_a_case() -> None:
    assert {name.split("-")[0] for name in CASES} == set(FORCES)


@pytest.mark.parametrize("name", POTENTIAL)
def test_force_is_minus_the_gradient_of_the_energy(name: str) -> None:
    case = CASES[name]
    force, gas = case.build(), case.gas()
    assert force.conservative
    expected = pull(force, gas)
    scale = np.abs(expected).max()
    found = -slopes(force, case)
    np.testing.assert_allclose(found, expected, atol=1e-6 * scale)
    assert np.abs(found - 1.01 * expected).max() > 1e-6 * scale  # negative control: 1% too strong


@pytest.mark.parametrize("name", POTENTIAL)
def test_laplacian_is_the_divergence_of_the_force(name: str) -> None:
    """Central differences of the force on a particle by its own coordinates."""
    case, h = CASES[name], 1e-4
    force = case.build()
    found = np.zeros(len(case.positions))
    for particle, coordinate in np.ndindex(*case.positions.shape):
        ends = [pull(force, moved(case, particle, coordinate, by))[particle, coordinate] for by in (h, -h)]
        found[particle] -= (ends[0] - ends[1]) / (2 * h)
    expected = force.laplacian(case.gas())
    np.testing.assert_allclose(found, expected, atol=2e-6 * (1.0 + np.abs(expected).max()))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.oracle])
def test_force_is_the_naive_oracle(name: str) -> None:
    case = CASES[name]
    gas, oracle = case.gas(), case.oracle
    assert oracle is not None
    expected = oracle(case.positions, gas.pushes)
    np.testing.assert_allclose(pull(case.build(), gas), expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("name", CASES)
def test_bits_do_not_depend_on_threads(name: str) -> None:
    case = CASES[name]
    force, many = (
        case.build(),
        np.tile(case.positions, (40, 1)) + 1e-3 * some(case.positions.shape[1], 40 * len(case.positions)),
    )
    gas = Case(case.spec, case.space, many, None).gas()
    results = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        results.append([pull(force, gas), *([force.energy(gas), force.laplacian(gas)] if force.conservative else [])])
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", CASES)
def test_forces_add_up_and_coincident_particles_are_finite(name: str) -> None:
    case = CASES[name]
    force = case.build()
    gas = Case(case.spec, case.space, np.repeat(case.positions[:1], 4, axis=0), None).gas()
    once, twice = pull(force, gas), np.zeros((4, gas.dimensions))
    force.add(gas, twice)
    force.add(gas, twice)
    assert np.isfinite(once).all()
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-12)
    np.testing.assert_array_equal(once, np.repeat(once[:1], 4, axis=0))
    if force.conservative:
        assert np.isfinite(force.energy(gas)).all()


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].pushes is None])
def test_virial(name: str) -> None:
    """Sum of x . F; between pairs of r . F by nearest images, which without images is the same."""
    case = CASES[name]
    force, gas = case.build(), case.gas()
    if name == "soft_repulsion-periodic":
        expected = naive.soft_virial(case.positions, 3.0, 1.3, 3.0)
    else:
        expected = float(np.sum(gas.positions * pull(force, gas)))
    np.testing.assert_allclose(force.virial(gas), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", sorted(WITHOUT_ENERGY))
def test_what_is_no_gradient_has_no_energy(name: str) -> None:
    case = CASES[name]
    force = case.build()
    assert not force.conservative
    for energy in (force.energy, force.laplacian):
        with pytest.raises(ValueError, match="no gradient"):
            energy(case.gas())


def test_the_total_adds_up() -> None:
    parts = [CASES[name].build() for name in ("harmonic", "soft_repulsion")]
    gas, total = CASES["harmonic"].gas(), TotalForce(parts)
    np.testing.assert_allclose(total.force(gas), sum(pull(part, gas) for part in parts), rtol=1e-14)
    np.testing.assert_allclose(total.energy(gas), sum(part.energy(gas) for part in parts), rtol=1e-14)
    np.testing.assert_allclose(total.laplacian(gas), sum(part.laplacian(gas) for part in parts), rtol=1e-14)
    np.testing.assert_allclose(total.virial(gas), sum(part.virial(gas) for part in parts), rtol=1e-14)
    assert total.conservative
    assert total.interacting
    assert not total.mutual
    single = gas.at(np.asfortranarray(gas.positions.astype(np.float32)))
    np.testing.assert_allclose(total.force(single), total.force(gas), rtol=1e-5)


def test_without_forces_the_gas_is_ideal() -> None:
    ideal, gas = TotalForce([]), CASES["harmonic"].gas()
    assert (ideal.conservative, ideal.interacting, ideal.mutual, len(ideal)) == (True, False, True, 0)
    assert not ideal.force(gas).any()
    assert not ideal.energy(gas).any()


# --- single forces ---------------------------------------------------------------------------------------------------


def test_mueller_brown_has_its_published_minima_and_saddles() -> None:
    """Mueller and Brown (1979), table 1: places to three digits, energies to two."""
    case = Case({"kind": "mueller_brown"}, Free(dimensions=2), np.zeros((1, 2)), None)
    force = case.build()
    published = {
        (-0.558, 1.442): -146.70, (0.623, 0.028): -108.17, (-0.050, 0.467): -80.77, (-0.822, 0.624): -40.66,
        (0.212, 0.293): -72.25,
    }  # fmt: skip
    for place, energy in published.items():
        gas = case.gas(np.array([place]))
        assert abs(force.energy(gas)[0] - energy) < 0.01
        assert np.abs(pull(force, gas)).max() < 2.0  # curvatures of up to 3,000 times a place off by 0.0005


def test_circulation_does_work_on_a_closed_way() -> None:
    """Round a circle of radius r: 2 pi r^2 omega."""
    angle = np.linspace(0, 2 * np.pi, 721)[:-1]
    circle = 1.5 * np.column_stack([np.cos(angle), np.sin(angle)])
    case = Case({"kind": "circulation", "rate": 0.7}, Free(dimensions=2), circle, None)
    step = 1.5 * np.column_stack([-np.sin(angle), np.cos(angle)]) * (2 * np.pi / 720)
    work = np.sum(pull(case.build(), case.gas()) * step)
    np.testing.assert_allclose(work, 2 * np.pi * 1.5**2 * 0.7, rtol=1e-12)


def test_soft_spheres_obey_newtons_third_law_unless_passive() -> None:
    assert (
        np.abs(pull(CASES["soft_repulsion-periodic"].build(), CASES["soft_repulsion-periodic"].gas()).sum(0)).max()
        < 1e-13
    )
    case = CASES["soft_repulsion-passive"]
    force, gas = case.build(), case.gas()
    total = pull(force, gas)
    assert np.abs(total.sum(axis=0)).max() > 0.1
    without = Case(case.spec, case.space, case.positions[MIXED], None)
    np.testing.assert_allclose(
        total[MIXED], pull(force, without.gas()), atol=1e-13
    )  # they do not feel the passive ones


def test_soft_spheres_meet_the_nearest_image() -> None:
    case = CASES["soft_repulsion-periodic"]
    force = case.build()
    shifted = case.positions + 3.0 * np.random.default_rng(0).integers(-5, 6, case.positions.shape)
    np.testing.assert_allclose(pull(force, case.gas(shifted)), pull(force, case.gas()), atol=1e-12)


def test_soft_repulsion_begins_smoothly() -> None:
    """At r = a (1 - d) energy, force and curvature vanish as d^3, d^2, d."""
    energies, forces, bends = [], [], []
    for d in (1e-2, 1e-3):
        case = Case(SOFT, Free(dimensions=1), np.array([[0.0], [1.3 * (1 - d)]]), None)
        force, gas = case.build(), case.gas()
        energies.append(force.energy(gas).sum())
        forces.append(pull(force, gas)[1, 0])
        bends.append(force.laplacian(gas)[1])
    np.testing.assert_allclose(energies[0] / energies[1], 1e3, rtol=0.02)
    np.testing.assert_allclose(forces[0] / forces[1], 1e2, rtol=0.03)
    np.testing.assert_allclose(bends[0] / bends[1], 10, rtol=0.05)


@pytest.mark.parametrize(
    ("spec", "space", "reason"),
    [
        ({"kind": "harmonic", "stiffness": [1.0, 2.0]}, Free(dimensions=3), "stiffness: 2 numbers .* 3 dimensions"),
        ({"kind": "harmonic", "stiffness": 1.0, "centre": [0.0]}, Free(dimensions=3), "centre: 1 numbers"),
        ({"kind": "harmonic", "stiffness": 1.0}, Periodic(dimensions=2, side=1.0), "repeats itself"),
        ({"kind": "double_well"}, Periodic(dimensions=2, side=1.0), "repeats itself"),
        ({"kind": "circulation", "rate": 1.0}, Free(dimensions=1), "2 or more"),
        ({"kind": "mueller_brown"}, Free(dimensions=3), "over 2 dimensions"),
        ({"kind": "constant", "force": [1.0]}, Free(dimensions=2), "force: 1 numbers"),
        (SOFT, Periodic(dimensions=2, side=2.5), "side of 2.5, smaller than twice the range"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(spec: dict[str, Any], space: Space, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        SPEC.validate_python(spec).build(Surroundings(space))
