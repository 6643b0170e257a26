"""Ancestral sampling and Boltzmann's law over sequences, against all 8^5 of a small law with memory."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from small_sequences import LENGTH, all_sequences, small_law, small_window

from gasfield.errors import InputError
from gasfield.sampling.sequences.ancestral import sample
from gasfield.sampling.sequences.exact import enumerate_sequences
from gasfield.sampling.sequences.law import PrefixLaw, Window
from gasfield.sampling.sequences.reweighting import reweight
from gasfield.statistics.estimate import Estimate

Array = NDArray[np.float64]
TEMPERATURES = (0.5, 0.8, 1.0, 2.0)


def entropy(law: Array) -> float:
    """S of probabilities (n,)."""
    return float(-law @ np.log(law))


def away(estimate: Estimate, truth: float) -> float:
    """Difference in standard errors."""
    assert estimate.error is not None
    return float((estimate.value - truth) / estimate.error)


def test_both_laws_are_normalised_and_agree_at_temperature_one_only() -> None:
    every = all_sequences()
    assert abs(every.log_partition(1.0)) < 1e-12
    assert np.abs(every.ancestral(1.0) - every.boltzmann(1.0)).sum() < 1e-12
    for temperature in (0.5, 2.0):
        assert every.ancestral(temperature).sum() == pytest.approx(1.0, abs=1e-12)
        assert np.abs(every.ancestral(temperature) - every.boltzmann(temperature)).sum() > 0.1


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_derivatives_by_temperature_are_those_of_the_score(temperature: float) -> None:
    """dU/dT = Cov(E, sum (E_k - U_k))/T^2 and T dS/dT - dU/dT = Cov(sum log Z_k, sum (E_k - U_k))/T, ancestrally;
    dU/dT = Var(E)/T^2 and T dS = dU in equilibrium. Each is wrong for the other law."""
    every, step = all_sequences(), 1e-4 * temperature
    energy = every.energy
    slopes = {}
    for name, at in (("ancestral", every.ancestral), ("boltzmann", every.boltzmann)):
        high, low = at(temperature + step), at(temperature - step)
        slopes[name] = ((high - low) @ energy / (2 * step), temperature * (entropy(high) - entropy(low)) / (2 * step))
    law, gap = every.ancestral(temperature), energy - every.mean_sum(temperature)
    log_z = -np.log(law) - energy / temperature
    capacity = law @ ((energy - law @ energy) * gap) / temperature**2
    defect = law @ ((log_z - law @ log_z) * gap) / temperature
    heat, entropic = slopes["ancestral"]
    assert heat == pytest.approx(capacity, rel=1e-6)
    assert entropic - heat == pytest.approx(defect, rel=1e-5)
    assert abs(law @ (energy - law @ energy) ** 2 / temperature**2 / heat - 1) > 0.03
    law = every.boltzmann(temperature)
    heat, entropic = slopes["boltzmann"]
    assert heat == pytest.approx(law @ (energy - law @ energy) ** 2 / temperature**2, rel=1e-6)
    assert entropic == pytest.approx(heat, rel=1e-6)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_ancestral_samples_are_those_of_their_law(temperature: float) -> None:
    every = all_sequences()
    found = sample(small_window(), temperature, 6000, seed=11, batch=6000)
    law, gap = every.ancestral(temperature), every.energy - every.mean_sum(temperature)
    mean = law @ every.energy
    assert abs(away(found.mean_energy(), mean)) < 4
    assert abs(away(found.entropy(), entropy(law))) < 4
    assert abs(away(found.free_energy(), mean - temperature * entropy(law))) < 4 if temperature != 1.0 else True
    assert abs(away(found.heat_capacity(), law @ ((every.energy - mean) * gap) / temperature**2)) < 4
    assert abs(away(found.fluctuation(), law @ (every.energy - mean) ** 2 / temperature**2)) < 4
    tokens = np.bincount(found.tokens[:, -1], minlength=8)
    expected = 6000 * np.bincount(every.tokens[:, -1], weights=law, minlength=8)
    assert np.sum((tokens - expected) ** 2 / expected) < 32  # chi-square of 7: 1 in 25,000
    if temperature != 1.0:
        assert abs(away(found.mean_energy(), every.boltzmann(temperature) @ every.energy)) > 3


def test_a_sequence_depends_on_its_number_and_the_seed_alone() -> None:
    whole = sample(small_window(), 0.8, 50, seed=3, batch=50)
    parts = sample(small_window(), 0.8, 50, seed=3, batch=7)
    later = sample(small_window(), 0.8, 20, seed=3, first=30)
    other = sample(small_window(), 0.8, 50, seed=4)
    for name in ("tokens", "energies", "means", "log_partitions"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name
        assert np.array_equal(getattr(whole, name)[30:], getattr(later, name)), name
    assert not np.array_equal(whole.tokens, other.tokens)


def test_a_forbidden_end_renormalises_the_law() -> None:
    every = enumerate_sequences(small_window(forbid_end=True))
    possible = np.isfinite(every.energy)
    assert np.array_equal(possible, (every.tokens != 7).all(axis=1))
    assert abs(every.log_partition(1.0)) < 1e-12
    found = sample(small_window(forbid_end=True), 1.5, 4000, seed=2, batch=4000)
    assert not (found.tokens == 7).any()
    law = every.ancestral(1.5)
    assert abs(away(found.mean_energy(), law[possible] @ every.energy[possible])) < 4
    assert (sample(small_window(), 1.5, 400, seed=2).tokens == 7).any()


def test_reweighting_fails_where_its_effective_size_is_small() -> None:
    """N / sum P_T^2/q is what it falls to; estimates are right while it is large, and flagged when it is not."""
    every = all_sequences()
    found = sample(small_window(), 1.0, 8000, seed=6, batch=8000)
    base = every.boltzmann(1.0)
    for temperature in (0.8, 1.5):
        again, law = reweight(found, temperature), every.boltzmann(temperature)
        assert again.reliable
        assert again.effective_size == pytest.approx(8000 / np.sum(law**2 / base), rel=0.2)
        assert abs(away(again.energy, law @ every.energy)) < 4
        assert abs(away(again.log_partition, every.log_partition(temperature))) < 4
    few = sample(small_window(12), 1.0, 200, seed=6)
    assert not reweight(few, 0.3).reliable
    assert reweight(few, 0.3).largest > 0.1


def test_what_cannot_be_sampled_is_refused() -> None:
    nan = PrefixLaw(3, lambda ids: np.full((len(ids), 3), np.nan))
    nothing = PrefixLaw(3, lambda ids: np.full((len(ids), 3), -np.inf))
    for law in (nan, nothing):
        with pytest.raises(InputError, match="logits of a sequence"):
            sample(Window(law, (0,), 2), 1.0, 3, seed=1)
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(InputError, match="above 0"):
            sample(small_window(), bad, 3, seed=1)
    with pytest.raises(InputError, match="context of 6"):
        Window(PrefixLaw(3, lambda ids: np.zeros((len(ids), 3)), context=6), (0, 1), LENGTH)
    with pytest.raises(InputError, match="empty"):
        Window(small_law(), (), 2)
    with pytest.raises(InputError, match="outside the vocabulary"):
        Window(small_law(), (8,), 2)
    with pytest.raises(InputError, match="none is left"):
        Window(PrefixLaw(2, lambda ids: np.zeros((len(ids), 2)), end=(0, 1)), (0,), 2)
    with pytest.raises(InputError, match="too many to enumerate"):
        enumerate_sequences(small_window(9))
