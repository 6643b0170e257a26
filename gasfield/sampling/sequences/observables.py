"""What sequences look like: correlation of tokens over distance, mutual information, repetition, susceptibility.

Everything is measured on N sequences (N, L) of one temperature in G groups: sequences of different groups are
independent, those of one group (the snapshots of one ladder) need not be. Disconnected parts are means over pairs from
different groups, so they are unbiased and take the positions' own laws into account; errors are those of the means of
the groups.

Published measures that these stand beside: correlations of part-of-speech tags (Nakaishi, Nishikawa and Hukushima,
arXiv 2406.05335), for which a tagger would be needed: here tokens themselves, and classes of tokens by frequency;
fluctuations of the mean embedding (arXiv 2606.06238); repeated n-grams (Welleck et al., arXiv 1908.04319).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.language.base import Ids
from gasfield.statistics.estimate import Estimate, jackknife, mean, missing

Array = NDArray[np.float64]

CLASSES = 8
"""Classes of tokens by frequency for mutual information."""
_SHIFTS = 4
"""Other groups with which each is paired for the mutual information of independent sequences."""
_WORDS = 4
"""Tokens of the n-grams whose repetition is counted."""


def distances_within(length: int) -> tuple[int, ...]:
    """1, 2, 3, 4, 6, 8, 12, 16, ... below three quarters of a length."""
    steps = sorted({base << k for base in (1, 3) for k in range(length.bit_length())} | {2})
    return tuple(r for r in steps if r <= max(0.75 * length, 1) and r < length)


def coincidence(tokens: Ids, groups: Ids, distances: Sequence[int]) -> Estimate:
    """C(r), (R,): mean over i of Pr(x_i = x_i+r) - Pr(x_i = x'_i+r), x' an independent sequence.

    If all positions had one law p the second part would be sum_v p_v^2.
    """
    tokens, groups = _numbered(tokens), _numbered(groups)
    if groups.max() < 1:
        return missing("1")
    columns = [_Column(column, groups) for column in tokens.T]
    rows = []
    for r in distances:
        terms = np.zeros(len(tokens))
        for i in range(tokens.shape[1] - r):
            one, other = columns[i], columns[i + r]
            apart = 0.5 * (other.share(one.tokens) + one.share(other.tokens))
            terms += (one.tokens == other.tokens) - (2.0 * apart - apart.mean())
        rows.append(_by_group(terms / (tokens.shape[1] - r), groups))
    terms_of = np.stack(rows, axis=1)
    return Estimate(terms_of.mean(axis=0), "1", terms_of)


class _Column:
    """The tokens (N,) of one position, and how often each occurs in other groups."""

    def __init__(self, tokens: Ids, groups: Ids) -> None:
        self.tokens, self._groups, self._width = tokens, groups, int(tokens.max()) + 1
        self._counts = np.bincount(tokens, minlength=self._width)
        self._keys, self._within = np.unique(groups * self._width + tokens, return_counts=True)
        self._others = len(tokens) - np.bincount(groups)[groups]

    def share(self, tokens: Ids) -> Array:
        """(N,) the share of the sequences of all other groups that have the token of each here."""
        here = np.minimum(tokens, self._width - 1)
        known = tokens < self._width
        keys = self._groups * self._width + here
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        own = np.where(self._keys[places] == keys, self._within[places], 0)
        return np.asarray(np.where(known, self._counts[here] - own, 0) / self._others)


def mutual_information(tokens: Ids, groups: Ids, distances: Sequence[int], classes: int = CLASSES) -> Estimate:
    """I(r), (R,) [nats], of the classes of x_i and x_i+r: the commonest tokens, each a class, and all others.

    From the counts of all pairs, less the same of pairs from independent sequences (x_i, x'_i+r), as many as those:
    this removes both the bias of the counts and what the places in the text have in common. The error is the jackknife
    over groups.
    """
    groups = _numbered(groups)
    count = int(groups.max()) + 1
    if count < 3 or len(tokens) != count * np.bincount(groups)[0]:
        return missing("nats")
    ranked = _ranked(tokens, classes)[np.argsort(groups, kind="stable")].reshape(count, -1, tokens.shape[1])
    shifts = [shift for shift in range(1, _SHIFTS + 1) if shift < count]
    values, without = [], []
    for r in distances:
        own = _tables(ranked[:, :, :-r], ranked[:, :, r:], classes)
        null = [_tables(ranked[:, :, :-r], np.roll(ranked, s, axis=0)[:, :, r:], classes) for s in shifts]
        both = [own, *null]
        whole = [_information(table.sum(axis=0)) for table in both]
        less = [_information(table.sum(axis=0) - table) for table in both]
        values.append(whole[0] - np.mean(whole[1:]))
        without.append(less[0] - np.mean(less[1:], axis=0))
    return jackknife(np.array(values), np.stack(without, axis=1), "nats")


def _ranked(tokens: Ids, classes: int) -> Ids:
    """The class of each token: its rank by frequency, at most classes - 1."""
    _, place, counts = np.unique(tokens, return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.asarray(np.minimum(rank, classes - 1)[place].reshape(tokens.shape))


def _tables(first: Ids, second: Ids, classes: int) -> Array:
    """(G, classes, classes) counts of pairs in each group."""
    pairs = (first * classes + second).reshape(len(first), -1)
    found = np.stack([np.bincount(row, minlength=classes**2) for row in pairs])
    return found.reshape(-1, classes, classes).astype(np.float64)


def _information(counts: Array) -> Array:
    """Mutual information (...,) of tables (..., m, m) of counts [nats]."""
    joint = counts / counts.sum(axis=(-2, -1), keepdims=True)
    apart = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log(joint / apart), 0.0)
    return np.asarray(terms.sum(axis=(-2, -1)))


def repetition(tokens: Ids, groups: Ids, words: int = _WORDS) -> Estimate:
    """1 - distinct n-grams / n-grams of a sequence: 0 without repetition, near 1 in a loop."""
    count = tokens.shape[1] - words + 1
    if count < 2:
        return missing("1")
    grams = np.lib.stride_tricks.sliding_window_view(tokens, words, axis=1)
    distinct = np.array([len(np.unique(grams_of_one, axis=0)) for grams_of_one in grams])
    return mean(_by_group(1.0 - distinct / count, _numbered(groups)), "1")


def susceptibility(tokens: Ids, groups: Ids, embedding: NDArray[np.floating]) -> tuple[Estimate, Estimate]:
    """Susceptibility and squared order parameter of the tokens' embedding, taken as spins of length 1.

    With e_i the embedding of token i less the mean of the vocabulary, at length 1, and m = (1/L) sum e_i,

        chi = L <|m - <m>|^2> = (1/L) sum_ij (<e_i . e_j> - <e_i> . <e_j>),        order = |<m>|^2,

    both free of the bias of a finite sample. chi = 1 - |<e>|^2 for independent tokens of one law, and L at most.

    Args:
        tokens: (N, L) ids.
        groups: (N,).
        embedding: (V, D).

    Raises:
        InputError: if the embedding has too few rows.
    """
    if tokens.max() >= len(embedding):
        raise InputError(f"has {len(embedding)} rows, but token {tokens.max()} occurs.", parameter="embedding")
    groups = _numbered(groups)
    if groups.max() < 1:
        return missing("1"), missing("1")
    centre = embedding.mean(axis=0)
    means = np.stack([_spins(embedding[ids] - centre).mean(axis=0) for ids in tokens])
    sums = np.zeros((int(groups.max()) + 1, means.shape[1]))
    np.add.at(sums, groups, means)
    sizes = np.bincount(groups)
    others = (sums.sum(axis=0) - sums) / (len(tokens) - sizes)[:, None]
    apart = np.einsum("nd,nd->n", means, others[groups])
    apart = 2.0 * apart - apart.mean()
    square = np.einsum("nd,nd->n", means, means)
    length = tokens.shape[1]
    return mean(_by_group(length * (square - apart), groups), "1"), mean(_by_group(apart, groups), "1")


def _spins(vectors: NDArray[np.floating]) -> Array:
    """Vectors (L, D) at length 1; a zero vector stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), np.float64)


def _numbered(groups: Ids) -> Ids:
    """The same, numbered 0, 1, ... in ascending order."""
    return np.asarray(np.unique(groups, return_inverse=True)[1], np.int64).reshape(groups.shape)


def _by_group(terms: Array, groups: Ids) -> Array:
    """(G,) means of the terms (N,) of each group."""
    return np.asarray(np.bincount(groups, weights=terms) / np.bincount(groups))
