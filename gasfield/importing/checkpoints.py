"""Importers of a folder of checkpoints, ordered by step, and of a single model or matrix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from gasfield.errors import InputError
from gasfield.importing.base import Importer
from gasfield.importing.models import is_model, tensors_of_model, weight_files
from gasfield.importing.source import LATTICES, Piece, Source, check_numbers, widest
from gasfield.importing.steps import in_order, step_of
from gasfield.importing.vocabulary import find_tokenizer, padding_of, read_vocabulary
from gasfield.registry import register
from gasfield.tensors import Tensor, choose_embedding


@register
class Checkpoints(Importer):
    """A folder of checkpoints of one training run."""

    precedence: ClassVar[int] = -2
    kind: Literal["checkpoints"] = "checkpoints"

    def claims(self, path: Path) -> bool:
        return path.is_dir() and bool(checkpoints_in(path)[0])

    def read(self, path: Path) -> Source:
        checkpoints, notes = checkpoints_in(path) if path.is_dir() else ([], ())
        if not checkpoints:
            raise InputError(f"{path}: not a folder of checkpoints.")
        source = read_checkpoints(checkpoints, path, self.tensor, self.tokenizer, self.bits)
        return replace(source, notes=(*notes, *source.notes))


@register
class SingleMatrix(Importer):
    """A single model or matrix: the fallback importer."""

    precedence: ClassVar[int] = -3
    kind: Literal["matrix"] = "matrix"

    def claims(self, path: Path) -> bool:
        return True

    def read(self, path: Path) -> Source:
        return read_matrix(path, self.tensor, self.tokenizer, self.bits)


def checkpoints_in(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The checkpoints of a folder: folders with a model, or files; none if the folder is one model itself.

    If a trainer left its final model beside the folders of its checkpoints, the checkpoints are taken, with a note.
    Subfolders that hold a model in other formats are recognised by the lack of a step in their names.
    """
    inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and is_model(entry)]
    if not is_model(folder):
        return inner or weight_files(folder), ()
    stepped = [entry for entry in inner if step_of(entry) is not None]
    note = f"{folder}: the model in the folder itself is left out; its step is unknown"
    return stepped, (note,) if stepped else ()


def read_checkpoints(
    paths: list[Path], folder: Path, tensor: str | None, tokenizer: Path | None, bits: str | None
) -> Source:
    """Matrices of one shape, in ascending order of step; each is mapped on demand.

    Raises:
        InputError: if a checkpoint has no such matrix, shapes differ, or two have the same step.
    """
    paths, steps, notes = in_order(paths)
    chosen, others = choose_embedding(tensors_of_model(paths[0]), tensor, paths[0])
    kept = _checked(chosen, paths[0], bits)
    assert chosen.shape is not None
    lattices = [LATTICES[chosen.numbers]]
    for path in paths[1:]:
        other = _matrix(path, chosen.name)
        _checked(other, path, bits)
        lattices.append(LATTICES[other.numbers])
        if other.shape != chosen.shape:
            raise InputError(
                f"{path}: {other.name} has the shape {other.shape}; in {paths[0]} it is {chosen.shape}. Checkpoints of "
                "one training run have one shape."
            )
    if len(set(lattices)) > 1:
        mixed = f"the checkpoints are of {', '.join(sorted(set(lattices)))}; kept as {widest(lattices)}"
        others = (*others, mixed)

    def frames(every: int) -> Iterator[Piece]:
        for path in paths[::every]:
            matrix = _matrix(path, chosen.name)
            yield Piece(matrix.load(), matrix.numbers)

    tokenizer = tokenizer or find_tokenizer(folder, paths[0], paths[-1])
    tokens = read_vocabulary(tokenizer) if tokenizer else {}
    padding, padding_notes = padding_of(_matrix(paths[-1], chosen.name), tokens, tokenizer or paths[-1])
    return Source(
        origin=str(folder),
        shape=(chosen.shape[0], chosen.shape[1]),
        lattice=widest(lattices),
        steps=np.array(steps, np.int64),
        frames=frames,
        tokens=tokens,
        padding=padding,
        provenance={
            "tensor": chosen.name,
            "checkpoints": len(paths),
            **({"tokenizer": tokenizer.name} if tokenizer else {}),
        },
        notes=(
            *notes,
            *((f"taken: {chosen.name}",) if chosen.name else ()),
            *others,
            *kept,
            *((f"tokens by {tokenizer}",) if tokenizer else ()),
            *padding_notes,
        ),
        checkpoints=True,
    )


def read_matrix(path: Path, tensor: str | None, tokenizer: Path | None, bits: str | None) -> Source:
    """One matrix, as a single frame at step 0.

    Raises:
        InputError: if there is none.
    """
    source = read_checkpoints([path], path if path.is_dir() else path.parent, tensor, tokenizer, bits)
    return replace(source, origin=str(path), steps=np.zeros(1, np.int64))


def _matrix(path: Path, name: str) -> Tensor:
    """The same matrix in another checkpoint. An unnamed matrix is the only array of its file."""
    return choose_embedding(tensors_of_model(path), name or None, path)[0]


def _checked(tensor: Tensor, path: Path, bits: str | None) -> tuple[str, ...]:
    """Checks that a tensor is a matrix of floating-point numbers; returns notes on conversions."""
    where = f"{path}: {tensor.name}" if tensor.name else str(path)
    if tensor.shape is None:
        tensor.load()  # raises the error of the missing shard
    if len(tensor.shape or ()) != 2 or not all(tensor.shape or (0,)):
        raise InputError(f"{where}: its shape is {tensor.shape}; an embedding has two axes, rows and dimensions.")
    return check_numbers(tensor.numbers, bits, where)
