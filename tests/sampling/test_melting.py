"""Peaks of C, the nulls, and the law of a gap and a tail: closed forms, what is called melting, and what is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.special import zeta

from gasfield.sampling.thermodynamics.laws import GapAndGaussian, GapAndTail, Gaussian, Zipf
from gasfield.sampling.thermodynamics.melting import scaling_of
from gasfield.sampling.thermodynamics.peak import peak_of
from gasfield.statistics.canonical import canonical

V = 49_152


def with_gap(gap: float, s: float, states: int = 20_000) -> np.ndarray:
    return GapAndTail(states, gap, s, 0.0, 0.0).energies()


def test_the_published_peak_of_a_zipf_list() -> None:
    peak = Zipf(V, 1.0, 0.0).peak()
    assert (peak.temperature, peak.height) == (pytest.approx(0.87, abs=0.01), pytest.approx(12.2, abs=0.05))


def test_gaussian_energies_peak_near_their_freezing() -> None:
    """sigma / sqrt(2 ln V) within a third, and lower than bare Zipf, for any number of states."""
    for states in (100, 1_000, V):
        peak = Gaussian(states, 20.0, 3.0).peak()
        assert peak.temperature * np.sqrt(2 * np.log(states)) / 3.0 == pytest.approx(1.17, abs=0.17)
        assert peak.height < Zipf(states, 1.0, 0.0).peak().height


@pytest.mark.parametrize("degeneracy", [1, 30, V - 1])
def test_the_peak_of_two_levels(degeneracy: int) -> None:
    """x = gap / T at the peak solves (x / 2) tanh((x - ln g) / 2) = 1; also where it is colder than gap / 8."""
    peak = peak_of(np.r_[0.0, np.full(degeneracy, 3.0)])
    x = 3.0 / peak.temperature
    assert x / 2 * np.tanh((x - np.log(degeneracy)) / 2) == pytest.approx(1.0, rel=1e-9)
    assert peak.maxima == 1


def test_the_peak_is_the_highest_of_several_and_the_maximum_of_c() -> None:
    spectrum = np.r_[0.0, 0.01, np.full(500, 4.0)]
    peak = peak_of(spectrum)
    refined = minimize_scalar(
        lambda t: -canonical(spectrum, t).heat_capacity[0], bounds=(0.3, 2.0), method="bounded", options={"xatol": 1e-9}
    )
    assert peak.maxima == 2
    assert peak.height == pytest.approx(-refined.fun, rel=1e-12)
    assert peak.temperature == pytest.approx(refined.x, rel=1e-6)
    assert peak_of([1.0, 1.0, np.inf]).maxima == 0
    far = peak_of(np.r_[spectrum, 1e9])  # one more state, far above, has a low peak of its own
    assert (far.maxima, far.height) == (3, pytest.approx(peak.height))


def test_a_scale_of_energies_moves_the_peak_alone() -> None:
    for law in (Zipf, Gaussian):
        one, other = (law(3_000, a, b).peak() for a, b in ((1.0, 1.0), (1.7, 1.7)))
        assert other.temperature == pytest.approx(1.7 * one.temperature)
        assert other.height == one.height


def test_laws_give_their_own_parameters_back() -> None:
    gap = GapAndTail.fit(with_gap(2.5, 1.4), (10, 1_000))
    assert (gap.gap, gap.s) == (pytest.approx(2.5), pytest.approx(1.4))
    bulk = GapAndGaussian.fit(GapAndGaussian(20_000, 15.0, 3.0, 0, 0).energies(), (10, 1_000))
    assert (bulk.mean, bulk.sigma) == (pytest.approx(15.0), pytest.approx(3.0))
    zipf = Zipf.fit(1.3 * np.log(np.arange(1.0, 2_001.0)))
    assert (zipf.exponent, zipf.error) == (pytest.approx(1.3), pytest.approx(0.0, abs=1e-9))


def test_the_tail_melts_at_its_limiting_temperature() -> None:
    """With ever more states the peak of the law climbs to s from below, and grows as (ln V)^2 does; the lowest state
    keeps half of the weight where exp(gap / T) = zeta(s / T) - 1, below s."""
    gap, s = 2.0, 1.5
    half = brentq(lambda t: np.exp(gap / t) - zeta(s / t) + 1.0, 0.5, s - 1e-6)
    sizes = (1_000, 10_000, 100_000)
    spectra = [with_gap(gap, s, states) for states in sizes]
    share = np.exp(canonical(spectra[-1], half).free_energy[0] / half)
    beyond = np.exp(-gap / half) * sizes[-1] ** (1 - s / half) / (s / half - 1)  # of the sum: the integral
    assert 1.0 / (1.0 / share + beyond) == pytest.approx(0.5, abs=1e-4)
    peaks = [peak_of(each) for each in spectra]
    assert half < peaks[0].temperature < peaks[1].temperature < peaks[2].temperature < s
    growth = np.diff(np.log([peak.height for peak in peaks])) / np.diff(2 * np.log(np.log(sizes)))
    assert 0.7 < growth[0] < growth[1] < 1.0


def test_a_favoured_state_above_random_energies_melts_where_free_energies_balance() -> None:
    """0 = mean - sigma^2 / 2T - T ln V is exact for many states; with a weak favour there is no such T."""
    for mean, sigma in ((25.0, 3.0), (19.0, 2.0)):
        law = GapAndGaussian(V, mean, sigma, 0, 0)
        place = law.balance()
        assert mean - sigma**2 / (2 * place) - place * np.log(V) == pytest.approx(0.0, abs=1e-9)
        assert canonical(law.energies()[1:], place).free_energy[0] == pytest.approx(0.0, abs=0.05)
        assert law.peak().temperature == pytest.approx(place, rel=0.03)
    assert np.isnan(GapAndGaussian(V, 3.0 * 4.6, 3.0, 0, 0).balance())


def test_a_fit_to_ten_to_thousand_predicts_the_rest_of_its_own_law_alone() -> None:
    """Out of sample: exact for gap and tail; for Gaussian energies above a gap the height is wrong by a fifth."""
    own, other = with_gap(2.5, 1.4), GapAndGaussian(20_000, 18.0, 4.2, 0, 0).energies()
    for spectrum, holds in ((own, True), (other, False)):
        predicted = GapAndTail.fit(spectrum, (10, 1_000)).peak().height / peak_of(spectrum).height
        assert (abs(predicted - 1.0) < 1e-6) == holds
        assert holds or predicted > 1.2


def test_melting_needs_a_gap() -> None:
    """A gap in front of a tail exceeds both nulls and grows with V'; bare Zipf (an offset of the rank makes it lower
    still) and Gaussian energies do not exceed Zipf, and 3,000 states above a gap stop growing with them."""
    assert scaling_of(with_gap(3.0, 1.4)).melting_point == pytest.approx(1.45, abs=0.05)
    ranks = np.arange(1.0, 20_001.0)
    assert "bare Zipf" in scaling_of(1.4 * np.log(ranks + 1.0)).objection
    assert "bare Zipf" in scaling_of(np.sort(np.random.default_rng(3).normal(18.0, 3.5, 20_000))).objection
    few = np.r_[0.0, np.full(3_000, 8.0), 8.0 + 0.5 * ranks[:17_000]]
    assert peak_of(few).height > 1.3 * Zipf(len(few), 1.0, 0.0).peak().height
    assert "does not grow by 1% from 10,000 to 20,001" in scaling_of(few).objection
    assert "no scaling" in scaling_of(with_gap(3.0, 1.4, 50)).objection


def test_errors_cover_what_is_correlated_within_an_octave() -> None:
    """Noise that is constant over a quarter of an octave: the fitted s scatters as its error says, within a third,
    where the error of independent residuals is too small by a factor above ten."""
    states, rng = 4_096, np.random.default_rng(5)
    ranks = np.arange(1, states + 1)
    quarter = np.floor(4 * np.log2(ranks)).astype(int)
    fits = [
        GapAndTail.fit(with_gap(2.0, 1.4, states) + rng.normal(0.0, 0.2, quarter.max() + 1)[quarter], (16, states))
        for _ in range(300)
    ]
    scatter = np.std([fit.s for fit in fits])
    stated = np.sqrt(np.mean([fit.s_error**2 for fit in fits]))
    assert stated == pytest.approx(scatter, rel=0.33)
    weights = 1.0 / ranks[15:]
    logs = np.log(ranks[15:])
    spread = np.average((logs - np.average(logs, weights=weights)) ** 2, weights=weights)
    naive = np.sqrt(np.sum(weights**2 * (logs - np.average(logs, weights=weights)) ** 2)) * 0.2 / weights.sum() / spread
    assert naive < scatter / 2.0
