"""Exact canonical sums: identities to rounding, closed forms, limits, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from gasfield.errors import InputError
from gasfield.statistics.canonical import BLOCK, canonical, energies_of

TEMPERATURES = np.array([0.3, 0.8, 1.0, 1.2, 2.0, 7.0])


def spectra(states: int = 5_000, contexts: int = 3) -> np.ndarray:
    return energies_of(np.random.default_rng(1).normal(0.0, 3.0, (contexts, states)))


def test_free_energy_is_u_minus_ts_and_vanishes_at_one() -> None:
    found = canonical(spectra(), TEMPERATURES)
    np.testing.assert_allclose(found.free_energy, found.energy - TEMPERATURES * found.entropy, rtol=0, atol=4e-14)
    at_one = canonical(spectra(), 1.0)
    assert np.abs(at_one.free_energy).max() < 2e-14
    np.testing.assert_allclose(at_one.energy, at_one.entropy, rtol=0, atol=2e-14)


def test_c_is_du_dt_and_s_is_minus_df_dt() -> None:
    """By central differences of sixth order, h = .01 T: truncation below 1e-9; C at a T 1% off fails by far."""
    weights = np.array([-1.0, 9.0, -45.0, 0.0, 45.0, -9.0, 1.0]) / 60.0
    for temperature in (0.8, 1.2, 2.0):
        step = 0.01 * temperature
        around = canonical(spectra(), temperature + step * np.arange(-3, 4))
        here = canonical(spectra(), temperature)
        np.testing.assert_allclose(around.energy @ weights / step, here.heat_capacity[:, 0], rtol=1e-8)
        np.testing.assert_allclose(-around.free_energy @ weights / step, here.entropy[:, 0], rtol=1e-8)
        aside = canonical(spectra(), 1.01 * temperature).heat_capacity[:, 0]
        assert np.abs(around.energy @ weights / step / aside - 1.0).min() > 1e-4


def test_two_levels_have_the_schottky_anomaly() -> None:
    gap, degeneracy = 1.7, 11
    scale = np.geomspace(0.05, 1e4, 50)
    found = canonical(np.r_[0.0, np.full(degeneracy, gap)], scale)
    excited = degeneracy / (degeneracy + np.exp(gap / scale))
    np.testing.assert_allclose(found.energy, gap * excited, rtol=1e-13)
    np.testing.assert_allclose(found.heat_capacity, (gap / scale) ** 2 * excited * (1 - excited), rtol=1e-12)
    np.testing.assert_allclose(found.free_energy, -scale * np.log1p(degeneracy * np.exp(-gap / scale)), rtol=1e-13)


def test_a_zipf_list_against_forty_digits() -> None:
    """C of 2,000 states p ~ 1/i with mpmath; of 49,152 the published 10.7 at T = 1."""
    mpmath = pytest.importorskip("mpmath")
    states = 2_000
    with mpmath.workdps(40):
        for temperature in (0.5, 1.0, 3.0):
            logs = [mpmath.log(i) for i in range(1, states + 1)]
            weights = [mpmath.exp(-x / mpmath.mpf(temperature)) for x in logs]
            total = mpmath.fsum(weights)
            mean = mpmath.fsum(w * x for w, x in zip(weights, logs, strict=True)) / total
            spread = mpmath.fsum(w * (x - mean) ** 2 for w, x in zip(weights, logs, strict=True)) / total
            found = canonical(np.log(np.arange(1.0, states + 1)), temperature)
            assert abs(found.heat_capacity[0] / float(spread / mpmath.mpf(temperature) ** 2) - 1.0) < 1e-13
            assert abs(found.entropy[0] / float(mpmath.log(total) + mean / temperature) - 1.0) < 1e-13
    assert canonical(np.log(np.arange(1.0, 49_153.0)), 1.0).heat_capacity[0] == pytest.approx(10.7, abs=0.05)


def test_small_numbers_keep_their_digits() -> None:
    """p = 1 - 1e-18 has E = 1e-18, not 0; a frozen spectrum keeps its entropy of order exp(-gap / T)."""
    gap = 18 * np.log(10.0)
    np.testing.assert_allclose(energies_of([gap, 0.0])[0], 1e-18, rtol=1e-12)
    found = canonical([0.0, 50.0], 1.0)
    np.testing.assert_allclose(found.entropy, np.exp(-50.0) * (1 + 50.0), rtol=1e-12)


def test_limits_of_temperature() -> None:
    """T -> 0 leaves the ground states, T -> infinity all states alike; nothing overflows."""
    spectrum = np.r_[np.full(3, 2.0), 2.0 + np.arange(1.0, 40.0), np.inf]
    with np.errstate(all="raise", under="ignore"):
        found = canonical(spectrum, [0.0, 1e-300, 1e300])
    np.testing.assert_allclose(found.entropy, np.log([3, 3, 42]), rtol=1e-14)
    np.testing.assert_allclose(found.energy, [2.0, 2.0, spectrum[:-1].mean()], rtol=1e-14)
    np.testing.assert_array_equal(found.heat_capacity[:2], 0.0)
    assert 0.0 <= found.heat_capacity[2] < 1e-290
    lonely = canonical([5.0, np.inf], [0.0, 1.0, 9.0])
    np.testing.assert_array_equal(lonely.entropy, 0.0)
    np.testing.assert_array_equal(lonely.free_energy, 5.0)


def test_forbidden_states_do_not_exist() -> None:
    some = spectra()[0]
    with_holes = np.insert(some, [0, 7, 7], np.inf)
    for one, other in zip(
        vars(canonical(some, TEMPERATURES)).values(), vars(canonical(with_holes, TEMPERATURES)).values(), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    logits = np.array([[1.0, -np.inf, 0.5]])
    assert energies_of(logits)[0, 1] == np.inf


def test_blocks_change_nothing() -> None:
    """More positions than a block holds, as each by itself."""
    many = spectra(states=BLOCK // 3, contexts=7).reshape(7, 1, -1)
    whole = canonical(many, TEMPERATURES)
    assert whole.energy.shape == (7, 1, len(TEMPERATURES))
    for row in range(7):
        np.testing.assert_array_equal(whole.heat_capacity[row, 0], canonical(many[row, 0], TEMPERATURES).heat_capacity)


@pytest.mark.parametrize("temperature", [-0.1, np.nan, np.inf])
def test_what_is_no_temperature_is_refused(temperature: float) -> None:
    with pytest.raises(InputError, match="no temperature"):
        canonical([0.0, 1.0], [1.0, temperature])


@pytest.mark.parametrize(
    ("logits", "reason"),
    [([0.0, np.nan], "NaN"), ([0.0, np.inf], "inf"), ([[0.0, 1.0], [-np.inf, -np.inf]], "forbidden"), ([], "no logit")],
)
def test_what_is_no_law_is_refused(logits: list, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        energies_of(logits)
