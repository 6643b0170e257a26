"""Steps that are missing from the ladder of a series: at equal distances, or each a multiple of the one before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from gasfield.auditing.finding import Finding

_RUNGS = 3
"""Least number of times that a distance or a ratio must occur to be the usual one."""
_MOST = 1000
"""Most missing steps that are listed for one gap."""


def missing_steps(steps: Sequence[int]) -> tuple[Finding, ...]:
    """Notes on gaps beside a rung of the usual height: a multiple of the usual distance, or a power of the usual ratio.

    A schedule that saves more seldom from some step on has no gap there: its next distances are as long, three or more.

    Args:
        steps: of all frames, ascending.
    """
    found: dict[int, tuple[str, list[int]]] = {}
    for place, missing, rule in (*_equal(steps), *_ratios(steps)):
        found.setdefault(place, (rule, missing))
    return tuple(
        Finding(
            "missing_step",
            tuple(missing),
            False,
            f"missing between {steps[place]} and {steps[place + 1]}, where {rule}",
        )
        for place, (rule, missing) in sorted(found.items())
    )


def _equal(steps: Sequence[int]) -> list[tuple[int, list[int], str]]:
    """Gaps in steps at equal distances: index before the gap, what is missing, the rule."""
    gaps = [after - before for before, after in pairwise(steps)]
    usual = _usual(gaps, len(gaps) // 2)
    found = []
    for at, gap in enumerate(gaps):
        near = gaps[max(0, at - 2) : at] + gaps[at + 1 : at + 3]
        around = near[0] if len(near) >= _RUNGS and len(set(near)) == 1 else None
        for rung in (usual, around):
            if rung is not None and gap > rung and gap % rung == 0 and rung in _beside(gaps, at):
                if _run(gaps, at) < _RUNGS:
                    missing = list(range(steps[at] + rung, steps[at + 1], rung)[:_MOST])
                    found.append((at, missing, f"every {rung} steps is usual" if rung > 1 else "every step is"))
                break
    return found


def _ratios(steps: Sequence[int]) -> list[tuple[int, list[int], str]]:
    """The same in steps of which each is the same multiple of the one before."""
    ratios = [after // before if before > 0 and after % before == 0 else 0 for before, after in pairwise(steps)]
    usual = _usual([ratio for ratio in ratios if ratio > 1], 0)
    if usual is None:
        return []
    found = []
    for at, ratio in enumerate(ratios):
        missing, rung = [], steps[at] * usual
        while ratio > usual and rung < steps[at + 1]:
            missing.append(rung)
            rung *= usual
        if missing and rung == steps[at + 1] and usual in _beside(ratios, at) and _run(ratios, at) < _RUNGS:
            found.append((at, missing, f"each step is {usual} times the one before"))
    return found


def _usual(values: Sequence[int], least: int) -> int | None:
    """The most frequent value, if it occurs a few times, and so many times at least."""
    ranked = Counter(values).most_common(1)
    return ranked[0][0] if ranked and ranked[0][1] >= max(_RUNGS, least) else None


def _run(values: Sequence[int], at: int) -> int:
    """How many equal values follow each other at a place."""
    first = last = at
    while first > 0 and values[first - 1] == values[at]:
        first -= 1
    while last + 1 < len(values) and values[last + 1] == values[at]:
        last += 1
    return last - first + 1


def _beside(values: Sequence[int], at: int) -> list[int]:
    """The values before and after one."""
    return list(values[max(0, at - 1) : at]) + list(values[at + 1 : at + 2])
