"""Routing over experts as thermodynamics: loads, entropies and free energies of routers at a temperature (k_B = 1).

Tokens n have scores s_ne for experts e, energies E = -s. For the softmax router over all experts, each token is a
system with a state for each expert, in Boltzmann's law; for the sigmoid router, a system of independent levels that are
each occupied or not, in Fermi's law:

    F = -T log sum_e exp(-E_e/T) = U - T S,                  dF/dT = -S
    Omega = -T sum_e log(1 + exp((mu - E_e)/T)) = U - mu N - T S,    dOmega/dT = -S,   dOmega/dmu = -N

Both routers choose k of the experts; then the weights of a token are shares, whose entropy and loads are reported, but
whose free energy is that of the k only (softmax), or does not exist (sigmoid, divided by the sum of the chosen).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError
from gasfield.forces.fields.routers import (
    AnyRouter,
    SigmoidRouter,
    SoftmaxRouter,
    occupancies,
    sigmoid_weights,
    softmax_weights,
)
from gasfield.statistics.estimate import Estimate, mean, stated

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Routing:
    """What the weights of N tokens over M experts amount to.

    Attributes:
        load: (M,) the share of all weight that each expert has; sum 1.
        entropy: of the weights of a token, the mean over tokens [nats].
        load_entropy: of the loads [nats]; log M where all experts have the same.
        specialisation: the mutual information of tokens and experts, load_entropy - entropy [nats].
        heaviest: the greatest load, times M: 1 where all are equal.
    """

    load: Estimate
    entropy: Estimate
    load_entropy: Estimate
    specialisation: Estimate
    heaviest: Estimate

    @classmethod
    def of(cls, weights: ArrayLike) -> Routing:
        """From weights (N, M) of independent tokens, whose rows have sum 1.

        Raises:
            InputError: if there are no tokens, or a row has another sum.
        """
        shares = np.asarray(weights, np.float64)
        if shares.ndim != 2 or not shares.size or not np.allclose(shares.sum(axis=1), 1.0, atol=1e-6):
            raise InputError("weights are N x M numbers, one row a token, with sum 1 in each.", parameter="weights")
        load = shares.mean(axis=0)
        own = entropies(shares)
        whole = float(entropies(load[None])[0])
        with np.errstate(divide="ignore"):
            surprise = np.where(load > 0.0, -np.log(load), 0.0)
        influence = shares @ surprise  # of each token on the entropy of the loads
        count = len(shares)
        greatest = int(np.argmax(load))
        return cls(
            load=Estimate(load, "1", shares),
            entropy=mean(own, "nats"),
            load_entropy=stated(whole, _error(influence, count), "nats"),
            specialisation=stated(whole - own.mean(), _error(influence - own, count), "nats"),
            heaviest=mean(shares.shape[1] * shares[:, greatest], "1"),
        )


def entropies(shares: Array) -> Array:
    """(N,) -sum p log p of rows (N, M) [nats]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-np.where(shares > 0.0, shares * np.log(shares), 0.0).sum(axis=1))


def _error(influence: Array, count: int) -> float:
    """Of a mean of influences of independent tokens; NaN for fewer than two."""
    return float(influence.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan")


def route(
    scores: ArrayLike,
    temperature: float,
    *,
    router: AnyRouter | None = None,
    top: int | None = None,
) -> Array:
    """(N, M) weights of a router at a temperature.

    Args:
        scores: (N, M) of N tokens for M experts: logits.
        temperature: T [unit of the scores].
        router: softmax if left out.
        top: k; all experts if left out.

    Raises:
        InputError: if scores are not finite, T is not above zero, or k or the bias do not fit.
    """
    energies = -np.asarray(scores, np.float64)
    if energies.ndim != 2 or not energies.size or not np.isfinite(energies).all():
        raise InputError("scores are N x M finite numbers, one row a token.", parameter="scores")
    if not temperature > 0.0:
        raise InputError("a router needs a temperature above zero.", parameter="temperature", value=temperature)
    count, router = energies.shape[1], router or SoftmaxRouter()
    top = count if top is None else top
    if not 1 <= top <= count:
        raise InputError(f"{top} of {count} experts cannot be chosen.", parameter="top", value=top)
    if not isinstance(router, SigmoidRouter):
        return softmax_weights(energies, temperature, top)
    bias = None if router.bias is None else np.array(router.bias)
    if bias is not None and len(bias) != count:
        raise InputError(f"{len(bias)} numbers are given for {count} experts.", parameter="bias")
    return sigmoid_weights(energies, temperature, top, router.threshold, bias, normalised=router.normalised)


@dataclass(frozen=True)
class Occupation:
    """Thermodynamics of M independent levels for each of N tokens; fields (N,), energies in units of the scores.

    Attributes:
        number: N, experts that are occupied on average.
        energy: U.
        entropy: S [nats].
        grand_potential: Omega = U - mu N - T S.
    """

    number: Array
    energy: Array
    entropy: Array
    grand_potential: Array


def occupation(scores: ArrayLike, temperature: float, threshold: float = 0.0) -> Occupation:
    """The sigmoid router without a choice of k: Fermi's law of every expert by itself, of scores (N, M)."""
    energies = -np.asarray(scores, np.float64)
    filled = occupancies(energies, temperature, threshold)
    reduced = (energies - threshold) / temperature
    log_empty, log_filled = -np.logaddexp(0.0, -reduced), -np.logaddexp(0.0, reduced)
    return Occupation(
        number=filled.sum(axis=1),
        energy=(filled * energies).sum(axis=1),
        entropy=-(filled * log_filled + (1.0 - filled) * log_empty).sum(axis=1),
        grand_potential=temperature * log_empty.sum(axis=1),
    )
