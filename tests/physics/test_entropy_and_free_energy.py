"""Entropy of known distributions from samples, and free energies along paths and temperature against quadrature."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.special import polygamma
from thermal_groups import DoubleWell, ar1, harmonic

import gasfield
from gasfield.diagnostics.thermodynamics.entropy import (
    Region,
    Sample,
    configurational_entropy,
    gaussian_bound,
    independent_places,
    maxwell_entropy,
)
from gasfield.diagnostics.thermodynamics.free_energy import (
    Quadrature,
    free_energy_along_temperature,
    gauss_legendre,
    thermodynamic_integration,
)
from gasfield.diagnostics.thermodynamics.steady import Steady
from gasfield.diagnostics.thermodynamics.thermodynamics import Thermodynamics
from gasfield.errors import InputError

GAUSSIAN = 0.5 * np.log(2 * np.pi * np.e)


def sample(points: np.ndarray) -> Sample:
    return Sample(points, np.arange(len(points)) % 16)


def draw(kind: str, count: int, dimensions: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Places, and the entropy of what they are drawn from."""
    if kind == "gaussian":
        stretch = np.eye(dimensions) + 0.5 * np.tri(dimensions, k=-1)
        return rng.normal(size=(count, dimensions)) @ stretch.T, dimensions * GAUSSIAN
    if kind == "box":
        sides = 1.0 + np.arange(dimensions)
        return (rng.random((count, dimensions)) - 0.5) * sides, float(np.log(sides).sum())
    well = DoubleWell(0.2)
    points = rng.normal(size=(count, dimensions))
    points[:, 0] = well.draw((count,), rng)
    return points, well.entropy + (dimensions - 1) * GAUSSIAN


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["gaussian", "box", "double well"])
def test_entropy_from_neighbours_is_that_of_the_distribution(kind: str, dimensions: int) -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(6):
        points, truth = draw(kind, 4000, dimensions, rng)
        estimate = configurational_entropy(sample(points), Region.free(dimensions))
        assert abs(estimate.value - truth) < 4 * estimate.error
        found.append(float(estimate.value - truth))
    assert abs(np.mean(found)) < 3 * estimate.error / np.sqrt(6) + 0.01  # what is left of the bias
    assert estimate.error < 0.05  # negative control: 5% of temperature, D/2 log 1.05 = .024 D, is seen with 6 of them


def test_walls_and_periods_are_known_to_the_estimator() -> None:
    rng = np.random.default_rng(2)
    points = rng.random((4000, 2))
    walls = Region(np.zeros(2), np.ones(2), np.zeros(2))
    torus = Region(np.full(2, -np.inf), np.full(2, np.inf), np.ones(2))
    for region, places in ((walls, points), (torus, points + rng.integers(-3, 4, points.shape))):
        estimate = configurational_entropy(sample(places), region)
        assert abs(estimate.value) < 4 * estimate.error
    unfolded = configurational_entropy(sample(points + rng.integers(-3, 4, points.shape)), Region.free(2))
    assert unfolded.value > 3  # negative control: without its periods the box looks 49 times as large


@pytest.mark.parametrize(("count", "dimensions"), [(200, 6), (1000, 64)])
def test_the_gaussian_bound_is_exact_for_gaussians_and_above_others(count: int, dimensions: int) -> None:
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(dimensions, dimensions))
    truth = dimensions * GAUSSIAN + np.linalg.slogdet(mixing)[1]
    found = [gaussian_bound(sample(rng.normal(size=(count, dimensions)) @ mixing)) for _ in range(20)]
    values, errors = np.array([f.value for f in found]), np.array([f.error for f in found])
    scatter = 0.5 * np.sqrt(polygamma(1, 0.5 * (count - 1 - np.arange(dimensions))).sum())
    assert values.mean() == pytest.approx(truth, abs=4 * scatter / np.sqrt(20))
    assert values.std() == pytest.approx(scatter, rel=4 / np.sqrt(40))
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(scatter, rel=0.15)
    box = gaussian_bound(sample(rng.random((count, dimensions))))
    assert box.value - 4 * box.error > 0  # the box of volume 1 has entropy 0
    assert gaussian_bound(sample(rng.normal(size=(dimensions + 2, dimensions)))) is None


def test_momenta_have_the_entropy_of_sackur_and_tetrode() -> None:
    """Ideal gas, particles told apart: log V + D/2 log(2 pi e m T)."""
    masses = np.array([1.0, 4.0])
    assert maxwell_entropy(masses, 0.7, 3) == pytest.approx(
        np.mean([1.5 * np.log(2 * np.pi * np.e * m * 0.7) for m in masses])
    )


@pytest.mark.parametrize("count", [1, 5, 200])
def test_places_are_taken_a_correlation_time_apart(count: int) -> None:
    """Whether the draws come from many particles or from a long history of few, the entropy is the same."""
    gas = harmonic(np.random.default_rng(4), count=count, length=200_000 // count, memory=0.9, stiffness=0.7)
    found = independent_places(gas, Steady(0, 0.0, 0.7, False), np.zeros(2))
    assert found is not None
    frames = len(found.points) // count
    assert frames <= max(len(gas.steps) // 15, 1)  # tau = 19, known to its error
    estimate = configurational_entropy(found, Region.free(2))
    assert abs(estimate.value - 2 * GAUSSIAN) < 4 * estimate.error


# ------------------------------------------------------------------------------------------------- free energy

T, NODES = 0.5, 8


def path_means(nodes: np.ndarray, rng: np.random.Generator, scale: float = 1.0) -> list[tuple[float, float, float]]:
    """Means of U_1 - U_0 from exact draws along the way from the harmonic to the double well."""
    points = []
    for node in nodes:
        well = DoubleWell(T, float(node))
        x = well.draw((4000,), rng)
        gap = scale * ((x**4 - 2 * x**2) - x**2 / 2)
        points.append((float(node), float(gap.mean()), float(gap.std(ddof=1) / np.sqrt(len(gap)))))
    return points


TRUTH = DoubleWell(T, 1).free_energy - DoubleWell(T, 0).free_energy


@pytest.mark.parametrize("rule", ["gauss-legendre", "spline"])
def test_from_the_harmonic_to_the_double_well(rule: str) -> None:
    rng = np.random.default_rng(5)
    nodes = gauss_legendre(NODES) if rule == "gauss-legendre" else np.linspace(0, 1, NODES + 5) ** 2
    results = [thermodynamic_integration(path_means(nodes, rng)) for _ in range(30)]
    assert results[0].quadrature.rule == rule
    difference = [result.estimates["free_energy.difference"] for result in results]
    off = [float(result.estimates["free_energy.discretisation"].value) for result in results]
    scores = [abs(d.value - TRUTH) / (4 * d.error + o) for d, o in zip(difference, off, strict=True)]
    assert max(scores) < 1
    values = np.array([d.value for d in difference])
    assert values.mean() == pytest.approx(TRUTH, abs=4 * values.std() / np.sqrt(30) + 0.002)
    claimed = np.sqrt(np.mean([d.error**2 for d in difference]))
    assert claimed == pytest.approx(values.std(ddof=1), rel=4 / np.sqrt(60))
    # Negative control: means that are five per cent off.
    wrong = thermodynamic_integration(path_means(nodes, rng, 1.05)).estimates["free_energy.difference"]
    assert abs(wrong.value - TRUTH) > 4 * wrong.error


def test_rules_are_exact_where_they_should_be() -> None:
    for count in (2, 3, 5):
        nodes = gauss_legendre(count, (1.0, 3.0))
        rule = Quadrature.through(nodes, (1.0, 3.0))
        assert rule.rule == "gauss-legendre"
        power = 2 * count - 1
        assert rule.weights @ nodes**power == pytest.approx((3.0 ** (power + 1) - 1) / (power + 1))
    nodes = np.array([0.0, 0.1, 0.4, 0.8, 1.0])
    spline = Quadrature.through(nodes, (0.0, 1.0))
    assert spline.rule == "spline"
    assert spline.weights_up_to @ nodes**3 == pytest.approx(nodes**4 / 4)
    line = Quadrature.through(nodes[[0, 2, 4]], (0.0, 1.0))
    assert line.rule == "trapezoid"
    assert line.weights_up_to @ nodes[[0, 2, 4]] == pytest.approx(nodes[[0, 2, 4]] ** 2 / 2)


def test_the_estimate_of_discretisation_is_no_smaller_than_the_error_made() -> None:
    for count in (5, 7, 9, 13):
        for nodes in (gauss_legendre(count), np.linspace(0, 1, count)):
            rule = Quadrature.through(nodes, (0.0, 1.0))
            for values, truth in ((np.exp(3 * nodes), (np.exp(3) - 1) / 3), (1 / (0.1 + nodes), np.log(11))):
                assert abs(rule.weights @ values - truth) <= rule.discretisation(values) + 1e-12


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(0.0, 1.0, 0.1)], "two different places"),
        ([(0.0, 1.0, 0.1), (0.0, 1.0, 0.1)], "two different places"),
        ([(0.1, 1.0, 0.1), (0.7, 1.0, 0.1), (1.0, 1.0, 0.1)], "give means at both ends"),
    ],
)
def test_a_path_that_cannot_be_integrated_is_refused(points: list[tuple[float, float, float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        thermodynamic_integration(points)


@pytest.mark.parametrize("count", [2, 3, 6])
def test_along_temperature_a_harmonic_gas_has_its_closed_form(count: int) -> None:
    """<E> = D T, so F/T falls by D log(T/T0): the integrand is flat in log T, and any rule exact."""
    temperatures = np.geomspace(0.3, 3.0, count)
    result = free_energy_along_temperature([(t, 2 * t, 0.01 * t) for t in temperatures[::-1]])
    assert result.reduced == pytest.approx(-2 * np.log(temperatures / 0.3))
    closed = -temperatures * 2 * np.log(temperatures)
    assert result.free_energies(closed[0]) == pytest.approx(closed)
    assert result.errors[0] == 0
    assert np.all(np.diff(result.errors) > 0)


def test_along_temperature_runs_of_a_double_well_against_quadrature() -> None:
    rng = np.random.default_rng(6)
    wells = [DoubleWell(t) for t in np.geomspace(0.25, 2.0, 9)]
    result = free_energy_along_temperature([well.gas(50, 600, rng) for well in wells])
    truth = np.array([well.free_energy / well.temperature for well in wells])
    off = float(result.estimates["free_energy.discretisation"].value)
    assert np.all(np.abs(result.reduced - (truth - truth[0])) <= 4 * result.errors + off)
    last = result.estimates["free_energy.reduced_difference"]
    assert last.error < 0.01
    wrong = free_energy_along_temperature([(w.temperature, 1.05 * w.energy + 0.05, 0.0) for w in wells])
    assert abs(wrong.reduced[-1] - (truth[-1] - truth[0])) > 4 * last.error + off  # negative control


def test_along_temperature_what_makes_no_sense_is_refused() -> None:
    for points in ([(1.0, 1.0, 0.1)], [(1.0, 1.0, 0.1), (1.0, 1.0, 0.1)], [(0.0, 1.0, 0.1), (1.0, 1.0, 0.1)]):
        with pytest.raises(InputError):
            free_energy_along_temperature(points)


def test_free_energy_two_ways() -> None:
    """<E> - T S of runs at two temperatures differs as the integral along temperature says."""
    rng = np.random.default_rng(7)
    runs = [harmonic(rng, temperature=t, count=200, length=400, memory=0.5) for t in (0.5, 0.7, 1.0, 1.4)]
    direct = [Thermodynamics().compute(run).estimates["free_energy"] for run in (runs[0], runs[-1])]
    result = free_energy_along_temperature(runs)
    difference = direct[1].value / 1.4 - direct[0].value / 0.5
    error = np.sqrt((direct[1].error / 1.4) ** 2 + (direct[0].error / 0.5) ** 2 + result.errors[-1] ** 2)
    assert abs(difference - result.reduced[-1]) < 4 * error


def test_free_energy_of_run_directories(tmp_path: Path) -> None:
    """Overdamped particles in a harmonic well of two dimensions: <E> = T, so that F/T changes by -log(T/T0)."""
    scenario = {
        "title": "a well", "question": "What is its free energy?", "space": {"kind": "free", "dimensions": 2},
        "gas": [{"name": name, "from": {"kind": "gaussian", "count": 200, "spread": 1.0}} for name in ("a", "b")],
        "forces": [{"kind": "harmonic", "stiffness": 1.0}], "dynamics": {"kind": "brownian", "time_step": 0.1},
        "run": {"steps": 600, "record_every": 20, "observe_every": 2}, "diagnostics": [],
    }  # fmt: skip
    runs = [
        gasfield.run(
            gasfield.Scenario.model_validate(scenario | {"temperature": t}), output=tmp_path / str(t)
        ).directory
        for t in (0.5, 0.7, 1.0, 1.4)
    ]
    result = gasfield.free_energy_along_temperature(runs, group="a")
    last = result.estimates["free_energy.reduced_difference"]
    assert abs(last.value + np.log(1.4 / 0.5)) < 4 * last.error
    assert 0 < last.error < 0.02
    with pytest.raises(InputError, match="has the groups a, b; name one"):
        gasfield.free_energy_along_temperature(runs)


def test_integrals_draw_themselves() -> None:
    rng = np.random.default_rng(8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for nodes in (gauss_legendre(4), np.linspace(0, 1, 5), np.array([0.0, 0.5, 1.0])):
            ax = thermodynamic_integration(path_means(nodes, rng)).plot()
            assert "ΔF" in ax.get_title(loc="left")
        ax = free_energy_along_temperature([(t, 2 * t, 0.01 * t) for t in (0.5, 1.0, 2.0)]).plot()
    assert ax.get_xlabel().startswith("temperature")


def test_correlated_histories_do_not_pass_for_independent_ones() -> None:
    """Negative control: every frame of slow histories, taken as independent, gives an entropy many errors off."""
    x = ar1(0.9998, 300, (40, 2), np.random.default_rng(9))
    every = Sample(x.reshape(-1, 2), np.arange(12_000) % 16)
    estimate = configurational_entropy(every, Region.free(2))
    assert abs(estimate.value - 2 * GAUSSIAN) > 4 * estimate.error
