"""What moves a live row besides the field: the pull of the positions whose target it is, and the input side.

Law: at step t the row i with the recorded gradient g_i(t) at the recorded place w_i(t) feels, wherever it is,

    F_i(t) = -(g_i(t) - g(w_i(t), t)),

g the recorded field. With `recorded_gradient` of the same form, which is -g(w, t) at its own place, the total on the
recorded path is minus the recorded gradient. Away from it the field holds the row's own term exp(w_i . h_b) of each Z_b
as it was: the change of log Z_b is at most the row's own probability times |h_b| |w - w_i|.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.forces.base import Array, Force, ForceSpec, Surroundings
from gasfield.forces.fields.recorded_gradient import RecordedGradient
from gasfield.gas import Gas
from gasfield.registry import register
from gasfield.trajectory import Trajectory

_LIVE = "live"


@register
class RecordedPull(ForceSpec):
    """What the training gave to its live rows besides the field, at the step of the gas; the same at every place."""

    recorded: ClassVar[bool] = True

    kind: Literal["recorded_pull"] = "recorded_pull"
    file: str
    """A recording with a field, and with the gradients and the positions of its live rows at every step."""
    field: Literal["affine", "full"] = "full"
    """The form of the field that acts besides it."""

    def build(self, surroundings: Surroundings) -> Force:
        """Opens the recording.

        Raises:
            InputError: if the file is missing, is not a trajectory, lacks the field or the gradients, or has other
                dimensions.
        """
        field = RecordedGradient(file=self.file, field=self.field).build(surroundings)
        return _Pull(Trajectory(surroundings.find(self.file)), field)


class _Pull(Force):
    conservative = True
    steady = False

    def __init__(self, recording: Trajectory, field: Force) -> None:
        """Reads the gradients; the file stays open for the positions."""
        self._recording, self._field = recording, field
        self._gradients = recording.live_gradients()
        self._members = recording.members(_LIVE)
        self._places = {int(token): place for place, token in enumerate(recording.token_ids[self._members])}
        self._held: tuple[int, Array] | None = None

    def add(self, gas: Gas, force: Array) -> None:
        force += self._of(gas)

    def energy(self, gas: Gas) -> Array:
        energy: Array = -np.einsum("ij,ij->i", self._of(gas), gas.positions)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        return np.zeros(gas.count)

    def check_gas(self, gas: Gas) -> None:
        lacking = [int(token) for token in gas.token_ids if int(token) not in self._places]
        if lacking:
            raise InputError(
                f"{self._recording.path}: {len(lacking)} of {gas.count} particles are not live rows of this recording; "
                "restrict the force to those that are (groups)."
            )

    def check_steps(self, start: int, stop: int) -> None:
        self._field.check_steps(start, stop)
        for step in range(start, stop):
            self._index(self._gradients.steps, step, "the gradient of the live rows")
            self._index(self._recording.steps, step, "the position of the rows")

    def _of(self, gas: Gas) -> Array:
        """(N, D) the force on each particle of a gas."""
        pull = self._at(gas.step)
        return pull[[self._places[int(token)] for token in gas.token_ids]]

    def _at(self, step: int) -> Array:
        """(n, D) that of all live rows of the recording; kept for the next call."""
        if self._held is None or self._held[0] != step:
            frame = self._index(self._recording.steps, step, "the position of the rows")
            positions = np.asarray(self._recording.frame(frame)[self._members], np.float64)
            pushed = np.zeros(positions.shape)
            self._field.add(Gas(positions, step=step), pushed)
            index = self._index(self._gradients.steps, step, "the gradient of the live rows")
            self._held = step, -np.asarray(self._gradients.values[index], np.float64) - pushed
        return self._held[1]

    def _index(self, steps: NDArray[np.int64], step: int, what: str) -> int:
        place = int(np.searchsorted(steps, step))
        if place < len(steps) and steps[place] == step:
            return place
        raise InputError(f"{self._recording.path}: {what} at step {step} is not recorded.")
