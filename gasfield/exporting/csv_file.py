"""CSV (RFC 4180, UTF-8): a line for each row in each frame. All text is in quotes, so that any token survives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gasfield.exporting.content import Part
from gasfield.exporting.text import texts_of
from gasfield.files import draft_of
from gasfield.printable import no_formula, quoted
from gasfield.trajectory.tables import Lines, all_lines

_AT_ONCE = 1 << 14
"""Lines that are made before they are written."""


def write(part: Part, path: Path) -> list[Path]:
    """Writes the file.

    Raises:
        WriteError: if that is impossible.
    """
    names = [f"x{axis}" for axis in range(part.trajectory.dimensions)]
    head = ["step", "time", "row", "token_id", "token", "group", *names, *(each.column for each in part.series)]
    fixed = _fixed(part)
    with draft_of(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(map(quoted, head)) + "\n")
        for done, lines in all_lines(part.trajectory, part.selection, part.series):
            for start in range(0, len(lines.index), _AT_ONCE):
                file.write("".join(_texts(part, lines, slice(start, start + _AT_ONCE), fixed)))
            part.progress(done, part.frames)
    return [path]


def _fixed(part: Part) -> list[str]:
    """What is the same in every line of a row: its number, its id, its token and its group."""
    labels = part.labels
    columns = zip(labels.rows.tolist(), labels.token_ids.tolist(), labels.tokens, labels.groups, strict=True)
    safe = no_formula if part.spreadsheet else str
    return [f"{row},{token_id},{quoted(safe(token))},{quoted(safe(group))}" for row, token_id, token, group in columns]


def _texts(part: Part, lines: Lines, some: slice, fixed: list[str]) -> list[str]:
    numbers = texts_of(lines.coordinates[some].astype(part.number, copy=False), ",")
    series = np.stack([values[some] for values in lines.observables.values()], 1) if lines.observables else None
    more = [f",{text}" for text in texts_of(series, ",")] if series is not None else [""] * len(numbers)
    clock = zip(lines.step[some].tolist(), lines.time[some].tolist(), lines.index[some].tolist(), strict=True)
    return [
        f"{step},{time!r},{fixed[index]},{place}{rest}\n"
        for (step, time, index), place, rest in zip(clock, numbers, more, strict=True)
    ]
