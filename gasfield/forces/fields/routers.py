"""Routers over experts: which of M experts are chosen by their energies, and with which weights.

With E_e the energy of expert e, in units in which a score is -E_e:

* `softmax`: the k experts of least energy, w ~ exp(-E/T), Boltzmann's law of one particle over k states. It has a
  potential, the free energy -T log sum exp(-E/T) (Shazeer et al. 2017, arXiv 1701.06538).
* `sigmoid`: each expert is occupied by itself, n_e = 1/(1 + exp((E_e - mu)/T)), Fermi's law of M independent levels.
  The k with the greatest n_e + b_e are chosen, with a bias b that enters the choice only, and weights are the n of
  these, divided by their sum: the router of LFM2-8B-A1B, and of DeepSeek-V3 (arXiv 2412.19437). Not divided, and
  without a bias, weights have a potential, the grand potential -T sum log(1 + exp((mu - E)/T)). Divided, they have
  none: dw_e/dE_f = w_e w_f (1 - n_f)/T is not symmetric unless the occupancies are equal; with a bias, energies jump
  where the choice changes. Where all n are small, the weights are those of `softmax`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.forces.base import Array, Finite
from gasfield.spec import Spec


class SoftmaxRouter(Spec):
    """Boltzmann weights of the chosen experts."""

    kind: Literal["softmax"] = "softmax"


class SigmoidRouter(Spec):
    """Independent occupancies of the experts."""

    kind: Literal["sigmoid"] = "sigmoid"
    threshold: Finite = 0.0
    """mu: the energy at which an expert is occupied half of the time [energy]."""
    bias: tuple[Finite, ...] | None = None
    """Added to the occupancies when experts are chosen, and only then: one number for each; zeros if left out."""
    normalised: bool = True
    """Whether the weights of the chosen experts are divided by their sum."""

    @property
    def conservative(self) -> bool:
        """Whether the weights are derivatives of a potential by the energies."""
        return not self.normalised and (self.bias is None or len(set(self.bias)) <= 1)


AnyRouter = Annotated[SoftmaxRouter | SigmoidRouter, Field(discriminator="kind")]
"""Any router."""


def chosen(values: Array, top: int) -> NDArray[np.int64]:
    """(N, k) which of the values (N, M) are the greatest; ties in the order of the experts."""
    return np.argsort(-values, axis=1, kind="stable")[:, :top]


def softmax_weights(energies: Array, temperature: float, top: int) -> Array:
    """(N, M) weights of the softmax router from energies (N, M) [energy]; zero for experts that are not chosen."""
    return _shared(-energies / temperature, chosen(-energies, top))


def occupancies(energies: Array, temperature: float, threshold: float = 0.0) -> Array:
    """(N, M) n = 1/(1 + exp((E - mu)/T)), each expert by itself."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp((energies - threshold) / temperature)))


def sigmoid_weights(
    energies: Array,
    temperature: float,
    top: int,
    threshold: float = 0.0,
    bias: Array | None = None,
    *,
    normalised: bool = True,
) -> Array:
    """(N, M) weights of the sigmoid router from energies (N, M) [energy]; zero for experts that are not chosen.

    Args:
        energies: of the experts; minus their scores.
        temperature: T [energy].
        top: k.
        threshold: mu [energy].
        bias: (M,) b, which enters the choice only.
        normalised: whether each row has sum 1.
    """
    occupied = occupancies(energies, temperature, threshold)
    equal = bias is None or len(set(bias.tolist())) == 1
    felt = chosen(-energies if bias is None or equal else occupied + bias, top)  # occupancies may underflow
    if normalised:
        return _shared(-np.logaddexp(0.0, (energies - threshold) / temperature), felt)
    weights = np.zeros(energies.shape)
    np.put_along_axis(weights, felt, np.take_along_axis(occupied, felt, axis=1), axis=1)
    return weights


def _shared(exponents: Array, felt: NDArray[np.int64]) -> Array:
    """(N, M) exp of the chosen exponents (N, M), divided by their sum; zero elsewhere."""
    own = np.take_along_axis(exponents, felt, axis=1)
    own = np.exp(own - own.max(axis=1, keepdims=True))
    weights = np.zeros(exponents.shape)
    np.put_along_axis(weights, felt, own / own.sum(axis=1, keepdims=True), axis=1)
    return weights
