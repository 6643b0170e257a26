"""Correlations, repetition and susceptibility of sequences against laws whose values are known; and asking twice."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_sequences import iid_window, small_law, small_window

from gasfield.errors import InputError
from gasfield.sampling.sequences.ancestral import sample
from gasfield.sampling.sequences.boltzmann import sample_boltzmann
from gasfield.sampling.sequences.macrostates import AskedTwice, ask_twice
from gasfield.sampling.sequences.measured import structural, thermal
from gasfield.sampling.sequences.observables import (
    coincidence,
    distances_within,
    mutual_information,
    repetition,
    susceptibility,
)
from gasfield.sampling.sequences.thermodynamics import sequence_thermodynamics
from gasfield.statistics.estimate import Estimate

WEIGHTS = [0.4, 0.3, 0.2, 0.1]


def away(estimate: Estimate, truth: object) -> np.ndarray:
    """Differences in standard errors."""
    return np.abs((estimate.value - truth) / estimate.error)


def test_independent_tokens_have_no_correlation() -> None:
    tokens = sample(iid_window(WEIGHTS, 20), 1.0, 300, seed=1).tokens
    groups, distances = np.arange(300), (1, 2, 5)
    assert away(coincidence(tokens, groups, distances), 0.0).max() < 4
    assert away(mutual_information(tokens, groups, distances, classes=4), 0.0).max() < 4
    spins = np.random.default_rng(1).normal(size=(4, 3))
    centred = spins - spins.mean(axis=0)
    field = np.array(WEIGHTS) @ (centred / np.linalg.norm(centred, axis=1, keepdims=True))
    chi, order = susceptibility(tokens, groups, spins)
    assert away(chi, 1.0 - field @ field) < 4
    assert away(order, field @ field) < 4


def test_a_chain_of_two_states_has_its_correlations() -> None:
    """Stays with probability 0.8: Pr(x_i = x_i+r) - 1/2 = 0.6^r / 2, and I(r) that of a binary symmetric channel."""
    draws, distances = np.random.default_rng(2), (1, 2, 4)
    flips = draws.random((400, 40)) < 0.2
    flips[:, 0] = draws.random(400) < 0.5
    tokens = np.cumsum(flips, axis=1) % 2
    groups = np.arange(400)
    powers = 0.6 ** np.array(distances)
    assert away(coincidence(tokens, groups, distances), powers / 2).max() < 4
    same, other = (1 + powers) / 2, (1 - powers) / 2
    information = np.log(2) + same * np.log(same) + other * np.log(other)
    found = mutual_information(tokens, groups, distances, classes=2)
    assert away(found, information).max() < 4
    assert away(found, 0.0).min() > 5
    spins = np.array([[1.0, 0.0], [-1.0, 0.0]])
    chi, _ = susceptibility(tokens, groups, spins)
    lags = np.arange(1, 40)
    assert away(chi, 1 + 2 * np.sum((1 - lags / 40) * 0.6**lags)) < 4


def test_groups_of_equal_sequences_count_once() -> None:
    """Every sequence ten times, in ten groups and in one: without groups the copies look like correlation lost."""
    tokens = np.repeat(sample(iid_window(WEIGHTS, 12), 1.0, 60, seed=5).tokens, 10, axis=0)
    groups = np.repeat(np.arange(60), 10)
    once = coincidence(tokens[::10], np.arange(60), (1, 3))
    tenfold = coincidence(tokens, groups, (1, 3))
    np.testing.assert_allclose(tenfold.value, once.value)
    np.testing.assert_allclose(tenfold.error, once.error)
    assert (coincidence(tokens, np.arange(600), (1, 3)).error < 0.5 * once.error).all()


def test_repetition_is_the_share_of_ngrams_that_occurred_before() -> None:
    loop = np.tile(np.arange(3), 8)[None]
    assert repetition(np.repeat(loop, 2, axis=0), np.arange(2)).value == 1 - 3 / 21
    assert repetition(np.arange(24)[None].repeat(2, axis=0), np.arange(2)).value == 0.0
    assert distances_within(16) == (1, 2, 3, 4, 6, 8, 12)
    assert distances_within(1) == ()


def ask(first: tuple[float, int], second: tuple[float, int], law: str) -> AskedTwice:
    """Two answers at (temperature, seed)."""
    states, tokens = [], []
    for temperature, seed in (first, second):
        if law == "ancestral":
            found = sample(small_window(8), temperature, 400, seed, batch=400)
            ids, groups = found.tokens, np.arange(400)
            heat = thermal(found)
        else:
            run = sample_boltzmann(small_window(8), (temperature, 1.0), 40, 50, seed, snapshots=10)
            (ids, groups), heat = run.sequences(0), thermal(run)
        states.append({**heat, **structural(ids, groups)})
        tokens.append(ids)
    return ask_twice(states[0], states[1], (tokens[0], tokens[1]))


@pytest.mark.parametrize("law", ["ancestral", "boltzmann"])
def test_asked_twice_microstates_differ_and_macrostates_agree(law: str) -> None:
    """At one temperature; at two they disagree."""
    same = ask((0.7, 1), (0.7, 2), law)
    assert same.agree, same.statement
    assert same.shared < 0.02
    assert "agree" in same.statement
    other = ask((0.7, 1), (0.8, 2), law)
    assert not other.agree, other.statement
    assert "disagree" in other.statement
    with pytest.raises(InputError, match="no observable"):
        ask_twice({}, {}, (np.zeros((1, 1), np.int64), np.zeros((1, 1), np.int64)))


def test_a_scan_over_temperature_prints_every_number_with_its_error() -> None:
    for law in ("ancestral", "boltzmann"):
        found = sequence_thermodynamics(small_law(), [0], 6, [0.6, 2.0], law=law, chains=6, moves=20, seed=4)
        result = json.loads(json.dumps(found.as_json()))
        count = 2 if law == "ancestral" else 3  # T = 1 is added
        for name in ("energy", "entropy_rate", "free_energy", "heat_capacity", "energy_per_token"):
            leaf = result["thermodynamics"][name]
            assert len(leaf["value"]) == len(leaf["error"]) == count
        per_token = np.array(result["thermodynamics"]["energy"]["value"]) / 6
        np.testing.assert_allclose(result["thermodynamics"]["energy_per_token"]["value"], per_token)
        assert len(result["observables"]["coincidence"]) == count
        assert set(found.figures()) == {"thermodynamics", "correlations"}
    assert result["thermodynamics"]["free_energy"]["value"][1] == 0.0
    assert len(result["chains"]["r_hat"]["value"]) == 3
    assert any("T = 1 was added" in note for note in result["notes"])
    with pytest.raises(InputError, match="no tokenizer"):
        sequence_thermodynamics(small_law(), "text", 6)
    with pytest.raises(InputError, match="ancestral or boltzmann"):
        sequence_thermodynamics(small_law(), [0], 6, law="gibbs")  # type: ignore[arg-type]
