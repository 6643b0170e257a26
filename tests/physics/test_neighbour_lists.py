"""Neighbour lists: sums over a list have the bits of sums over all pairs, whatever its skin and its history are."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from force_cases.lennard_jones import twelve_six
from naive import pairs
from numba import config

from gasfield.forces import Surroundings
from gasfield.forces.pairs.lennard_jones import LennardJones
from gasfield.forces.pairs.yukawa import Yukawa
from gasfield.forces.pairwise import PairForce
from gasfield.forces.within import Within
from gasfield.gas import Gas
from gasfield.neighbours import neighbour_list
from gasfield.neighbours.neighbour_list import NeighbourList
from gasfield.spaces import Free, Periodic, Space

pytestmark = [
    pytest.mark.skipif(bool(config.DISABLE_JIT), reason="lists are compiled"),  # type: ignore[attr-defined]
    pytest.mark.usefixtures("one_numba_thread"),
]

LAWS: dict[str, Any] = {
    "lennard_jones": LennardJones(strength=1.5, diameter=0.9, cutoff=2.25),
    "yukawa": Yukawa(softening=0.1, screening=1.0, cutoff=2.5),
}
SIDE = 9.0


@pytest.fixture(autouse=True)
def lists_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a run that has lasted for some seconds."""
    monkeypatch.setattr("gasfield.forces.neighbours._WORTH_COMPILING", 0.0)


def space_of(dimensions: int, side: float | None) -> Space:
    return Free(dimensions=dimensions) if side is None else Periodic(dimensions=dimensions, side=side)


def listed(law: Any, space: Space) -> tuple[PairForce, NeighbourList]:
    """A force, and its list."""
    force = law.build(Surroundings(space))
    assert force._neighbours is not None
    return force, force._neighbours.list


def over_all_pairs(law: Any, space: Space) -> PairForce:
    force: PairForce = law.build(Surroundings(space))
    force._neighbours = None
    return force


def gas_of(places: np.ndarray, seed: int = 1) -> Gas:
    """A gas with masses, charges of both signs and passive tracers."""
    chance, count = np.random.default_rng(seed), len(places)
    return Gas(
        places,
        is_source=chance.random(count) < 0.8,
        charges=chance.normal(size=count),
        masses=0.5 + chance.random(count),
    )


def uniform(dimensions: int, count: int, side: float = SIDE, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5 * side, 0.5 * side, (count, dimensions))


def clustered(dimensions: int, count: int) -> np.ndarray:
    """Half of the gas in a dense drop, the rest anywhere."""
    places = uniform(dimensions, count)
    places[::2] *= 0.1
    return places


def pushed(force: Any, gas: Gas) -> np.ndarray:
    felt = np.zeros(gas.positions.shape)
    force.add(gas, felt)
    return felt


def assert_same(one: Any, other: Any, gas: Gas) -> None:
    """Forces, energies, Laplacians and virials have the same bits."""
    assert np.array_equal(pushed(one, gas), pushed(other, gas))
    assert np.array_equal(one.energy(gas), other.energy(gas), equal_nan=True)
    assert np.array_equal(one.laplacian(gas), other.laplacian(gas), equal_nan=True)
    if gas.periods is not None or np.isfinite(gas.positions).all():
        assert one.virial(gas) == other.virial(gas)


def follow(force: PairForce, reference: PairForce, gas: Gas, moves: int, width: float = 0.03) -> None:
    """Compares along a path of small moves."""
    chance = np.random.default_rng(3)
    for move in range(moves):
        gas.positions = gas.positions + width * chance.normal(size=gas.positions.shape)
        assert np.array_equal(pushed(force, gas), pushed(reference, gas)), move
    assert_same(force, reference, gas)


SPACES = [(d, side) for d in (1, 2, 3) for side in (SIDE, None)] + [(4, None)]


@pytest.mark.parametrize(("dimensions", "side"), SPACES)
@pytest.mark.parametrize("kind", LAWS)
def test_a_list_has_the_bits_of_all_pairs(kind: str, dimensions: int, side: float | None) -> None:
    """With coincident particles, and positions that are not finite; 301 is no multiple of the lanes."""
    space = space_of(dimensions, side)
    places = uniform(dimensions, 301)
    places[3] = places[4]
    places[7], places[9, 0], places[11, 0] = np.nan, np.inf, -np.inf
    gas = gas_of(places)
    force, at = listed(LAWS[kind], space)
    reference = over_all_pairs(LAWS[kind], space)
    assert_same(force, reference, gas)
    follow(force, reference, gas, 12, 0.1)
    assert at.builds > 1  # built anew on the way
    gas.positions[7] = 0.5  # it is finite again
    assert_same(force, reference, gas)


@pytest.mark.parametrize("skin", [0.06, 0.4, 1.5])
@pytest.mark.parametrize("places", [uniform(3, 400), clustered(3, 400)], ids=["uniform", "clustered"])
def test_skins_change_nothing(places: np.ndarray, skin: float) -> None:
    gas, space = gas_of(places.copy()), space_of(3, SIDE)
    force, at = listed(LAWS["lennard_jones"], space)
    at._skin = skin
    follow(force, over_all_pairs(LAWS["lennard_jones"], space), gas, 25)


def test_many_particles_on_two_threads() -> None:
    numba.set_num_threads(2)  # `one_numba_thread` restores what was
    gas, space = gas_of(uniform(3, 3_001, 16.0)), space_of(3, 16.0)
    force, _ = listed(LAWS["lennard_jones"], space)
    follow(force, over_all_pairs(LAWS["lennard_jones"], space), gas, 6)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("count", [49, 300])
def test_a_box_of_twice_the_cutoff(dimensions: int, count: int) -> None:
    """The skin reaches over half of the box: several images of a source are near a block."""
    side = 4.501
    space, gas = space_of(dimensions, side), gas_of(uniform(dimensions, count, side))
    for skin in (0.1, 1.5):
        force, at = listed(LAWS["lennard_jones"], space)
        at._skin = skin
        follow(force, over_all_pairs(LAWS["lennard_jones"], space), gas, 4)


def test_positions_many_periods_away() -> None:
    space = space_of(3, SIDE)
    force, _ = listed(LAWS["lennard_jones"], space)
    places = uniform(3, 200)
    places[::3] += 5.0 * SIDE
    places[1::3, 0] -= 1e4 * SIDE
    follow(force, over_all_pairs(LAWS["lennard_jones"], space), gas_of(places), 4)


def test_sources_and_strengths_that_change() -> None:
    space, gas = space_of(2, SIDE), gas_of(uniform(2, 200))
    force, _ = listed(LAWS["yukawa"], space)
    reference = over_all_pairs(LAWS["yukawa"], space)
    assert_same(force, reference, gas)
    gas.is_source = ~gas.is_source
    assert_same(force, reference, gas)
    gas.charges = 2.0 * gas.charges
    assert_same(force, reference, gas)
    assert_same(force, reference, gas_of(uniform(2, 77)))  # another gas


def test_a_list_that_does_not_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    space, gas = space_of(3, SIDE), gas_of(uniform(3, 400))
    force, at = listed(LAWS["lennard_jones"], space)
    monkeypatch.setattr(neighbour_list, "free_memory", lambda: 1_000)
    assert_same(force, over_all_pairs(LAWS["lennard_jones"], space), gas)
    assert at.start is None
    assert at._rests > 0  # it is not tried at every step
    monkeypatch.undo()
    at._rests = 0
    assert_same(force, over_all_pairs(LAWS["lennard_jones"], space), gas)
    assert at.start is not None


def test_each_group_has_a_list_of_its_own() -> None:
    space, chance = space_of(3, SIDE), np.random.default_rng(5)
    gas = Gas(uniform(3, 300), chance.integers(0, 3, 300), ["a", "b", "c"], is_source=chance.random(300) < 0.8)
    force, at = listed(LAWS["lennard_jones"], space)
    within = Within(force, "each")
    reference = Within(over_all_pairs(LAWS["lennard_jones"], space), "each")
    for _ in range(4):
        assert np.array_equal(pushed(within, gas), pushed(reference, gas))
        gas.positions = gas.positions + 0.02
    assert np.array_equal(within.energy(gas), reference.energy(gas))
    lists = {id(part._neighbours.list) for part in within._forces if isinstance(part, PairForce) and part._neighbours}
    assert len(lists) == 3
    assert at.builds == 1  # not one build for each group in turn


@pytest.mark.parametrize("side", [SIDE, None])
def test_the_sum_is_that_of_the_law(side: float | None) -> None:
    """To rounding: sums of 100 terms or fewer, of numbers up to the largest one."""
    line = (np.arange(4) - 1.5) * 1.4
    places = np.stack(np.meshgrid(line, line, line), -1).reshape(-1, 3)
    places += np.random.default_rng(1).uniform(-0.2, 0.2, places.shape)
    gas, space = gas_of(places), space_of(3, side)
    force, _ = listed(LAWS["lennard_jones"], space)
    expected = pairs(gas.positions, gas.is_source, twelve_six, space.periods)
    for found, wanted in (
        (pushed(force, gas), expected.force),
        (force.energy(gas), expected.energy),
        (force.laplacian(gas), expected.laplacian),
    ):
        assert np.abs(found - wanted).max() < 1e-12 * np.abs(wanted).max()


def test_without_the_allowance_pairs_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    monkeypatch.setattr(NeighbourList, "allowance", property(lambda at: np.inf))
    monkeypatch.setattr(NeighbourList, "near_allowance", property(lambda at: np.inf))
    space, gas = space_of(3, SIDE), gas_of(uniform(3, 300))
    force, _ = listed(LAWS["lennard_jones"], space)
    with pytest.raises(AssertionError):
        follow(force, over_all_pairs(LAWS["lennard_jones"], space), gas, 30, 0.1)
