"""Exact canonical thermodynamics of a finite spectrum: sums over its states, no sampling (k_B = 1).

With energies E_i and weights w_i = exp(-E_i / T) / Z: U = sum w E, F = -T log Z, S = (U - F) / T, C = dU/dT =
Var(E) / T^2. With E = -log p of a normalised law, Z(1) = 1: F(1) = 0 and S(1) = U(1).

All sums are over x_i = (E_i - E_0) / T with E_0 the lowest energy: no exponential overflows at any T, C is a variance
about its mean, and log Z = log g + log1p(sum over excited states / g), g the degeneracy of E_0, keeps its digits when
almost all weight is on the lowest states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasfield.errors import InputError

Array = NDArray[np.float64]

BLOCK = 1 << 16
"""Numbers of a block of spectra: half a megabyte, which stays in the cache over all temperatures."""


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
    """E = -log p of logits (..., V), p their softmax; a logit of -inf is a forbidden state of infinite energy.

    The energy of a token with p near 1 keeps its digits: E = log1p(sum of exp(other logits - its own)).

    Raises:
        InputError: if a logit is NaN or +inf, or all logits of a position are -inf.
    """
    raw = np.asarray(logits, float)
    _require(raw, -1.0, "logit")
    found = np.empty_like(raw)
    for rows, out in zip(_blocks(raw), _blocks(found), strict=True):
        likeliest = rows.argmax(axis=-1)[:, None]
        below = np.take_along_axis(rows, likeliest, axis=-1) - rows
        others = np.exp(-below)
        np.put_along_axis(others, likeliest, 0.0, axis=-1)
        out[:] = np.log1p(others.sum(axis=-1, keepdims=True)) + below
    return found


def canonical(energies: ArrayLike, temperatures: ArrayLike) -> Canonical:
    """Thermodynamics of spectra (..., V) at K temperatures; infinite energies are states that do not exist.

    T = 0 is the limit T -> 0: the ground states share the weight, so that S = log g, U = F = E_0 and C = 0.

    Raises:
        InputError: if a temperature is negative or not finite, an energy is NaN or -inf, or a spectrum has no state.
    """
    spectra, scale = np.asarray(energies, float), np.atleast_1d(np.asarray(temperatures, float))
    _require(spectra, 1.0, "energy")
    require_temperatures(scale)
    functions = np.empty((4, *spectra.shape[:-1], len(scale)))
    flat = functions.reshape(4, -1, len(scale))
    start = 0
    for rows in _blocks(spectra):
        lowest = rows.min(axis=-1)
        above = rows - lowest[:, None]
        degeneracy = np.count_nonzero(above == 0.0, axis=-1)
        for k, temperature in enumerate(scale):
            flat[:, start : start + len(rows), k] = _at(above, lowest, degeneracy, float(temperature))
        start += len(rows)
    return Canonical(scale, *functions)


def reduced(above: Array, temperature: float) -> tuple[Array, Array]:
    """x = E / T and weights exp(-x), not normalised, of energies (..., V) above the lowest; x is 0 where the weight is.

    At T = 0 only the lowest states have weight.
    """
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        x = above / temperature if temperature > 0.0 else np.where(above > 0.0, np.inf, 0.0)
        weights = np.exp(-x)
    x[weights == 0.0] = 0.0
    return x, weights


def require_temperatures(temperatures: Array) -> None:
    """Refuses temperatures that are negative or not finite.

    Raises:
        InputError: naming the first of them.
    """
    wrong = ~(np.isfinite(temperatures) & (temperatures >= 0.0))
    if wrong.any():
        raise InputError(
            f"{temperatures[wrong][0]:g} is no temperature: it has to be finite, and 0 (the limit) or above.",
            parameter="temperatures",
        )


def _at(above: Array, lowest: Array, degeneracy: NDArray[np.int_], temperature: float) -> tuple[Array, ...]:
    """U, S, F and C of a block of spectra (B, V), given relative to their lowest energies (B,), at one temperature."""
    x, weights = reduced(above, temperature)
    partition = weights.sum(axis=-1)
    mean = (weights * x).sum(axis=-1) / partition
    spread = (weights * (x - mean[:, None]) ** 2).sum(axis=-1) / partition
    excited = np.where(above > 0.0, weights, 0.0).sum(axis=-1)
    log_partition = np.log(degeneracy) + np.log1p(excited / degeneracy)
    return lowest + temperature * mean, log_partition + mean, lowest - temperature * log_partition, spread


def _blocks(spectra: Array) -> Iterator[Array]:
    """The spectra (..., V) as views (B, V) of about `BLOCK` numbers."""
    rows = spectra.reshape(-1, spectra.shape[-1])
    size = max(1, BLOCK // rows.shape[1])
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _require(values: Array, forbidden: float, name: str) -> None:
    """Refuses NaN and infinities other than `forbidden` * inf, and spectra of forbidden states alone."""
    if values.ndim == 0 or values.shape[-1] == 0:
        raise InputError(f"There is no {name}: at least one state is needed.")
    least, largest = (values.min(), values.max()) if values.size else (0.0, 0.0)
    if np.isnan(least):
        place = tuple(int(index) for index in np.argwhere(np.isnan(values))[0])
        raise InputError(f"A {name} is NaN, the first at index {place}.".replace("A energy", "An energy"))
    if (largest if forbidden < 0 else -least) == np.inf:
        raise InputError(f"A {name} is {-forbidden:+.0f} * inf: such a state would take all weight.")
    edge = values.max(axis=-1) if forbidden < 0 else values.min(axis=-1)
    if np.isinf(edge).any():
        place = tuple(int(index) for index in np.argwhere(np.isinf(edge))[0])
        raise InputError(f"All states are forbidden{f' at index {place}' if place else ''}: no law is left.")
