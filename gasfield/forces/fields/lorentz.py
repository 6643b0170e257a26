"""The magnetic part of the Lorentz force in any number of dimensions: m dv/dt = q B v, B antisymmetric.

B v is perpendicular to v, so it does no work and does not change the Gibbs distribution (Bohr, 1911; van Leeuwen,
1921). Its flow over a time h is the rotation exp(h q B/m), computed exactly: the real Schur form of B decomposes it
into planes with rotation rates w_k, and velocities are rotated in each. In three dimensions B v = v x b, in two
b (v_1, -v_0).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import prange
from scipy.linalg import schur
from threadpoolctl import threadpool_limits

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, ForceSpec, Surroundings
from gasfield.forces.charges import require_charges
from gasfield.forces.strengths import Strength
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.registry import register


@register
class Lorentz(ForceSpec):
    """Rotates the velocities of charges."""

    kind: Literal["lorentz"] = "lorentz"
    field: Strength | tuple[Strength, ...] | tuple[tuple[Strength, ...], ...]
    """B: one number in two dimensions, a vector in three, an antisymmetric D x D matrix in any [mass/(charge time)]."""

    def storage(self, particles: int, dimensions: int) -> int:
        """Bytes of its matrices."""
        return 6 * 8 * dimensions * dimensions

    def build(self, surroundings: Surroundings) -> Force:
        """Builds the rotation.

        Raises:
            InputError: if the field has the wrong shape or is not antisymmetric, or the space is curved.
        """
        if surroundings.space.curved:
            raise InputError("lorentz rotates velocities in flat space; space.kind must not be sphere.")
        return LorentzForce(_matrix(_numbers(self.field), surroundings.dimensions))


class LorentzForce(Force):
    """The built rotation: no force on a particle at rest, and no energy."""

    conservative = True
    rotates_velocities = True

    def __init__(self, field: Array) -> None:
        """Decomposes B (D, D)."""
        with threadpool_limits(limits=1):  # bit-identical planes for any number of threads
            form, frame = schur(field, output="real")
        starts = [k for k in range(len(form) - 1) if form[k, k + 1] != 0.0]
        self._rates = np.array([form[k, k + 1] for k in starts])
        self._planes = np.array([[frame[:, k], frame[:, k + 1]] for k in starts]).reshape(-1, 2, len(field))

    def add(self, gas: Gas, force: Array) -> None:
        return None

    def rotate_velocities(self, gas: Gas, span: float) -> None:
        if gas.velocities is not None:
            _turn(gas.velocities, gas.charges / gas.masses, self._planes, span * self._rates)

    def energy(self, gas: Gas) -> Array:
        return np.zeros(gas.count)

    def laplacian(self, gas: Gas) -> Array:
        return np.zeros(gas.count)

    def check_gas(self, gas: Gas) -> None:
        require_charges(gas)


def _numbers(field: float | tuple[float, ...] | tuple[tuple[float, ...], ...]) -> Array:
    """The field as an array.

    Raises:
        InputError: if rows of a matrix have different lengths.
    """
    lengths = [len(row) for row in field if isinstance(row, tuple)] if isinstance(field, tuple) else []
    if len(set(lengths)) > 1:
        odd = next(number for number, length in enumerate(lengths) if length != lengths[0])
        message = f"the rows of the matrix are unequal: row {odd} has {lengths[odd]} numbers, row 0 {lengths[0]}."
        raise InputError(message, parameter="field")
    return np.array(field, np.float64)


def _matrix(field: Array, dimensions: int) -> Array:
    """B (D, D) from its specification.

    Raises:
        InputError: if it does not fit the dimensions, or is not antisymmetric.
    """
    if field.ndim == 0 and dimensions == 2:
        return np.array([[0.0, field], [-field, 0.0]])
    if field.shape == (3,) and dimensions == 3:
        x, y, z = field
        return np.array([[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]])
    if field.shape != (dimensions, dimensions):
        short = {2: "a number, or ", 3: "a vector of 3, or "}.get(dimensions, "")
        message = f"in {dimensions} dimensions it is {short}a {dimensions} x {dimensions} matrix."
        raise InputError(message, parameter="field")
    uneven = np.argwhere(field != -field.T)
    if len(uneven):
        i, j = uneven[0]
        raise InputError(
            f"the matrix must be antisymmetric, but its elements ({i}, {j}) and ({j}, {i}) are "
            f"{field[i, j]:g} and {field[j, i]:g}.",
            parameter="field",
        )
    return field


@jit(**EXACT_PARALLEL)
def _turn(velocities, ratios, planes, angles):  # type: ignore[no-untyped-def]
    """v_i <- exp(angle q_i/m_i) v_i in each plane: with a, b the parts of v along its two directions,
    a <- a cos + b sin,  b <- b cos - a sin."""
    for i in prange(velocities.shape[0]):
        for k in range(angles.size):
            a = b = 0.0
            for j in range(velocities.shape[1]):
                a += planes[k, 0, j] * velocities[i, j]
                b += planes[k, 1, j] * velocities[i, j]
            angle = angles[k] * ratios[i]
            cosine, sine = np.cos(angle), np.sin(angle)
            gain_a, gain_b = a * cosine + b * sine - a, b * cosine - a * sine - b
            for j in range(velocities.shape[1]):
                velocities[i, j] += gain_a * planes[k, 0, j] + gain_b * planes[k, 1, j]
