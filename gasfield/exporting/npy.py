"""NPY: one array (frames, rows, dimensions), and what its axes mean as JSON beside it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from gasfield.exporting.content import Part
from gasfield.files import draft_of, writing
from gasfield.trajectory.tables import LENGTH, attributes_of


def beside(path: Path) -> Path:
    """The JSON file of an array."""
    return path.with_suffix(".json")


def write(part: Part, path: Path) -> list[Path]:
    """Writes both files; NaN where a row is not there.

    Raises:
        WriteError: if that is impossible.
    """
    labels, selection, trajectory = part.labels, part.selection, part.trajectory
    shape = (part.frames, len(selection.rows), trajectory.dimensions)
    meaning = {
        **attributes_of(trajectory),
        "unit": LENGTH,
        "axes": ["step", "row", "axis"],
        "shape": list(shape),
        "steps": trajectory.steps[selection.frames].tolist(),
        "times": trajectory.times[selection.frames].tolist(),
        "rows": labels.rows.tolist(),
        "token_ids": labels.token_ids.tolist(),
        "tokens": labels.tokens,
        "groups": labels.groups,
        "observables": {each.name: _plain(each.values) for each in part.series},
    }
    with ExitStack() as stack:  # the array gets its name after the text that says what it is
        array, text = (stack.enter_context(draft_of(each)) for each in (path, beside(path)))
        text.write_text(json.dumps(meaning, allow_nan=False), encoding="ascii")
        with writing(path), array.open("wb") as file:
            npy.write_array_header_1_0(
                file, {"descr": npy.dtype_to_descr(part.number), "fortran_order": False, "shape": shape}
            )
            done = 0
            for piece in selection.pieces(trajectory):
                for frame in piece.positions:
                    file.write(np.ascontiguousarray(frame, part.number).data)
                done += len(piece.frames)
                part.progress(done, part.frames)
    return [path, beside(path)]


def _plain(values: NDArray[np.float64]) -> list[Any]:
    """Numbers as lists; None where there is none."""
    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    found: list[Any] = plain.tolist()
    return found
