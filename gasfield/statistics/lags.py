"""Mean square displacements and autocorrelations over all lags, by FFT.

    MSD(m) = <|x(t + m) - x(t)|^2>_t = S1(m) - 2 S2(m),    S2(m) the autocorrelation of x, S1 from running sums of |x|^2

(Kneller, Keiner, Kneller and Schiller, Comput. Phys. Commun. 91:191, 1995; Calandrini et al., Collection SFN 12:201,
2011). The mean of each path is subtracted first, to avoid cancellation for paths far from the origin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

Values = NDArray[np.float64]


def autocorrelations(series: Values) -> Values:
    """(T, N) mean over t of v(t + m) . v(t) for lags m = 0 to T - 1, of series (T, N, D)."""
    count = len(series)
    size = next_fast_len(2 * count, real=True)
    found = np.zeros(series.shape[:2])
    for axis in range(series.shape[2]):  # one at a time: all at once takes D times the memory
        found += irfft(np.abs(rfft(series[:, :, axis], size, axis=0)) ** 2, size, axis=0)[:count]
    found /= (count - np.arange(count))[:, None]
    return found


def square_displacements(paths: Values) -> Values:
    """(T, N) mean square displacement of each row over lags 0 to T - 1 frames, of paths (T, N, D) [length^2]."""
    count = len(paths)
    centred = paths - paths.mean(axis=0)
    squares = np.sum(centred**2, axis=2)
    lags, before = np.arange(count), np.vstack([np.zeros((1, paths.shape[1])), np.cumsum(squares, axis=0)])
    both = before[-1] - before[lags] + before[count - lags]  # over frames from m on, plus over frames before T - m
    found: Values = both / (count - lags)[:, None] - 2 * autocorrelations(centred)
    return np.maximum(found, 0.0)
