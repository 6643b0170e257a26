"""Sampled tokens follow their law at ten temperatures; their bits do not depend on threads or pieces."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.sampling.chain import Chain
from gasfield.sampling.draws import AliasTable, gumbel_draws, gumbel_max
from gasfield.sampling.draws.chi_square import chi_square
from gasfield.testing.tools import on_threads

TEMPERATURES = (0.45, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 2.5)
LEVEL = 1e-3 / (2 * len(TEMPERATURES))
"""Bonferroni: of all tests of both samplers together, one in a thousand fails by chance."""


def zipf(states: int, exponent: float = 1.3) -> NDArray[np.float64]:
    """Logits of a Zipf law in a random order."""
    return np.random.default_rng(0).permutation(-exponent * np.log(np.arange(1, states + 1)))


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_chi_square_of_both_samplers(temperature: float) -> None:
    chain, warm = Chain.of(temperature=temperature), Chain.of(temperature=1.05 * temperature)
    many, few = zipf(49_152), zipf(60, 2.0)
    counts = AliasTable.of_logits(chain.apply(many)).count(2_000_000, seed=1)
    assert chi_square(counts, chain.law(many)).p_value > LEVEL
    assert chi_square(counts, warm.law(many)).p_value < 1e-9, "the test does not see a temperature wrong by 5%"
    counts = np.bincount(gumbel_draws(chain.apply(few), 100_000, seed=1), minlength=60)
    assert chi_square(counts, chain.law(few)).p_value > LEVEL
    assert chi_square(counts, warm.law(few)).p_value < 1e-9, "nor that of few tokens"


def test_forbidden_tokens_are_never_drawn() -> None:
    processed = Chain.of(top_k=7).apply(zipf(1000))
    counts = AliasTable.of_logits(processed).count(100_000)
    assert set(np.flatnonzero(counts)) == set(np.flatnonzero(np.isfinite(processed)))
    assert np.isfinite(processed[gumbel_draws(processed, 2_000)]).all()
    np.testing.assert_array_equal(AliasTable([0.0, 0.0, 2.0]).draw(5), [2] * 5)


def test_probabilities_of_the_table_are_exact() -> None:
    """Counted over the columns instead of drawn: each p to 2^-40 / V per column."""
    law = np.random.default_rng(3).dirichlet(np.full(300, 0.2))
    table = AliasTable(law)
    entries = table._table
    own = (entries >> np.uint64(24)).astype(float) / 2.0**40
    alias = (entries & np.uint64(2**24 - 1)).astype(int)
    mass = np.zeros(table.support)
    np.add.at(mass, np.arange(table.support), own / table.support)
    np.add.at(mass, alias, (1.0 - own) / table.support)
    np.testing.assert_allclose(mass, law[law > 0.0], rtol=0.0, atol=300 * 2.0**-40 / 300)


def test_draws_depend_on_their_number_only() -> None:
    table = AliasTable.of_logits(zipf(5000))
    whole = table.draw(400_001, seed=5)
    with on_threads(1):
        np.testing.assert_array_equal(table.draw(400_001, seed=5), whole)
        np.testing.assert_array_equal(table.count(400_001, seed=5), np.bincount(whole, minlength=5000))
    with on_threads(2):
        np.testing.assert_array_equal(table.count(400_001, seed=5), np.bincount(whole, minlength=5000))
    np.testing.assert_array_equal(table.draw(1_001, seed=5, first=777), whole[777:1778])
    assert (table.draw(1000, seed=6) != whole[:1000]).mean() > 0.5
    assert (table.draw(1000, seed=5, step=1) != whole[:1000]).mean() > 0.5


def test_gumbel_draws_depend_on_seed_step_and_row_only() -> None:
    logits = np.tile(zipf(700), (4, 1))
    tokens = gumbel_max(logits, seed=2, step=3)
    np.testing.assert_array_equal(gumbel_max(logits[2:], seed=2, step=3, rows=[2, 3]), tokens[2:])
    np.testing.assert_array_equal(gumbel_draws(logits[0], 3, seed=2, step=3, first=1), tokens[1:])
    with on_threads(1):
        np.testing.assert_array_equal(gumbel_max(logits, seed=2, step=3), tokens)


def test_laws_and_addresses_that_are_none() -> None:
    for law in ([-1.0, 2.0], [0.0, 0.0], [np.nan, 1.0], [[1.0]]):
        with pytest.raises(InputError):
            AliasTable(law)
    with pytest.raises(InputError, match="seed"):
        AliasTable([1.0]).draw(1, seed=-1)
    with pytest.raises(InputError, match="count"):
        AliasTable([1.0]).draw(-1)
    with pytest.raises(InputError, match="rows"):
        gumbel_max([[0.0, 1.0]], rows=[1, 2])


def test_one_draw_of_a_rare_state_is_no_disagreement() -> None:
    """Classes are merged until each is expected ten times."""
    found = chi_square(np.array([500, 499, 1]), np.array([0.499995, 0.499995, 1e-5]))
    assert (found.freedom, found.p_value > 0.5) == (1, True)
