"""Checkpoints of one series are of one run and one stage of it, as far as their names state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gasfield.errors import InputError
from gasfield.importing.candidates import Candidate, Choice

_STAGE = re.compile(r"(?:stage|phase)\d")
_MOST = 10
"""Most runs named in a message."""


def check_stages(known: Sequence[Candidate], steps: Sequence[int], choice: Choice, where: Path) -> None:
    """Refuses several stages: some count their steps anew and some do not, and no name says so.

    Raises:
        InputError: if the user has not chosen one.
    """
    runs = _runs(known, steps)
    if len(runs) < 2 or choice.patterns or not any(_STAGE.search(run) for run in runs):
        return
    if choice.stage is None:
        raise InputError(f"{where}: several stages: {_described(runs)}; choose one.", parameter="stage")
    message = (
        f"{where}: there are several runs of it: {_described(runs)}; choose one, or by patterns of names (filter)."
    )
    raise InputError(message, parameter="stage", value=choice.stage)


def check_runs(known: Sequence[Candidate], steps: Sequence[int], choice: Choice, where: Path) -> list[str]:
    """Refuses checkpoints of several runs, or that count different things; notes on those that the user chose.

    Raises:
        InputError: if there are several, and the user has not chosen by patterns.
    """
    runs = _runs(known, steps)
    counters = sorted({each.stated.counter for each in known if each.state is None} - {""})
    if choice.patterns:
        return [f"{where}: the names are of several runs, as chosen: {_described(runs)}"] if len(runs) > 1 else []
    if len(runs) > 1:
        message = f"{where}: the names are of several runs: {_described(runs)}; choose by patterns, '*' for all."
        raise InputError(message, parameter="filter")
    if len(counters) > 1:
        message = (
            f"{where}: the names count different things, {' and '.join(counters)}; choose by patterns, '*' for all."
        )
        raise InputError(message, parameter="filter")
    return []


def _runs(known: Sequence[Candidate], steps: Sequence[int]) -> dict[str, list[int]]:
    """The steps of each run, ascending."""
    runs: dict[str, list[int]] = {}
    for each, step in zip(known, steps, strict=True):
        runs.setdefault(each.stated.run, []).append(step)
    return runs


def _described(runs: dict[str, list[int]]) -> str:
    parts = [
        f"{run or 'without a name'} ({len(steps)}, {steps[0]} to {steps[-1]})"
        for run, steps in sorted(runs.items())[:_MOST]
    ]
    return ", ".join(parts) + (f" and {len(runs) - _MOST} more" if len(runs) > _MOST else "")
