"""Checkpoints that are one and the same: bit for bit the same matrix, and the same other tensors where there are any.

A training changes its weights at every step, so two checkpoints with the same ones were saved, copied or uploaded
twice. A lone matrix says less: an embedding that is not trained, or that has come to rest, is the same in all later
frames. It is a fault only if some frame between them or after them differs; the same holds for checkpoints whose other
tensors never change. If the other tensors differ, the checkpoints do: the matrix is frozen, which is no finding.

A training that comes to rest on the lattice of its numbers does so coordinate by coordinate, and a few of them move on
for a while, or to and fro. If from the frame before the first to the frame after the last of some identical frames C
coordinates change at all, and each by chance does so elsewhere or returns with a probability of one half, such frames
occur with the probability 2^-C: they are a fault only if this is below the level, for any of the frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gasfield.auditing.finding import LEVEL, named
from gasfield.auditing.frame import Frame, digest_of

Others = Callable[[], bytes | None]


@dataclass
class _Class:
    """Frames that are one and the same.

    Attributes:
        frames: their indices, ascending.
        others: gives a digest of the other tensors, None if there are none.
    """

    frames: list[int]
    others: Others

    @cached_property
    def other_tensors(self) -> bytes | None:
        """What `others` gives, once."""
        return self.others()


@dataclass(frozen=True)
class Alike:
    """Frames that are one and the same, judged.

    Attributes:
        frames: their indices, ascending.
        fault: whether that is a fault.
        why: in a few words.
    """

    frames: tuple[int, ...]
    fault: bool
    why: str


@dataclass
class Duplicates:
    """Finds them in a series that passes frame by frame.

    Attributes:
        steps: of all frames so far.
        same_matrix: step of each frame whose matrix is that of an earlier one -> step of the first one.
        frozen: steps of the frames among these whose other tensors are those of no earlier one.
    """

    steps: list[int] = field(default_factory=list)
    same_matrix: dict[int, int] = field(default_factory=dict)
    frozen: list[int] = field(default_factory=list)
    _classes: dict[bytes, list[_Class]] = field(default_factory=dict)

    def look(self, step: int, frame: Frame) -> None:
        """Takes the next frame."""
        index, matrix = len(self.steps), digest_of(frame.words, frame.numbers)
        self.steps.append(step)
        mine = _Class([index], frame.others or _nothing)
        known = self._classes.setdefault(matrix, [])
        if known:
            self.same_matrix[step] = self.steps[known[0].frames[0]]
        for each in known:
            if each.other_tensors == mine.other_tensors:
                each.frames.append(index)
                return
        if known:
            self.frozen.append(step)
        known.append(mine)

    def judged(self, changed: Sequence[int | None]) -> list[Alike]:
        """All classes of two or more frames, by their first one.

        Args:
            changed: coordinates of each frame that are not what they were in the frame before; None if unknown.
        """
        found = [
            Alike(tuple(each.frames), *self._judged(each, alike, changed))
            for alike in self._classes.values()
            for each in alike
            if len(each.frames) > 1
        ]
        return sorted(found, key=lambda each: each.frames)

    def _judged(self, each: _Class, alike: list[_Class], changed: Sequence[int | None]) -> tuple[bool, str]:
        """Whether a class is a fault, and why."""
        of_matrix = {index for one in alike for index in one.frames}
        later = [index for index in range(each.frames[0], len(self.steps)) if index not in of_matrix]
        if self._rests(each, changed):
            return False, "hardly any coordinate changes before and after them: it comes to rest"
        if later:
            first = self.steps[later[0]]
            return True, f"saved, copied or uploaded more than once, since the matrix differs at {named([first])}"
        if each.other_tensors is None:
            return False, "the matrix was not trained from there on, or the checkpoint was saved more than once"
        if self._others_vary(each) or len(each.frames) == len(self.steps):
            return True, "all tensors of these checkpoints, of which a training changes some at every step"
        return False, "no tensor of them differs, but the other tensors do not change in the whole series"

    def _rests(self, each: _Class, changed: Sequence[int | None]) -> bool:
        """Whether so few coordinates change around and between frames that they may be the same by chance."""
        around = changed[max(1, each.frames[0]) : each.frames[-1] + 2]
        total = sum(number for number in around if number is not None)
        known = all(number is not None for number in around)
        return known and 0 < total < np.log2(len(self.steps) / LEVEL)

    def _others_vary(self, each: _Class) -> bool:
        """Whether the other tensors of some checkpoint differ from those of a class."""
        mine = each.other_tensors
        return any(one.other_tensors != mine for alike in self._classes.values() for one in alike)


def _nothing() -> None:
    return None
