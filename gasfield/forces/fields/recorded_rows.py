"""Some rows of a recorded training: which particles of a gas they are, and where they were at a step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.forces.base import Array
from gasfield.gas import Gas
from gasfield.trajectory import Trajectory

Indices = NDArray[np.int64]


class RecordedRows:
    """Rows of a recording, which must stay open, identified by their tokens."""

    def __init__(self, recording: Trajectory, members: Indices, what: str) -> None:
        """Reads their tokens.

        Args:
            recording: open.
            members: (n,) the rows.
            what: what they are, for messages.
        """
        self._recording, self._members, self._what = recording, members, what
        self._places = {int(token): place for place, token in enumerate(recording.token_ids[members])}

    def places(self, gas: Gas) -> Indices:
        """(N,) the place among the rows of each particle."""
        return np.array([self._places[int(token)] for token in gas.token_ids], np.int64)

    def positions(self, step: int) -> Array:
        """(n, D) where the rows were before the update at a step.

        Raises:
            InputError: if that is not recorded.
        """
        frame = self.index(self._recording.steps, step, "the position of the rows")
        return np.asarray(self._recording.frame(frame)[self._members], np.float64)

    def index(self, steps: Indices, step: int, what: str) -> int:
        """The place of a step among those at which something is recorded.

        Raises:
            InputError: if it is not there.
        """
        place = int(np.searchsorted(steps, step))
        if place < len(steps) and steps[place] == step:
            return place
        raise InputError(f"{self._recording.path}: {what} at step {step} is not recorded.")

    def check_gas(self, gas: Gas) -> None:
        """Refuses particles that are none of the rows.

        Raises:
            InputError: if there are any.
        """
        lacking = [int(token) for token in gas.token_ids if int(token) not in self._places]
        if lacking:
            raise InputError(
                f"{self._recording.path}: {len(lacking)} of {gas.count} particles are not {self._what} of this "
                "recording; restrict the force to those that are (groups)."
            )

    def check_steps(self, start: int, stop: int) -> None:
        """Refuses steps at which positions are not recorded.

        Raises:
            InputError: if there are any.
        """
        for step in range(start, stop):
            self.index(self._recording.steps, step, "the position of the rows")
