"""Noisy attention on the sphere in d dimensions: the order that its mean field keeps at a temperature.

Tokens on the unit sphere follow dX = P F dt + sqrt(2T) dB with F of unnormalised or softmax attention. With many of
them their law rho obeys d rho/dt = T Lap rho - div(rho grad V), where

    unnormalised: V = (1/beta) int exp(beta <x, y>) rho(dy),    softmax: V = (1/beta) log int exp(beta <x, y>) rho(dy),

so that a steady law is proportional to exp(V/T). About the uniform law a perturbation of degree l of the spherical
harmonics grows with the rate l (l + d - 2) (a_l - T). Here a_l = lambda_l/beta, and

    lambda_l = Gamma(d/2) (2/beta)^(d/2 - 1) I_(l + d/2 - 1)(beta)

is the eigenvalue of the kernel exp(beta <x, y>) (Funk and Hecke), divided for softmax by lambda_0: the perturbation of
its denominator multiplies the force of the uniform law, which is zero. In three dimensions lambda_l is the modified
spherical Bessel function i_l(beta). The uniform law is stable down to T_c = a_1, the greatest of them. Polar order is
R = <x . n>.

Of which order the transition is, follows from the next terms of rho = 1 + a p_1 + b p_2 + ..., with p_l the zonal
harmonics of mean square 1, <p_1^4> = 3d/(d + 2) and <p_1^2 p_2> = sqrt(2 (d - 1)/(d + 2)). With s = lambda_1/lambda_0
and r = lambda_2/lambda_1, at T_c:

    unnormalised: the free energy has the term a^4 T d (1 - (d - 1)/(d (1 - r)))/(4 (d + 2)),
    softmax:      da/dt has the term a^3 (1 - s) (r (1 - s) (d - 1)/(1 - r) - d s - 1)/(d + 2), up to a positive factor.

Unnormalised attention thus orders without a jump up to the beta where r = I_(d/2 + 1)/I_(d/2) is 1/d: 2.4469, 1.8162
and 1.2666 in 2, 3 and 8 dimensions, and with one beyond (Mun and Rosenzweig, arXiv 2606.05140; their coupling is 1/2T).
The bracket of softmax is negative, so that it orders without a jump. The model without noise is that of Geshkovski,
Letrouit, Polyanskiy and Rigollet (arXiv 2312.10794).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.special import gamma, iv, ive, roots_gegenbauer

Values = NDArray[np.float64]
Form = Literal["unnormalised", "softmax"]

_NODES = 240


def eigenvalue(degree: int, beta: float, dimensions: int = 3) -> float:
    """lambda_l of the kernel exp(beta <x, y>) on the unit sphere; `beta` above 0."""
    half = 0.5 * dimensions
    return float(gamma(half) * (2.0 / beta) ** (half - 1.0) * iv(degree + half - 1.0, beta))


def critical_temperature(beta: float, form: Form, dimensions: int = 3) -> float:
    """T_c, below which the uniform law is not stable; `beta` above 0, at least two dimensions."""
    value = eigenvalue(1, beta, dimensions) / beta
    return value if form == "unnormalised" else value / eigenvalue(0, beta, dimensions)


def jumps_from(dimensions: int = 3) -> float:
    """The beta from which on unnormalised attention orders with a jump: I_(d/2 + 1)/I_(d/2) is 1/d there."""
    half = 0.5 * dimensions
    return float(
        scipy.optimize.brentq(lambda beta: iv(half + 1.0, beta) / iv(half, beta) - 1.0 / dimensions, 1e-3, 50.0)
    )


def cubic_of_softmax(beta: float, dimensions: int = 3) -> float:
    """r (1 - s) (d - 1)/(1 - r) - d s - 1 of softmax attention: negative where it orders without a jump."""
    zeroth, first, second = (eigenvalue(degree, beta, dimensions) for degree in range(3))
    share, ratio = first / zeroth, second / first
    return ratio * (1.0 - share) * (dimensions - 1) / (1.0 - ratio) - dimensions * share - 1.0


def steady_order(beta: float, temperature: float, form: Form, start: float = 0.98, dimensions: int = 3) -> float:
    """R of the steady law that is reached from one of order R = `start`, below 1; 0 where that is the uniform law.

    The law is axially symmetric, rho(s) with s = x . n and the weight (1 - s^2)^((d - 3)/2). The kernel is averaged
    over the directions about n, exp(beta s s') Gamma(v + 1) (2/z)^v I_v(z) with z = beta sqrt((1 - s^2)(1 - s'^2)) and
    v = (d - 3)/2, and the law is iterated until R stands still.
    """
    nodes, weights = roots_gegenbauer(_NODES, 0.5 * dimensions - 1.0)
    across = beta * np.sqrt(np.outer(1.0 - nodes**2, 1.0 - nodes**2))
    index = 0.5 * (dimensions - 3)
    about = gamma(index + 1.0) * (2.0 / across) ** index * ive(index, across)
    kernel = np.exp(beta * np.outer(nodes, nodes) + across - beta) * about  # over exp(beta): no overflow
    law = np.exp(_concentration(start, dimensions) * (nodes - 1.0))
    order, total = 0.0, float(np.sum(weights))
    for _ in range(20_000):
        law *= total / np.sum(weights * law)
        reached = float(np.sum(weights * law * nodes)) / total
        if abs(reached - order) < 1e-13:
            break
        order = reached
        field = kernel @ (weights * law) / total
        potential = (np.exp(beta) * field if form == "unnormalised" else np.log(field)) / beta
        law = np.exp((potential - potential.max()) / temperature)
    return 0.0 if order <= 1e-6 else order


def _concentration(order: float, dimensions: int) -> float:
    """k of the law exp(k s) whose order is about the one given (Banerjee et al., 2005)."""
    return order * (dimensions - order**2) / (1.0 - order**2)
