"""What moves a live row besides the field: the pull of the positions whose target it is, and the input side.

Law: at step t the row i feels, wherever it is, the force F_i(t) = -(pull + input side) of its gradient in the training,

    `parts`: as the recorder kept them;  `gradient`: F_i(t) = -(g_i(t) - g(w_i(t), t)),

with the recorded gradient g_i(t) at the recorded place w_i(t), and the recorded field g. Together with
`recorded_gradient`, which is -g(w, t) at its own place, the second is minus the recorded gradient on the recorded path,
whatever the form of the field; the first is so as far as the field is the push. Away from the path the field holds the
row's own term exp(w_i . h_b) of each Z_b as it was; `recorded_own_term` is what that changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from gasfield.forces.base import Array, Force, ForceSpec, Surroundings
from gasfield.forces.fields.recorded_gradient import RecordedGradient
from gasfield.forces.fields.recorded_rows import RecordedRows
from gasfield.gas import Gas
from gasfield.registry import register
from gasfield.trajectory import Series, Trajectory

_LIVE = "live"
_GRADIENT = "the gradient of the live rows"


@register
class RecordedPull(ForceSpec):
    """What the training gave to its live rows besides the field, at the step of the gas; the same at every place."""

    recorded: ClassVar[bool] = True

    kind: Literal["recorded_pull"] = "recorded_pull"
    file: str
    """A recording with a field, and with the gradients and the positions of its live rows at every step."""
    field: Literal["affine", "full"] = "full"
    """The form of the field that acts besides it."""
    of: Literal["gradient", "parts"] = "gradient"
    """`gradient`: what the recorded gradient has beyond the field. `parts`: the recorded pull and input side, so that
    the field is not corrected where it is not the push of the training."""

    def build(self, surroundings: Surroundings) -> Force:
        """Opens the recording.

        Raises:
            InputError: if the file is missing, is not a trajectory, lacks the field, the gradients or their parts, or
                has other dimensions.
        """
        field = RecordedGradient(file=self.file, field=self.field).build(surroundings)
        recording = Trajectory(surroundings.find(self.file))
        rows = RecordedRows(recording, recording.members(_LIVE), "live rows")
        if self.of == "parts":
            return _Pull(rows, [recording.live_part(name) for name in ("pull", "input")], field, lambda step: 0.0)
        return _Pull(rows, [recording.live_gradients()], field, lambda step: _pushed(rows, field, step))


def _pushed(rows: RecordedRows, field: Force, step: int) -> Array:
    """(n, D) the force of the field where the rows were."""
    positions = rows.positions(step)
    force = np.zeros(positions.shape)
    field.add(Gas(positions, step=step), force)
    return force


class _Pull(Force):
    conservative = True
    steady = False

    def __init__(
        self, rows: RecordedRows, received: list[Series], field: Force, pushed: Callable[[int], Array | float]
    ) -> None:
        """Minus what the rows received, beyond the force that they are pushed with at a step."""
        self._rows, self._received, self._field, self._pushed = rows, received, field, pushed
        self._held: tuple[int, Array] | None = None

    def add(self, gas: Gas, force: Array) -> None:
        force += self._of(gas)

    def energy(self, gas: Gas) -> Array:
        energy: Array = -np.einsum("ij,ij->i", self._of(gas), gas.positions)
        return energy

    def laplacian(self, gas: Gas) -> Array:
        return np.zeros(gas.count)

    def check_gas(self, gas: Gas) -> None:
        self._rows.check_gas(gas)

    def check_steps(self, start: int, stop: int) -> None:
        self._field.check_steps(start, stop)
        self._rows.check_steps(start, stop)
        for step in range(start, stop):
            for series in self._received:
                self._rows.index(series.steps, step, _GRADIENT)

    def _of(self, gas: Gas) -> Array:
        """(N, D) the force on each particle of a gas."""
        return self._at(gas.step)[self._rows.places(gas)]

    def _at(self, step: int) -> Array:
        """(n, D) that of all live rows of the recording; kept for the next call."""
        if self._held is None or self._held[0] != step:
            received = sum(
                np.asarray(series.values[self._rows.index(series.steps, step, _GRADIENT)], np.float64)
                for series in self._received
            )
            self._held = step, np.asarray(-received - self._pushed(step))
        return self._held[1]
