"""Metropolis moves among neighbours in an embedding: detailed balance, kinetics against exact sums, and controls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import chi2

from gasfield.errors import InputError
from gasfield.sampling.landscapes.kinetics import Visits, committor, fluxes, reached, residence, transitions
from gasfield.sampling.landscapes.neighbours import main_component, nearest_rows, neighbour_graph
from gasfield.sampling.landscapes.token_landscape import TokenLandscape
from gasfield.sampling.landscapes.walk import equilibrium_starts, walk


def landscape(count: int = 120) -> TokenLandscape:
    """Tokens in three clusters of a random embedding, with energies of a random law."""
    chance = np.random.default_rng(5)
    embedding = chance.standard_normal((200, 6)) + 2.0 * chance.integers(0, 2, (200, 1))
    return TokenLandscape.of_law(1.5 * chance.standard_normal(200), embedding, count=count, neighbours=4)


@pytest.mark.parametrize("size", [300, 5000])
def test_neighbours_are_those_of_all_distances(size: int) -> None:
    """Across blocks, with pairs of identical rows, in float32."""
    rows = np.random.default_rng(1).standard_normal((size, 7)).astype(np.float32)
    rows[-1], rows[17] = rows[3], rows[3]
    queries = np.array([3, 17, 50, size - 1])
    apart = ((rows[queries, None].astype(float) - rows.astype(float)) ** 2).sum(axis=2)
    apart[np.arange(4), queries] = np.inf
    np.testing.assert_array_equal(nearest_rows(rows, 5, queries), np.argsort(apart, axis=1, kind="stable")[:, :5])


def test_the_graph_is_symmetric_and_its_main_component_has_the_most_weight() -> None:
    rows = np.array([[0.0], [1.0], [2.1], [10.0], [11.0]])
    graph = neighbour_graph(nearest_rows(rows, 1))
    np.testing.assert_array_equal(graph.toarray(), graph.toarray().T)
    np.testing.assert_array_equal(np.diff(graph.indptr), [1, 2, 1, 1, 1])
    np.testing.assert_array_equal(main_component(graph, np.array([1.0, 1, 1, 5, 5])), [3, 4])


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_detailed_balance_of_the_moves(temperature: float) -> None:
    """pi_i P_ij = pi_j P_ji and pi P = pi to rounding; degrees differ, or the ratio would not be tested."""
    tokens = landscape()
    assert len(np.unique(tokens.degrees)) > 3
    law, moves = tokens.law(temperature), tokens.moves(temperature)
    flux = moves.toarray() * law[:, None]
    np.testing.assert_allclose(flux, flux.T, rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(law @ moves, law, rtol=1e-12)
    np.testing.assert_allclose(moves.sum(axis=1), 1.0, rtol=1e-14)


def test_measured_fluxes_balance_and_without_hastings_ratio_they_do_not() -> None:
    """Independent walkers in equilibrium, one step each: the sum of (n_ij - n_ji)^2/(n_ij + n_ji) is chi-square with a
    degree of freedom for each pair. Proposals that are accepted by the energies alone break it."""
    tokens, walkers = landscape(), 400_000
    starts = equilibrium_starts(tokens, 1.0, walkers, seed=2)

    def p_value(ends: np.ndarray) -> float:
        count = len(tokens.tokens)
        n = np.bincount(starts * count + ends, minlength=count**2).reshape(count, count)
        both = np.triu(n + n.T, 1)
        pairs = both >= 20
        return float(chi2.sf(((n - n.T)[pairs] ** 2 / both[pairs]).sum(), pairs.sum()))

    (ends,) = walk(tokens, starts, [1.0], seed=3)
    assert p_value(ends) > 1e-4
    chance = np.random.default_rng(4)
    pick = tokens.graph.indptr[starts] + (chance.random(walkers) * tokens.degrees[starts]).astype(int)
    there = tokens.graph.indices[pick]
    rise = tokens.energies[there] - tokens.energies[starts]
    assert p_value(np.where(chance.random(walkers) < np.exp(-rise), there, starts)) < 1e-12


def test_basins_are_the_valleys_of_a_path() -> None:
    """Energies 1 0 2 3 1.5 on a path: minima at 1 and 4, and the top belongs to its lower side."""
    chain = np.eye(5, k=1) + np.eye(5, k=-1)
    path = TokenLandscape(np.arange(5), np.array([1.0, 0.0, 2.0, 3.0, 1.5]), csr_array(chain.astype(bool)))
    minima, basin = path.basins()
    np.testing.assert_array_equal(minima, [1, 4])
    np.testing.assert_array_equal(basin, [0, 0, 0, 1, 1])


def test_committor_of_a_path_is_gamblers_ruin() -> None:
    """On a path without energies all moves between neighbours have probability 1/2, also those to and from the ends,
    which have one neighbour only: q_i = i/(M - 1)."""
    count = 9
    chain = np.eye(count, k=1) + np.eye(count, k=-1)
    path = TokenLandscape(np.arange(count), np.zeros(count), csr_array(chain.astype(bool)))
    q = committor(path.moves(1.0), np.array([0]), np.array([count - 1]))
    np.testing.assert_allclose(q, np.linspace(0.0, 1.0, count), rtol=1e-12)
    with pytest.raises(InputError, match="no state in common"):
        committor(path.moves(1.0), np.array([0]), np.array([0, 1]))


def test_kinetics_of_walkers_agree_with_exact_sums() -> None:
    """Residence, transition matrix over a lag, and committor, each within four standard errors; at a temperature wrong
    by a fifth the residence is not."""
    tokens, temperature = landscape(), 0.8
    law, moves = tokens.law(temperature), tokens.moves(temperature)
    _, basin = tokens.basins()
    flux = fluxes(law, moves, basin)
    np.testing.assert_allclose(flux, flux.T, rtol=1e-10, atol=1e-16)
    starts = equilibrium_starts(tokens, temperature, 1000, seed=6)
    visits = Visits.of(starts, walk(tokens, starts, np.full(800, temperature), seed=7), basin)
    region = int(np.argmax(visits.exits.sum(axis=0)))
    found = visits.residence(region)
    assert found.error is not None
    assert abs(found.value - residence(law, moves, basin)[region]) < 4 * found.error
    warmer = residence(tokens.law(1.2 * temperature), tokens.moves(1.2 * temperature), basin)[region]
    assert abs(found.value - warmer) > 4 * found.error

    *_, late = walk(tokens, starts, np.full(10, temperature), seed=8)
    own = basin[starts] == region
    stayed, expected = np.mean(basin[late[own]] == region), transitions(law, moves, basin, 10)[region, region]
    assert abs(stayed - expected) < 4 * np.sqrt(expected * (1 - expected) / own.sum())

    source, target = np.flatnonzero(basin == 0), np.flatnonzero(basin == 1)
    q = committor(moves, source, target)
    between = int(np.argmin(np.abs(q - 0.5)))
    path = walk(tokens, np.full(2000, between), np.full(20_000, temperature), seed=9)
    outcome = reached(path, source, target)
    assert (outcome >= 0).all()
    assert abs(outcome.mean() - q[between]) < 4 * np.sqrt(q[between] * (1 - q[between]) / len(outcome))


def test_the_same_seed_gives_the_same_walk() -> None:
    tokens = landscape()
    starts = np.zeros(50, np.int64)
    one, two, other = (np.array(list(walk(tokens, starts, np.linspace(2, 0.2, 30), seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.any(one != other)


def test_what_makes_no_landscape_is_refused() -> None:
    rows = np.zeros((4, 2))
    with pytest.raises(InputError, match="do not fit an embedding of 4 tokens"):
        TokenLandscape.of_law(np.zeros(3), rows)
    with pytest.raises(InputError, match="the law has 3 possible ones"):
        TokenLandscape.of_law([0.0, 0.0, 0.0, -np.inf], rows, count=4)
    with pytest.raises(InputError, match="there are 1 to 3"):
        TokenLandscape.of_law(np.zeros(4), rows, count=4, neighbours=4)
    with pytest.raises(InputError, match="not finite"):
        TokenLandscape.of_law(np.zeros(4), np.full((4, 2), np.nan), count=4, neighbours=2)
    with pytest.raises(InputError, match="need T > 0"):
        list(walk(landscape(), np.zeros(2, np.int64), [0.0], seed=1))
