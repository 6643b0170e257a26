"""Ladders of temperatures: how to choose them, and what to say of one whose replicas do not mix.

If the energies at two neighbours are normal with a common standard deviation sigma, an exchange is accepted with
probability erfc(sigma |1/T_i - 1/T_j| / 2): the mean of min(1, exp(-d)) over a normal d of mean m and variance 2 m,
m = (sigma (1/T_i - 1/T_j))^2. So temperatures equally spaced in the thermodynamic length, the integral of
sigma d(1/T) = sqrt(C) dT / T, have equal acceptance.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfc, erfcinv

from gasfield.errors import InputError
from gasfield.sampling.sequences.boltzmann import Boltzmann
from gasfield.sampling.sequences.law import require_temperatures

Array = NDArray[np.float64]

POOR = 0.05
"""Acceptance of an exchange below which two neighbours hardly mix."""
_WANTED = 0.2
"""Acceptance for which more temperatures are recommended."""


def geometric_ladder(coldest: float, hottest: float, count: int) -> Array:
    """(count,) temperatures of a constant ratio; the one nearest to 1 is moved there if the range contains it.

    Raises:
        InputError: if there are fewer than two, or the ends are not 0 < coldest < hottest.
    """
    if count < 2 or not 0.0 < coldest < hottest < np.inf:
        raise InputError(
            f"a ladder needs at least two temperatures with 0 < coldest < hottest, not {count} from {coldest} to "
            f"{hottest}.",
            parameter="temperatures",
        )
    return with_one(np.geomspace(coldest, hottest, count))


def adapted_ladder(temperatures: ArrayLike, variances: ArrayLike, count: int) -> Array:
    """(count,) temperatures of equal acceptance between the ends of a trial, given Var(E) (K,) at its temperatures."""
    trial = require_temperatures(temperatures)
    inverse, sigma = 1.0 / trial, np.sqrt(np.asarray(variances, np.float64))
    steps = 0.5 * (sigma[1:] + sigma[:-1]) * -np.diff(inverse)
    travelled = np.concatenate([[0.0], np.cumsum(np.maximum(steps, 1e-12))])
    equal = np.linspace(0.0, travelled[-1], count)
    return with_one(1.0 / np.interp(equal, travelled, inverse))


def with_one(temperatures: Array) -> Array:
    """The ladder with the temperature nearest to 1, but no end, moved there if the ends enclose it."""
    found = np.array(temperatures)
    if found[0] <= 1.0 <= found[-1] and not np.isclose(found, 1.0, rtol=1e-12).any():
        if len(found) == 2:
            return np.array([found[0], 1.0, found[1]])
        found[1 + int(np.argmin(np.abs(np.log(found[1:-1]))))] = 1.0
    return found


def expected_acceptance(spread: float, coldest: float, hottest: float) -> float:
    """Of an exchange between two temperatures at which E has the standard deviation `spread`."""
    return float(erfc(0.5 * spread * abs(1.0 / coldest - 1.0 / hottest)))


def ladder_notes(run: Boltzmann) -> Iterator[str]:
    """What to say of neighbours that hardly exchange, with how many temperatures would help."""
    spread = run.energies.std(axis=(0, 1))
    for k, share in enumerate(run.exchange):
        if not share < POOR:
            continue
        low, high = run.temperatures[k], run.temperatures[k + 1]
        sigma = float(0.5 * (spread[k] + spread[k + 1]))
        apart = abs(run.energies[:, :, k + 1].mean() - run.energies[:, :, k].mean())
        pull = max(sigma * (1.0 / low - 1.0 / high), float(np.sqrt(apart * (1.0 / low - 1.0 / high))))
        between = max(int(np.ceil(pull / (2.0 * erfcinv(_WANTED)))) - 1, 1)
        yield (
            f"the ladder does not mix: {share:.2g} of the exchanges between T = {low:.4g} and {high:.4g} are accepted, "
            f"whose mean energies differ by {apart:.3g} nats (standard deviation {sigma:.3g}); about {between} more "
            f"temperatures between them, or a shorter length, would give {_WANTED}"
        )
