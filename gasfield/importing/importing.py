"""Writes a source into a trajectory file, one frame at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.importing.checkpoints import checkpoints_in, read_checkpoints, read_matrix
from gasfield.importing.source import Source, numbers_of
from gasfield.importing.trajectories import read_trajectory, trajectory_file
from gasfield.provenance import versions
from gasfield.tensors import read_rows
from gasfield.trajectory import TrajectoryWriter, schema

PADDING, DEAD, REST, ALL = "padding", "dead", "rest", "rows"
Progress = Callable[[int, int], None]
"""Hears of frames written, and of how many there are."""


def import_recording(
    source: str | Path,
    output: str | Path,
    *,
    rows: Mapping[str, str] | None = None,
    rest: bool = False,
    tensor: str | None = None,
    tokenizer: str | Path | None = None,
    every: int = 1,
    overwrite: bool = False,
    progress: Progress = lambda done, total: None,
) -> tuple[str, ...]:
    """Brings a recording or checkpoints into a trajectory file.

    Args:
        source: safetensors or npz with W (T, N, D) and what comes with it; a folder of checkpoints; a model or matrix.
        output: the file to write.
        rows: groups by name: a range, or a file of row numbers; the others are left out. All rows if not given.
        rest: keep the others as well, as the group `rest`.
        tensor: name of the matrix, if it cannot be found or another is wanted.
        tokenizer: tokenizer.json, vocab.json or vocab.txt, if none lies beside the checkpoints.
        every: take each k-th frame.
        overwrite: whether it may replace a file.
        progress: hears of each frame.

    Returns:
        What a reader must know: which matrix was taken, which rows are padding, how steps were found.

    Raises:
        InputError: if something is missing, does not fit together, or would have to be unpickled; nothing is written.
    """
    path, target = Path(source), Path(output)
    if every < 1:
        raise InputError(f"--every {every}: counts frames, 1 or more.")
    if target.is_dir() or (target.exists() and not overwrite):
        raise InputError(f"--output {target}: exists already; choose another, or give --overwrite to replace a file.")
    if not target.parent.is_dir():
        raise InputError(f"--output {target}: there is no folder {target.parent}.")
    found = open_source(path, tensor, Path(tokenizer) if tokenizer else None)
    groups, notes = _groups(found, rows or {}, rest)
    draft = target.with_name(f"{target.name}.{os.getpid()}.draft")
    try:
        _write(found, groups, draft, every, progress)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
        draft.with_name(draft.name + ".part").unlink(missing_ok=True)
    return (*found.notes, *notes)


def open_source(path: Path, tensor: str | None = None, tokenizer: Path | None = None) -> Source:
    """Finds out what something is.

    Raises:
        InputError: if it is nothing that can be imported.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder.")
    if (single := trajectory_file(path, tensor)) is not None:
        return read_trajectory(*single, tensor)
    if path.is_dir():
        checkpoints = checkpoints_in(path)
        if checkpoints:
            return read_checkpoints(checkpoints, path, tensor, tokenizer)
        if not any(path.iterdir()):
            raise InputError(f"{path}: the folder is empty.")
    return read_matrix(path, tensor, tokenizer)


def _groups(source: Source, rows: Mapping[str, str], rest: bool) -> tuple[dict[str, NDArray[np.int64]], list[str]]:
    """Group name -> row numbers, ascending, none in two groups."""
    count = source.shape[0]
    groups: dict[str, NDArray[np.int64]] = {}
    notes: list[str] = []
    owner = np.full(count, -1)
    for name, wanted in rows.items():
        ids, said = read_rows(wanted, count)
        notes += said
        if (owner[ids] >= 0).any():
            raise InputError(f"--rows {name}={wanted}: row {ids[owner[ids] >= 0][0]} is in another group already.")
        owner[ids] = len(groups)
        groups[name] = ids
    if not rows and source.dead is not None:
        known = np.arange(count) if source.token_ids is None else source.token_ids
        groups[DEAD] = np.flatnonzero(np.isin(known, source.dead))
        owner[groups[DEAD]] = 0
        if not len(groups[DEAD]):
            raise InputError(f"{source.origin}: metadata: none of dead_ids is a row.")
    left = np.flatnonzero(owner < 0)
    if rest or not rows:
        first = count if source.padding is None else source.padding
        name = REST if groups else ALL
        groups |= {name: left[left < first]} if (left < first).any() else {}
        groups |= {PADDING: left[left >= first]} if (left >= first).any() else {}
    return groups, notes


def _write(source: Source, groups: Mapping[str, NDArray[np.int64]], path: Path, every: int, progress: Progress) -> None:
    index = np.concatenate(list(groups.values()))
    steps = source.steps[::every]
    frames = _each(source.frames(), every)
    first = next(frames)
    provenance = {"source": "import", "title": Path(source.origin).name, **source.provenance, **versions()}
    with TrajectoryWriter(
        path, _gas(source, groups, index, first), precision=source.lattice, provenance=provenance
    ) as writer:
        shape = (len(index), source.shape[1])
        for name, companion in source.companions.items():
            if companion.shape:
                writer.element(f"{schema.VECTORS}/{name}", shape, "f4")
        companions = {name: _each(each.pieces(), every) for name, each in source.companions.items()}
        for done, step in enumerate(steps):
            frame = first if done == 0 else next(frames)
            writer.frame(int(step), float(step), frame[index])
            for name, pieces in companions.items():
                if (piece := next(pieces, None)) is not None:
                    values = numbers_of(piece, source.companions[name].numbers)
                    if name == "loss":
                        writer.observe(name, int(step), float(step), float(values.item()))
                    else:
                        writer.append(f"{schema.VECTORS}/{name}", int(step), float(step), values[index])
            progress(done + 1, len(steps))


def _gas(source: Source, groups: Mapping[str, NDArray[np.int64]], index: NDArray[np.int64], first: NDArray[Any]) -> Gas:
    ids = (np.arange(source.shape[0]) if source.token_ids is None else source.token_ids)[index]
    padding = source.shape[0] if source.padding is None else source.padding
    return Gas(
        positions=first[index],
        species=np.repeat(np.arange(len(groups)), [len(rows) for rows in groups.values()]),
        names=list(groups),
        token_ids=ids,
        tokens=[
            f"<padding {row}>" if row >= padding else source.tokens.get(int(token), "")
            for row, token in zip(index, ids, strict=True)
        ],
    )


def _each(pieces: Iterator[Any], every: int) -> Iterator[Any]:
    """Each k-th, the first one first."""
    for number, piece in enumerate(pieces):
        if number % every == 0:
            yield piece
