"""A text of known entropy: a Markov chain over eight letters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LETTERS = "abcdefgh"
SEED, CONCENTRATION = 11, 0.5
"""Rows of the transition matrix are Dirichlet numbers of this concentration: some steps likely, most rare."""


def transition_matrix() -> NDArray[np.float64]:
    """(8, 8) P(next | letter)."""
    rng = np.random.default_rng(SEED)
    drawn = rng.dirichlet(np.full(len(LETTERS), CONCENTRATION), len(LETTERS))
    mixed: NDArray[np.float64] = 0.97 * drawn + 0.03 / len(LETTERS)
    return mixed


def stationary(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(8,) the law of a letter in a long text."""
    values, vectors = np.linalg.eig(matrix.T)
    found = np.real(vectors[:, np.argmax(np.real(values))])
    return np.asarray(found / found.sum())


def row_entropies(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(8,) entropy of the next letter after each letter [nats]."""
    return np.asarray(-(matrix * np.log(matrix)).sum(axis=1))


def states(length: int, seed: int) -> NDArray[np.int64]:
    """(L,) letters of the chain as numbers 0..7."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(transition_matrix(), axis=1)
    draws = rng.random(length)
    found = np.zeros(length, np.int64)
    for k in range(1, length):
        found[k] = min(int(np.searchsorted(steps[found[k - 1]], draws[k])), len(LETTERS) - 1)
    return found


def write(path: Path, length: int, seed: int) -> None:
    """Writes a text of the chain."""
    path.write_text("".join(LETTERS[k] for k in states(length, seed)), encoding="utf-8")
