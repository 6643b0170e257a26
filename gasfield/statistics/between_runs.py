"""Do runs that differ by their seeds agree? The scatter of a result between runs beside its errors within them.

If every run has forgotten its start and its error is right, the variance between runs is that of the errors: with m
runs and errors s_i, which estimate one and the same standard error, F = scatter^2 / mean(s_i^2) is 1 on average, and
(m - 1) F has the chi-squared distribution of m - 1 degrees of freedom (the one-way analysis of variance with errors
that are known; Fisher 1925). Runs shorter than the time between two basins have F >> 1. F is what R-hat compares, per
independent observation: R-hat^2 = 1 + (F - 1)/n for runs of n of them (Gelman and Rubin, Statistical Science 7:457).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

Values = NDArray[np.float64]
Numbers = NDArray[np.intp]


def scatter(value: Values, ensemble: Numbers) -> Values:
    """Standard deviation between the runs of each ensemble, repeated for each of its runs.

    Args:
        value: (R,) a result of every run; NaN where there is none.
        ensemble: (R,) number of the ensemble to which each run belongs, from 0.

    Returns:
        (R,) with the unit of the value; NaN for ensembles of fewer than two runs with a result.
    """
    return _root_variance(value, np.isfinite(value), ensemble)[0][ensemble]


def mean_of_runs(value: Values, error: Values, ensemble: Numbers) -> tuple[Values, Values]:
    """The mean of each ensemble, and its standard error: from the scatter between runs, or for one run its own.

    Args:
        value, ensemble: as for `scatter`.
        error: (R,) standard error of each value; NaN where it is unknown.

    Returns:
        (E,) both, with the unit of the value; NaN where no run has a result.
    """
    usable = np.isfinite(value)
    between, runs = _root_variance(value, usable, ensemble)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(ensemble, np.where(usable, value, 0.0), len(runs)) / runs
        own = np.bincount(ensemble, np.where(usable, error, 0.0), len(runs)) / runs
        return mean, np.where(runs > 1, between / np.sqrt(runs), own)


def scatter_ratio(value: Values, error: Values, ensemble: Numbers) -> tuple[Values, Values]:
    """The scatter between runs in units of the errors within them, and how probable so large a one is if runs agree.

    Args:
        value, ensemble: as for `scatter`.
        error: (R,) standard error of each value; runs where it is unknown or 0 are left out.

    Returns:
        (E,) sqrt(F), and the p-value, of each ensemble; NaN for fewer than two runs.
    """
    usable = np.isfinite(value) & np.isfinite(error) & (error > 0.0)
    between, runs = _root_variance(value, usable, ensemble)
    with np.errstate(invalid="ignore", divide="ignore"):
        within = np.sqrt(np.bincount(ensemble, np.where(usable, error, 0.0) ** 2, len(runs)) / runs)
        ratio = between / within
    chi2 = np.where(np.isfinite(ratio), (runs - 1) * ratio**2, 0.0)
    return ratio, np.where(np.isfinite(ratio), chdtrc(np.maximum(runs - 1, 1), chi2), np.nan)


def _root_variance(value: Values, usable: NDArray[np.bool_], ensemble: Numbers) -> tuple[Values, Values]:
    """(E,) standard deviations of the usable values of each ensemble, and their numbers."""
    runs = np.bincount(ensemble, usable).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(ensemble, np.where(usable, value, 0.0), len(runs)) / runs
        away = np.where(usable, value - mean[ensemble], 0.0)
        variance = np.bincount(ensemble, away**2, len(runs)) / (runs - 1)
    return np.where(runs > 1, np.sqrt(variance), np.nan), runs
