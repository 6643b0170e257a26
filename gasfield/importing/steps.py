"""The order of checkpoints: by their names, or by the state that their trainer wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from gasfield.errors import InputError

_NUMBER = r"s?[_=-]?(\d+)(k|m)?(?![a-z\d])"
_STEP = re.compile(r"(?:global[_-]?step|step|checkpoint|ckpt|iteration|iter|update)" + _NUMBER, re.I)
_EPOCH = re.compile(r"epoch" + _NUMBER, re.I)
_UNITS = {"": 1, "k": 1000, "m": 1_000_000}


def in_order(paths: Sequence[Path]) -> tuple[list[Path], list[int], tuple[str, ...]]:
    """Checkpoints by ascending step, their steps, and a note if not all steps are known.

    Raises:
        InputError: if two have the same step.
    """
    steps = [step_of(path) for path in paths]
    known = [step for step in steps if step is not None]
    if len(known) < len(paths):
        ordered = sorted(paths, key=_natural)
        note = (
            f"no step in the names of all {len(paths)}; taken in natural order, {ordered[0].name} to {ordered[-1].name}"
        )
        return ordered, list(range(len(paths))), (note,) if len(paths) > 1 else ()
    for step in known:
        if known.count(step) > 1:
            names = ", ".join(path.name for path, other in zip(paths, known, strict=True) if other == step)
            raise InputError(f"{paths[0].parent}: two checkpoints of step {step}: {names}.")
    pairs = sorted(zip(known, paths, strict=True))
    return [path for _, path in pairs], [step for step, _ in pairs], ()


def step_of(path: Path) -> int | None:
    """The step in the trainer state of the folder, else in its name; None if neither has one.

    Raises:
        InputError: if the trainer state cannot be read.
    """
    state = path / "trainer_state.json"
    if path.is_dir() and state.is_file():
        try:
            return int(json.loads(state.read_text(encoding="utf-8"))["global_step"])
        except (ValueError, KeyError, TypeError, OSError):
            raise InputError(f"{state}: not a trainer state: `global_step` is missing.") from None
    name = path.stem if path.is_file() else path.name
    found = _STEP.findall(name) or _EPOCH.findall(name)
    if not found:
        return None
    number, unit = found[-1]
    return int(number) * _UNITS[unit.lower()]


def _natural(path: Path) -> list[int | str]:
    """Sort key of natural order: 2 before 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]
