"""Rows of zeros, and rows that are identical to another one: a fault where they appear within a series.

Rows that are so from the start are padding, or were initialised alike. No training makes a row exactly zero: updates
and decay leave rounded numbers. Rows can become identical by themselves, if they come to rest on the same lattice
points; then they were near each other before. Copies were not: they were farther from each other than two rows come
nearer if both move as far as any row that has remained distinct.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.auditing.finding import Finding
from gasfield.auditing.frame import ROUNDING, Frame, Marks, bits_of, type_of
from gasfield.kernels.rows import first_equal

Indices = NDArray[np.int64]
_NAMED = 8


@dataclass
class _Appeared:
    """Rows of one class that were not of it from the start.

    Attributes:
        initial: number of rows that were of the class in the first frame.
        rows: ids of those that came to be of it, by whether it is a fault.
        steps: at which some of them are of it.
    """

    initial: int = 0
    rows: dict[bool, set[int]] = field(default_factory=lambda: {True: set(), False: set()})
    steps: dict[bool, list[int]] = field(default_factory=lambda: {True: [], False: []})

    def add(self, step: int, fault: bool, new: Indices, members: Indices) -> None:
        """Takes what is new at a step, and all that are of the class there."""
        self.rows[fault].update(new.tolist())
        if self.rows[fault] and np.isin(members, list(self.rows[fault])).any():
            self.steps[fault].append(step)


@dataclass
class SpecialRows:
    """Finds them in a series that passes frame by frame."""

    _zero: _Appeared = field(default_factory=_Appeared)
    _identical: _Appeared = field(default_factory=_Appeared)
    _first: int | None = None
    _before: tuple[Frame, NDArray[np.bool_], Indices] | None = None

    def look(self, step: int, frame: Frame, marks: Marks, squares: NDArray[np.float64] | None) -> None:
        """Takes the next frame of the same shape.

        Args:
            step: of the frame.
            frame: the matrix.
            marks: its rows of zeros and its broken rows.
            squares: (N,) squared distance of each row from where it was in the frame before; None if unknown.
        """
        plain = np.flatnonzero(~marks.zero & ~marks.broken)
        labels = np.arange(len(marks.zero))
        if len(plain):
            labels[plain] = plain[first_equal(bits_of(frame), plain)]
        members = np.flatnonzero(np.bincount(labels, minlength=len(labels))[labels] > 1)
        if self._before is None:
            self._first = step
            self._zero.initial, self._identical.initial = int(marks.zero.sum()), len(members)
        else:
            earlier, zero, former = self._before
            self._zero.add(step, True, np.flatnonzero(marks.zero & ~zero), np.flatnonzero(marks.zero))
            leads = labels[members]
            new = members[(former[members] != former[leads]) & (members != leads)]
            distinct = np.setdiff1d(plain, members)
            farthest = 0.0 if squares is None or not len(distinct) else float(np.sqrt(squares[distinct].max()))
            far = _apart(earlier, new, labels[new]) > np.maximum(2.0 * farthest, _units(frame, new))
            self._identical.add(step, True, np.union1d(new[far], labels[new[far]]), members)
            self._identical.add(step, False, np.union1d(new[~far], labels[new[~far]]), members)
        self._before = (frame, marks.zero, labels)

    def findings(self) -> tuple[Finding, ...]:
        """What appeared within the series, and what was there from the start."""
        found = []
        for name, known, like in (("zero", self._zero, "zero"), ("identical", self._identical, "identical to another")):
            for fault in (True, False):
                if rows := sorted(known.rows[fault]):
                    why = (
                        "" if fault or name == "zero" else ": they were near each other, and have come to rest together"
                    )
                    text = f"{_count(rows)} {like} that {_verb(rows)} not so before{why}"
                    found.append(Finding("zero_rows", tuple(known.steps[fault]), fault, text, _more(name, rows)))
            if known.initial and self._first is not None:
                text = f"{known.initial} rows are {like} from the start: padding, or initialised alike"
                found.append(Finding("zero_rows", (self._first,), False, text, _more(name, [])))
        return tuple(found)


def _apart(frame: Frame, some: Indices, others: Indices) -> NDArray[np.float64]:
    """(n,) distances between rows of one frame."""
    if not len(some):
        return np.empty(0)
    difference = frame.rows(some).astype(np.float64) - frame.rows(others).astype(np.float64)
    return np.asarray(np.linalg.norm(difference, axis=1))


def _units(frame: Frame, rows: Indices) -> NDArray[np.float64]:
    """(n,) two units in the last place of all numbers of a row."""
    if not len(rows):
        return np.empty(0)
    return np.asarray(4.0 * ROUNDING.get(type_of(frame), 0.0) * np.linalg.norm(frame.rows(rows).astype(float), axis=1))


def _count(rows: list[int]) -> str:
    named = ", ".join(map(str, rows[:_NAMED])) + (f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else "")
    return f"row {named} is" if len(rows) == 1 else f"rows {named} are"


def _verb(rows: list[int]) -> str:
    return "was" if len(rows) == 1 else "were"


def _more(name: str, rows: list[int]) -> dict[str, Any]:
    return {"class": name, "rows": rows}
