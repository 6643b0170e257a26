"""A folder of checkpoints, in the order of their steps; and one model, or one matrix."""

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
    """A folder of checkpoints of one training."""

    precedence: ClassVar[int] = -2
    kind: Literal["checkpoints"] = "checkpoints"

    def claims(self, path: Path) -> bool:
        return path.is_dir() and bool(checkpoints_in(path)[0])

    def read(self, path: Path) -> Source:
        checkpoints, notes = checkpoints_in(path) if path.is_dir() else ([], ())
        if not checkpoints:
            raise InputError(f"{path}: is no folder of checkpoints.")
        source = read_checkpoints(checkpoints, path, self.tensor, self.tokenizer, self.bits)
        return replace(source, notes=(*notes, *source.notes))


@register
class SingleMatrix(Importer):
    """One model, or one matrix: what is nothing else."""

    precedence: ClassVar[int] = -3
    kind: Literal["matrix"] = "matrix"

    def claims(self, path: Path) -> bool:
        return True

    def read(self, path: Path) -> Source:
        return read_matrix(path, self.tensor, self.tokenizer, self.bits)


def checkpoints_in(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The checkpoints of a folder: folders with a model, or files; none if the folder is one model itself.

    A trainer may leave its last model beside the folders of its checkpoints: these are meant then, and a note says so.
    A model may have folders beside it that hold it in other formats: these have no step in their names.
    """
    inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and is_model(entry)]
    if not is_model(folder):
        return inner or weight_files(folder), ()
    stepped = [entry for entry in inner if step_of(entry) is not None]
    note = f"{folder}: the model in the folder itself is left out; its step is not known"
    return stepped, (note,) if stepped else ()


def read_checkpoints(
    paths: list[Path], folder: Path, tensor: str | None, tokenizer: Path | None, bits: str | None
) -> Source:
    """Matrices of one shape, ascending in step; each is mapped when its turn comes.

    Raises:
        InputError: if one has none, shapes differ, or two have the same step.
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
                "one training have one shape."
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
    )


def read_matrix(path: Path, tensor: str | None, tokenizer: Path | None, bits: str | None) -> Source:
    """One matrix, as a single frame at step 0.

    Raises:
        InputError: if there is none.
    """
    source = read_checkpoints([path], path if path.is_dir() else path.parent, tensor, tokenizer, bits)
    return replace(source, origin=str(path), steps=np.zeros(1, np.int64))


def _matrix(path: Path, name: str) -> Tensor:
    """The same matrix in another checkpoint. What has no name is the only array of its file."""
    return choose_embedding(tensors_of_model(path), name or None, path)[0]


def _checked(tensor: Tensor, path: Path, bits: str | None) -> tuple[str, ...]:
    """Refuses what is no matrix of numbers; notes on how they are kept."""
    where = f"{path}: {tensor.name}" if tensor.name else str(path)
    if tensor.shape is None:
        tensor.load()  # a shard that is missing says so
    if len(tensor.shape or ()) != 2 or not all(tensor.shape or (0,)):
        raise InputError(f"{where}: its shape is {tensor.shape}; an embedding has two axes, rows and dimensions.")
    return check_numbers(tensor.numbers, bits, where)
