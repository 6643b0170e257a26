"""Attention against noise on the sphere: the mean field's transition, and simulations on its curve.

The uniform law is stable down to T_c = a_1 (see `noisy_attention_law`). Softmax orders continuously there; unnormalised
attention does so for small beta and jumps for large beta.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import eval_legendre

from gasfield.diagnostics.fields.noisy_attention_law import (
    Form,
    critical_temperature,
    cubic_of_softmax,
    jumps_from,
    steady_order,
)
from gasfield.diagnostics.fields.noisy_attention_law import eigenvalue as eigenvalue_of_law
from gasfield.diagnostics.structure.order import moments_of
from gasfield.simulation import Simulation
from gasfield.statistics.correlation import correlated_mean

FORMS: tuple[Form, ...] = ("unnormalised", "softmax")


def eigenvalue(beta: float, degree: int, form: Form) -> float:
    """Funk and Hecke by quadrature: half of int exp(beta s) P_l(s) ds / beta, over Z of the uniform law for softmax."""
    value = 0.5 / beta * quad(lambda s: np.exp(beta * s) * eval_legendre(degree, s), -1, 1)[0]
    return value / (0.5 * quad(lambda s: np.exp(beta * s), -1, 1)[0] if form == "softmax" else 1.0)


@pytest.mark.parametrize("beta", [0.3, 1.0, 4.0, 9.0])
def test_the_critical_temperature_is_the_greatest_eigenvalue(beta: float) -> None:
    """Closed forms: cosh(b)/b^2 - sinh(b)/b^3, and coth(b)/b - 1/b^2; 1/e at beta = 1."""
    closed = {"unnormalised": np.cosh(beta) / beta**2 - np.sinh(beta) / beta**3,
              "softmax": 1 / (beta * np.tanh(beta)) - 1 / beta**2}  # fmt: skip
    for form in FORMS:
        found = critical_temperature(beta, form)
        assert found == pytest.approx(closed[form], rel=1e-9)
        assert found == pytest.approx(eigenvalue(beta, 1, form), rel=1e-9)
        assert found > eigenvalue(beta, 2, form) > 0
    assert critical_temperature(1.0, "unnormalised") == pytest.approx(1 / np.e, rel=1e-12)


@pytest.mark.parametrize(("beta", "form"), [(1.0, "softmax"), (4.0, "softmax"), (1.0, "unnormalised")])
def test_order_sets_in_as_a_square_root(beta: float, form: Form) -> None:
    """R^2 = c (T_c - T) to first order: from d to d/4 off, the slope of log R is 1/2 to O(d)."""
    critical = critical_temperature(beta, form)
    near = [steady_order(beta, (1 - d) * critical, form) for d in (8e-3, 2e-3)]
    assert np.log(near[0] / near[1]) / np.log(4) == pytest.approx(0.5, abs=0.02)
    far = [steady_order(beta, (1 - d) * critical, form) for d in (0.8, 0.2)]
    assert abs(np.log(far[0] / far[1]) / np.log(4) - 0.5) > 0.05  # negative control
    for start in (0.98, 0.01):
        assert steady_order(beta, 1.02 * critical, form, start) == 0.0


def test_order_at_a_large_beta() -> None:
    """Reference values by Newton's method along the branch, beta = 25, softmax; a series of 24 degrees fails there."""
    critical = critical_temperature(25.0, "softmax")
    assert steady_order(25.0, 0.8 * critical, "softmax") == pytest.approx(0.870104, abs=1e-6)
    assert steady_order(25.0, 0.95 * critical, "softmax") == pytest.approx(0.625965, abs=1e-6)


def test_unnormalised_attention_jumps_at_large_beta() -> None:
    """Between T_c and 1.26 T_c at beta = 4 order and disorder are both steady."""
    critical = critical_temperature(4.0, "unnormalised")
    assert steady_order(4.0, 1.1 * critical, "unnormalised", 0.98) > 0.9
    assert steady_order(4.0, 1.1 * critical, "unnormalised", 0.01) == 0.0
    assert steady_order(4.0, 1.3 * critical, "unnormalised", 0.98) == 0.0
    assert steady_order(4.0, 0.98 * critical, "unnormalised", 0.01) > 0.9


@pytest.mark.parametrize(("dimensions", "edge"), [(2, 2.4469), (3, 1.8162), (8, 1.2666)])
def test_the_mean_field_in_any_dimension(dimensions: int, edge: float) -> None:
    """Funk and Hecke by quadrature with the weight (1 - s^2)^((d - 3)/2), s = cos a; the edges of Mun and Rosenzweig;
    softmax orders without a jump for every beta from 0.05 to 30."""

    def mean(beta: float) -> float:
        def weight(a: float) -> float:
            return float(np.sin(a) ** (dimensions - 2))

        whole = quad(weight, 0, np.pi)[0]
        return float(quad(lambda a: np.cos(a) * np.exp(beta * np.cos(a)) * weight(a), 0, np.pi)[0] / whole)

    assert jumps_from(dimensions) == pytest.approx(edge, abs=1e-4)
    for beta in (0.5, 2.0):
        assert eigenvalue_of_law(1, beta, dimensions) == pytest.approx(mean(beta), rel=1e-9)
    assert max(cubic_of_softmax(beta, dimensions) for beta in np.geomspace(0.05, 30.0, 40)) < 0
    near, far = 2.5e-4, 4e-3
    ratios = []
    for beta in (0.9 * edge, 1.1 * edge):
        critical = critical_temperature(beta, "unnormalised", dimensions)
        close, away = (
            steady_order(beta, (1 - d) * critical, "unnormalised", dimensions=dimensions) for d in (near, far)
        )
        ratios.append(close / away)
    assert ratios[0] < 0.35  # as the root of the distance from T_c, 0.25
    assert ratios[1] > 0.6  # with a jump


def test_moments_of_the_order_of_independent_directions() -> None:
    """Of Gaussian components <R^4> = (1 + 2/d) <R^2>^2, so that U = 2/3 (1 - 1/d), and N <R^2> = 1; errors cover it as
    often as two of them should, and not the cumulant of another dimension."""
    random, count, inside, wrong = np.random.default_rng(7), 50, 0, 0
    for _ in range(40):
        components = random.standard_normal((400, 3)) / np.sqrt(3 * count)
        found = moments_of(np.linalg.norm(components, axis=1), count)
        cumulant, fluctuation = found["binder"].quantity(), found["fluctuation"].quantity()
        assert isinstance(cumulant.value, float)
        assert isinstance(cumulant.error, float)
        inside += abs(cumulant.value - 2 / 3 * (1 - 1 / 3)) < 2 * cumulant.error
        wrong += abs(cumulant.value - 2 / 3 * (1 - 1 / 8)) < 2 * cumulant.error
        assert isinstance(fluctuation.value, float)
        assert isinstance(fluctuation.error, float)
        assert abs(fluctuation.value - 1.0) < 5 * fluctuation.error
    assert inside > 32
    assert wrong < 4


def order(form: Form, tokens: int, temperature: float) -> tuple[float, float]:
    """Mean of |mean of x| over the steady part of a run, with its standard error."""
    chance = np.random.default_rng(tokens)
    places = chance.standard_normal((tokens, 3))
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    run = Simulation(
        places,
        dynamics={"kind": "brownian", "time_step": 0.1},
        temperature=temperature,
        forces=[{"kind": "attention", "form": form, "beta": 1.0}],
        space={"kind": "sphere", "dimensions": 3},
        seed=1,
    )
    run.step(300)
    values = run.sample(800, 5, lambda gas: np.linalg.norm(gas.positions.mean(axis=0)))
    estimate = correlated_mean(values, "1")
    assert estimate.error is not None
    return float(estimate.value), float(estimate.error)


@pytest.mark.parametrize("form", FORMS)
def test_simulations_are_on_the_curve_of_the_mean_field(form: Form) -> None:
    """At half of T_c a number n of tokens is off by O(1/n), which twice the value of 2n less that of n is not."""
    temperature = 0.5 * critical_temperature(1.0, form)
    (small, error), (large, smaller) = (order(form, n, temperature) for n in (50, 100))
    whole, uncertain = 2 * large - small, np.hypot(error, 2 * smaller)
    assert abs(whole - steady_order(1.0, temperature, form)) < 4 * uncertain
    wrong = steady_order(1.0, 1.1 * temperature, form)
    assert abs(whole - wrong) > 4 * uncertain  # negative control: a temperature that is off by a tenth


def test_above_the_transition_order_is_that_of_chance() -> None:
    """n <R^2> = T/(T - T_c) = 1.5 at 3 T_c, and <R> = sqrt(8/3 pi) of its root, of independent Gaussian components."""
    critical = critical_temperature(1.0, "softmax")
    value, error = order("softmax", 100, 3 * critical)
    expected = np.sqrt(8 / (3 * np.pi) * 1.5 / 100)
    assert abs(value - expected) < 4 * error + 0.02 * expected  # O(1/n)
    assert abs(value - expected / np.sqrt(1.5)) > 4 * error  # negative control: tokens that do not attend
