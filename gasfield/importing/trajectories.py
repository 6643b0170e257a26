"""A trajectory in one file: W with the axes (frame, row, coordinate), and optional companions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.importing.attributes import some
from gasfield.importing.base import Importer
from gasfield.importing.integers import integers_in
from gasfield.importing.metadata import Metadata, read_metadata
from gasfield.importing.source import LATTICES, Piece, Pieces, Source, check_numbers, conversions_of
from gasfield.importing.vocabulary import read_vocabulary
from gasfield.printable import shortened
from gasfield.registry import register
from gasfield.tensors import Tensor, is_recognised, tensors_of
from gasfield.trajectory import schema

WEIGHTS, LOSS = "W", "loss"
MATRICES = {"m": schema.FIRST_MOMENT, "v": schema.SECOND_MOMENT, "g": schema.GRADIENT}
"""Names of the companions of W, and the element of the trajectory that each becomes."""
_MOST_NAMED = 12


@register
class TensorTrajectory(Importer):
    """One file, or a folder with one, in which W has the axes frame, row, coordinate."""

    precedence: ClassVar[int] = -1
    kind: Literal["trajectory"] = "trajectory"

    def claims(self, path: Path) -> bool:
        if path.is_file() and not is_recognised(path):
            return False
        return trajectory_file(path, self.tensor) is not None

    def read(self, path: Path) -> Source:
        found = trajectory_file(path, self.tensor)
        if found is None:
            raise InputError(f"{path}: contains no W with the axes frame, row, coordinate.")
        self.refuse_choice(path)
        return read_trajectory(
            *found, self.tensor, self.tokenizer, self.bits, folder=path.is_dir(), ignore_metadata=self.ignore_metadata
        )


def trajectory_file(path: Path, tensor: str | None) -> tuple[Path, list[Tensor]] | None:
    """The file and its tensors, if W (or the tensor named `tensor`) has three axes in it."""
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if file.suffix in (".npz", ".safetensors")]
        if len(files) != 1:
            return None
        path = files[0]
    tensors = tensors_of(path)
    named = {each.name: each for each in tensors}
    chosen = named.get(tensor or WEIGHTS) or (tensors[0] if len(tensors) == 1 else None)
    if chosen is None or len(chosen.shape or ()) != 3:
        if WEIGHTS in named and tensor is None:
            raise InputError(
                f"{path}: W has the shape {named[WEIGHTS].shape}; a trajectory has three axes: frame, row, coordinate. "
                "To import it as a matrix, name the tensor, W."
            )
        return None
    return path, tensors


def read_trajectory(
    path: Path,
    tensors: list[Tensor],
    tensor: str | None,
    tokenizer: Path | None,
    bits: str | None,
    *,
    folder: bool,
    ignore_metadata: bool = False,
) -> Source:
    """Reads names, shapes and metadata; no data are loaded yet.

    Args:
        path: the file.
        tensors: its tensors.
        tensor: name of W, if different.
        tokenizer: for token strings missing from the metadata.
        bits: type of which uint16 numbers are the bits.
        folder: whether the folder of the file was given as the source.
        ignore_metadata: whether the JSON beside the file and the header of a safetensors file are ignored.

    Raises:
        InputError: if shapes are inconsistent, or the steps contradict the order of the frames.
    """
    named = {each.name: each for each in tensors}
    weights = named.get(tensor or WEIGHTS) or tensors[0]
    where = f"{path}: {weights.name}" if weights.name else str(path)
    notes = (*weights.notes, *check_numbers(weights.numbers, bits, where))
    frames, rows, dimensions = weights.shape  # type: ignore[misc]
    if not (frames and rows and dimensions):
        raise InputError(f"{where}: its shape is {weights.shape}; there is nothing to import.")
    present = {name: named[name] for name in (*MATRICES, LOSS) if name in named and named[name] is not weights}
    for each in present.values():
        _check(path, each, frames, (rows, dimensions))
    arrays = integers_in(tensors)
    metadata = read_metadata(path, frames, rows, arrays, in_a_folder=folder, ignore=ignore_metadata)
    ids, tokens, of_rows = _tokens(path, metadata, tokenizer, rows)
    others = [each for each in tensors if each is not weights and each.name not in {*present, *metadata.taken}]
    matrices = {MATRICES[name]: each for name, each in present.items() if name in MATRICES}
    return Source(
        origin=str(path),
        shape=(rows, dimensions),
        lattice=LATTICES[weights.numbers],
        steps=metadata.steps,
        frames=_pieces(weights),
        companions={name: _pieces(each) for name, each in matrices.items()},
        precisions={name: each.numbers for name, each in matrices.items()},
        loss=_pieces(present[LOSS]) if LOSS in present else None,
        token_ids=ids,
        tokens=tokens,
        labels=metadata.tokens,
        dead=metadata.dead,
        provenance=metadata.provenance,
        notes=(*notes, *metadata.notes, *of_rows, *_not_taken(path, others)),
        conversions=conversions_of(weights.numbers, where),
    )


def _tokens(
    path: Path, metadata: Metadata, tokenizer: Path | None, rows: int
) -> tuple[NDArray[np.int64], dict[int, str], tuple[str, ...]]:
    """Token ids of the rows, -1 if unknown; strings by id; and a note.

    Rows are tokens if a tokenizer says how many there are, and there are no fewer rows.
    """
    tokens = read_vocabulary(tokenizer) if tokenizer else {}
    if metadata.token_ids is not None:
        return metadata.token_ids, tokens, ()
    if tokens and max(tokens) < rows:
        return np.arange(rows), tokens, ()
    note = f"{path}: the token ids of the rows are unknown, and stored as -1; `token_ids` in a JSON file states them"
    return np.full(rows, -1), {}, (note,)


def _not_taken(path: Path, others: Sequence[Tensor]) -> tuple[str, ...]:
    """What of the file was not imported."""
    if not others:
        return ()
    names = [f"{shortened(each.name)} ({' x '.join(map(str, each.shape or ())) or 'a number'})" for each in others]
    return (f"{path}: not taken: {some(names, _MOST_NAMED)}",)


def _pieces(tensor: Tensor) -> Pieces:
    def pieces(every: int) -> Iterator[Piece]:
        for number, words in enumerate(tensor.pieces()):
            if number % every == 0:
                yield Piece(words, tensor.numbers)

    return pieces


def _check(path: Path, tensor: Tensor, frames: int, matrix: tuple[int, int]) -> None:
    """Checks lengths: m and v have one entry per frame, g one per update or frame, the loss either."""
    where = f"{path}: {tensor.name}"
    shape = tensor.shape or ()
    inner = () if tensor.name == LOSS else matrix
    lengths = (frames,) if tensor.name in ("m", "v") else (frames - 1, frames)
    if not shape or shape[1:] != inner or shape[0] not in lengths:
        wanted = " or ".join(str((length, *inner)) for length in lengths)
        raise InputError(f"{where}: its shape is {shape}; beside W {(frames, *matrix)} it should be {wanted}.")
    check_numbers(tensor.numbers, None, where)
