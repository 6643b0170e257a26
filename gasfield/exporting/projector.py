"""The files of TensorBoard's projector: a folder with a matrix for each frame, the metadata of its rows, and the
configuration that names them; `tensorboard --logdir FOLDER` opens it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gasfield.errors import InputError
from gasfield.exporting.content import Part
from gasfield.exporting.text import texts_of
from gasfield.files import folder_of_files, write_file
from gasfield.printable import printable
from gasfield.trajectory.selection import Labels, Piece

CONFIG, METADATA, TENSORS = "projector_config.pbtxt", "metadata.tsv", "tensors"
"""Names of the files: those that the projector looks for."""


def write(part: Part, path: Path) -> list[Path]:
    """Writes the folder. Rows that have no finite position in a frame are left out of it, with their metadata.

    Raises:
        InputError: if a frame has no row with a finite position, of which the projector would show nothing.
        WriteError: if that is impossible.
    """
    with folder_of_files(path) as folder:
        lines = _metadata(part.labels)
        entries, done = [], 0
        for piece in part.selection.pieces(part.trajectory):
            for number, step in enumerate(piece.steps.tolist()):
                entries.append(_write_frame(part, piece, number, int(step), lines, folder))
            done += len(piece.frames)
            part.progress(done, part.frames)
        write_file(folder / CONFIG, "".join(entries))
        names = sorted(each.name for each in folder.iterdir())
    return [path / name for name in names]


def _write_frame(part: Part, piece: Piece, number: int, step: int, lines: list[str], folder: Path) -> str:
    """Writes the matrix of a frame, and its metadata unless they are there; returns its entry in the configuration."""
    positions = piece.positions[number]
    there = np.isfinite(positions).all(axis=1)
    if not there.any():
        raise InputError(
            f"{part.trajectory.path}: at step {step} no row has a finite position, and the projector would show "
            "nothing; leave this frame out (frames, steps)."
        )
    tensors = f"{TENSORS}.tsv" if part.frames == 1 else f"{TENSORS}-{step}.tsv"
    metadata = METADATA if there.all() else f"metadata-{step}.tsv"
    matrix = texts_of(positions[there].astype(np.float32), "\t")  # the projector computes in float32
    write_file(folder / tensors, "".join(f"{line}\n" for line in matrix))
    if not (folder / metadata).exists():
        kept = [line for line, is_there in zip(lines[1:], there.tolist(), strict=True) if is_there]
        write_file(folder / metadata, "".join([lines[0], *kept]))
    return (
        f'embeddings {{\n  tensor_name: "step {step}"\n  tensor_shape: {int(there.sum())}\n'
        f"  tensor_shape: {positions.shape[1]}\n"
        f'  tensor_path: "{tensors}"\n  metadata_path: "{metadata}"\n}}\n'
    )


def _metadata(labels: Labels) -> list[str]:
    """The lines of the metadata, that of their names first. The format has no escapes for tabs and line breaks: what
    cannot be printed is written as Python writes it, and `row` tells which row it is."""
    columns = zip(labels.tokens, labels.groups, labels.token_ids.tolist(), labels.rows.tolist(), strict=True)
    return [
        "token\tgroup\ttoken_id\trow\n",
        *(f"{printable(token)}\t{printable(group)}\t{token_id}\t{row}\n" for token, group, token_id, row in columns),
    ]
