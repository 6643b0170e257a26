"""Balance and collapse of experts whose scores adapt to their loads: the mean-field Potts model.

A score that is rewarded by the load of its expert, s' = eta p - lambda s, is at rest at s = (eta/lambda) p. Softmax at
a temperature T then requires

    p_e ~ exp(K p_e),      K = eta/(lambda T),

which are the stationary points of phi(p) = sum p log p - (K/2) sum p^2, the free energy of the Potts model of E states
in which all pairs interact (Wu 1982, Reviews of Modern Physics 54:235); its minima are stable. Besides
balance, p = 1/E, they are states in which one expert has p and all others have (1 - p)/(E - 1), for which

    K(p) = (E - 1)/(E p - 1) log((E - 1) p/(1 - p)).

Of two experts this begins at balance, at K = 2: a pitchfork. Of more, K(p) has its least value, the spinodal of the
collapsed state, at p > 1/E: collapse is a jump. Both phi are equal at p = (E - 1)/E, where

    K = 2 (E - 1) log(E - 1)/(E - 2),

and balance is stable up to K = E. Between both spinodals either state stays: hysteresis. States collapsed onto
several equal experts are saddles, because moving weight between two of them lowers phi if p > 1/K.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, logsumexp

from gasfield.errors import InputError

Array = NDArray[np.float64]
_NEARLY_ONE = 1.0 - 2.0**-53
"""The largest number below 1."""
_CLOSE = 1e-9


@dataclass(frozen=True)
class MeanFieldPotts:
    """E experts at any coupling K.

    Attributes:
        experts: E, at least 2.
        balance_unstable: K from which balance is unstable, E.
        collapse_unstable: K below which one expert cannot stay ahead.
        coexistence: K at which balance and collapse have the same free energy.
    """

    experts: int
    balance_unstable: float
    collapse_unstable: float
    coexistence: float

    @classmethod
    def of(cls, experts: int) -> Self:
        """The model of so many experts.

        Raises:
            InputError: if there are fewer than two.
        """
        if experts < 2:
            raise InputError("a competition needs two experts at least.", parameter="experts", value=experts)
        if experts == 2:
            return cls(2, 2.0, 2.0, 2.0)
        coexistence = 2.0 * (experts - 1) * np.log(experts - 1) / (experts - 2)
        least = _spinodal(experts)
        return cls(experts, float(experts), float(coupling(least, experts)), float(coexistence))

    def branches(self, strength: float) -> dict[str, float]:
        """The greatest share in each stationary state with at most one winner, by name: `balanced`; where it exists,
        `collapsed`; and between both the `barrier`, a saddle."""
        found = {"balanced": 1.0 / self.experts}
        if strength <= self.collapse_unstable:
            return found
        least = _spinodal(self.experts)

        def off(share: float) -> float:
            return float(coupling(share, self.experts)) - strength

        # Where even the largest share below 1 belongs to a weaker coupling, collapse is complete to rounding.
        found["collapsed"] = (
            _NEARLY_ONE if off(_NEARLY_ONE) <= 0.0 else float(scipy.optimize.brentq(off, least, _NEARLY_ONE))
        )
        start = 1.0 / self.experts + _CLOSE
        if self.experts > 2 and strength < self.balance_unstable and off(start) > 0.0:
            found["barrier"] = float(scipy.optimize.brentq(off, start, least))
        return found

    def free_energy(self, share: ArrayLike, strength: float) -> Array:
        """phi of states with one winner, less that of balance [1]; the greatest share is given."""
        p = np.asarray(share, np.float64)
        others = (1.0 - p) / (self.experts - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            entropy = np.where(p < 1.0, p * np.log(p) + (1.0 - p) * np.log(others), 0.0)
        attraction = 0.5 * strength * (p**2 + (self.experts - 1) * others**2)
        return np.asarray(entropy - attraction + np.log(self.experts) + 0.5 * strength / self.experts)


def coupling(share: ArrayLike, experts: int) -> Array:
    """K at which a state with one winner of that share is stationary; E at balance, by continuity."""
    p = np.asarray(share, np.float64)
    ahead = experts * p - 1.0
    near = np.abs(ahead) < _CLOSE
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (experts - 1) / ahead * (np.log((experts - 1) * p) - np.log1p(-p))
    return np.asarray(np.where(near, float(experts), found))


def _spinodal(experts: int) -> float:
    """The share at which K(p) is least."""
    if experts == 2:
        return 0.5 + _CLOSE
    low = 1.0 / experts + 1e-6
    found = scipy.optimize.minimize_scalar(
        lambda p: float(coupling(p, experts)), bounds=(low, 1.0 - 1e-12), method="bounded", options={"xatol": 1e-12}
    )
    return float(found.x)


def log_weights(tokens: int, experts: int, strength: float) -> Array:
    """(N + 1,) logarithms of the probabilities that one expert has n = 0 ... N of N tokens, exact.

    Of N tokens with the law of the Potts model, N!/prod n_e! exp(K sum n_e^2/(2N))/Z; the sum over the other experts is
    a convolution, squared repeatedly.
    """
    numbers = np.arange(tokens + 1)
    one = strength * numbers**2 / (2.0 * tokens) - gammaln(numbers + 1.0)
    others, power, left = None, one, experts - 1
    while left:
        if left % 2:
            others = power if others is None else _convolved(others, power)
        left //= 2
        power = _convolved(power, power) if left else power
    assert others is not None
    joint = one + others[::-1]
    return np.asarray(joint - logsumexp(joint))


def _convolved(first: Array, second: Array) -> Array:
    """(N + 1,) log of the first N + 1 terms of the product of two series, given by logarithms."""
    numbers = np.arange(len(first))
    rest = numbers[:, None] - numbers
    return np.asarray(logsumexp(np.where(rest >= 0, first + second[rest], -np.inf), axis=1))


def finite_coexistence(tokens: int, experts: int) -> float:
    """K at which N tokens of E > 2 experts are as often balanced as collapsed onto a given expert, which then has more
    than half of them: with a probability of 1/(E + 1). It approaches `coexistence` like 1/N."""
    limit = MeanFieldPotts.of(experts).coexistence

    def excess(strength: float) -> float:
        majority = logsumexp(log_weights(tokens, experts, strength)[tokens // 2 + 1 :])
        return float(majority + np.log(experts + 1.0))

    return float(scipy.optimize.brentq(excess, 0.5 * limit, 4.0 * limit, xtol=1e-6))
