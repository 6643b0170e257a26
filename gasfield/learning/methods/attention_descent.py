"""The descent to the head of attention that makes given velocities, by the method of Levenberg and Marquardt."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from gasfield.learning.designs.attention_flow import Flow, Head

Array = NDArray[np.float64]

_ENTRIES = 1 << 24
"""Most entries of a piece of the Jacobian, and of the normal matrices of the bootstrap."""
_PER_PARAMETER, _WORK = 8, 1 << 33
"""Equations for each parameter, and multiplications for each normal matrix, that a descent can afford: whichever gives
more equations."""
_DRAWS = 100
"""Resamplings of the bootstrap."""
_ITERATIONS, _LEAST_DAMPING, _MOST_DAMPING = 200, 1e-9, 1e8
"""Of a descent; the damping is relative to the scaled normal matrix."""


@dataclass(frozen=True)
class Sample:
    """Intervals of one block in time: the flow at their places, the mean velocities, and whether they are held out."""

    flow: Flow
    slopes: Array
    held: bool
    block: int


def joined(samples: list[Sample]) -> list[Sample]:
    """The same intervals in one piece for each number of rows."""
    pieces = []
    for count in sorted({s.slopes.shape[1] for s in samples}):
        own = [s for s in samples if s.slopes.shape[1] == count]
        places = np.concatenate([s.flow.places for s in own])
        slopes = np.concatenate([s.slopes for s in own])
        pieces.append(Sample(Flow(places, own[0].flow.softmax, own[0].flow.radius), slopes, own[0].held, own[0].block))
    return pieces


def value_for(samples: list[Sample], query: Array, key: Array) -> Array:
    """(D, D) V by least squares for given query and key; on a sphere without the projection, for a start."""
    d = query.shape[1]
    inner, right = np.zeros((d, d)), np.zeros((d, d))
    for sample in samples:
        means = sample.flow.means(Head(query, key, np.eye(d))).reshape(-1, d)
        inner += means.T @ means
        right += means.T @ sample.slopes.reshape(-1, d)
    return np.asarray((np.linalg.pinv(inner, rcond=1e-10, hermitian=True) @ right).T)


def refined(samples: list[Sample], start: Head, tolerance: float) -> tuple[float, Head]:
    """The sum of squares at the end of a descent, and the head there: Levenberg and Marquardt's method on the normal
    equations, whose damping also takes care of the directions of the symmetry."""
    rank, d = start.query.shape
    head, cost, damping = start, _squares(samples, start), 1e-3
    total = sum(float(np.vdot(s.slopes, s.slopes)) for s in samples)
    for _ in range(_ITERATIONS):
        inner, right = _normal(samples, head)
        scale = 1.0 / np.sqrt(np.maximum(np.diag(inner), 1e-9 * float(np.diag(inner).max()) + 1e-300))
        values, vectors = linalg.eigh(inner * scale[:, None] * scale, check_finite=False)
        along = vectors.T @ (scale * right)
        better = False
        while damping < _MOST_DAMPING and not better:
            step = scale * (vectors @ (along / (np.maximum(values, 0.0) + damping)))
            tried = Head.of(head.flat() + step, rank, d)
            left = _squares(samples, tried)
            better = bool(left < cost)
            damping = max(0.2 * damping, _LEAST_DAMPING) if better else 5.0 * damping
        if not better:
            break
        gained, head, cost = cost - left, tried, left
        if gained <= tolerance * cost or cost <= 1e-24 * total:
            break
    if not np.isfinite(cost):
        raise ValueError("the start is not finite")
    return cost, head


def _squares(samples: list[Sample], head: Head) -> float:
    """The sum of squares; infinite where exponents overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = sum(float(np.sum((s.flow.velocities(head) - s.slopes) ** 2)) for s in samples)
    return found if np.isfinite(found) else np.inf


def _normal(samples: list[Sample], head: Head) -> tuple[Array, Array]:
    """J^T J and J^T (slopes - velocities), summed over pieces of the Jacobian J."""
    parameters = len(head.flat())
    inner, right = np.zeros((parameters, parameters)), np.zeros(parameters)
    for s in samples:
        count, d = s.slopes.shape[1:]
        size = max(1, _ENTRIES // (parameters * count * d))
        for first in range(0, len(s.slopes), size):
            some = slice(first, first + size)
            flow = replace(s.flow, places=s.flow.places[some])
            slopes = flow.jacobian(head)
            inner += slopes.T @ slopes
            right += slopes.T @ (s.slopes[some] - flow.velocities(head)).ravel()
    return inner, right


def thinned(samples: list[Sample], parameters: int) -> list[Sample]:
    """Evenly spaced intervals, as many as a descent can afford."""
    most = max(_PER_PARAMETER * parameters, _WORK // parameters**2)
    every = max(1, -(-sum(s.slopes.size for s in samples) // most))
    return [replace(s, flow=replace(s.flow, places=s.flow.places[::every]), slopes=s.slopes[::every]) for s in samples]


def left_over(samples: list[Sample], head: Head) -> float:
    """Share of the square velocities."""
    wrong = sum(float(np.sum((s.flow.velocities(head) - s.slopes) ** 2)) for s in samples)
    return wrong / max(sum(float(np.sum(s.slopes**2)) for s in samples), 1e-300)


def errors_of(samples: list[Sample], head: Head, seed: int) -> tuple[Array, Array]:
    """(D, D) standard errors of K^T Q and of V: the bootstrap over blocks, in the linear approximation about the fit.
    NaN where the Jacobian is too large, or there are fewer than three blocks."""
    rank, d = head.query.shape
    blocks = sorted({s.block for s in samples})
    parameters = len(head.flat())
    if len(blocks) < 3 or len(blocks) * parameters**2 > _ENTRIES:
        return np.full((d, d), np.nan), np.full((d, d), np.nan)
    sums = [_normal([s for s in samples if s.block == block], head) for block in blocks]
    matrices, rights = np.array([inner for inner, _ in sums]), np.array([right for _, right in sums])
    chance, matches, values = np.random.default_rng(seed), [], []
    for _ in range(_DRAWS):
        weights = np.bincount(chance.integers(len(blocks), size=len(blocks)), minlength=len(blocks)).astype(np.float64)
        inner = np.tensordot(weights, matrices, 1)
        right = np.tensordot(weights, rights, 1)
        step = Head.of(np.linalg.pinv(inner, rcond=1e-10, hermitian=True) @ right, rank, d)
        matches.append(step.key.T @ head.query + head.key.T @ step.query)
        values.append(step.value)
    return np.std(matches, axis=0, ddof=1), np.std(values, axis=0, ddof=1)
