"""Mean-field theory of self-attention on the sphere: equiangular tokens, and the time at which they have a cosine.

n tokens with the same cosine c between any two keep it under self-attention with Q = K = V = 1 and inverse temperature
beta (Geshkovski, Letrouit, Polyanskiy and Rigollet, arXiv 2312.10794, section 6):

    c' = 2 e^(beta c) (1 - c) ((n - 1) c + 1) / (e^beta + (n - 1) e^(beta c))

The time from one cosine to another is an integral of 1/c'. Measured mean cosines give an *effective time* of each
layer: how long the theory would have taken to get there. It runs backwards where tokens move apart, which the theory
excludes for any c > 0.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike

from gasfield.diagnostics.base import Values

_TOLERANCE = 1e-11


def cosine_rate(cosine: ArrayLike, count: int, beta: float) -> Values:
    """c' [1/time] at cosines of `count` equiangular tokens."""
    c = np.asarray(cosine, np.float64)
    inner = (count - 1) * c + 1.0
    rate: Values = 2.0 * (1.0 - c) * inner / (np.exp(beta * (1.0 - c)) + count - 1)
    return rate


def effective_time(start: float, end: float, count: int, beta: float) -> float:
    """The time from one mean cosine to another by the law; negative if `end` is less. NaN where the law has no path:
    at cosines of 1, or of -1/(n - 1) and less.

    With u = -log(1 - c) the integrand is smooth up to c = 1, so that the quadrature is exact to 1e-11.
    """
    lowest = -1.0 / (count - 1) if count > 1 else 0.0
    if count < 2 or not (lowest < start < 1.0 and lowest < end < 1.0):
        return float("nan")

    def integrand(u: float) -> float:
        gap = float(np.exp(-u))
        return (float(np.exp(beta * gap)) + count - 1) / (2.0 * ((count - 1) * (1.0 - gap) + 1.0))

    span = -np.log1p(-start), -np.log1p(-end)
    found = scipy.integrate.quad(integrand, *span, epsabs=_TOLERANCE, epsrel=_TOLERANCE, limit=200)
    return float(found[0])


def cosine_at(times: ArrayLike, start: float, count: int, beta: float) -> Values:
    """c at times (T,), ascending from 0, of `count` tokens that have cosine `start` at 0."""
    at = np.asarray(times, np.float64)
    if not at.size or at[-1] == 0.0:
        return np.full(at.shape, start)
    found = scipy.integrate.solve_ivp(
        lambda _, c: cosine_rate(c, count, beta), (0.0, at[-1]), [start], t_eval=at, rtol=1e-10, atol=1e-12
    )
    cosines: Values = found.y[0]
    return cosines
