"""Import of any source into a trajectory file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.files import draft_of
from gasfield.importing.base import importer_of
from gasfield.importing.copies import copy_trajectory, is_hdf5
from gasfield.importing.source import Source
from gasfield.importing.writing import Progress, write_source
from gasfield.names import require_name
from gasfield.resources import check_output, in_run
from gasfield.tensors import read_rows

PADDING, DEAD, REST, ALL = "padding", "dead", "rest", "rows"


def import_recording(
    source: str | Path,
    output: str | Path,
    *,
    rows: Mapping[str, str] | None = None,
    rest: bool = False,
    bonds: Mapping[str, str] | None = None,
    tensor: str | None = None,
    bits: str | None = None,
    tokenizer: str | Path | None = None,
    format: str | None = None,
    every: int = 1,
    stage: str | None = None,
    filter: str | Sequence[str] = (),
    order: str | Path | None = None,
    ignore_metadata: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda done, total: None,
) -> tuple[str, ...]:
    """Imports a recording or checkpoints into a trajectory file.

    Args:
        source: safetensors or npz with W (T, N, D) and its companions; a folder of checkpoints; a model or matrix;
            or a trajectory of gasfield, which is copied whole.
        output: the file to write.
        rows: groups by name: a range, or a file of row numbers; other rows are omitted. All rows by default.
        rest: whether to keep the other rows too, as the group `rest`.
        bonds: of structures, by the name of their group: a file with two row numbers a line, or `nearest:K` for the K
            nearest rows of each in the first frame.
        tensor: name of the matrix, if it is not found automatically or another is wanted.
        bits: "bfloat16" if uint16 numbers are the bits of bfloat16 ones; this is assumed by default, with a note.
        tokenizer: tokenizer.json, vocab.json or vocab.txt, if there is none beside the checkpoints.
        format: kind of the importer; by default the importer that claims the source.
        every: take each k-th frame.
        stage: of a series of checkpoints with several: its number, or what it is called in their names.
        filter: patterns of names of checkpoints, with * and ?; those that begin with ! leave checkpoints out.
        order: of checkpoints whose names state none: "natural" (numbered, 2 before 10), or a file with a name and its
            step in each line.
        ignore_metadata: ignore JSON files beside the source, headers of safetensors, and states of trainers.
        overwrite: whether an existing file may be replaced.
        progress: called after each frame.

    Returns:
        Notes: the matrix taken, the order of checkpoints and from what it is known, what was left out, the rows that
        are padding, identical frames.

    Raises:
        InputError: if data are missing, inconsistent, or would have to be unpickled; no file is written.
        WriteError: if the output cannot be written; an existing file is unchanged.
    """
    path, target = in_run(Path(source)), Path(output)
    if every < 1:
        raise InputError("must be at least 1.", parameter="every", value=every)
    if bits not in (None, "bfloat16"):
        raise InputError("bfloat16 is the only choice.", parameter="bits", value=bits)
    check_output(target, overwrite=overwrite)
    if target.exists() and path.exists() and target.samefile(path):
        raise InputError("is the source itself; choose another.", parameter="output", value=target)
    if format is None and is_hdf5(path):
        if (
            rows
            or rest
            or bonds
            or tensor
            or bits
            or tokenizer
            or every > 1
            or stage
            or filter
            or order
            or ignore_metadata
        ):
            raise InputError(f"{path}: a trajectory is copied whole; these options do not apply.")
        with draft_of(target) as draft:
            return copy_trajectory(path, draft)
    try:
        found = open_source(
            path,
            format,
            tensor=tensor,
            tokenizer=Path(tokenizer) if tokenizer else None,
            bits=bits,
            stage=stage,
            patterns=(filter,) if isinstance(filter, str) else tuple(filter),
            order=None if order is None else str(order),
            ignore_metadata=ignore_metadata,
        )
        groups, grouping = choose_groups(found, rows or {}, rest)
    except OSError as fault:
        raise InputError(f"{fault.filename or path}: {fault.strerror or fault}.") from None
    with draft_of(target) as draft:
        repeats = write_source(found, groups, draft, every, progress, bonds)
    return (*found.notes, *found.conversions, *grouping, *repeats)


def open_source(path: Path, format: str | None = None, **options: Any) -> Source:
    """Reads a file or folder by the importer that claims it, or by that of a given kind.

    Args:
        path: what to read.
        format: kind of the importer.
        options: fields of the importer.

    Raises:
        InputError: if it cannot be imported.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder.")
    tokenizer = options.get("tokenizer")
    if tokenizer is not None and not tokenizer.is_file():
        raise InputError("no such file.", parameter="tokenizer", value=tokenizer)
    if path.is_dir() and not any(path.iterdir()):
        raise InputError(f"{path}: the folder is empty.")
    return importer_of(path, format, **options).read(path)


def choose_groups(
    source: Source, rows: Mapping[str, str], rest: bool
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Group name -> row numbers, ascending and disjoint; and notes.

    Raises:
        InputError: if a name is none of a group, or a name or a row is given twice, or no row.
    """
    count = source.shape[0]
    groups: dict[str, NDArray[np.int64]] = {}
    notes: list[str] = []
    owner = np.full(count, -1)
    for name, wanted in rows.items():
        require_name(name, "rows")
        if rest and name in (REST, PADDING):
            message = "the group of the other rows has that name; choose another."
            raise InputError(message, parameter="rows", value=f"{name}={wanted}")
        ids, said = read_rows(wanted, count)
        notes += said
        if (owner[ids] >= 0).any():
            message = f"row {ids[owner[ids] >= 0][0]} is in another group already."
            raise InputError(message, parameter="rows", value=f"{name}={wanted}")
        owner[ids] = len(groups)
        groups[name] = ids
    if not rows and source.dead is not None:
        known = np.arange(count) if source.token_ids is None else source.token_ids
        dead = np.flatnonzero(np.isin(known, source.dead))
        if not len(dead):
            raise InputError(f"{source.origin}: metadata: none of dead_ids is a row.")
        owner[dead] = 0
        groups[DEAD] = dead
        others = len(np.setdiff1d(source.dead, known))
        notes += [f"{others} of dead_ids are not among the rows"] if others else []
    if rest or not rows:
        left = np.flatnonzero(owner < 0)
        first = count if source.padding is None else source.padding
        name = REST if groups else ALL
        groups |= {name: left[left < first]} if (left < first).any() else {}
        groups |= {PADDING: left[left >= first]} if (left >= first).any() else {}
    return groups, tuple(notes)
