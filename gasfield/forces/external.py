"""External fields: forces that depend on the particle's own position. Each is a function of one position; the loops
over particles are here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import prange

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, Pointwise, not_conservative
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.pointwise import PointwiseKernel

Parameters = tuple[Any, ...]

OUT_OF_RANGE = (
    "its numbers are too large or too small to compute with: squares and quotients of them are out of the range of "
    "float64, 5e-324 to 1.8e308; use units in which lengths and energies are nearer to 1."
)
_BLOCK = 64
"""Number of particles that share one scratch array."""


class ExternalForce(Force):
    """A field given by a function of one position.

    The law is a `pointwise_kernel`, `law(x, p, force)`: it adds the force at x (D,) to `force` (D,) in place and, if
    there is a potential, returns its energy and Laplacian at x; p are the parameters.
    """

    def __init__(
        self, kind: str, law: PointwiseKernel, parameters: Sequence[Any], *, conservative: bool, periodic: bool = False
    ) -> None:
        """Builds a field.

        Args:
            kind: its name, for messages.
            law: as above.
            parameters: p, numbers and arrays; new values do not trigger recompilation.
            conservative: whether the law returns an energy.
            periodic: whether the space is periodic; x . F is then undefined, and the virial of a field is zero.
        """
        self.conservative, self._periodic = conservative, periodic
        self._kind, self._law, self._parameters = kind, law, for_kernels(parameters)

    def parameters(self, gas: Gas) -> Parameters:
        """p for a gas, in the form of `for_kernels`; a time-dependent field gives those at the gas's time."""
        return self._parameters

    def pointwise(self, gas: Gas) -> Pointwise | None:
        plain = type(self).add is ExternalForce.add and not self.rotates_velocities
        return Pointwise(self._law, self.parameters(gas)) if plain else None

    def add(self, gas: Gas, force: Array) -> None:
        _add(self._law, gas.positions, self.parameters(gas), force)

    def energy(self, gas: Gas) -> Array:
        return self._sums(gas)[0]

    def laplacian(self, gas: Gas) -> Array:
        return self._sums(gas)[1]

    def virial(self, gas: Gas) -> float:
        return 0.0 if self._periodic else super().virial(gas)

    def _sums(self, gas: Gas) -> tuple[Array, Array]:
        """(N,) energy and Laplacian of each particle."""
        if not self.conservative:
            raise not_conservative(self._kind)
        energy, laplacian = np.empty(gas.count), np.empty(gas.count)
        _sum(self._law, gas.positions, self.parameters(gas), energy, laplacian)
        return energy, laplacian


def for_kernels(parameters: Sequence[Any]) -> Parameters:
    """Numbers and arrays in the types of the compiled kernels: float64 and int64, arrays contiguous.

    Raises:
        InputError: if one is not finite, because a product of numbers of the specification is out of range.
    """
    converted = tuple(_for_kernels(parameter) for parameter in parameters)
    if not all(np.isfinite(parameter).all() for parameter in converted):
        raise InputError(OUT_OF_RANGE)
    return converted


def _for_kernels(parameter: Any) -> Any:
    values = np.asarray(parameter)
    whole = np.issubdtype(values.dtype, np.integer) or values.dtype == bool
    if values.ndim == 0:
        return int(values) if whole else float(values)
    return np.ascontiguousarray(values, np.int64 if whole else np.float64)


@jit(**EXACT_PARALLEL)
def _add(law, positions, p, force):  # type: ignore[no-untyped-def]
    """force_i += F(x_i)."""
    for i in prange(positions.shape[0]):
        law(positions[i], p, force[i])


@jit(**EXACT_PARALLEL)
def _sum(law, positions, p, energy, laplacian):  # type: ignore[no-untyped-def]
    """energy_i = U(x_i), laplacian_i = Laplacian of U at x_i."""
    for block in prange((positions.shape[0] + _BLOCK - 1) // _BLOCK):
        nobody = np.zeros(positions.shape[1])  # receives the forces, which are discarded
        for i in range(block * _BLOCK, min((block + 1) * _BLOCK, positions.shape[0])):
            energy[i], laplacian[i] = law(positions[i], p, nobody)
