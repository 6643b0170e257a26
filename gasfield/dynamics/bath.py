"""The heat bath: a temperature for every group at every step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.schedules import ByGroup, Schedule


class Bath:
    """The temperatures of a run.

    Attributes:
        uniform: whether all groups have the same temperature at every step.
        lowest: the least temperature of any group at any step [energy].
        settled: the first step from which no temperature changes any more.
    """

    def __init__(self, temperature: Schedule | ByGroup, groups: Sequence[str]) -> None:
        """Assigns a schedule to every group.

        Args:
            temperature: one for all, or one for each group.
            groups: the names, in the order of `gas.species`.

        Raises:
            InputError: if a group has none, or a name is not a group.
        """
        if isinstance(temperature, ByGroup):
            if set(temperature.groups) != set(groups):
                raise InputError(
                    f"temperature.groups has {', '.join(temperature.groups) or 'no group'}; every group needs one: "
                    f"{', '.join(groups)}."
                )
            self._schedules: list[Schedule] = [temperature.groups[name] for name in groups]
        else:
            self._schedules = [temperature] * len(groups)
        self._held: NDArray[np.float64] | None = None
        self.lowest = temperature.lowest
        self.settled = max(schedule.settled for schedule in self._schedules)
        self.uniform = all(schedule == self._schedules[0] for schedule in self._schedules)

    def at(self, step: int) -> NDArray[np.float64]:
        """(S,) temperature of each group at a step [energy]."""
        if self._held is not None:
            return self._held.copy()
        return np.array([schedule.at(step) for schedule in self._schedules])

    def over(self, step: int, steps: int) -> NDArray[np.float64]:
        """The temperatures of some steps from one on [energy]: (1, S) if they are the same at all of them, or
        (steps + 1, S) with those at the end of the last."""
        if self._held is not None or self.settled <= step:
            return self.at(step)[None]
        return np.array([self.at(each) for each in range(step, step + steps + 1)])

    def hold(self, temperatures: NDArray[np.float64]) -> None:
        """Replaces all schedules from now on: (S,) a temperature for each group [energy]."""
        self._held = np.array(temperatures, np.float64)
