"""The field of a recorded training run: minus the gradient of a dead row at any position.

Law (docs/science.md, "A dead row is a test particle"): the potential energy of a row at w is
Phi(w) = sum_b w_b exp(w . h_b - log Z_b), and the force is -grad Phi. `full` evaluates it; `affine` uses the
expansion Phi(c) + g . d + d^T H d / 2 about the centroid c of the dead rows, d = w - c. Exact check: at the positions
of the recorded dead rows the force is minus their gradient in training.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar, Literal

import numpy as np
from numba import prange

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, ForceSpec, Surroundings
from gasfield.gas import Gas
from gasfield.kernels.dot import dot
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.registry import register
from gasfield.trajectory import AffineField, FullField, FullSnapshot, RecordedField, Trajectory


@register
class RecordedGradient(ForceSpec):
    """The recorded field of a training run, at the step of the gas. Conservative at each step."""

    recorded: ClassVar[bool] = True

    kind: Literal["recorded_gradient"] = "recorded_gradient"
    file: str
    """A recording with a field."""
    field: Literal["affine", "full"] = "affine"
    """`affine`: the expansion about the dead centroid, stored at every step. `full`: exact, at steps that have it."""

    def build(self, surroundings: Surroundings) -> Force:
        """Opens the recording.

        Raises:
            InputError: if the file is missing, is not a trajectory, lacks the field, or has other dimensions.
        """
        recording = Trajectory(surroundings.find(self.file))
        if recording.dimensions != surroundings.dimensions:
            raise InputError(
                f"{recording.path}: the recorded field has {recording.dimensions} dimensions, "
                f"the space {surroundings.dimensions}."
            )
        if self.field == "full":
            return _Full(recording.full_field())  # reads snapshots as the run goes on: the file stays open
        with recording:
            return _Affine(recording.affine_field())


class _Recorded(Force):
    """A field that is defined at recorded steps only; the base of both forms."""

    conservative = True
    steady = False
    _field: RecordedField

    def check_steps(self, start: int, stop: int) -> None:
        for step in range(start, stop):
            self._field.index(step)


class _Affine(_Recorded):
    def __init__(self, field: AffineField) -> None:
        self._field: AffineField = field

    def add(self, gas: Gas, force: Array) -> None:
        at = self._field.at(gas.step)
        _add_affine(gas.positions, at.reference, at.gradient, at.hessian, force)

    def energy(self, gas: Gas) -> Array:
        at = self._field.at(gas.step)
        away = gas.positions - at.reference
        curvature = 0.5 * np.einsum("ij,jk,ik->i", away, at.hessian, away)
        energy: Array = at.potential + np.einsum("ij,j->i", away, at.gradient) + curvature
        return energy

    def laplacian(self, gas: Gas) -> Array:
        return np.full(gas.count, np.trace(self._field.at(gas.step).hessian))

    def data_digest(self) -> str:
        digest = hashlib.sha256()
        for part in ("steps", "reference", "gradient", "hessian", "potential"):
            digest.update(np.ascontiguousarray(getattr(self._field, part)).data)
        return digest.hexdigest()


class _Full(_Recorded):
    def __init__(self, field: FullField) -> None:
        self._field: FullField = field
        self._held: tuple[int, FullSnapshot] | None = None

    def add(self, gas: Gas, force: Array) -> None:
        at = self._at(gas.step)
        _add_full(gas.positions, at.hidden, at.log_partition, at.weight, force)

    def energy(self, gas: Gas) -> Array:
        at = self._at(gas.step)
        energy = np.zeros(gas.count)
        _sum_full_energy(gas.positions, at.hidden, at.log_partition, at.weight, energy)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        at = self._at(gas.step)
        laplacian = np.zeros(gas.count)
        squared = np.einsum("bj,bj->b", at.hidden, at.hidden, dtype=np.float64)
        _sum_full_energy(gas.positions, at.hidden, at.log_partition, at.weight * squared, laplacian)
        return laplacian

    def _at(self, step: int) -> FullSnapshot:
        """Caches the last snapshot, since energy and force need the same one."""
        if self._held is None or self._held[0] != step:
            self._held = (step, self._field.at(step))
        return self._held[1]


@jit(**EXACT_PARALLEL)
def _add_affine(positions, reference, gradient, hessian, force):  # type: ignore[no-untyped-def]
    """force_i -= g + H (x_i - c)."""
    for i in prange(positions.shape[0]):
        _subtract_affine_gradient(positions[i], reference, gradient, hessian, force[i])


@jit(**EXACT)
def _subtract_affine_gradient(position, reference, gradient, hessian, force):  # type: ignore[no-untyped-def]
    """The loop over rows of the symmetric H is outermost, so that the inner loop vectorises."""
    for j in range(position.size):
        force[j] -= gradient[j]
    for k in range(position.size):
        away = position[k] - reference[k]
        for j in range(position.size):
            force[j] -= hessian[k, j] * away


@jit(**EXACT_PARALLEL)
def _add_full(positions, hidden, log_partition, weight, force):  # type: ignore[no-untyped-def]
    """force_i -= sum_b w_b exp(x_i . h_b - log Z_b) h_b."""
    for i in prange(positions.shape[0]):
        for b in range(hidden.shape[0]):
            probability = _weighted_probability(positions[i], hidden[b], log_partition[b], weight[b])
            for j in range(hidden.shape[1]):
                force[i, j] -= probability * hidden[b, j]


@jit(**EXACT_PARALLEL)
def _sum_full_energy(positions, hidden, log_partition, weight, energy):  # type: ignore[no-untyped-def]
    """energy_i += sum_b w_b exp(x_i . h_b - log Z_b)."""
    for i in prange(positions.shape[0]):
        total = 0.0
        for b in range(hidden.shape[0]):
            total += _weighted_probability(positions[i], hidden[b], log_partition[b], weight[b])
        energy[i] += total


@jit(**EXACT)
def _weighted_probability(position, hidden, log_partition, weight):  # type: ignore[no-untyped-def]
    """w_b p_b of one row at one position of the text."""
    return weight * np.exp(dot(position, hidden) - log_partition)
