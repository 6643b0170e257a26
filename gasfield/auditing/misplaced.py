"""Frames that do not continue the path of their series: content of another step, or of another run.

A training moves on: noise and drift make the squared distance of two frames grow with the time between them, and at
most level off. So a frame is not nearer to a far one than to its neighbours. It is misplaced if it is *twice* as near
(four times in squares), with what chance may do (`Path.noise`) added to the far distance; or if its neighbours are
twice as near to each other as to it, and it is farther from them than half of the way of the training.

single      one frame off the path, its neighbours on it
segment     two or more frames off the path, between two leaps
turn        a leap after which the series goes on elsewhere, and does not return

A leap is a distance between neighbours twice as large as those before and after it, also per step. What is off the path
and near a far frame has jumped; else it is of another run. A series that does not return has jumped if it goes on near
a far frame, and is of another run if nothing in its rows is common with what was before.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from gasfield.auditing.finding import LEVEL
from gasfield.auditing.path import Path

TWICE = 4.0
"""Ratio of squared distances."""
_NOTHING = 4.0
"""Standard errors of a cosine within which it is consistent with 0."""


@dataclass(frozen=True)
class Misplaced:
    """Frames off the path.

    Attributes:
        frames: their indices.
        near: the far frame that the first of them is near to; None if they are of another run.
        returns: whether the series returns to where it was.
    """

    frames: tuple[int, ...]
    near: int | None
    returns: bool


def misplaced_in(path: Path, joints: Set[int]) -> list[Misplaced]:
    """All that is misplaced, single frames first.

    Args:
        path: the frames.
        joints: frames that differ from the one before for a known reason.
    """
    search = _Search(path, joints)
    return [*search.singles(), *search.leaps()]


class _Search:
    def __init__(self, path: Path, joints: Set[int]) -> None:
        self._path, self._joints = path, joints
        self._left = list(range(len(path)))
        self._certainty = float(np.log(max(len(path), 2) ** 2 / LEVEL))

    # ------------------------------------------------------------- single frames

    def singles(self) -> list[Misplaced]:
        """Single frames, the one that is farthest off first: its content makes others seem near to a far frame."""
        found = []
        while len(self._left) > 2:
            off = {at: size for at in range(len(self._left)) if (size := self._off(at)) is not None}
            worst: tuple[float, int, int | None] | None = None
            for at in range(len(self._left)):
                near = self._near(at, self._beside(at), off.keys())
                if near is not None or at in off:
                    size = min(self._path.square(self._left[at], each) for each in self._beside(at))
                    if worst is None or size > worst[0]:
                        worst = (size, at, near)
            if worst is None:
                break
            found.append(Misplaced((self._left.pop(worst[1]),), worst[2], returns=True))
        return found

    def _beside(self, at: int) -> list[int]:
        """The frames before and after a place."""
        return self._left[max(0, at - 1) : at] + self._left[at + 1 : at + 2]

    def _off(self, at: int) -> float | None:
        """How far a frame is off the path of its neighbours; None if it is on it."""
        if not 0 < at < len(self._left) - 1:
            return None
        here, (before, after) = self._left[at], self._beside(at)
        nearest, least = self._nearest(here, (before, after))
        across = self._path.square(before, after) + self._path.noise(here, nearest, self._certainty)
        way = max(self._path.square(self._left[0], before), self._path.square(after, self._left[-1]))
        return least if least > TWICE * across and TWICE * least > way else None

    def _near(self, at: int, beside: Sequence[int], off: Set[int] = frozenset(), *, past: bool = False) -> int | None:
        """The frame, at least two places away, to which one is twice as near as to those beside it; None if none."""
        here = self._left[at]
        nearest, least = self._nearest(here, beside)
        last = at - 1 if past else len(self._left)
        far = [self._left[i] for i in range(last) if abs(i - at) > 1 and i not in off]
        if not far:
            return None
        squares = self._path.squares(here)[far]
        best = int(np.argmin(squares))
        enough = least > TWICE * (float(squares[best]) + self._path.noise(here, nearest, self._certainty))
        return far[best] if enough else None

    def _nearest(self, here: int, others: Sequence[int]) -> tuple[int, float]:
        least, nearest = min((self._path.square(here, other), other) for other in others)
        return nearest, least

    # -------------------------------------------------------------------- leaps

    def leaps(self) -> list[Misplaced]:
        """Segments and turns among the frames that are left."""
        found, leaps = [], [at for at in range(2, len(self._left)) if self._is_leap(at)]
        while leaps:
            at = leaps.pop(0)
            until = leaps[0] if leaps else None
            if until is not None and self._returns(at, until):
                leaps.pop(0)
                found.append(self._segment(at, until))
            elif (turn := self._turn(at, until)) is not None:
                found.append(turn)
        return found

    def _is_leap(self, at: int) -> bool:
        """Whether the way to the frame at a place is twice as long as those before and after it, also per step."""
        if self._left[at] in self._joints:
            return False
        length, time = self._way(at)
        others = [self._way(each) for each in (at - 1, at + 1) if each < len(self._left)]
        noise = self._path.noise(self._left[at], self._left[at - 1], self._certainty)
        return all(length > TWICE * (other + noise) * max(1.0, time / span) ** 2 for other, span in others)

    def _way(self, at: int) -> tuple[float, float]:
        """Squared distance and steps between the frame at a place and the one before."""
        here, before = self._left[at], self._left[at - 1]
        return self._path.square(here, before), float(self._path.steps[here] - self._path.steps[before])

    def _returns(self, at: int, until: int) -> bool:
        """Whether the frame after a segment is near the one before it."""
        before, first, last, after = (self._left[place] for place in (at - 1, at, until - 1, until))
        ways = min(self._path.square(before, first), self._path.square(last, after))
        noise = self._path.noise(first, before, self._certainty)
        return ways > TWICE * (self._path.square(before, after) + noise)

    def _segment(self, at: int, until: int) -> Misplaced:
        inside = set(range(at, until))
        near = self._near(at, [self._left[at - 1]], inside)
        return Misplaced(tuple(self._left[at:until]), near, returns=True)

    def _turn(self, at: int, until: int | None) -> Misplaced | None:
        """What goes on elsewhere: at a far frame before, or in another run."""
        before, here = self._left[at - 1], self._left[at]
        near = self._near(at, [before], past=True)
        if near is not None:
            return Misplaced((here,), near, returns=False)
        path = self._path
        error = 1.0 / np.sqrt(max(1.0, path.dimensions(before, here)))
        common = [path.cosine(self._left[at - 2], before)]
        common += [path.cosine(here, self._left[at + 1])] if at + 1 < len(self._left) else []
        if abs(path.cosine(before, here)) < _NOTHING * error and min(common) > 0.5:
            return Misplaced(tuple(self._left[at:until]), None, returns=False)
        return None
