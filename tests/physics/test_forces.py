"""The contract of every force in the registry: gradient of its energy, its definition, bits, sums. Then each its own.

A force that is added to the registry must have cases in `force_cases`; the tests of the contract come by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from force_cases import all_cases
from force_cases.case import SPEC, Case, build, cloud, gas_at, pull
from paths import RECORDINGS
from pydantic import ValidationError

from gasfield.errors import InputError
from gasfield.forces import FORCES, Force, TotalForce
from gasfield.gas import Gas
from gasfield.scenario.document import read_value
from gasfield.scenario.yaml_1_2 import write
from gasfield.spaces import Free, Periodic, Space
from gasfield.testing import FORCE_CONTRACT, ForceCase

RECORDED = str(RECORDINGS / "kjv-bf16.h5")
CASES = all_cases()
H = 1e-4
"""Step of central differences; see gasfield/testing/forces.py for the errors that it leaves."""


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


ON_VELOCITIES = {"lorentz"}
"""No force on a particle at rest: the contract holds (test_contracts), and its own tests say what it does."""


@pytest.mark.parametrize("kind", sorted(FORCES))
def test_every_force_has_cases(kind: str) -> None:
    assert (kind in {case.kind for case in CASES}) != (kind in ON_VELOCITIES)
    spec = FORCES[kind]
    assert spec.model_fields["kind"].default == kind
    assert all(about.description for name, about in spec.model_fields.items() if name != "kind")


def test_a_force_as_a_run_stores_it_is_read_again(case: Case) -> None:
    """With all defaults written out, none of which may be refused for having no effect."""
    spec = SPEC.validate_python({"kind": case.kind, **case.right})
    stored = write(spec.model_dump(mode="json", by_alias=True, exclude_none=True))
    assert SPEC.validate_python(read_value(stored)) == spec


def moved(gas: Gas, i: int, j: int, by: float) -> Gas:
    positions = gas.positions.copy()
    positions[i, j] += by
    return gas.at(positions)


def greatest_error(found: np.ndarray, truth: np.ndarray) -> float:
    """Relative to the greatest of all components."""
    return float(np.abs(found - truth).max() / np.abs(truth).max())


@pytest.mark.parametrize("check", FORCE_CONTRACT, ids=lambda check: check.__name__)
def test_the_contract_of_forces(case: Case, check: Callable[[ForceCase], None]) -> None:
    check(ForceCase(SPEC.validate_python({"kind": case.kind, **case.right}), case.space, case.gas))


def test_force_energy_and_virial_are_the_definition(case: Case) -> None:
    force, gas = case.force(), case.gas()
    felt, scale = case.oracle(gas), np.abs(gas.positions).sum() * np.abs(pull(force, gas)).max()
    assert greatest_error(pull(force, gas), felt.force) < 1e-11
    assert greatest_error(pull(case.wrong_force(), gas), felt.force) > 1e-3
    assert abs(force.virial(gas) - felt.virial) < 1e-11 * scale
    assert force.conservative == case.conservative
    if felt.energy is not None:
        assert force.energy(gas).shape == (gas.count,)
        assert greatest_error(force.energy(gas), felt.energy) < 1e-11


# The sum of forces.


def some_forces(space: Space) -> list[Force]:
    return [
        build("harmonic", space, stiffness=2.0),
        build("soft_repulsion", space, strength=1.0, cutoff=1.5),
        build("constant", space, force=[1.0, 0.0, -1.0]),
    ]


def test_total_is_the_sum() -> None:
    parts, gas = some_forces(Free(dimensions=3)), cloud(3)()
    total = TotalForce(parts)
    np.testing.assert_allclose(total.force(gas), sum(pull(part, gas) for part in parts), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(total.energy(gas), sum(part.energy(gas) for part in parts), rtol=1e-13)
    np.testing.assert_allclose(total.laplacian(gas), sum(part.laplacian(gas) for part in parts), rtol=1e-13)
    assert abs(total.virial(gas) - sum(part.virial(gas) for part in parts)) < 1e-11
    assert len(total) == 3


def test_total_knows_what_its_parts_are() -> None:
    well, repulsion, push = some_forces(Free(dimensions=3))
    turn = build("circulation", Free(dimensions=3), rate=1.0)
    for parts, conservative, interacting, mutual in (
        ([], True, False, True),
        ([well], True, False, False),
        ([repulsion], True, True, True),
        ([repulsion, push], True, True, False),
        ([well, turn], False, False, False),
    ):
        total = TotalForce(parts)
        assert (total.conservative, total.interacting, total.mutual) == (conservative, interacting, mutual)


def test_without_forces_the_gas_is_ideal() -> None:
    total, gas = TotalForce([]), cloud(3)()
    np.testing.assert_array_equal(total.force(gas), np.zeros((12, 3)))
    np.testing.assert_array_equal(total.energy(gas), np.zeros(12))
    np.testing.assert_array_equal(total.laplacian(gas), np.zeros(12))
    assert total.virial(gas) == 0.0
    total.check_steps(0, 10**9)


def test_total_takes_positions_as_they_come() -> None:
    """An optimiser keeps them in float32, a transposed array is not contiguous: the numbers are what counts."""
    total, gas = TotalForce(some_forces(Free(dimensions=3))), cloud(3)()
    single = gas.positions.astype(np.float32)
    exact = gas.at(single.astype(np.float64))
    for positions in (single, np.asfortranarray(single), np.repeat(single, 2, axis=0)[::2]):
        np.testing.assert_array_equal(total.force(gas.at(positions)), total.force(exact))
        np.testing.assert_array_equal(total.energy(gas.at(positions)), total.energy(exact))
        assert total.force(gas.at(positions)).dtype == np.float64


def test_total_asks_all_forces_for_their_steps() -> None:
    known = build("recorded_gradient", Free(dimensions=64), file=RECORDED)
    total = TotalForce([build("harmonic", Free(dimensions=64), stiffness=1.0), known])
    total.check_steps(0, 500)
    with pytest.raises(InputError, match="step 500"):
        total.check_steps(499, 501)


# Single forces.

STATIONARY = {
    "upper left minimum": ((-0.558, 1.442), -146.70, 0),
    "lower right minimum": ((0.623, 0.028), -108.17, 0),
    "middle minimum": ((-0.050, 0.467), -80.77, 0),
    "upper saddle": ((-0.822, 0.624), -40.66, 1),
    "lower saddle": ((0.212, 0.293), -72.25, 1),
}


@pytest.mark.parametrize("name", STATIONARY)
def test_mueller_brown_has_its_published_stationary_points(name: str) -> None:
    """Mueller and Brown (1979), table 1: Newton's iteration from the published place ends where all three published
    decimals stay as they are, at the published energy, with as many ways down as a minimum or a saddle has."""
    place, energy, ways_down = STATIONARY[name]
    surface, at = build("mueller_brown", Free(dimensions=2)), np.array([place])
    for _ in range(5):
        hessian = surface_hessian(surface, at)
        at = at + np.linalg.solve(hessian, pull(surface, gas_at(at))[0])
    assert np.abs(pull(surface, gas_at(at))).max() < 1e-9
    np.testing.assert_allclose(at[0], place, atol=5.1e-4)
    assert abs(surface.energy(gas_at(at))[0] - energy) < 5.1e-3
    assert np.sum(np.linalg.eigvalsh(hessian) < 0) == ways_down


def surface_hessian(surface: Force, at: np.ndarray) -> np.ndarray:
    rows = [pull(surface, gas_at(at - shift)) - pull(surface, gas_at(at + shift)) for shift in H * np.eye(2)]
    hessian = np.concatenate(rows) / (2 * H)
    return (hessian + hessian.T) / 2


@pytest.mark.parametrize("dimensions", [1, 4])
def test_double_well_has_its_minima_and_its_barrier(dimensions: int) -> None:
    wells = build("double_well", Free(dimensions=dimensions), barrier=3.0, width=0.8)
    places = np.zeros((3, dimensions))
    places[:, 0] = [-0.8, 0.0, 0.8]
    np.testing.assert_allclose(pull(wells, gas_at(places)), 0.0, atol=1e-14)
    np.testing.assert_allclose(wells.energy(gas_at(places)), [0.0, 3.0, 0.0], atol=1e-14)
    assert (np.sign(wells.laplacian(gas_at(places)))[[0, 2]] == 1).all()


def work_around(force: Force, dimensions: int, radius: float) -> float:
    """Along a circle in the first plane; the mean over equal steps of a smooth closed path is exact to rounding."""
    angles = 2 * np.pi * np.arange(64) / 64
    places, tangents = np.zeros((2, 64, dimensions))
    places[:, 0], places[:, 1] = radius * np.cos(angles), radius * np.sin(angles)
    tangents[:, 0], tangents[:, 1] = -np.sin(angles), np.cos(angles)
    return float(2 * np.pi * radius * np.mean(np.sum(pull(force, gas_at(places)) * tangents, axis=1)))


def test_circulation_does_work_around_a_circle() -> None:
    """omega r along the path at every point: 2 pi omega r^2. A well does none."""
    assert abs(work_around(build("circulation", Free(dimensions=3), rate=0.7), 3, 1.5) - 2 * np.pi * 0.7 * 2.25) < 1e-12
    assert abs(work_around(build("harmonic", Free(dimensions=3), stiffness=0.7), 3, 1.5)) < 1e-12


def test_circulation_has_curl_and_no_divergence() -> None:
    """curl 2 omega in every plane, and no divergence: that is why it leaves the density of a round well as it is."""
    force, at, h = build("circulation", Free(dimensions=5), rate=0.7), cloud(5, count=1)(), H
    jacobian = np.array([(pull(force, moved(at, 0, j, h)) - pull(force, at))[0] / h for j in range(5)]).T
    curl = jacobian - jacobian.T
    expected = np.zeros((5, 5))
    expected[[1, 3], [0, 2]], expected[[0, 2], [1, 3]] = 1.4, -1.4
    np.testing.assert_allclose(curl, expected, atol=1e-10)
    assert abs(np.trace(jacobian)) < 1e-10
    np.testing.assert_array_equal(pull(force, at)[:, 4], 0.0)


# Input that is refused.

TORUS = Periodic(dimensions=3, side=5.0)


@pytest.mark.parametrize(
    ("kind", "space", "parameters", "says"),
    [
        ("harmonic", Free(dimensions=3), {"stiffness": [1.0, 2.0]}, "stiffness: 2 numbers .* 3 dimensions"),
        ("harmonic", Free(dimensions=3), {"stiffness": 1.0, "centre": [0.0] * 4}, "centre: 4 numbers .* 3 dimensions"),
        ("harmonic", Free(dimensions=3), {"stiffness": 1.0, "centre": []}, "centre: 0 numbers .* 3 dimensions"),
        ("harmonic", TORUS, {"stiffness": 1.0}, "harmonic depends on absolute positions"),
        ("double_well", TORUS, {}, "double_well depends on absolute positions"),
        ("mueller_brown", Free(dimensions=3), {}, "2 dimensions; the space has 3"),
        ("mueller_brown", Periodic(dimensions=2, side=9.0), {}, "mueller_brown depends on absolute positions"),
        ("constant", Free(dimensions=3), {"force": [1.0]}, "force: 1 numbers .* 3 dimensions"),
        ("circulation", Free(dimensions=1), {"rate": 1.0}, "2 dimensions or more; the space has 1"),
        ("circulation", TORUS, {"rate": 1.0}, "circulation depends on absolute positions"),
        ("soft_repulsion", TORUS, {"strength": 1.0, "cutoff": 2.6}, "side 5 of .* twice the cutoff, 5.2"),
        ("recorded_gradient", Free(dimensions=3), {"file": RECORDED}, "64 dimensions, the space 3"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_space_is_refused(kind: str, space: Space, parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        build(kind, space, **parameters)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("harmonic", {}),
        ("harmonic", {"stiffness": -1.0}),
        ("harmonic", {"stiffness": float("nan")}),
        ("harmonic", {"stiffness": 1.0, "centre": [float("inf"), 0.0, 0.0]}),
        ("double_well", {"barrier": -1.0}),
        ("double_well", {"width": 0.0}),
        ("double_well", {"tilt": float("nan")}),
        ("mueller_brown", {"scale": 0.0}),
        ("constant", {"force": [float("nan"), 0.0, 0.0]}),
        ("constant", {"forse": [0.0, 0.0, 0.0]}),
        ("circulation", {"rate": float("inf")}),
        ("soft_repulsion", {"strength": -1.0, "cutoff": 1.0}),
        ("soft_repulsion", {"strength": 1.0, "cutoff": 0.0}),
        ("recorded_gradient", {"file": RECORDED, "field": "half"}),
        ("gravity", {}),
    ],
)
def test_numbers_without_meaning_are_refused(kind: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SPEC.validate_python({"kind": kind, **parameters})
