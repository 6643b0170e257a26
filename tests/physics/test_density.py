"""Boltzmann's law: where particles are is exp(-U/T), by quadrature and in closed form."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from exact_samples import experiment, remembering, run_of
from scipy import integrate, special, stats

from gasfield.diagnostics import Group
from gasfield.diagnostics.thermodynamics.density import Density, DensityResult
from gasfield.diagnostics.thermodynamics.density_law import isotropic_well
from gasfield.statistics.blocking import agreement, independent_parts, shares_of_parts
from gasfield.statistics.quadrature import Flat, NotConfined, Round, confined, shares

pytestmark = pytest.mark.usefixtures("one_numba_thread")

T = 0.8
DOUBTFUL = 1e-4
WELL = {"kind": "harmonic", "stiffness": 2.0}
DOUBLE = {"kind": "double_well", "barrier": 2.0, "width": 1.0, "tilt": 0.3}


def free(dimensions: int) -> dict:
    return {"kind": "free", "dimensions": dimensions}


def value(result: DensityResult, name: str) -> float:
    return float(result.estimates[f"density.{name}"].value)


def agrees(x: np.ndarray, space: dict, forces: list[dict], temperature: float = T) -> DensityResult:
    """The density of frames (T, N, D), after seeing that they agree with a temperature and with no other."""
    result = Density().compute(run_of(x, experiment(space, temperature, "brownian", forces)))
    assert value(result, "p_value") > DOUBTFUL
    assert value(result, "chi_squared") < 1 + 4 * np.sqrt(2 / 20)
    assert value(result, "distance") < 2 * value(result, "expected_distance")
    if forces:  # negative control
        wrong = Density().compute(run_of(x, experiment(space, 1.05 * temperature, "brownian", forces)))
        assert value(wrong, "p_value") < DOUBTFUL
        assert value(wrong, "distance") > value(result, "distance")
    return result


def drawn(chance: np.random.Generator, count: int, low: list, high: list, chances: Callable) -> np.ndarray:
    """(count, D) places in a box, kept with probability `chances`: exact."""
    found = np.empty((0, len(low)))
    while len(found) < count:
        x = chance.uniform(low, high, (4 * count, len(low)))
        found = np.vstack([found, x[chance.random(len(x)) < chances(x)]])
    return found[:count]


# --- diagnostics of exact samples ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 16])
def test_a_harmonic_well(dimensions: int) -> None:
    x = np.sqrt(T / 2.0) * np.random.default_rng(1).standard_normal((100, 1000, dimensions))
    result = agrees(x, free(dimensions), [WELL])
    assert result.coordinate == ("x₀" if dimensions <= 3 else "|x|")
    assert value(result, "effective_size") == pytest.approx(100_000, rel=0.15)
    law = stats.norm(scale=np.sqrt(T / 2)) if dimensions <= 3 else stats.chi(dimensions, scale=np.sqrt(T / 2))
    assert np.allclose(result.law.density, law.pdf(result.law.places), rtol=2e-3)


@pytest.mark.parametrize("dimensions", [1, 3, 6])
def test_a_double_well(dimensions: int) -> None:
    """In more than three dimensions the other coordinates drop out, because they are no part of x0's energy."""
    energy = lambda x: 2.0 * (x**2 - 1) ** 2 + 0.3 * x  # noqa: E731
    chance = np.random.default_rng(2)
    along = drawn(chance, 100_000, [-3.0], [3.0], lambda x: np.exp(-(energy(x[:, 0]) + 0.31) / T))
    across = np.sqrt(T) * chance.standard_normal((len(along), dimensions - 1))
    agrees(np.hstack([along, across]).reshape(100, 1000, dimensions), free(dimensions), [DOUBLE])


def test_the_mueller_brown_surface() -> None:
    """Three wells along a bent valley, in the plane; samples by rejection from the formula as it was published."""
    height, a, b, c, x0, y0 = np.array(
        [
            [-200, -1, 0, -10, 1, 0],
            [-100, -1, 0, -10, 0, 0.5],
            [-170, -6.5, 11, -6.5, -0.5, 1.5],
            [15, 0.7, 0.6, 0.7, -1, 1],
        ]
    ).T

    def energy(x: np.ndarray) -> np.ndarray:
        dx, dy = x[:, :1] - x0, x[:, 1:] - y0
        return np.sum(height * np.exp(a * dx**2 + b * dx * dy + c * dy**2), axis=1)

    temperature = 25.0
    chances = lambda x: np.exp(-(energy(x) + 146.7) / temperature)  # noqa: E731
    x = drawn(np.random.default_rng(3), 20_000, [-4.0, -2.0], [2.0, 4.0], chances)
    result = agrees(x.reshape(20, 1000, 2), free(2), [{"kind": "mueller_brown"}], temperature)
    edges = result.edges
    grid = np.stack(np.meshgrid(np.linspace(-4, 2, 601), np.linspace(-2, 4, 601), indexing="ij"), -1)
    weight = chances(grid.reshape(-1, 2)).reshape(601, 601)
    marginal = weight.sum(axis=1) / weight.sum() / 0.01
    assert np.allclose(np.interp(result.law.places, grid[:, 0, 0], marginal), result.law.density, atol=2e-3)
    assert result.law.shares.sum() == pytest.approx(1)
    assert result.plane.law.shape == (len(result.plane.y), len(result.plane.x))
    best = np.unravel_index(np.nanargmax(result.plane.law), result.plane.law.shape)
    # The deepest minimum as it was published, in the cell of the grid around it.
    for places, index, published in ((result.plane.x, best[1], -0.558), (result.plane.y, best[0], 1.442)):
        assert places[index] == pytest.approx(published, abs=0.5 * (places[1] - places[0]) + 0.0005)
    assert edges[0] < -1.2 < 0.9 < edges[-1]


@pytest.mark.parametrize(
    ("space", "forces"),
    [
        ({"kind": "box", "dimensions": 2, "sides": [2.0, 3.0]}, [{"kind": "constant", "force": [1.5, 0.5]}]),
        ({"kind": "box", "dimensions": 5, "side": 2.0}, []),
        ({"kind": "periodic", "dimensions": 2, "side": 3.0}, []),
        ({"kind": "ball", "dimensions": 2, "radius": 1.5}, [{"kind": "constant", "force": [1.5, 0.5]}]),
        ({"kind": "ball", "dimensions": 3, "radius": 1.5}, []),
        ({"kind": "sphere", "dimensions": 2}, [{"kind": "constant", "force": [1.5, 0.5]}]),
        ({"kind": "sphere", "dimensions": 3}, [{"kind": "constant", "force": [1.5, 0.5, 0.0]}]),
    ],
)
def test_a_gas_under_gravity_in_every_space(space: dict, forces: list[dict]) -> None:
    chance = np.random.default_rng(4)
    room = experiment(space, T, "brownian").space
    if space["kind"] == "sphere":
        x = chance.standard_normal((400_000, space["dimensions"]))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
    else:
        x = room.uniform(chance, 400_000)
    if forces:
        down = x @ np.array(forces[0]["force"]) / T
        x = x[chance.random(len(x)) < np.exp(down - down.max())]
    x = x[: len(x) // 100 * 100].reshape(100, -1, space["dimensions"])
    if space["kind"] == "periodic":
        x = x + 3.0 * chance.integers(-5, 5, x.shape)  # not wrapped
    agrees(x, space, forces)


def test_frames_that_remember_each_other_count_less() -> None:
    """Correlated by a = 0.95 from frame to frame, (1 + a) / (1 - a) = 39 frames are worth about one. p-values stay what
    they are, and would be nonsense if all frames counted."""
    found, naive = [], []
    edges = np.sqrt(T / 2) * np.linspace(-2.5, 2.5, 21)
    law = np.diff(stats.norm.cdf(np.concatenate([[-np.inf], edges[1:-1], [np.inf]]) / np.sqrt(T / 2)))
    for seed in range(60):
        x = np.sqrt(T / 2) * remembering(np.random.default_rng(seed), 1500, (5, 1), 0.95)
        found.append(agreement(shares_of_parts(independent_parts(x[..., 0])[0], edges), law))
        naive.append(stats.chisquare(np.histogram(x, [-9, *edges[1:-1], 9])[0], law * x.size).pvalue)
    p = np.array([one.p_value for one in found])
    slack = 4 * np.sqrt(0.1 * 0.9 / 60)
    assert np.mean(p < 0.1) < 0.1 + slack
    assert np.mean(p > 0.5) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(60))
    assert np.mean(np.array(naive) < 0.1) > 0.5  # negative control
    ratio = [one.distance.value / one.expected_distance for one in found]
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.15)
    assert all(one.effective_size < 0.5 * 7500 for one in found)


def test_a_gas_that_has_not_crossed_its_barrier_is_told() -> None:
    x = np.random.default_rng(5).normal(1.0, 0.25, (200, 500, 1))  # all in the right well
    result = Density().compute(run_of(x, experiment(free(1), T, "brownian", [DOUBLE])))
    assert value(result, "p_value") < 1e-10
    assert value(result, "distance") > 0.4


def test_a_stationary_histogram_is_not_called_equilibrium() -> None:
    """F = -k x + omega J x has the law of the well, and circulates: the histogram is drawn, and nothing claimed."""
    x = np.sqrt(T / 2) * np.random.default_rng(6).standard_normal((50, 200, 2))
    forces = [WELL, {"kind": "circulation", "rate": 1.0}]
    result = Density().compute(run_of(x, experiment(free(2), T, "brownian", forces)))
    assert result.law is None
    assert np.isnan(value(result, "p_value"))
    assert any("is not equilibrium" in note for note in result.notes)
    assert result.shares.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("space", "temperature", "law", "forces", "why"),
    [
        (free(2), T, "brownian", [], "nothing confines"),
        (free(2), T, "brownian", [{"kind": "constant", "force": [1.0, 0.0]}], "nothing confines"),
        (free(2), None, "newton", [WELL], "no bath"),
        (free(2), None, "sgd", [WELL], "sgd has no temperature"),
        (free(2), {"kind": "ramp", "from": 1.0, "to": 2.0, "steps": 999}, "brownian", [WELL], "changes until the end"),
        (
            free(2),
            T,
            "brownian",
            [WELL, {"kind": "soft_repulsion", "strength": 1.0, "cutoff": 1.0}],
            "particles interact",
        ),
        ({"kind": "ball", "dimensions": 5, "radius": 9.0}, T, "brownian", [WELL], "energy of its own"),
    ],
)
def test_where_no_law_is_known_it_says_why(space: dict, temperature: object, law: str, forces: list, why: str) -> None:
    x = np.random.default_rng(7).standard_normal((20, 30, space["dimensions"]))
    group = run_of(x, experiment(space, temperature, law, forces))
    assert why in str(Density().why_not(group))
    with pytest.raises(ValueError, match=why):
        Density().compute(group)
    assert "not a simulation" in str(Density().why_not(Group("rows", group.steps, x)))


# --- quadrature against closed forms ---------------------------------------------------------------------------------


def nothing(x: np.ndarray) -> np.ndarray:
    return np.zeros(len(x))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_quadrature_of_a_well_finds_its_own_domain(dimensions: int) -> None:
    energy = lambda x: 0.5 * np.sum((x - 5.0) ** 2, axis=1)  # noqa: E731
    box = confined(energy, T, np.zeros(dimensions), np.ones(dimensions), bounded=False)
    edges = 5.0 + np.sqrt(T) * np.linspace(-3, 3, 31)
    expected = np.diff(stats.norm.cdf(np.concatenate([[-np.inf], np.linspace(-3, 3, 31)[1:-1], [np.inf]])))
    found, change = shares(energy, T, box, edges)
    assert np.max(np.abs(found - expected)) < 1e-6
    assert change < 1e-6


def test_quadrature_crops_what_is_empty_of_a_large_box() -> None:
    box = confined(lambda x: 5e4 * x[:, 0] ** 2, T, -50 * np.ones(1), 50 * np.ones(1), bounded=True)
    assert box.high[0] < 0.05
    whole = confined(nothing, T, -np.ones(2), np.ones(2), bounded=True)
    assert whole == Flat(whole.low, whole.high)
    assert np.array_equal(whole.high, np.ones(2))


def test_quadrature_in_balls_and_on_spheres() -> None:
    edges = np.linspace(-2, 2, 41)
    disc = np.diff(edges * np.sqrt(4 - edges**2) + 4 * np.arcsin(edges / 2)) / (4 * np.pi)
    ball = np.diff(4 * edges - edges**3 / 3) / (32 / 3)
    for dimensions, expected in [(1, np.full(40, 1 / 40)), (2, disc), (3, ball)]:
        assert np.allclose(shares(nothing, T, Round(dimensions, 2.0, False), edges)[0], expected, atol=1e-6)
    edges = np.linspace(-1, 1, 41)
    circle = np.diff(np.arcsin(edges)) / np.pi
    assert np.allclose(shares(nothing, T, Round(2, 1.0, True), edges)[0], circle, atol=1e-6)
    tilted = lambda x: -2.0 * x[:, 1]  # noqa: E731
    density = lambda z: special.i0(2.0 * np.sqrt(1 - z * z))  # noqa: E731
    mass = np.array([integrate.quad(density, a, b)[0] for a, b in pairwise(edges)])
    assert np.allclose(shares(tilted, 1.0, Round(3, 1.0, True), edges)[0], mass / mass.sum(), atol=1e-6)


def test_quadrature_refuses_what_nothing_confines() -> None:
    with pytest.raises(NotConfined):
        confined(lambda x: x[:, 0], T, -np.ones(2), np.ones(2), bounded=False)


@pytest.mark.parametrize("dimensions", [3, 300, 1000])
def test_a_well_is_found_in_any_number_of_dimensions(dimensions: int) -> None:
    """Its centre and stiffness, and none where the energy is not that of an isotropic well: at rounding of D terms."""
    chance = np.random.default_rng(0)
    centre, places = chance.standard_normal(dimensions), chance.standard_normal((10, dimensions))
    found = isotropic_well(lambda x: 3.0 + 0.7 * np.sum((x - centre) ** 2, axis=1), places)
    assert found is not None
    np.testing.assert_allclose(found[0], centre, atol=1e-8)
    assert found[1] == pytest.approx(1.4, rel=1e-9)
    stiffer = 1.0 + (np.arange(dimensions) == 1)
    assert isotropic_well(lambda x: np.sum(stiffer * (x - centre) ** 2, axis=1), places) is None
    assert isotropic_well(lambda x: np.sum((x - centre) ** 4, axis=1), places) is None
