"""What a row of a recorded training changes of the field by being elsewhere: its own term of each Z_b.

The recorded field holds Z_b = sum_j exp(w_j . h_b) of the training, in which row i has its own term, exp(w_i . h_b). If
only this row is elsewhere, at w, and all else is as it was, then

    Z_b' = Z_b - exp(w_i . h_b) + exp(w . h_b)

and the loss pushes the row with -sum_b w_b exp(w . h_b)/Z_b' h_b. Law: the force is what this has beyond the recorded
field, so that both together are minus the gradient of sum_b w_b log(Z_b'/Z_b). On the recorded path it is zero.

Without it the push of a position is off by the factor Z_b'/Z_b. With x = (w - w_i) . h_b and the row's own
probabilities p_b at w_i and q_b = exp(w . h_b)/Z_b' at w, |log(Z_b'/Z_b)| <= max(p_b, q_b) |x|: the derivative of
log Z_b' by x is the probability on the way, which is monotonic.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numba import prange

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, ForceSpec, Surroundings
from gasfield.forces.fields.recorded_rows import RecordedRows
from gasfield.gas import Gas
from gasfield.kernels.dot import dot
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.registry import register
from gasfield.trajectory import FullSnapshot, Trajectory


@register
class RecordedOwnTerm(ForceSpec):
    """The change of the exact recorded field by the row itself, where it is not where it was in the training."""

    recorded: ClassVar[bool] = True

    kind: Literal["recorded_own_term"] = "recorded_own_term"
    file: str
    """A recording with the exact field and the positions of its rows at every step."""

    def build(self, surroundings: Surroundings) -> Force:
        """Opens the recording.

        Raises:
            InputError: if the file is missing, is not a trajectory, lacks the exact field, or has other dimensions.
        """
        recording = Trajectory(surroundings.find(self.file))
        if recording.dimensions != surroundings.dimensions:
            raise InputError(
                f"{recording.path}: the recorded field has {recording.dimensions} dimensions, "
                f"the space {surroundings.dimensions}."
            )
        return _OwnTerm(recording)


class _OwnTerm(Force):
    conservative = True
    steady = False

    def __init__(self, recording: Trajectory) -> None:
        """The file stays open: snapshots and positions are read as the run goes on."""
        self._field = recording.full_field()
        self._rows = RecordedRows(recording, np.arange(recording.count), "rows")
        self._held: tuple[int, FullSnapshot, Array] | None = None

    def add(self, gas: Gas, force: Array) -> None:
        at, own = self._at(gas)
        _add_own_term(gas.positions, own, at.hidden, at.log_partition, at.weight, force)

    def energy(self, gas: Gas) -> Array:
        at, own = self._at(gas)
        energy = np.zeros(gas.count)
        _sum_energy(gas.positions, own, at.hidden, at.log_partition, at.weight, energy)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        at, own = self._at(gas)
        laplacian = np.zeros(gas.count)
        _sum_laplacian(gas.positions, own, at.hidden, at.log_partition, at.weight, laplacian)
        return laplacian

    def check_gas(self, gas: Gas) -> None:
        self._rows.check_gas(gas)

    def check_steps(self, start: int, stop: int) -> None:
        self._rows.check_steps(start, stop)
        for step in range(start, stop):
            self._field.index(step)

    def _at(self, gas: Gas) -> tuple[FullSnapshot, Array]:
        """The field at the step of a gas, and where its particles were in the training (N, D)."""
        if self._held is None or self._held[0] != gas.step:
            self._held = gas.step, self._field.at(gas.step), self._rows.positions(gas.step)
        _, at, positions = self._held
        return at, np.ascontiguousarray(positions[self._rows.places(gas)])


@jit(**EXACT_PARALLEL)
def _add_own_term(positions, own, hidden, log_partition, weight, force):  # type: ignore[no-untyped-def]
    """force_i -= sum_b w_b (q_b - p_b) h_b, p with the recorded Z, q with that of the row where it is."""
    for i in prange(positions.shape[0]):
        for b in range(hidden.shape[0]):
            there, others = _shares(positions[i], own[i], hidden[b], log_partition[b])
            change = weight[b] * (there / (others + there) - there)
            for j in range(hidden.shape[1]):
                force[i, j] -= change * hidden[b, j]


@jit(**EXACT_PARALLEL)
def _sum_energy(positions, own, hidden, log_partition, weight, energy):  # type: ignore[no-untyped-def]
    """energy_i += sum_b w_b (log(Z_b'/Z_b) - p_b)."""
    for i in prange(positions.shape[0]):
        total = 0.0
        for b in range(hidden.shape[0]):
            there, others = _shares(positions[i], own[i], hidden[b], log_partition[b])
            total += weight[b] * (np.log(others + there) - there)
        energy[i] += total


@jit(**EXACT_PARALLEL)
def _sum_laplacian(positions, own, hidden, log_partition, weight, laplacian):  # type: ignore[no-untyped-def]
    """laplacian_i += sum_b w_b (q_b (1 - q_b) - p_b) |h_b|^2."""
    for i in prange(positions.shape[0]):
        total = 0.0
        for b in range(hidden.shape[0]):
            there, others = _shares(positions[i], own[i], hidden[b], log_partition[b])
            share = there / (others + there)
            total += weight[b] * (share * (1.0 - share) - there) * dot(hidden[b], hidden[b])
        laplacian[i] += total


@jit(**EXACT)
def _shares(position, own, hidden, log_partition):  # type: ignore[no-untyped-def]
    """exp(w . h_b)/Z_b of the row where it is, and the part of Z_b that is not its own, which rounding of a stored log
    Z_b could make negative where the row has all of it."""
    there = np.exp(dot(position, hidden) - log_partition)
    return there, max(0.0, 1.0 - np.exp(dot(own, hidden) - log_partition))
