"""A stationary surrogate of the recorded field of dead rows, for any length and dimension.

Fitted to the last 250 steps of the shipped float32 recording, whose gradient at the centroid is divided by its norm
(AdamW divides by the gradient's size anyway):

* every coordinate j has a mean a_j and a fluctuation s_j, both taken from the 64 recorded ones (for more dimensions
  drawn from them, with random signs), so that the mean square over coordinates is 1;
* fluctuations are an autoregressive process of first order with the recorded correlation of successive steps;
* the mean may wander: an Ornstein-Uhlenbeck process with a memory in steps;
* the tidal part is the mean of H/|g| = S^T S: rows at w receive |g| S^T S (w - c) besides.

`strength` is the root mean square of the gradient in units of AdamW's epsilon: far above 1 the weights move by the
learning rate in every step, far below by its product with the strength.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

import gasfield
from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit

Single = NDArray[np.float32]
Values = NDArray[np.float64]

RECORDING = "recordings/kjv-fp32.h5"
LATE = range(250, 500)
EPSILON = 1e-8


@dataclass(frozen=True)
class Fit:
    """What is taken from the recording.

    Attributes:
        mean, fluctuation: (64,) of the gradient over its norm, with a mean square of 1 over coordinates.
        correlation: of the fluctuations of two successive steps.
        tidal: (64, 64) S, where S^T S is the mean of H/|g|.
        steadiness: cosine of the mean gradients of the first and the second half of these steps.
    """

    mean: Values
    fluctuation: Values
    correlation: float
    tidal: Values
    steadiness: float


@cache
def fit() -> Fit:
    """To the recording."""
    with gasfield.open(RECORDING) as recording:
        field = recording.affine_field()
    at = [field.at(step) for step in LATE]
    gradients = np.array([one.gradient for one in at], np.float64)
    norms = np.linalg.norm(gradients, axis=1)
    scaled = gradients / norms[:, None] * np.sqrt(gradients.shape[1])
    mean, rest = scaled.mean(axis=0), scaled - scaled.mean(axis=0)
    tidal = np.mean([one.hessian / norm for one, norm in zip(at, norms, strict=True)], axis=0, dtype=np.float64)
    squares, axes = np.linalg.eigh(tidal)
    halves = scaled[: len(at) // 2].mean(axis=0), scaled[len(at) // 2 :].mean(axis=0)
    return Fit(
        mean=mean,
        fluctuation=rest.std(axis=0),
        correlation=float(np.sum(rest[1:] * rest[:-1]) / np.sum(rest[:-1] ** 2)),
        tidal=np.sqrt(np.maximum(squares, 0.0))[:, None] * axes.T,
        steadiness=float(halves[0] @ halves[1] / np.linalg.norm(halves[0]) / np.linalg.norm(halves[1])),
    )


def tidal(source: np.random.Generator, dimensions: int) -> Values:
    """(64, D) S, where S^T S is H/|g|: the recorded one; for more dimensions its spectrum along random directions,
    times sqrt(D/64), because the norm of a normalised hidden state grows like that."""
    recorded = fit().tidal
    if dimensions == recorded.shape[1]:
        return recorded
    directions = source.normal(size=(len(recorded), dimensions)) / np.sqrt(dimensions)
    return np.asarray(directions * np.linalg.norm(recorded, axis=1)[:, None] * (dimensions / len(recorded)) ** 0.25)


class Surrogate:
    """Gradients of one path of the surrogate, in pieces of any length."""

    def __init__(self, source: np.random.Generator, dimensions: int, strength: float, memory: float = np.inf) -> None:
        """
        Args:
            source: of all random numbers.
            dimensions: D.
            strength: root mean square of the gradient over AdamW's epsilon.
            memory: of the mean [steps].
        """
        found = fit()
        of = np.arange(64) if dimensions == 64 else source.integers(64, size=dimensions)
        self._source, self._scale = source, strength * EPSILON
        self._mean = found.mean[of] * source.choice([-1.0, 1.0], dimensions)
        self._fluctuation, self._correlation = found.fluctuation[of], found.correlation
        self._now = source.standard_normal(dimensions, np.float32)
        self._drift = 1.0 / memory
        self._size = np.abs(self._mean)

    def gradients(self, count: int) -> Single:
        """(count, D) of the next steps."""
        path = self._source.standard_normal((count, len(self._mean)), np.float32)
        _follow(path, self._now, np.float32(self._correlation), np.float32(np.sqrt(1 - self._correlation**2)))
        means = self._mean
        if self._drift:  # the mean is renewed once a piece, which is short compared with its memory
            kept = np.exp(-count * self._drift)
            fresh = self._source.normal(size=len(self._mean)) * self._size
            self._mean = kept * self._mean + np.sqrt(1 - kept**2) * fresh
        path *= (self._scale * self._fluctuation).astype(np.float32)
        path += (self._scale * means).astype(np.float32)
        return np.asarray(path)


@jit(**EXACT)
def _follow(path, now, correlation, kick):  # type: ignore[no-untyped-def]
    """Turns noise (K, D) into an autoregressive process of first order, in place."""
    for k in range(path.shape[0]):
        for j in range(path.shape[1]):
            now[j] = correlation * now[j] + kick * path[k, j]
            path[k, j] = now[j]
