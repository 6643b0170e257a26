"""Writes a source into a trajectory file, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.auditing import Auditor
from gasfield.gas import Gas
from gasfield.importing.bonds import read_bonds
from gasfield.importing.repeats import notes_on_repeats
from gasfield.importing.source import LATTICES, Piece, Source
from gasfield.printable import storable
from gasfield.provenance import versions
from gasfield.trajectory import TrajectoryWriter, schema

_RESERVED = ("precision", "id", "files", "plugins", "scenario", "degrees_of_freedom")
"""Attributes that say what a file of gasfield is, or how it was simulated."""
_NOTED_ELSEWHERE = ("duplicate", "dtype_change")
"""Kinds of findings that other notes of an import state, unless they are faults."""
Progress = Callable[[int, int], None]
"""Called with the number of frames written and their total."""


def write_source(
    source: Source,
    groups: Mapping[str, NDArray[np.int64]],
    path: Path,
    every: int,
    progress: Progress,
    bonds: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Writes the rows of some groups, and audits the frames; returns what is wrong with them, and notes.

    Args:
        source: where the frames come from.
        groups: rows (n,) by name, ascending and disjoint.
        path: the file to create.
        every: take each k-th frame.
        progress: called after each frame.
        bonds: of structures; see `read_bonds`.
    """
    index = np.concatenate(list(groups.values()))
    gas = _gas(source, groups, index)
    gas.bonds = read_bonds(bonds or {}, groups, lambda rows: next(source.frames(every)).rows(rows))
    steps = source.steps[::every]
    auditor = Auditor(steps.tolist())
    with TrajectoryWriter(path, gas, precision=source.lattice, provenance=_provenance(source)) as writer:
        for name, numbers in source.precisions.items():
            kind = "f8" if LATTICES[numbers] == "float64" else "f4"
            writer.element(f"{schema.VECTORS}/{name}", (len(index), source.shape[1]), kind)
        frames = source.frames(every)
        companions = {name: pieces(every) for name, pieces in source.companions.items()}
        losses: Iterator[Piece] = iter(()) if source.loss is None else source.loss(every)
        for done, step in enumerate(int(step) for step in steps):
            frame = next(frames)
            writer.frame(step, step, frame.rows(index))
            if len(steps) > 1:
                auditor.look(frame)
            for name, pieces in companions.items():
                if (piece := next(pieces, None)) is not None:
                    writer.append(f"{schema.VECTORS}/{name}", step, step, piece.rows(index))
            if (loss := next(losses, None)) is not None:
                writer.observe("loss", step, step, loss.number())
            progress(done + 1, len(steps))
        repeats = auditor.repeats()
        for step, kept in repeats.items() if source.checkpoints else ():
            writer.observe(schema.REPEATS, step, step, float(kept))
    found = [finding.line() for finding in auditor.findings() if finding.fault or finding.kind not in _NOTED_ELSEWHERE]
    return (*found, *auditor.notes(), *notes_on_repeats(repeats, len(steps), left_out=source.checkpoints))


def _gas(source: Source, groups: Mapping[str, NDArray[np.int64]], index: NDArray[np.int64]) -> Gas:
    """Identity of the particles; their positions follow with the frames."""
    ids = (np.arange(source.shape[0]) if source.token_ids is None else source.token_ids)[index]
    padding = source.shape[0] if source.padding is None else source.padding

    def label(row: int, token: int) -> str:
        return source.tokens.get(token, "") if source.labels is None else source.labels[row]

    return Gas(
        positions=np.broadcast_to(np.float32(np.nan), (len(index), source.shape[1])),
        species=np.repeat(np.arange(len(groups)), [len(rows) for rows in groups.values()]),
        names=list(groups),
        token_ids=ids,
        tokens=[
            f"<padding {row}>" if row >= padding else label(int(row), int(token))
            for row, token in zip(index, ids, strict=True)
        ],
    )


def _provenance(source: Source) -> dict[str, Any]:
    """Provenance of gasfield and of the source; entries of the source with a reserved name become `stated_NAME`."""
    ours = {"source": "import", "title": storable(Path(source.origin).name or source.origin), **versions()}
    taken = {*ours, *_RESERVED}
    theirs = {f"stated_{name}" if name in taken else name: value for name, value in source.provenance.items()}
    return {**theirs, **ours}
