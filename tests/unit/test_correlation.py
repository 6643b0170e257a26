"""Correlated series: the autocorrelation time of AR(1), and error bars that agree with the scatter of many series."""

from __future__ import annotations

import numpy as np
import pytest
from thermal_groups import ar1

from gasfield.statistics.correlation import (
    autocorrelation,
    correlated_mean,
    correlated_rate,
    correlated_ratio,
    correlated_variance,
    correlation_time,
    effective_size,
    equilibrated_from,
    integrated_time,
)

SERIES, LENGTH, MEMORY = 200, 2000, 0.9
BINOMIAL = 4 * np.sqrt(0.05 * 0.95 / SERIES)
"""Four standard deviations of the share of 200 intervals that contain the true value."""


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    return ar1(MEMORY, LENGTH, (SERIES,), np.random.default_rng(1)).T


@pytest.mark.parametrize("length", [1, 2, 7, 100])
def test_autocorrelation_is_the_sum_of_products(length: int) -> None:
    x = np.random.default_rng(2).normal(3, 1, length)
    away = x - x.mean()
    sums = [np.sum(away[k:] * away[: length - k]) for k in range(length)]
    expected = np.array(sums) / sums[0] if length > 1 else [1.0]
    assert autocorrelation(x) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("memory", "tau"), [(0.9, 19.0), (0.0, 1.0), (0.5, 3.0), (-0.5, 1 / 3)])
def test_the_autocorrelation_time_of_ar1(memory: float, tau: float) -> None:
    """(1 + a) / (1 - a); its error is derived for tau > 1 and compared with the scatter there."""
    series = ar1(memory, 50_000, (20,), np.random.default_rng(3))
    found = [correlation_time(x) for x in series.T]
    values, claimed = np.array([f.value for f in found]), np.array([f.error for f in found])
    assert values.mean() == pytest.approx(tau, abs=4 * values.std(ddof=1) / np.sqrt(20) + 0.01)
    assert np.all(np.abs(values - tau) < 5 * claimed + 0.02)
    # Negative control: half of it, which some authors call the autocorrelation time, is far off.
    assert abs(values.mean() - tau / 2) > 20 * claimed.mean() / np.sqrt(20)
    # The series of one quantity together: the error of 20 independent ones, and the bias of 1/n of their own means.
    together = claimed.mean() / np.sqrt(20)
    assert integrated_time(series) == pytest.approx(tau, abs=4 * together + tau**2 / 50_000)
    assert integrated_time(ar1(memory + 0.05, 50_000, (20,), np.random.default_rng(3))) > tau + 4 * together
    assert effective_size(series[:, 0]) == pytest.approx(50_000 / values[0])


def test_error_bars_hold_the_truth_as_often_as_they_say(many: np.ndarray) -> None:
    estimates = [correlated_mean(x, "1") for x in many]
    scores = np.array([estimate.value / estimate.error for estimate in estimates])
    assert np.mean(np.abs(scores) < 1.96) == pytest.approx(0.95, abs=BINOMIAL)
    assert np.sqrt(np.mean([e.error**2 for e in estimates])) == pytest.approx(np.std(many.mean(axis=1)), rel=0.2)
    naive = many.mean(axis=1) / (many.std(axis=1) / np.sqrt(LENGTH))  # negative control
    assert np.mean(np.abs(naive) < 1.96) < 0.5


def test_variances_and_ratios_have_true_errors_too(many: np.ndarray) -> None:
    variances = [correlated_variance(x, "1") for x in many]
    scores = np.array([(estimate.value - 1) / estimate.error for estimate in variances])
    assert np.mean(np.abs(scores) < 1.96) == pytest.approx(0.95, abs=BINOMIAL)
    values = np.array([estimate.value for estimate in variances])
    assert values.mean() == pytest.approx(1, abs=4 * values.std() / np.sqrt(SERIES))
    below = many[::-1] + 5
    ratios = [correlated_ratio(a + 10 + b, b, "1") for a, b in zip(many, below, strict=True)]
    scores = np.array([(estimate.value - 3) / estimate.error for estimate in ratios])
    assert np.mean(np.abs(scores) < 1.96) == pytest.approx(0.95, abs=BINOMIAL)


@pytest.mark.parametrize("kind", ["walk", "store"])
def test_the_rate_of_a_sum_that_wanders_and_of_a_store_that_is_filled_and_emptied(kind: str) -> None:
    rng = np.random.default_rng(4)
    x = ar1(0.5, LENGTH, (SERIES,), rng).T
    sums = (np.cumsum(x, axis=1) if kind == "walk" else x) + 0.01 * np.arange(LENGTH)
    estimates = [correlated_rate(2.0 * np.arange(LENGTH), q, "1/time") for q in sums]
    errors = np.array([estimate.error for estimate in estimates])
    scores = (np.array([estimate.value for estimate in estimates]) - 0.005) / errors
    covered = np.mean(np.abs(scores) < 1.96)
    if kind == "walk":
        assert covered == pytest.approx(0.95, abs=BINOMIAL)
        return
    assert covered > 0.95 - BINOMIAL  # on the cautious side, but not by more than 2.5
    assert np.sqrt(np.mean(errors**2)) < 2.5 * np.sqrt(2) / (2 * (LENGTH - 1))
    # Negative control: increments taken as independent would give an error forty times too large.
    assert np.std(np.diff(sums[0])) / np.sqrt(LENGTH) / 2 > 15 * np.sqrt(np.mean(errors**2))


def test_the_start_is_left_out_until_it_is_forgotten() -> None:
    rng = np.random.default_rng(5)
    steady = ar1(0.5, 2000, (50,), rng).T
    relaxing = steady + 20 * np.exp(-np.arange(2000) / 40)
    starts = np.array([equilibrated_from(x) for x in relaxing])
    assert np.all(starts > 80)  # 20 has fallen to 2.7
    assert np.median(starts) < 400
    assert np.median([equilibrated_from(x) for x in steady]) < 100
    means = [correlated_mean(x[start:], "1") for x, start in zip(relaxing, starts, strict=True)]
    assert np.mean([abs(m.value) < 4 * m.error for m in means]) > 0.9
    whole = relaxing.mean(axis=1)  # negative control
    assert np.all(np.abs(whole) > 4 * np.array([m.error for m in means]))


def test_a_long_series_is_sought_in_blocks() -> None:
    x = ar1(0.5, 40_000, (), np.random.default_rng(6)) + 20 * np.exp(-np.arange(40_000) / 800)
    assert 1600 < equilibrated_from(x) < 12_000


def test_constants_are_known_exactly_and_short_series_not_at_all() -> None:
    constant = np.full(100, 0.1)
    for estimate in (correlated_mean(constant, "1"), correlated_ratio(constant, 2 * constant, "1")):
        assert estimate.error == 0
    assert correlated_mean(constant, "1").value == pytest.approx(0.1)
    assert correlated_variance(constant, "1").value == pytest.approx(0, abs=1e-30)
    assert correlated_rate(np.arange(100), np.zeros(100), "1").error == 0
    assert integrated_time(constant) == 1
    assert equilibrated_from(constant) == 0
    assert correlation_time(constant).quantity().value is None
    short = np.arange(5.0)
    assert correlated_mean(short, "1").quantity().leaf() == {"value": 2.0, "unit": "1", "error": None}
    assert correlated_variance(short, "1").quantity().value is None
    assert correlated_mean([], "1").quantity().value is None
    assert correlated_ratio(short, 0 * short, "1").quantity().value is None
    assert correlated_rate([1.0], [1.0], "1").quantity().value is None


def test_errors_of_independent_runs_add_in_squares() -> None:
    rng = np.random.default_rng(7)
    a, b = (correlated_mean(rng.normal(size=length), "1") for length in (400, 500))
    assert (a - b).error == pytest.approx(np.hypot(a.error, b.error))
