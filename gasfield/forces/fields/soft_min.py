"""Soft minima: -T log sum_k exp(a_k), shifted by the greatest a_k against overflow."""

from __future__ import annotations

import math

import numpy as np

from gasfield.kernels.flags import EXACT
from gasfield.kernels.jit import jit


@jit(**EXACT)
def take_shares(exponents):  # type: ignore[no-untyped-def]
    """Turns a (M,) in place into the shares exp(a_k)/sum exp(a); returns log sum exp(a)."""
    greatest = exponents[0]
    for k in range(exponents.size):
        greatest = max(greatest, exponents[k])
    total = 0.0
    for k in range(exponents.size):
        exponents[k] = math.exp(exponents[k] - greatest)
        total += exponents[k]
    for k in range(exponents.size):
        exponents[k] /= total
    return greatest + math.log(total)


@jit(**EXACT)
def square_distances(x, columns, squared):  # type: ignore[no-untyped-def]
    """Writes |x - c_k|^2 into `squared` (M,) for centres in columns (D, M), in a loop that vectorises."""
    squared[:] = 0.0
    for j in range(x.size):
        here, there = x[j], columns[j]
        for k in range(squared.size):
            away = here - there[k]
            squared[k] += away * away


@jit(**EXACT)
def add_soft_min(x, centres, squared, heights, stiffnesses, temperature, force):  # type: ignore[no-untyped-def]
    """U = -T log sum_k exp(-(h_k + q_k |x - c_k|^2/2)/T): adds -grad U to `force`, returns U and its Laplacian.

    With p_k the shares and g_k = q_k (x - c_k): grad U = sum p g, Laplacian = sum p (D q - g^2/T) + (sum p g)^2/T.
    Centres (M, D), `squared` their squared distances from x. Shares that underflow (below 1e-323) are left out.
    """
    shares = np.empty(heights.size)
    for k in range(shares.size):
        shares[k] = -(heights[k] + 0.5 * stiffnesses[k] * squared[k]) / temperature
    energy = -temperature * take_shares(shares)
    slope, laplacian = np.zeros(x.size), 0.0
    for k in range(shares.size):
        if shares[k] != 0.0:
            pull = shares[k] * stiffnesses[k]
            laplacian += pull * (float(x.size) - stiffnesses[k] * squared[k] / temperature)
            for j in range(x.size):
                slope[j] += pull * (x[j] - centres[k, j])
    for j in range(x.size):
        force[j] -= slope[j]
        laplacian += slope[j] * slope[j] / temperature
    return energy, laplacian
