"""Metropolis moves and replica exchange over sequences, against all 8^5 of a small law with memory."""

from __future__ import annotations

import numpy as np
import pytest
from small_sequences import LENGTH, all_sequences, iid_window, small_window

from gasfield.errors import InputError
from gasfield.sampling.sequences.boltzmann import sample_boltzmann
from gasfield.sampling.sequences.exchange import Ladders
from gasfield.sampling.sequences.ladder import (
    ladder_notes,
)
from gasfield.statistics.correlation import correlated_mean
from gasfield.statistics.estimate import Estimate

LADDER = (0.5, 0.7, 1.0, 1.5, 2.0)
CHAINS, MOVES = 48, 200
METHODS: dict[str, dict[str, object]] = {
    "metropolis": {"exchange": False},
    "metropolis with hotter proposals": {"exchange": False, "proposals": (0.8, 0.9, 1.2, 1.5, 1.8)},
    "replica exchange": {},
}


def away(estimate: Estimate, truth: float) -> float:
    """Difference in standard errors."""
    assert estimate.error is not None
    return float((estimate.value - truth) / estimate.error)


@pytest.mark.parametrize("method", METHODS)
def test_boltzmanns_law_over_sequences(method: str) -> None:
    """Within 4 standard errors of all sequences in U, C, S, log Z and the law of the last token. Where the law differs
    from the ancestral one at the same T it is many standard errors from that: the negative control."""
    every = all_sequences()
    run = sample_boltzmann(small_window(), LADDER, CHAINS, MOVES, seed=3, snapshots=80, **METHODS[method])  # type: ignore[arg-type]
    for k, temperature in enumerate(LADDER):
        law, ancestral = every.boltzmann(temperature), every.ancestral(temperature)
        mean = law @ every.energy
        entropy = -law @ np.log(law)
        assert abs(away(run.mean_energy(k), mean)) < 4
        assert abs(away(run.heat_capacity(k), law @ (every.energy - mean) ** 2 / temperature**2)) < 4
        assert abs(away(run.entropy(k), entropy)) < 4
        if temperature != 1.0:
            assert abs(away(run.log_partition(k), every.log_partition(temperature))) < 4
            assert abs(away(run.free_energy(k), mean - temperature * entropy)) < 4
        for token in range(8):
            seen = run.tokens[:, :, k, -1] == token
            truth = law[every.tokens[:, -1] == token].sum()
            assert truth < 0.05 or abs(away(correlated_mean(seen, "1"), truth)) < 4  # few events are not normal
        wrong = abs(away(run.mean_energy(k), ancestral @ every.energy))
        assert wrong < 4 if temperature == 1.0 else temperature > 1.0 or wrong > (20 if temperature == 0.5 else 5)
        assert run.r_hat(k).largest < (1.05 if "exchange" in method else 1.3)


def test_exchange_mixes_colder_temperatures_than_metropolis_alone() -> None:
    alone, together = (
        sample_boltzmann(small_window(), (0.25, 0.4, 0.6, 1.0), 16, 150, seed=1, exchange=exchange)
        for exchange in (False, True)
    )
    assert together.effective_size(0) > 1.5 * alone.effective_size(0)
    assert together.round_trips > 50
    assert alone.round_trips == 0
    assert np.isnan(alone.exchange).all()


def test_a_move_at_the_proposals_own_temperature_is_accepted_at_temperature_one() -> None:
    """There p is the proposal; and behind the last place a cut leaves nothing but the same prefix at any T."""
    run = sample_boltzmann(small_window(), (0.5, 1.0), 8, 60, seed=1, exchange=False)
    assert (run.acceptance[:, 1] == 1.0).all()
    assert run.acceptance[LENGTH - 1, 0] == 1.0
    assert (run.acceptance[: LENGTH - 2, 0] < 1.0).all()


def test_a_ladder_depends_on_its_number_and_the_seed_alone() -> None:
    few, many = (sample_boltzmann(small_window(), (0.5, 1.0, 2.0), ladders, 40, seed=9) for ladders in (2, 5))
    assert np.array_equal(few.energies, many.energies[:, :2])
    assert np.array_equal(few.tokens, many.tokens[:, :2])


def test_the_energy_of_a_chain_is_that_of_its_tokens() -> None:
    """After rejections, exchanges and cuts at other places."""
    every = all_sequences()
    run = sample_boltzmann(small_window(), (0.5, 1.0, 2.0), 6, 50, seed=2, snapshots=40)
    number = (run.tokens * 8 ** np.arange(LENGTH - 1, -1, -1)).sum(axis=-1)
    np.testing.assert_allclose(run.energies, every.energy[number], atol=1e-5)


def test_replicas_that_always_exchange_travel_in_straight_lines() -> None:
    """Equal energies: each moves one place an attempt, and waits one at each end; a round trip takes 2 K attempts."""
    ladders = Ladders(np.array([0.5, 0.7, 1.0, 2.0]), 3, seed=1)
    for _ in range(8 * 5):
        ladders.exchange(np.zeros(12))
    assert (ladders.accepted == ladders.tried).all()
    assert ladders.round_trips == 3 * 4 * 5 - 3 * 3
    assert np.array_equal(np.sort(ladders.replica, axis=1), np.arange(12).reshape(3, 4))


def test_a_ladder_of_two_exchanges_at_every_attempt() -> None:
    ladders = Ladders(np.array([0.5, 1.0]), 4, seed=1)
    for _ in range(10):
        ladders.exchange(np.zeros(8))
    assert ladders.tried.tolist() == [40]


def test_a_ladder_that_cannot_mix_is_named_with_what_would_help() -> None:
    """As many temperatures between as the note says do help."""
    weights = np.exp(-5.0 * np.random.default_rng(3).random(8)).tolist()
    window = iid_window(weights, 16)
    run = sample_boltzmann(window, (0.1, 1.0, 1.1), 4, 30, seed=1)
    (note,) = ladder_notes(run)
    assert "between T = 0.1 and 1 " in note
    more = int(note.split("about ")[1].split()[0])
    between = 1.0 / np.linspace(10.0, 1.0, more + 2)
    assert not list(ladder_notes(sample_boltzmann(window, between, 4, 30, seed=1)))
    with pytest.raises(InputError, match="at least 10"):
        sample_boltzmann(window, (1.0, 2.0), 4, 5, seed=1)
    with pytest.raises(InputError, match="twice"):
        sample_boltzmann(window, (1.0, 1.0), 4, 20, seed=1)
    with pytest.raises(InputError, match="T = 1 only"):
        sample_boltzmann(small_window(), (2.0, 3.0), 2, 12, seed=1).entropy(0)


@pytest.mark.validate
def test_chains_are_judged_as_arviz_judges_them() -> None:
    arviz = pytest.importorskip("arviz_stats.base").array_stats
    run = sample_boltzmann(small_window(), LADDER, 8, 1250, seed=4)
    for k in range(len(LADDER)):
        energy = run.energies[:, :, k].T
        assert run.r_hat(k).largest == pytest.approx(float(arviz.rhat(energy, chain_axis=0, draw_axis=1)), abs=1e-10)
        theirs = float(arviz.ess(energy, chain_axis=0, draw_axis=1, method="mean"))
        assert run.effective_size(k) == pytest.approx(theirs, rel=0.1)


@pytest.mark.validate
def test_errors_of_chains_are_those_of_repeated_runs() -> None:
    """Over 100 seeds differences in standard errors have standard deviation 1, within 28%: four times its error."""
    every = all_sequences()
    truth = [every.boltzmann(temperature) @ every.energy for temperature in LADDER]
    scores = np.array(
        [
            [away(run.mean_energy(k), truth[k]) for k in range(len(LADDER))]
            for run in (sample_boltzmann(small_window(), LADDER, 16, 320, seed) for seed in range(100))
        ]
    )
    assert (np.abs(scores.mean(axis=0)) < 4 / 100**0.5).all()
    assert (np.abs(scores.std(axis=0) - 1.0) < 0.28).all()
