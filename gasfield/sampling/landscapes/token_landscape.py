"""A law over tokens as a landscape: states are tokens, E = -log p, moves go to neighbours in the embedding.

Metropolis and Hastings: from i one of its d_i neighbours j is proposed with probability 1/d_i, and accepted with

    a_ij = min(1, exp(-(E_j - E_i)/T) d_i/d_j)

The flux pi_i P_ij = min(pi_i/d_i, pi_j/d_j) of the law pi ~ exp(-E/T) is then symmetric in i and j: detailed balance
(Hastings 1970, Biometrika 57:97). Without the ratio of degrees the law of the chain would be pi_i d_i instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, diags_array

from gasfield.errors import InputError
from gasfield.sampling.landscapes.neighbours import Rows, main_component, nearest_rows, neighbour_graph
from gasfield.statistics.canonical import energies_of

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class TokenLandscape:
    """Tokens that are joined to their neighbours.

    Attributes:
        tokens: (M,) ids in the vocabulary.
        energies: (M,) E = -log p at T = 1 [nats]; p of the whole vocabulary, so that these M states have less than 1.
        graph: (M, M) symmetric, without loops, connected.
    """

    tokens: Indices
    energies: Array
    graph: csr_array

    @classmethod
    def of_law(cls, logits: ArrayLike, embedding: Rows, count: int = 1000, neighbours: int = 8) -> Self:
        """The likeliest tokens of a law, joined to their nearest neighbours among each other.

        Tokens outside the component that holds most of the probability are left out; `share` tells what is covered.

        Args:
            logits: (V,) of the law.
            embedding: (V, D) rows of the tokens.
            count: how many of the likeliest tokens are taken.
            neighbours: nearest rows to which each of them is joined.

        Raises:
            InputError: if logits and embedding do not fit each other, fewer tokens are possible than wanted, or there
                are not as many neighbours.
        """
        energies = energies_of(logits)
        if energies.shape != (len(embedding),):
            raise InputError(f"logits {energies.shape} do not fit an embedding of {len(embedding)} tokens.")
        if np.isnan(energies).any():
            raise InputError("the logits are NaN, or all infinite: no law.")
        possible = int(np.isfinite(energies).sum())
        if not 2 <= count <= possible:
            raise InputError(f"{count} tokens; the law has {possible} possible ones.", parameter="count")
        tokens = np.sort(np.argsort(energies, kind="stable")[:count])
        graph = neighbour_graph(nearest_rows(embedding[tokens], neighbours))
        kept = main_component(graph, np.exp(-energies[tokens]))
        if len(kept) < 2:
            raise InputError("the likeliest tokens have no neighbours; take more of them.", parameter="neighbours")
        return cls(tokens[kept], energies[tokens[kept]], csr_array(graph[kept][:, kept]))

    @property
    def share(self) -> float:
        """Probability at T = 1 of all tokens of the landscape together."""
        return float(np.exp(-self.energies).sum())

    @property
    def degrees(self) -> Indices:
        """(M,) neighbours of each token."""
        return np.asarray(np.diff(self.graph.indptr), np.int64)

    def law(self, temperature: float) -> Array:
        """(M,) Boltzmann's law exp(-E/T)/Z over these tokens, T > 0."""
        weights = np.exp(-(self.energies - self.energies.min()) / temperature)
        return np.asarray(weights / weights.sum())

    def moves(self, temperature: float) -> csr_array:
        """(M, M) probabilities P_ij of one move from i to j; what is not accepted stays at i."""
        own = np.repeat(np.arange(len(self.tokens)), self.degrees)
        other = self.graph.indices
        accepted = self.acceptance(own, other, temperature)
        moving = csr_array((accepted / self.degrees[own], (own, other)), shape=self.graph.shape)
        return csr_array(moving + diags_array(1.0 - moving.sum(axis=1)))

    def acceptance(self, own: Indices, other: Indices, temperature: float | Array) -> Array:
        """(n,) a_ij of proposals from i to j."""
        rise = (self.energies[other] - self.energies[own]) / temperature
        return np.exp(np.minimum(0.0, np.log(self.degrees[own] / self.degrees[other]) - rise))

    def basins(self) -> tuple[Indices, Indices]:
        """Local minima and what leads to them: each token steps to its neighbour of the lowest energy, as long as that
        is lower than its own (or equal, and of a smaller index).

        Returns:
            (B,) the minima, the lowest first; and (M,) the number of the basin of each token.
        """
        rank = np.empty(len(self.tokens), np.int64)
        rank[np.argsort(self.energies, kind="stable")] = np.arange(len(rank))
        lowest = np.minimum.reduceat(rank[self.graph.indices], self.graph.indptr[:-1])
        of_rank = np.argsort(rank)
        down = of_rank[np.minimum(rank, lowest)]
        while not np.array_equal(further := down[down], down):
            down = further
        minima = of_rank[np.unique(rank[down])]
        number = np.empty(len(rank), np.int64)
        number[minima] = np.arange(len(minima))
        return minima, number[down]
