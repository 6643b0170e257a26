"""A file in which the user lists checkpoints in their order, with their steps or without."""

from __future__ import annotations

import re
from pathlib import Path

from gasfield.errors import InputError
from gasfield.importing.steps import LARGEST_STEP
from gasfield.reading import read_lines

_COMMENT = re.compile(r"(?:^|\s)#.*")
_WITH_STEP = re.compile(r"(.*\S)\s+(\d{1,20})", re.ASCII)


def listed_steps(file: Path) -> dict[str, int]:
    """Step by name, ascending.

    Args:
        file: one name a line, followed by its step or not; # starts a comment. Without steps they are 0, 1, 2, ...

    Raises:
        InputError: if it cannot be read, a name or a step occurs twice, or only some names have a step.
    """
    if not file.is_file():
        message = "must be 'natural' or a text file with a name, and its step, in each line."
        raise InputError(message, parameter="order", value=file)
    steps: dict[str, int | None] = {}
    for number, line in enumerate(read_lines(file, "order"), 1):
        words = _COMMENT.sub("", line).strip()
        found = _WITH_STEP.fullmatch(words)
        name, step = (found[1], int(found[2])) if found else (words, None)
        if name in steps:
            raise InputError("this name occurs twice.", location=f"{file}:{number}")
        if name:
            steps[name] = step
    return _complete(steps, file)


def _complete(steps: dict[str, int | None], file: Path) -> dict[str, int]:
    known = {name: step for name, step in steps.items() if step is not None}
    if not steps:
        raise InputError(f"{file}: no names in it.", parameter="order")
    if not known:
        return {name: number for number, name in enumerate(steps)}
    if len(known) < len(steps):
        raise InputError(f"{file}: {len(steps) - len(known)} of {len(steps)} names have no step.", parameter="order")
    if len(set(known.values())) < len(known) or max(known.values()) > LARGEST_STEP:
        raise InputError(f"{file}: steps must be different, and at most 2^63 - 1.", parameter="order")
    return dict(sorted(known.items(), key=lambda item: item[1]))
