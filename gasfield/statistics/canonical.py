"""Exact canonical thermodynamics of a finite spectrum: sums over its states, no sampling (k_B = 1).

With energies E_i and weights w_i = exp(-E_i / T) / Z: U = sum w E, F = -T log Z, S = (U - F) / T, C = dU/dT =
Var(E) / T^2. With E = -log p of a normalised law, Z(1) = 1: F(1) = 0 and S(1) = U(1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Canonical:
    """Thermodynamic functions of spectra at temperatures; each field but `temperature` has shape (..., K).

    Attributes:
        temperature: (K,), energies in nats.
        energy: mean energy U.
        entropy: S [nats].
        free_energy: F.
        heat_capacity: C = Var(E) / T^2 [nats per unit of T].
    """

    temperature: Array
    energy: Array
    entropy: Array
    free_energy: Array
    heat_capacity: Array


def energies_of(logits: ArrayLike) -> Array:
    """E = -log p of logits (..., V), p their softmax; a logit of -inf is a forbidden state of infinite energy."""
    raw = np.asarray(logits, float)
    raised = raw - raw.max(axis=-1, keepdims=True)
    found: Array = np.log(np.exp(raised).sum(axis=-1, keepdims=True)) - raised
    return found


def canonical(energies: ArrayLike, temperatures: ArrayLike) -> Canonical:
    """Thermodynamics of spectra (..., V) at K temperatures > 0; infinite energies are states that do not exist."""
    spectrum, scale = np.asarray(energies, float), np.atleast_1d(np.asarray(temperatures, float))
    functions = [_at(spectrum, temperature) for temperature in scale]
    energy, entropy, free, capacity = (np.stack(part, axis=-1) for part in zip(*functions, strict=True))
    return Canonical(scale, energy, entropy, free, capacity)


def _at(energies: Array, temperature: float) -> tuple[Array, Array, Array, Array]:
    """U, S, F and C at one temperature; energies are taken relative to the lowest, so that nothing overflows."""
    lowest = energies.min(axis=-1, keepdims=True)
    above = energies - lowest
    weights = np.exp(-above / temperature)
    partition = weights.sum(axis=-1)
    finite = np.where(np.isfinite(above), above, 0.0)
    mean = (weights * finite).sum(axis=-1) / partition
    spread = (weights * (finite - mean[..., None]) ** 2).sum(axis=-1) / partition
    entropy = np.log(partition) + mean / temperature
    ground = lowest[..., 0]
    return ground + mean, entropy, ground - temperature * np.log(partition), spread / temperature**2
