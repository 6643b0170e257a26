"""Forces between pairs: action and reaction, who pushes whom, images in a periodic space, and where a force begins."""

from __future__ import annotations

from collections.abc import Iterator

import naive
import numba
import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.forces import Force, Surroundings
from gasfield.forces.pair_list import BLOCK
from gasfield.forces.pairs.soft_repulsion import SoftRepulsion
from gasfield.gas import Gas
from gasfield.spaces import Free, Periodic, Space, Sphere

STRENGTH, REACH = 3.0, 1.0


class Slab(Free):
    """A space that repeats itself along its first coordinate only."""

    @property
    def periods(self) -> np.ndarray:
        return np.array([2.5, *[0.0] * (self.dimensions - 1)])


SPACES = [
    Free(dimensions=2),
    Periodic(dimensions=2, side=2.0),
    Periodic(dimensions=3, sides=(2.0, 2.5, 4.0)),
    Slab(dimensions=3),
    Periodic(dimensions=8, side=2.0),
]


@pytest.fixture(params=SPACES, ids=lambda space: f"{type(space).__name__} {space.dimensions}D")
def space(request: pytest.FixtureRequest) -> Space:
    return request.param


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = numba.get_num_threads()
    numba.set_num_threads(2)
    yield
    numba.set_num_threads(before)


def soft(space: Space, reach: float = REACH, strength: float = STRENGTH) -> Force:
    return SoftRepulsion(strength=strength, cutoff=reach).build(Surroundings(space))


def gas_at(positions: np.ndarray, is_source: np.ndarray | None = None) -> Gas:
    count = len(positions)
    gas = Gas(positions, np.zeros(count, np.int64), ["gas"], np.full(count, -1), [""] * count)
    if is_source is not None:
        gas.is_source = is_source
    return gas


def crowd(dimensions: int, count: int = 30, seed: int = 3) -> Gas:
    """Particles so near that each feels several others (in 8 dimensions too), some periods from the origin."""
    chance = np.random.default_rng(seed)
    return gas_at(0.9 * chance.standard_normal((count, dimensions)) / np.sqrt(dimensions) + 1.7)


def mixed(dimensions: int) -> Gas:
    """The first third is passive."""
    gas = crowd(dimensions)
    gas.is_source = np.arange(gas.count) >= 10
    return gas


def pull(force: Force, gas: Gas) -> np.ndarray:
    total = np.zeros(gas.positions.shape)
    force.add(gas, total)
    return total


def oracle(gas: Gas, space: Space) -> naive.Pairs:
    return naive.soft_repulsion(gas.positions, gas.is_source, STRENGTH, REACH, space.periods)


def test_what_a_pair_gives_is_the_definition(space: Space) -> None:
    force, gas = soft(space), mixed(space.dimensions)
    felt = oracle(gas, space)
    assert np.count_nonzero(felt.energy) > 25
    np.testing.assert_allclose(pull(force, gas), felt.force, atol=1e-12 * np.abs(felt.force).max())
    np.testing.assert_allclose(force.energy(gas), felt.energy, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(force.laplacian(gas), felt.laplacian, atol=1e-12 * np.abs(felt.laplacian).max())


def test_action_is_reaction(space: Space) -> None:
    """Each pair's two forces are opposite to the last bit; 30 sums of 30 terms leave a rounding error of each."""
    force, gas = soft(space), crowd(space.dimensions)
    pushed = pull(force, gas)
    assert force.mutual
    assert force.interacting
    assert np.abs(pushed.sum(axis=0)).max() < 1e-13 * np.abs(pushed).sum()


def test_a_passive_particle_feels_and_does_not_push(space: Space) -> None:
    force, gas = soft(space), mixed(space.dimensions)
    pushed, active = pull(force, gas), gas.is_source
    alone = gas_at(gas.positions[active])
    assert np.abs(pushed[~active]).max() > 0.1
    assert np.abs(pushed.sum(axis=0)).max() > 0.1  # nothing answers to what the passive ones feel
    scale = np.abs(pushed).max()
    np.testing.assert_allclose(pushed[active], pull(force, alone), atol=1e-13 * scale)
    np.testing.assert_allclose(force.energy(gas)[active], force.energy(alone), rtol=1e-13)
    np.testing.assert_allclose(force.laplacian(gas)[active], force.laplacian(alone), rtol=1e-12)


def test_energies_of_a_pair() -> None:
    """Half each where both push; all of it with the one that does not."""
    space, places, whole = Free(dimensions=1), np.array([[0.0], [0.5]]), 3.0 * 0.75**3
    force = soft(space)
    np.testing.assert_allclose(force.energy(gas_at(places)), [whole / 2, whole / 2], rtol=1e-15)
    np.testing.assert_allclose(force.energy(gas_at(places, np.array([True, False]))), [0.0, whole], rtol=1e-15)
    np.testing.assert_array_equal(force.energy(gas_at(places, np.array([False, False]))), [0.0, 0.0])


@pytest.mark.parametrize("space", SPACES[1:], ids=lambda space: f"{type(space).__name__} {space.dimensions}D")
def test_whole_periods_change_nothing(space: Space) -> None:
    """Positions are not wrapped: they may lie hundreds of sides away, where their last digits are 1e-13 of a side."""
    force, gas = soft(space), crowd(space.dimensions)
    rounds = np.random.default_rng(4).integers(-300, 300, gas.positions.shape)
    elsewhere = gas.at(gas.positions + rounds * space.periods)
    scale = np.abs(pull(force, gas)).max()
    np.testing.assert_allclose(pull(force, elsewhere), pull(force, gas), atol=1e-10 * scale)
    np.testing.assert_allclose(force.energy(elsewhere), force.energy(gas), atol=1e-10)
    assert abs(force.virial(elsewhere) - force.virial(gas)) < 1e-9 * abs(force.virial(gas))
    half_way = gas.at(gas.positions + 0.5 * rounds * space.periods)  # negative control
    assert np.abs(pull(force, half_way) - pull(force, gas)).max() > 0.1 * scale


def test_a_pair_meets_across_the_side() -> None:
    """0.2 apart through the side of a box of 2; not at all in a free space."""
    places = np.array([[0.9, 0.0], [-0.9, 0.0]])
    across, apart = soft(Periodic(dimensions=2, side=2.0)), soft(Free(dimensions=2))
    slope = 6 * STRENGTH * 0.2 * (1 - 0.2**2) ** 2
    np.testing.assert_allclose(pull(across, gas_at(places)), [[-slope, 0.0], [slope, 0.0]], rtol=1e-13)
    np.testing.assert_array_equal(pull(apart, gas_at(places)), 0.0)


def test_virial_of_a_space_that_does_not_repeat_itself_is_that_of_the_pairs(space: Space) -> None:
    """Sum of x . F = sum over pairs of r . F where action is reaction; in a periodic space the pairs alone count."""
    force, gas = soft(space), crowd(space.dimensions)
    assert abs(force.virial(gas) - oracle(gas, space).virial) < 1e-11 * force.virial(gas)
    pushed = float(np.sum(gas.positions * pull(force, gas)))
    images = np.linalg.norm(pull(force, gas) - pull(soft(Free(dimensions=space.dimensions)), gas)) > 1e-9
    assert (abs(force.virial(gas) - pushed) > 1e-3) == images


def test_each_passive_particle_has_half_of_its_pairs_virial() -> None:
    """As if it were one of those that push: so the pressure of a gas does not depend on who of it is passive."""
    space, gas = Periodic(dimensions=3, side=2.5), mixed(3)
    assert abs(soft(space).virial(gas) - oracle(gas, space).virial) < 1e-11 * soft(space).virial(gas)
    pair = np.array([[0.0] * 3, [0.3, 0.0, 0.0]])
    both, one = (soft(space).virial(gas_at(pair, np.array([True, second]))) for second in (True, False))
    assert abs(one - both / 2) < 1e-14


def pair_at(distance: float, dimensions: int = 3) -> Gas:
    places = np.zeros((2, dimensions))
    places[1, 0] = distance
    return gas_at(places)


def test_energy_force_and_its_derivative_begin_at_zero() -> None:
    """Just inside, with s = 1 - r/a: U = e (2 s)^3, |F| = 6 e/a (2 s)^2, U'' = 24 e/a^2 (2 s), up to factors 1 + O(s).
    So even the derivative of the force begins without a jump. A quadratic law would begin with one of e/a^2."""
    force, s = soft(Free(dimensions=1)), 1e-4
    inside, outside = pair_at(1 - s, 1), pair_at(1 + s, 1)
    assert force.energy(inside).sum() == pytest.approx(STRENGTH * (2 * s) ** 3, rel=1e-3)
    assert pull(force, inside)[1, 0] == pytest.approx(6 * STRENGTH * (2 * s) ** 2, rel=1e-3)
    assert force.laplacian(inside)[0] == pytest.approx(24 * STRENGTH * 2 * s, rel=1e-3)
    for beyond in (outside, pair_at(1.0, 1)):
        assert force.energy(beyond).sum() == 0.0
        assert np.abs(pull(force, beyond)).max() == 0.0
        assert np.abs(force.laplacian(beyond)).max() == 0.0


def test_particles_at_one_place_do_not_push_each_other() -> None:
    """The energy is e, the force zero, and all curvature is that of a hill: -6 D e/a^2."""
    force, together = soft(Free(dimensions=3)), pair_at(0.0)
    np.testing.assert_array_equal(pull(force, together), 0.0)
    np.testing.assert_array_equal(force.energy(together), STRENGTH / 2)
    np.testing.assert_allclose(force.laplacian(together), -6 * 3 * STRENGTH, rtol=1e-15)


def test_repulsion_repels() -> None:
    force = soft(Free(dimensions=3))
    assert pull(force, pair_at(0.4))[1, 0] > 0
    assert force.virial(pair_at(0.4)) > 0


def test_on_the_sphere_distance_is_the_chord() -> None:
    """At an angle t the chord is 2 sin(t/2), and the push is along it."""
    angle = 0.6
    places = np.array([[1.0, 0.0, 0.0], [np.cos(angle), np.sin(angle), 0.0]])
    chord = 2 * np.sin(angle / 2)
    force = soft(Sphere(dimensions=3))
    assert force.energy(gas_at(places)).sum() == pytest.approx(STRENGTH * (1 - chord**2) ** 3, rel=1e-13)
    pushed = pull(force, gas_at(places))[1]
    np.testing.assert_allclose(np.cross(pushed, places[1] - places[0]), 0.0, atol=1e-13)


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_any_number_of_particles(count: int) -> None:
    """Distances are taken in blocks: none is forgotten or met twice at their ends, whoever is passive."""
    chance = np.random.default_rng(count)
    places, space = chance.uniform(0, 4, (count, 2)), Periodic(dimensions=2, side=4.0)
    for is_source in (np.ones(count, bool), chance.random(count) < 0.5, np.zeros(count, bool)):
        gas, apart = gas_at(places, is_source), places[:, None] - places
        apart -= 4.0 * np.rint(apart / 4.0)
        inside = np.clip(1 - np.sum(apart**2, axis=2), 0, None) * is_source
        np.fill_diagonal(inside, 0)
        expected = 6 * STRENGTH * np.einsum("ij,ijk->ik", inside**2, apart)
        np.testing.assert_allclose(pull(soft(space), gas), expected, atol=1e-12)
        energies = STRENGTH * np.sum(inside**3, axis=1) * np.where(is_source, 0.5, 1)
        np.testing.assert_allclose(soft(space).energy(gas), energies, atol=1e-12)


def test_bits_do_not_depend_on_threads_in_a_crowd() -> None:
    gas, force = gas_at(np.random.default_rng(5).uniform(0, 5, (700, 3))), soft(Periodic(dimensions=3, side=5.0))
    two = [pull(force, gas), force.energy(gas), force.laplacian(gas), np.array(force.virial(gas))]
    numba.set_num_threads(1)
    one = [pull(force, gas), force.energy(gas), force.laplacian(gas), np.array(force.virial(gas))]
    for with_one, with_two in zip(one, two, strict=True):
        np.testing.assert_array_equal(with_one, with_two)


def test_without_strength_the_gas_is_ideal() -> None:
    force, gas = soft(Free(dimensions=3), strength=0.0), crowd(3)
    np.testing.assert_array_equal(pull(force, gas), 0.0)
    np.testing.assert_array_equal(force.energy(gas), 0.0)


def test_a_box_must_be_twice_the_range() -> None:
    soft(Periodic(dimensions=2, side=2.0))
    soft(Slab(dimensions=2), 1.25)
    with pytest.raises(InputError, match=r"the side 1\.99 .* twice the cutoff, 2: .* cutoff of at most 0\.995"):
        soft(Periodic(dimensions=2, sides=(5.0, 1.99)))
    with pytest.raises(InputError, match=r"the side 2\.5 .* twice the cutoff, 2\.6"):
        soft(Slab(dimensions=2), 1.3)
