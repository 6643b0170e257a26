"""Oracles: what kernels should compute, written from the definition, slowly and plainly.

Arithmetic that is judged by its bits is done in exact rational numbers: a rounding is "the nearest multiple of the
spacing", decided between integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

FLOAT32_DIGITS = 24
BFLOAT16_DIGITS = 8
SMALLEST_NORMAL_EXPONENT = -126
OVERFLOW = Fraction(2) ** 128


def nearest(value: Fraction, digits: int) -> Fraction:
    """The number of `digits` binary digits, with the exponents of float32, that is nearest to `value`; ties go to even.

    Beyond the largest number lies infinity, which these oracles never meet.
    """
    if value == 0:
        return Fraction(0)
    exponent = 0
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    spacing = Fraction(2) ** (max(exponent, SMALLEST_NORMAL_EXPONENT) - (digits - 1))
    rounded = round(value / spacing) * spacing  # `round` of a fraction takes ties to the even integer
    assert abs(rounded) < OVERFLOW
    return rounded


def float32(value: Fraction | float) -> Fraction:
    """The nearest float32, exactly."""
    return nearest(Fraction(value), FLOAT32_DIGITS)


def bfloat16(value: Fraction | float) -> Fraction:
    """The nearest bfloat16, exactly."""
    return nearest(Fraction(value), BFLOAT16_DIGITS)


def root(value: Fraction) -> Fraction:
    """The float32 nearest to the square root of a float32.

    The integer root of `value` * 4^200 has over a hundred correct binary digits, far more than the 49 that can be
    needed to tell on which side of a tie the root of a 24-digit number lies.
    """
    scaled = value * Fraction(4) ** 200
    return float32(Fraction(math.isqrt(scaled.numerator // scaled.denominator), 2**200))


def fused_multiply_add(a: float, b: float, c: float) -> float:
    """a * b + c, rounded once to float32."""
    return float(float32(Fraction(a) * Fraction(b) + Fraction(c)))


def bfloat16_lattice() -> np.ndarray:
    """All finite bfloat16 values in ascending order, zero once: (65,279,) float64."""
    magnitudes = {0.0}
    for exponent in range(-126, 128):
        for significand in range(128, 256):
            magnitudes.add(math.ldexp(significand, exponent - 7))
    for significand in range(128):
        magnitudes.add(math.ldexp(significand, -126 - 7))
    return np.array(sorted(magnitudes | {-magnitude for magnitude in magnitudes}))


def key(value: float, lattice: np.ndarray) -> int:
    """How many lattice values lie from zero up to `value` (negative downwards)."""
    position = int(np.searchsorted(lattice, value))
    assert lattice[position] == value
    return position - len(lattice) // 2


@dataclass
class Precisions:
    """What is kept in bfloat16, the rest being float32."""

    weights: bool
    first: bool
    second: bool

    @property
    def all(self) -> bool:
        return self.weights and self.first and self.second


def store(value: Fraction, as_bfloat16: bool) -> Fraction:
    return bfloat16(value) if as_bfloat16 else value


def lerp(start: Fraction, end: Fraction, weight: Fraction) -> Fraction:
    """start + weight (end - start) from the nearer end, in float32; the last product and sum are rounded together."""
    difference = float32(end - start)
    if abs(weight) < Fraction(1, 2):
        return float32(weight * difference + start)
    return float32(float32(weight - 1) * difference + end)


def adamw_element(
    w: float,
    g: float,
    m: float,
    v: float,
    step: int,
    kept: Precisions,
    learning_rate: float,
    betas: tuple[float, float],
    epsilon: float,
    weight_decay: float,
) -> tuple[float, float, float]:
    """(w, m, v) of one element after AdamW step `step` (counted from 1)."""
    beta1, beta2 = betas
    decay = float32(1 - learning_rate * weight_decay)
    correction = float32((1 - beta2**step) ** 0.5)
    negative_step = float32(-(learning_rate / (1 - beta1**step)))
    gain1, gain2 = float32(1 - beta1), float32(1 - beta2)
    small = store(float32(epsilon), kept.all)
    exact_w, exact_g, exact_m, exact_v = Fraction(w), store(float32(g), kept.weights), Fraction(m), Fraction(v)

    def done(result: Fraction) -> Fraction:
        """What is left of one operation's result: all of the float32, unless everything is bfloat16."""
        return store(float32(result), kept.all)

    exact_w = done(exact_w * decay)
    exact_m = done(lerp(exact_m, exact_g, gain1))
    exact_v = done(exact_v * float32(beta2))
    exact_v = done(float32(gain2 * exact_g) * exact_g + exact_v)
    denominator = done(root(exact_v))
    denominator = done(denominator / correction)
    denominator = done(denominator + small)
    exact_w = done(exact_w + float32(float32(negative_step * exact_m) / denominator))
    return (
        float(store(exact_w, kept.weights)),
        float(store(exact_m, kept.first)),
        float(store(exact_v, kept.second)),
    )


def sgd_element(
    w: float,
    g: float,
    b: float,
    step: int,
    kept: tuple[bool, bool],
    learning_rate: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
) -> tuple[float, float]:
    """(w, b) of one element after SGD step `step` (counted from 1); `kept`: are w, b kept in bfloat16?"""
    every = all(kept) or (kept[0] and momentum == 0)
    rate = store(float32(-learning_rate), every)
    decay = store(float32(weight_decay), every)
    gain = store(float32(1 - dampening), every)
    exact_g = store(float32(g), kept[0])
    if weight_decay:
        exact_g = store(float32(decay * Fraction(w) + exact_g), every)
    exact_b = Fraction(b)
    if momentum:
        if step == 1:
            exact_b = exact_g
        else:
            exact_b = store(float32(exact_b * float32(momentum)), every)
            exact_b = store(float32(gain * exact_g + exact_b), every)
        exact_g = exact_b
    exact_w = float32(rate * exact_g + Fraction(w))
    return float(store(exact_w, kept[0])), float(store(exact_b, kept[1]))


def affine_force(places: np.ndarray, reference: np.ndarray, gradient: np.ndarray, tidal: np.ndarray) -> np.ndarray:
    """-(g + H (w - c)) at each place (N, D), component by component; c and g (D,), H (D, D)."""
    force = np.zeros(places.shape)
    dimensions = len(reference)
    for row, place in enumerate(places):
        for i in range(dimensions):
            force[row, i] = -gradient[i] - sum(tidal[i, j] * (place[j] - reference[j]) for j in range(dimensions))
    return force


def full_force(places: np.ndarray, hidden: np.ndarray, log_partition: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """-sum_b w_b exp(w . h_b - log Z_b) h_b at each place (N, D), one position of the text after the other."""
    force = np.zeros(places.shape)
    for row, place in enumerate(places):
        for h, log_z, w in zip(hidden, log_partition, weight, strict=True):
            force[row] -= w * math.exp(np.dot(place, h) - log_z) * h
    return force


def harmonic_force(places: np.ndarray, stiffness: list[float], centre: list[float]) -> np.ndarray:
    """-k_j (x_j - c_j), number by number."""
    return np.array([[-k * (x - c) for x, k, c in zip(place, stiffness, centre, strict=True)] for place in places])


def double_well_force(places: np.ndarray, barrier: float, width: float, tilt: float, stiffness: float) -> np.ndarray:
    """-d/dx0 of b ((x0/w)^2 - 1)^2 + t x0, and -k x_j."""
    force = -stiffness * places
    for row, place in enumerate(places):
        force[row, 0] = -barrier * 2 * ((place[0] / width) ** 2 - 1) * 2 * place[0] / width**2 - tilt
    return force


def mueller_brown_force(places: np.ndarray, scale: float) -> np.ndarray:
    """The published terms, one after the other (Mueller and Brown, 1979)."""
    terms = [
        (-200, -1, 0, -10, 1, 0),
        (-100, -1, 0, -10, 0, 0.5),
        (-170, -6.5, 11, -6.5, -0.5, 1.5),
        (15, 0.7, 0.6, 0.7, -1, 1),
    ]
    force = np.zeros(places.shape)
    for row, (x, y) in enumerate(places):
        for height, a, b, c, x0, y0 in terms:
            dx, dy = x - x0, y - y0
            term = scale * height * math.exp(a * dx * dx + b * dx * dy + c * dy * dy)
            force[row] -= term * np.array([2 * a * dx + b * dy, b * dx + 2 * c * dy])
    return force


def circulation_force(places: np.ndarray, rate: float) -> np.ndarray:
    """omega times every plane turned by a right angle."""
    force = np.zeros(places.shape)
    for k in range(places.shape[1] // 2):
        force[:, 2 * k], force[:, 2 * k + 1] = -rate * places[:, 2 * k + 1], rate * places[:, 2 * k]
    return force


def separations(places: np.ndarray, side: float | None) -> dict[tuple[int, int], np.ndarray]:
    """x_i - x_j of every ordered pair, the shortest of all images one box away."""
    found = {}
    for i, a in enumerate(places):
        for j, b in enumerate(places):
            d = a - b
            found[i, j] = d if side is None else np.array([min((x % side, x % side - side), key=abs) for x in d])
    return found


def soft_force(places: np.ndarray, pushes: np.ndarray, strength: float, reach: float, side: float | None) -> np.ndarray:
    """-dU/dr r/|r| of U = e (1 - (r/a)^2)^3, pair by pair; passive particles push nobody."""
    force = np.zeros(places.shape)
    for (i, j), d in separations(places, side).items():
        r = float(np.linalg.norm(d))
        if i != j and pushes[j] and 0 < r < reach:
            force[i] += strength * 3 * (1 - (r / reach) ** 2) ** 2 * 2 * r / reach**2 * d / r
    return force


def soft_virial(places: np.ndarray, strength: float, reach: float, side: float | None) -> float:
    """Sum over pairs of r . F."""
    total = 0.0
    for (i, j), d in separations(places, side).items():
        r = float(np.linalg.norm(d))
        if i < j and r < reach:
            total += r * strength * 3 * (1 - (r / reach) ** 2) ** 2 * 2 * r / reach**2
    return total
