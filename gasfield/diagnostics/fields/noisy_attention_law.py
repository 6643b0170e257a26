"""Noisy attention on the sphere in three dimensions: the order that its mean field keeps at a temperature.

Tokens on the unit sphere follow dX = P F dt + sqrt(2T) dB with F of unnormalised or softmax attention. With many of
them their law rho obeys d rho/dt = T Lap rho - div(rho grad V), where

    unnormalised: V = (1/beta) int exp(beta <x, y>) rho(dy),    softmax: V = (1/beta) log int exp(beta <x, y>) rho(dy),

so that a steady law is proportional to exp(V/T). About the uniform law a perturbation of degree l of the spherical
harmonics grows with the rate l(l + 1) (a_l - T), where a_l is the eigenvalue of the kernel (Funk and Hecke),

    a_l = (1/2 beta) int_-1^1 exp(beta s) P_l(s) ds = i_l(beta)/beta      (i_l: modified spherical Bessel function),

divided for softmax by i_0(beta) = sinh(beta)/beta: the perturbation of its denominator multiplies the force of the
uniform law, which is zero. The uniform law is stable down to T_c = a_1, the greatest of them. Polar order is
R = <x . n> = <P_1>. Under unnormalised attention it sets in without a jump up to the beta where i_2/i_1 = 1/3, 1.8162,
and with one beyond (Mun and Rosenzweig, arXiv 2606.05140, in any dimension; their coupling is 1/2T). The model without
noise is that of Geshkovski, Letrouit, Polyanskiy and Rigollet (arXiv 2312.10794).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ive, spherical_in

Values = NDArray[np.float64]
Form = Literal["unnormalised", "softmax"]

_NODES = 240


def critical_temperature(beta: float, form: Form) -> float:
    """T_c, below which the uniform law is not stable; `beta` above 0."""
    return float(spherical_in(1, beta) / (beta if form == "unnormalised" else beta * spherical_in(0, beta)))


def steady_order(beta: float, temperature: float, form: Form, start: float = 0.98) -> float:
    """R of the steady law that is reached from one of order R = `start`, below 1; 0 where that is the uniform law.

    The law is axially symmetric, rho(s) with s = x . n. The kernel is averaged over the angle about n,
    exp(beta s s') I_0(beta sqrt((1 - s^2)(1 - s'^2))), and the law is iterated until R stands still.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    across = beta * np.sqrt(np.outer(1.0 - nodes**2, 1.0 - nodes**2))
    kernel = np.exp(beta * np.outer(nodes, nodes) + across - beta) * ive(0, across)  # over exp(beta): no overflow
    law = np.exp(_concentration(start) * (nodes - 1.0))
    order = 0.0
    for _ in range(20_000):
        law /= np.sum(weights * law)
        reached = float(np.sum(weights * law * nodes))
        if abs(reached - order) < 1e-13:
            break
        order = reached
        field = kernel @ (weights * law)
        potential = (np.exp(beta) * field if form == "unnormalised" else np.log(field)) / beta
        law = np.exp((potential - potential.max()) / temperature)
    return 0.0 if order <= 1e-6 else order


def _concentration(order: float) -> float:
    """k of the law exp(k s) whose order is about the one given (Banerjee et al., 2005)."""
    return order * (3.0 - order**2) / (1.0 - order**2)
