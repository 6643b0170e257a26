"""Writes a trajectory in the format of another program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from gasfield.errors import InputError
from gasfield.exporting import csv_file, netcdf, npy, parquet, projector
from gasfield.exporting.content import Layout, Part
from gasfield.exporting.text import least_bytes
from gasfield.extras import TABLES, require_packages
from gasfield.memory import require_disk, require_memory
from gasfield.resources import check_output
from gasfield.trajectory import Trajectory, open_trajectory
from gasfield.trajectory.selection import select
from gasfield.trajectory.tables import observed

_COPIES = 4
"""A piece as it is read, its rows that are there, a column or a text of it, and the library's."""


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        suffix: of its files; empty for a folder.
        write: writes a part of a trajectory, and returns the files.
        packages: that it needs.
        is_text: whether numbers are text.
        least: bytes in the file for a byte of numbers, at the least; unused for text.
    """

    suffix: str
    write: Callable[[Part, Path], list[Path]]
    packages: tuple[str, ...] = ()
    is_text: bool = False
    least: float = 1.0


FORMATS = {
    "parquet": Format(".parquet", parquet.write, ("pyarrow",), least=parquet.LEAST),
    "csv": Format(".csv", csv_file.write, is_text=True),
    "npy": Format(".npy", npy.write),
    "netcdf": Format(".nc", netcdf.write, ("h5netcdf",), least=parquet.LEAST),
    "projector": Format("", projector.write, is_text=True),
}
"""Formats by name."""


def export(
    trajectory: Trajectory | Path | str,
    output: Path | str,
    *,
    format: str | None = None,
    frames: str | None = None,
    steps: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
    rows: str | None = None,
    observables: Sequence[str] | None = None,
    layout: Layout | None = None,
    spreadsheet: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Writes positions of a trajectory, some frames at a time, with token ids, tokens, groups, steps and times.

    Args:
        trajectory: an open one, or the path of a file or of a run directory.
        output: file to write; a folder for `projector`.
        format: a name in `FORMATS`; by the ending of `output` if left out.
        frames, steps, groups, rows: what is exported, as `gasfield.trajectory.selection.select`; everything by default.
        observables: names; see `gasfield.trajectory.tables.observed`.
        layout: of tables: "columns" x0, x1, ..., or one column "vector" (Parquet only, where it is the default above
            three dimensions).
        spreadsheet: whether text in a CSV that a spreadsheet would calculate (=, +, -, @) begins with an apostrophe.
        overwrite: whether files may be replaced; a folder never is.
        progress: called with the number of frames done, and of all.

    Returns:
        The files.

    Raises:
        InputError: if the selection is empty, the format is unknown or does not have what was asked for, a package is
            missing, the output exists, or it cannot fit on the disk or a piece of it into memory.
        WriteError: if it cannot be written; nothing of it is left then.
    """
    path = Path(output)
    name = _format_of(path, format)
    chosen = FORMATS[name]
    _require_options(name, observables, layout, spreadsheet)
    require_packages(chosen.packages, TABLES, f"the format {name}", "format")
    _check_output(path, name, overwrite=overwrite)
    opened = nullcontext(trajectory) if isinstance(trajectory, Trajectory) else open_trajectory(trajectory)
    with opened as source:
        selection = select(source, frames=frames, steps=steps, groups=groups, rows=rows)
        series = () if name == "projector" else tuple(observed(source, selection, observables))
        part = Part(source, selection, series, layout, spreadsheet, progress or (lambda done, total: None))
        require_memory(_COPIES * selection.largest_piece(source), f"{source.path}: a chunk of frames", "rows")
        require_disk(_least(chosen, part), path.parent, str(path), "output")
        return chosen.write(part, path)


def _format_of(path: Path, format: str | None) -> str:
    """The format that is asked for, or that a name stands for.

    Raises:
        InputError: if there is none, or the name does not end as its files do.
    """
    if format is None:
        found = [name for name, each in FORMATS.items() if each.suffix and each.suffix == path.suffix]
        if not found:
            endings = ", ".join(each.suffix for each in FORMATS.values() if each.suffix)
            message = f"must end in {endings}; or choose the format projector, for a folder."
            raise InputError(message, parameter="output", value=path)
        return found[0]
    if format not in FORMATS:
        raise InputError(f"must be one of {', '.join(FORMATS)}.", parameter="format", value=format)
    suffix = FORMATS[format].suffix
    if suffix and path.suffix != suffix:
        raise InputError(f"must end in {suffix}.", parameter="output", value=path)
    return format


def _require_options(name: str, observables: Sequence[str] | None, layout: Layout | None, spreadsheet: bool) -> None:
    """Refuses what a format does not have.

    Raises:
        InputError: if it was asked for.
    """
    if observables and name == "projector":
        raise InputError("the projector shows no observables.", parameter="observables")
    if layout not in (None, "columns", "vector"):
        raise InputError("must be columns or vector.", parameter="layout", value=layout)
    if layout is not None and name not in ("parquet", "csv"):
        raise InputError("only tables have it: parquet, csv.", parameter="layout")
    if layout == "vector" and name == "csv":
        raise InputError("a CSV has a column for each coordinate.", parameter="layout")
    if spreadsheet and name != "csv":
        raise InputError("only a CSV is for spreadsheets.", parameter="spreadsheet")


def _check_output(path: Path, name: str, *, overwrite: bool) -> None:
    if name == "projector":
        if path.is_dir() and not any(path.iterdir()):
            return
        check_output(path, overwrite=False)
        return
    check_output(path, overwrite=overwrite)
    if name == "npy":
        check_output(npy.beside(path), overwrite=overwrite)


def _least(chosen: Format, part: Part) -> int:
    """Bytes that the file takes at the least."""
    if not chosen.is_text:
        return int(chosen.least * part.nbytes)
    first = part.trajectory.positions(
        part.selection.rows, slice(int(part.selection.frames[0]), int(part.selection.frames[0]) + 1)
    )
    return least_bytes(first[0].astype(part.number), part.selection.count)
