"""Looks at the frames of a series as they pass, once, and judges them when all have passed.

In memory are two frames, bits of each frame's rows (two arrays of N), and a sample of the coordinates of all frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.auditing.duplicates import Alike, Duplicates
from gasfield.auditing.finding import KINDS, Finding, named
from gasfield.auditing.forms import forms_found, usual
from gasfield.auditing.frame import ROUNDING, Frame, Marks, marks_of, type_of
from gasfield.auditing.ladder import missing_steps
from gasfield.auditing.misplaced import Misplaced, misplaced_in
from gasfield.auditing.pairs import motion_of
from gasfield.auditing.path import Path
from gasfield.auditing.permuted import Permutation, permutation_of
from gasfield.auditing.rows import SpecialRows
from gasfield.auditing.sketch import Sample

_MOST_FRAMES = 2048
"""Frames whose distances from each other are taken."""
_FEWEST = 3
"""Frames that have a neighbour and a far frame."""
Shape = tuple[int, int]


class Auditor:
    """Takes frame after frame.

    Attributes:
        duplicates: the frames that are one and the same.
        broken: step -> number of rows that are not finite.
    """

    def __init__(self, steps: Sequence[int], *, trained: bool = True) -> None:
        """Before the first frame.

        Args:
            steps: of all frames to come, ascending.
            trained: whether the frames are of a training, so that they lie on a path; those of other dynamics may
                return to where they were.
        """
        self._steps, self._trained = [int(step) for step in steps], trained
        self._every = -(-len(self._steps) // _MOST_FRAMES)
        self.duplicates = Duplicates()
        self.broken: dict[int, int] = {}
        self._shapes: list[Shape] = []
        self._types: list[str] = []
        self._samples: dict[Shape, Sample] = {}
        self._sketches: dict[int, NDArray[Any]] = {}
        self._special: dict[Shape, SpecialRows] = {}
        self._permutations: list[Permutation] = []
        self._changed: list[int | None] = []
        self._before: tuple[Frame, Marks] | None = None

    def look(self, frame: Frame) -> None:
        """Takes the next frame."""
        index = len(self._shapes)
        step = self._steps[index]
        shape: Shape = (int(frame.words.shape[0]), int(frame.words.shape[1]))
        self._shapes.append(shape)
        self._types.append(type_of(frame))
        self.duplicates.look(step, frame)
        marks = marks_of(frame)
        if marks.broken.any():
            self.broken[step] = int(marks.broken.sum())
        squares = self._compare(index, frame, marks, same=step in self.duplicates.same_matrix)
        self._special.setdefault(shape, SpecialRows()).look(step, frame, marks, squares)
        if self._trained and index % self._every == 0 and not marks.broken.any():
            sample = self._samples.setdefault(shape, Sample.of(shape, -(-len(self._steps) // self._every)))
            self._sketches[index] = sample.take(frame)
        self._before = (frame, marks)

    def _compare(self, index: int, frame: Frame, marks: Marks, *, same: bool) -> NDArray[np.float64] | None:
        """Looks for permuted rows since the frame before; (N,) squared distances that the rows have moved."""
        if self._before is None or self._shapes[index] != self._shapes[index - 1]:
            self._changed.append(None)
            return None
        before, earlier = self._before
        finite = ~(marks.broken | earlier.broken)
        motion = motion_of(before, frame, finite)
        self._changed.append(motion.changed)
        if self._trained and not same and finite.all():
            found = permutation_of(index, max(1, len(self._steps) - 1), before, frame, motion)
            if found is not None:
                self._permutations.append(found)
        return motion.squares

    # ------------------------------------------------------------------ findings

    def findings(self) -> tuple[Finding, ...]:
        """All that was found, by kind, then by step."""
        if not self._shapes:
            return ()
        steps = self._steps[: len(self._shapes)]
        permuted, shuffled, joints = self._permuted()
        found = [*permuted, *forms_found(steps, self._shapes, self._types), *missing_steps(steps)]
        found += [finding for special in self._special.values() for finding in special.findings()]
        for each in self._alike:
            found.append(self._duplicate(each))
            shuffled.update(each.frames if each.fault else each.frames[1:])
        found += self._off_the_path(shuffled, joints)
        return tuple(sorted(found, key=lambda finding: (KINDS.index(finding.kind), not finding.fault, finding.steps)))

    def repeats(self) -> dict[int, int]:
        """Step of each frame that is the same checkpoint as another one -> step of the one that belongs there."""
        pairs = [(frame, self._kept(each)) for each in self._alike for frame in each.frames]
        return {self._steps[frame]: self._steps[kept] for frame, kept in sorted(pairs) if frame != kept}

    def notes(self) -> tuple[str, ...]:
        """What could not be judged, and why."""
        notes = []
        if self._every > 1:
            notes.append(f"distances: of each {self._every}th of {len(self._shapes)} frames only")
        if self.broken:
            rows = sum(self.broken.values())
            notes.append(f"{rows} rows are not finite, in {named(list(self.broken))}; these frames are not judged")
        if not self._trained:
            notes.append(
                "the frames are not of a training: they may return to where they were, so jumps, other runs and "
                "permuted rows are not looked for"
            )
        elif 1 < len(self._shapes) < _FEWEST + 1:
            notes.append(f"{len(self._shapes)} frames are few: jumps and other runs may not be seen")
        if self.duplicates.frozen:
            frozen = named(self.duplicates.frozen)
            notes.append(f"the matrix is that of an earlier frame, but other tensors are not: it is frozen, {frozen}")
        return tuple(notes)

    @cached_property
    def _alike(self) -> list[Alike]:
        return self.duplicates.judged(self._changed)

    def _duplicate(self, each: Alike) -> Finding:
        steps, kept = tuple(self._steps[frame] for frame in each.frames), self._steps[self._kept(each)]
        text = f"{len(steps)} frames are one and the same, bit for bit: {each.why}"
        belongs = f"; by the frames beside them they are step {kept}" if each.fault and kept != steps[0] else ""
        return Finding("duplicate", steps, each.fault, text + belongs, {"kept": kept})

    def _kept(self, each: Alike) -> int:
        """Which of some frames that are the same belongs there: that whose neighbours are nearest to it, by the mean of
        the squared distances; of those beside each other, and where nothing is wrong, the first."""
        if not each.fault:
            return each.frames[0]
        others = sorted(set(self._sketches) - set(each.frames))
        return min(each.frames, key=lambda frame: self._apart(frame, others))

    def _apart(self, frame: int, others: Sequence[int]) -> float:
        """The mean squared distance of a frame from those before and after it; infinite if none can be compared."""
        at, squares = int(np.searchsorted(others, frame)), []
        for other in others[max(0, at - 1) : at + 1]:
            if frame in self._sketches and self._shapes[other] == self._shapes[frame]:
                apart = self._sketches[frame].astype(np.float64) - self._sketches[other]
                squares.append(float(np.sum(apart * apart)))
        return sum(squares) / len(squares) if squares else np.inf

    def _permuted(self) -> tuple[list[Finding], set[int], set[int]]:
        """Findings on permuted rows; the frames in another order between two of the usual one; and the first ones of
        an order that lasts."""
        found, shuffled, joints = [], set[int](), set[int]()
        left = list(self._permutations)
        while left:
            one = left.pop(0)
            until = len(self._shapes)
            if left and left[0].undoes(one):
                until = left.pop(0).frame
                shuffled.update(range(one.frame, until))
            else:
                joints.add(one.frame)
            returned = until < len(self._shapes) or one.frame == len(self._shapes) - 1
            frames = range(one.frame, until) if returned else range(one.frame, one.frame + 1)
            text = (
                f"{len(one.rows)} rows stand in the places of others ({one.share:.0%} of those compared), such as row "
                f"{one.rows[0]} in that of {one.came_from[0]}"
            )
            lasts = "" if returned else ", from there on"
            steps = tuple(self._steps[frame] for frame in frames)
            found.append(Finding("permuted_rows", steps, True, text + lasts, {"rows": one.rows.tolist()}))
        return found, shuffled, joints

    def _off_the_path(self, without: set[int], joints: set[int]) -> list[Finding]:
        """Findings on frames that do not continue the path."""
        shape = usual(self._shapes) if self._shapes else None
        frames = [at for at in self._sketches if self._shapes[at] == shape and at not in without]
        if len(frames) < _FEWEST:
            return []
        kinds = [self._types[at] for at in frames]
        error = [ROUNDING.get(kind, 0.0) if len(set(kinds)) > 1 else 0.0 for kind in kinds]
        samples = np.stack([self._sketches[at] for at in frames])
        path = Path(samples, np.array([self._steps[at] for at in frames]), np.array(error))
        known = {place for place, at in enumerate(frames) if at in joints}
        return [self._named(each, frames) for each in misplaced_in(path, known)]

    def _named(self, found: Misplaced, frames: Sequence[int]) -> Finding:
        steps = tuple(self._steps[frames[place]] for place in found.frames)
        if found.near is not None:
            far = self._steps[frames[found.near]]
            lasts = "" if found.returns else ", and the series goes on from there"
            text = f"nearer to step {far} than to the frames beside it{lasts}"
            return Finding("jump_back", steps, True, text, {"near": far})
        lasts = "" if found.returns or len(steps) < 2 else ", and the series goes on there"
        return Finding("foreign_run", steps, True, f"off the path of the series, and near no other frame{lasts}")
