"""Reference implementations of kernels, written directly from the definitions.

Arithmetic that is compared bit by bit uses exact rational numbers: rounding is to the nearest multiple of the spacing,
decided between integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

FLOAT32_DIGITS = 24
BFLOAT16_DIGITS = 8
SMALLEST_NORMAL_EXPONENT = -126
OVERFLOW = Fraction(2) ** 128
FORMATS = {
    "float32": (24, -126),
    "bfloat16": (8, -126),
    "float16": (11, -14),
    "float8_e4m3fn": (4, -6),
    "float8_e5m2": (3, -14),
}
"""Name -> binary digits, and exponent of the smallest normal number."""


def nearest(value: Fraction, digits: int, smallest: int = SMALLEST_NORMAL_EXPONENT) -> Fraction:
    """The number of `digits` binary digits, with exponents from `smallest` on, nearest to `value`; ties to even.

    Overflow to infinity does not occur in these references.
    """
    if value == 0:
        return Fraction(0)
    exponent = 0
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    spacing = Fraction(2) ** (max(exponent, smallest) - (digits - 1))
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

    The integer root of `value` * 4^200 has over a hundred correct binary digits, far more than the at most 49 that
    determine on which side of a tie the root of a 24-digit number lies.
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
    """The number of lattice values from zero up to `value` (negative downwards)."""
    position = int(np.searchsorted(lattice, value))
    assert lattice[position] == value
    return position - len(lattice) // 2


@dataclass
class Precisions:
    """Which quantities are stored in bfloat16; the others are float32. Or the names of their formats."""

    weights: bool | str
    first: bool | str
    second: bool | str

    @property
    def all(self) -> bool:
        return all(kept is True for kept in (self.weights, self.first, self.second))


def store(value: Fraction, kept: bool | str) -> Fraction:
    if isinstance(kept, str):
        rounded = nearest(value, *FORMATS[kept])
        return max(min(rounded, Fraction(448)), Fraction(-448)) if kept == "float8_e4m3fn" else rounded
    return bfloat16(value) if kept else value


def lerp(start: Fraction, end: Fraction, weight: Fraction) -> Fraction:
    """start + weight (end - start) from the nearer end, in float32; the last product and sum are fused."""
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
        """The result of one operation: float32, or rounded to bfloat16 if everything is bfloat16."""
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
    """(w, b) of one element after SGD step `step` (counted from 1); `kept`: whether w, b are stored in bfloat16."""
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


def affine_force(places: np.ndarray, reference: np.ndarray, gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """-(g + H (w - c)) at each position (N, D), component by component; c and g (D,), H (D, D)."""
    force = np.zeros(places.shape)
    dimensions = len(reference)
    for row, place in enumerate(places):
        for i in range(dimensions):
            force[row, i] = -gradient[i] - sum(hessian[i, j] * (place[j] - reference[j]) for j in range(dimensions))
    return force


def full_force(places: np.ndarray, hidden: np.ndarray, log_partition: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """-sum_b w_b exp(w . h_b - log Z_b) h_b at each position (N, D), summed over text positions b one by one."""
    force = np.zeros(places.shape)
    for row, place in enumerate(places):
        for h, log_z, w in zip(hidden, log_partition, weight, strict=True):
            force[row] -= w * math.exp(np.dot(place, h) - log_z) * h
    return force


def affine_energy(
    places: np.ndarray, potential: float, reference: np.ndarray, gradient: np.ndarray, hessian: np.ndarray
) -> np.ndarray:
    """Phi + g . (w - c) + (w - c) . H (w - c) / 2 at each position (N, D)."""
    away = [place - reference for place in places]
    return np.array([potential + np.dot(gradient, d) + 0.5 * np.dot(d, np.dot(hessian, d)) for d in away])


def full_energy(places: np.ndarray, hidden: np.ndarray, log_partition: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """sum_b w_b exp(w . h_b - log Z_b) at each position (N, D)."""
    energy = np.zeros(len(places))
    for row, place in enumerate(places):
        for h, log_z, w in zip(hidden, log_partition, weight, strict=True):
            energy[row] += w * math.exp(np.dot(place, h) - log_z)
    return energy


def harmonic(places: np.ndarray, stiffness: list[float], centre: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """(energy (N,), force (N, D)) of U = sum_j k_j (x_j - c_j)^2 / 2."""
    energy, force = np.zeros(len(places)), np.zeros(places.shape)
    for i, place in enumerate(places):
        for j, (k, c) in enumerate(zip(stiffness, centre, strict=True)):
            energy[i] += k * (place[j] - c) ** 2 / 2
            force[i, j] = -k * (place[j] - c)
    return energy, force


def double_well(
    places: np.ndarray, barrier: float, width: float, tilt: float, stiffness: float
) -> tuple[np.ndarray, np.ndarray]:
    """(energy (N,), force (N, D)) of U = b (x0^4/w^4 - 2 x0^2/w^2 + 1) + t x0 + sum_(j>0) k x_j^2 / 2."""
    energy, force = np.zeros(len(places)), np.zeros(places.shape)
    for i, place in enumerate(places):
        x = place[0]
        energy[i] = barrier * (x**4 / width**4 - 2 * x**2 / width**2 + 1) + tilt * x
        energy[i] += sum(stiffness * y**2 / 2 for y in place[1:])
        force[i, 0] = -barrier * (4 * x**3 / width**4 - 4 * x / width**2) - tilt
        force[i, 1:] = [-stiffness * y for y in place[1:]]
    return energy, force


def mueller_brown(places: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """(energy (N,), force (N, 2)) of the surface of Mueller and Brown (1979), with the table of the paper."""
    table = {
        "A": (-200, -100, -170, 15),
        "a": (-1, -1, -6.5, 0.7),
        "b": (0, 0, 11, 0.6),
        "c": (-10, -10, -6.5, 0.7),
        "x": (1, 0, -0.5, -1),
        "y": (0, 0.5, 1.5, 1),
    }
    energy, force = np.zeros(len(places)), np.zeros(places.shape)
    for i, (x, y) in enumerate(places):
        for height, a, b, c, x0, y0 in zip(*table.values(), strict=True):
            term = scale * height * math.exp(a * (x - x0) ** 2 + b * (x - x0) * (y - y0) + c * (y - y0) ** 2)
            energy[i] += term
            force[i] -= [term * (2 * a * (x - x0) + b * (y - y0)), term * (b * (x - x0) + 2 * c * (y - y0))]
    return energy, force


def circulation(places: np.ndarray, rate: float) -> np.ndarray:
    """omega J x at each position (N, D), with J as an explicit matrix."""
    dimensions = places.shape[1]
    turn = np.zeros((dimensions, dimensions))
    for k in range(0, dimensions - 1, 2):
        turn[k, k + 1], turn[k + 1, k] = -1, 1
    return np.array([rate * np.dot(turn, place) for place in places])


def nearest_image(apart: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """The shortest of a vector (D,) and its periodic images, by testing seven along each period."""
    shortest = apart.copy()
    for j, period in enumerate(periods):
        if period:
            shortest[j] = min((apart[j] + n * period for n in range(-3, 4)), key=abs)
    return shortest


@dataclass
class Pairs:
    """Results of a pair force: energy (N,), force (N, D), Laplacian (N,), sum of r . F / 2."""

    energy: np.ndarray
    force: np.ndarray
    laplacian: np.ndarray
    virial: float


def pairs(
    places: np.ndarray,
    is_source: np.ndarray,
    law: Callable[[float], tuple[float, float, float]],
    periods: np.ndarray,
    strengths: np.ndarray | None = None,
) -> Pairs:
    """A force on each particle from all sources: law(r) gives U, dU/dr, d2U/dr2 for unit strengths.

    The force is -dU/dr along the line between both, and the Laplacian d2U/dr2 + (D - 1)/r dU/dr.
    """
    count, dimensions = places.shape
    weights = np.ones(count) if strengths is None else strengths
    felt = Pairs(np.zeros(count), np.zeros(places.shape), np.zeros(count), 0.0)
    for i in range(count):
        for j in range(count):
            apart = nearest_image(places[i] - places[j], periods)
            r = math.sqrt(np.dot(apart, apart))
            if i == j or not is_source[j]:
                continue
            energy, slope, bend = (weights[i] * weights[j] * number for number in law(r))
            felt.energy[i] += energy * (0.5 if is_source[i] else 1)
            felt.force[i] -= slope * apart / r
            felt.laplacian[i] += bend + (dimensions - 1) * slope / r
            felt.virial -= slope * r / 2
    return felt


def soft_repulsion(
    places: np.ndarray, is_source: np.ndarray, strength: float, reach: float, periods: np.ndarray
) -> Pairs:
    """U(r) = e (1 - r^2/a^2)^3 for r < a."""

    def law(r: float) -> tuple[float, float, float]:
        inside = max(1 - r**2 / reach**2, 0.0)
        slope = -6 * strength * r / reach**2 * inside**2
        bend = -6 * strength / reach**2 * inside**2 + 24 * strength * r**2 / reach**4 * inside
        return strength * inside**3, slope, bend

    return pairs(places, is_source, law, periods)
