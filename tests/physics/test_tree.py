"""Forces by a tree: within their error bound of direct sums, and not with monopoles alone; the shell theorem."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from gasfield.errors import InputError, Note
from gasfield.forces import Force, Surroundings
from gasfield.forces.pairs.coulomb import Coulomb
from gasfield.forces.pairs.gravity import Gravity
from gasfield.forces.tree.build import build
from gasfield.forces.tree.force import calibrate, field_at, in_groups, relative_errors
from gasfield.gas import Gas
from gasfield.spaces import Free, Periodic

COUNT, SOFTENING = 4_500, 0.01


def gas_of(places: np.ndarray, charges: np.ndarray | None = None) -> Gas:
    count = len(places)
    numbers = np.zeros(count, np.int64)
    masses = np.full(count, 1.0 / count)
    return Gas(
        places,
        numbers,
        ["gas"],
        numbers - 1,
        [""] * count,
        masses=masses,
        charges=np.zeros(count) if charges is None else charges,
    )


def plummer(count: int, seed: int = 0) -> np.ndarray:
    """A Plummer sphere of scale 1, cut at 20."""
    chance = np.random.default_rng(seed)
    radii = np.minimum((chance.random(count) ** (-2 / 3) - 1) ** -0.5, 20.0)
    directions = chance.normal(size=(count, 3))
    return directions * (radii / np.linalg.norm(directions, axis=1))[:, None]


def crowds() -> dict[str, Gas]:
    chance = np.random.default_rng(1)
    signs = np.where(chance.random(COUNT) < 0.5, -1.0, 1.0)
    clusters = chance.normal(size=(COUNT, 3)) * 0.1 + np.where(np.arange(COUNT) % 3 == 0, 5.0, 0.0)[:, None]
    return {
        "Plummer": gas_of(plummer(COUNT)),
        "two clusters": gas_of(clusters),
        "charges": gas_of(chance.random((COUNT, 3)), signs),
        "flat": gas_of(chance.random((COUNT, 2))),
        "flat charges": gas_of(chance.normal(size=(COUNT, 2)), signs),
        "coincident": gas_of(np.repeat(chance.random((COUNT // 30, 3)), 30, axis=0)),
    }


def forces_on(gas: Gas, error: float) -> tuple[Force, Force]:
    """By a tree, and over all pairs."""
    surroundings = Surroundings(Free(dimensions=gas.dimensions))
    law: Any = Coulomb if (gas.charges < 0.0).any() else Gravity
    return law(softening=SOFTENING, error=error).build(surroundings), law(softening=SOFTENING).build(surroundings)


def pull(force: Force, gas: Gas) -> np.ndarray:
    total = np.zeros(gas.positions.shape)
    force.add(gas, total)
    return total


@pytest.mark.parametrize("name", crowds())
def test_errors_are_below_the_bound(name: str) -> None:
    """A hundredth of the particles may be above it. The sample of 512 gives that share to within some 0.5%: at least
    98% are below, and the reported error is above that of 97%. Energies, whose expansion converges faster, agree better
    in sum; relative to the energies of particles where charges of both signs cancel."""
    gas, bound = crowds()[name], 2e-2
    tree, direct = forces_on(gas, bound)
    ours, exact = pull(tree, gas), pull(direct, gas)
    errors = relative_errors(ours.T, exact.T)
    assert 1e-5 < np.median(errors) < bound, "a tree was used"
    assert np.mean(errors <= bound) > 0.98
    measured = tree.measures(gas)["force_error"]
    assert 0.999 * np.percentile(errors, 97.0) < measured < bound
    energy, all_pairs = tree.energy(gas), direct.energy(gas)
    assert np.abs(energy - all_pairs).mean() < bound * np.abs(all_pairs).mean()
    laplacian, all_pairs = tree.laplacian(gas), direct.laplacian(gas)
    assert np.abs(laplacian - all_pairs).mean() < bound * np.abs(all_pairs).mean()


def test_monopoles_at_the_same_angle_fail_the_bound() -> None:
    """The negative control: without quadrupoles, the error at the calibrated angle is above the bound."""
    places, bound = plummer(COUNT), 1e-2
    tree = build(places, np.full(COUNT, 1.0 / COUNT))
    found = calibrate(tree, SOFTENING**2, bound)
    assert found is not None
    exact, _ = field_at(in_groups(tree), tree, SOFTENING**2, 0.0)
    full, _ = field_at(in_groups(tree), tree, SOFTENING**2, found.angle)
    monopoles, _ = field_at(in_groups(tree), tree, SOFTENING**2, found.angle, order=0)
    good, bad = relative_errors(full, exact), relative_errors(monopoles, exact)
    assert np.percentile(good, 98.0) < bound < np.percentile(bad, 98.0)
    assert np.median(bad) > 3.0 * np.median(good)


def test_bits_do_not_depend_on_threads_or_on_history() -> None:
    """The same from a force that has been evaluated elsewhere, as a run that is resumed."""
    gas, elsewhere = gas_of(plummer(COUNT)), gas_of(plummer(COUNT, seed=1))
    fresh, used = forces_on(gas, 1e-2)[0], forces_on(gas, 1e-2)[0]
    pull(used, elsewhere)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    one = pull(fresh, gas)
    numba.set_num_threads(2)
    two = pull(used, gas)
    numba.set_num_threads(before)
    np.testing.assert_array_equal(one, two)


def test_a_far_cell_attracts_like_its_moments() -> None:
    """A rod of half-length R at a distance d. The first term that a tree leaves out is of the relative order (R/d)^3;
    the quadrupole, of (R/d)^2, is not left out."""
    chance = np.random.default_rng(3)
    rod, distance = chance.uniform(-0.5, 0.5, (COUNT // 2, 3)) * [1.0, 0.3, 0.3], 10.0
    gas = gas_of(np.vstack([rod, rod + np.array([distance, 0.0, 0.0])]))
    gas.is_source = np.arange(gas.count) >= len(rod)
    tree, direct = forces_on(gas, 0.5)
    ours, exact = pull(tree, gas)[: len(rod)], pull(direct, gas)[: len(rod)]
    apart = rod - gas.positions[len(rod) :].mean(axis=0)
    point = -0.5 * apart * (np.sum(apart**2, axis=1, keepdims=True) ** -1.5) / gas.count
    third = (0.55 / distance) ** 3
    assert 0.0 < relative_errors(ours.T, exact.T).max() < third
    assert relative_errors(point.T, exact.T).min() > 3.0 * third


def test_plummer_sphere_attracts_as_the_mass_inside() -> None:
    """Newton's shell theorem: M(r) = r^3 / (1 + r^2)^(3/2) within r, and the mean radial force per mass in a shell is
    M(r) / r^2. Its error is that of counting n particles within r, 1/sqrt(n) at most."""
    places = plummer(20_000)
    gas = gas_of(places)
    ours = pull(forces_on(gas, 1e-2)[0], gas) * gas.count
    radii = np.linalg.norm(places, axis=1)
    radial = -np.einsum("ij,ij->i", ours, places) / radii
    for low, high in ((0.5, 0.6), (1.0, 1.1), (2.0, 2.2), (4.0, 5.0)):
        shell = (radii > low) & (radii < high)
        expected = np.mean(radii[shell] * (1.0 + radii[shell] ** 2) ** -1.5)
        assert radial[shell].mean() == pytest.approx(expected, rel=4.0 / np.sqrt(np.sum(radii < low)))


def test_passive_particles_feel_and_do_not_pull() -> None:
    gas = gas_of(plummer(COUNT))
    gas.is_source = np.arange(COUNT) % 2 == 0
    tree, direct = forces_on(gas, 1e-2)
    errors = relative_errors(pull(tree, gas).T, pull(direct, gas).T)
    assert np.median(errors) < np.percentile(errors, 98.0) < 1e-2
    assert abs(tree.energy(gas) - direct.energy(gas)).mean() < 1e-2 * abs(direct.energy(gas)).mean()


def test_a_particle_nowhere_is_left_out() -> None:
    gas = gas_of(plummer(COUNT))
    gas.positions[7] = np.nan
    ours = pull(forces_on(gas, 1e-2)[0], gas)
    assert np.isfinite(ours).all()
    assert not ours[7].any()


def test_few_particles_and_small_errors_are_summed_directly() -> None:
    """To the bit; with a note where the error is the reason."""
    few, many = gas_of(plummer(100)), gas_of(plummer(COUNT))
    tree, direct = forces_on(few, 1e-2)
    np.testing.assert_array_equal(pull(tree, few), pull(direct, few))
    tree, direct = forces_on(many, 1e-9)
    with pytest.warns(Note, match="1e-09 a tree takes as many operations"):
        np.testing.assert_array_equal(pull(tree, many), pull(direct, many))
    assert tree.measures(many)["force_error"] == 0.0


def test_bounds_that_no_tree_can_meet_are_refused() -> None:
    free, box = Surroundings(Free(dimensions=3)), Surroundings(Periodic(dimensions=3, side=10.0))
    with pytest.raises(InputError, match="1e-15 is below the rounding"):
        Gravity(softening=0.1, error=1e-15).build(free)
    with pytest.raises(InputError, match="in a periodic space forces are cut off"):
        Gravity(softening=0.1, error=1e-3, cutoff=2.0).build(box)
    with pytest.raises(InputError, match="up to 3 dimensions only, and the space has 4"):
        Coulomb(softening=0.1, error=1e-3).build(Surroundings(Free(dimensions=4)))
