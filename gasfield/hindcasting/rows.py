"""The recorded positions of the rows that a hindcast moves, from the frames of a recording or from its survey."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gasfield.trajectory import SURVEYED, Trajectory

Single = NDArray[np.float32]

_BLOCK = 1 << 23
"""Numbers of recorded frames that are read at a time."""


@dataclass(frozen=True)
class RecordedRows:
    """The recorded positions of the rows of a gas.

    Attributes:
        recording: open.
        groups: the groups, in the order of the gas.
        steps: (T,) at which all of them are recorded, within the hindcast.
    """

    recording: Trajectory
    groups: tuple[str, ...]
    steps: NDArray[np.int64]

    @classmethod
    def of(cls, recording: Trajectory, groups: tuple[str, ...], start: int, stop: int) -> Self:
        """Those from step `start` to `stop`."""
        common = steps_of(recording, groups)
        return cls(recording, groups, common[(common >= start) & (common <= stop)])

    def frames(self) -> Iterator[Single]:
        """(N, D) at each of the steps."""
        size = sum(len(self.places(name)) for name in self.groups) * self.recording.dimensions
        length = max(1, _BLOCK // max(1, size))
        for begin in range(0, len(self.steps), length):
            parts = [self._block(name, self.steps[begin : begin + length]) for name in self.groups]
            yield from np.ascontiguousarray(np.concatenate(parts, axis=1), np.float32)

    def places(self, name: str) -> NDArray[np.int64]:
        """Rows of a group in the recording, or in its survey."""
        if _surveyed(self.recording, name):
            return np.arange(len(self.recording.survey_ids))
        return self.recording.members(name)

    def _block(self, name: str, steps: NDArray[np.int64]) -> NDArray[np.floating]:
        if _surveyed(self.recording, name):
            kept = self.recording.survey_frames()
            return np.stack([kept[int(np.searchsorted(kept.steps, step))] for step in steps])
        of_recording = self.recording.steps
        at = np.searchsorted(of_recording, steps)
        first, last = int(at[0]), int(at[-1]) + 1
        return self.recording.positions(self.places(name), slice(first, last))[at - first]


def steps_of(recording: Trajectory, groups: tuple[str, ...]) -> NDArray[np.int64]:
    """The steps, ascending, at which the rows of all groups are recorded."""
    kept = [recording.survey_frames().steps if _surveyed(recording, name) else recording.steps for name in groups]
    return reduce(np.intersect1d, kept)


def _surveyed(recording: Trajectory, name: str) -> bool:
    return name == SURVEYED and name not in recording.names
