"""Short names of files that tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gasfield.resources import TRAJECTORY


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """A name for each path: without its ending, and with as many of its folders as are needed to tell it from the
    others. A trajectory in the directory of a run is named after that, with the scenario before its number.

    Two paths of one file have numbers.
    """
    parts = [_parts(path) for path in paths]
    names = ["/".join(part[-2:] if part[-1].isdigit() else part[-1:]) for part in parts]
    for depth in range(2, max(map(len, parts)) + 1):
        if len(set(names)) == len(names):
            return names
        names = ["/".join(part[-depth:]) for part in parts]
    if len(set(names)) == len(names):
        return names
    return [f"{part[-1]} ({number})" for number, part in enumerate(parts, 1)]


def _parts(path: Path) -> list[str]:
    whole = path.absolute()
    whole = whole.parent if whole.name == TRAJECTORY else whole.with_suffix("")
    return [part for part in whole.parts if part != whole.anchor] or [whole.name]
