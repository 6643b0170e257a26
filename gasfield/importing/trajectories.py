"""A trajectory in one file: W with the axes (frame, row, coordinate), and optional companions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from gasfield.errors import InputError
from gasfield.importing.base import Importer
from gasfield.importing.metadata import read_metadata
from gasfield.importing.source import LATTICES, Piece, Pieces, Source, check_numbers
from gasfield.importing.vocabulary import read_vocabulary
from gasfield.registry import register
from gasfield.tensors import Tensor, tensors_of
from gasfield.trajectory import schema

WEIGHTS, LOSS = "W", "loss"
MATRICES = {"m": schema.FIRST_MOMENT, "v": schema.SECOND_MOMENT, "g": schema.GRADIENT}
"""Names of the companions of W, and the element of the trajectory that each becomes."""


@register
class TensorTrajectory(Importer):
    """One file, or a folder with one, in which W has the axes frame, row, coordinate."""

    precedence: ClassVar[int] = -1
    kind: Literal["trajectory"] = "trajectory"

    def claims(self, path: Path) -> bool:
        return trajectory_file(path, self.tensor) is not None

    def read(self, path: Path) -> Source:
        found = trajectory_file(path, self.tensor)
        if found is None:
            raise InputError(f"{path}: contains no W with the axes frame, row, coordinate.")
        return read_trajectory(*found, self.tensor, self.tokenizer, self.bits, folder=path.is_dir())


def trajectory_file(path: Path, tensor: str | None) -> tuple[Path, list[Tensor]] | None:
    """The file and its tensors, if W (or the tensor named `tensor`) has three axes in it."""
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if file.suffix in (".npz", ".safetensors")]
        if len(files) != 1:
            return None
        path = files[0]
    elif path.suffix not in (".npz", ".safetensors", ".npy"):
        return None
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
    path: Path, tensors: list[Tensor], tensor: str | None, tokenizer: Path | None, bits: str | None, *, folder: bool
) -> Source:
    """Reads names, shapes and metadata; no data are loaded yet.

    Args:
        path: the file.
        tensors: its tensors.
        tensor: name of W, if different.
        tokenizer: for token strings missing from the metadata.
        bits: type of which uint16 numbers are the bits.
        folder: whether the folder of the file was given as the source.

    Raises:
        InputError: if shapes are inconsistent or the metadata are invalid.
    """
    named = {each.name: each for each in tensors}
    weights = named.get(tensor or WEIGHTS) or tensors[0]
    where = f"{path}: {weights.name}" if weights.name else str(path)
    notes = check_numbers(weights.numbers, bits, where)
    frames, rows, dimensions = weights.shape  # type: ignore[misc]
    if not (frames and rows and dimensions):
        raise InputError(f"{where}: its shape is {weights.shape}; there is nothing to import.")
    metadata = read_metadata(path, frames, rows, in_a_folder=folder)
    present = {name: named[name] for name in (*MATRICES, LOSS) if name in named and named[name] is not weights}
    for each in present.values():
        _check(path, each, frames, (rows, dimensions))
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
        token_ids=metadata.token_ids,
        tokens=(read_vocabulary(tokenizer) if tokenizer else {}) | dict(metadata.tokens),
        dead=metadata.dead,
        provenance=metadata.provenance,
        notes=(*notes, *metadata.notes),
    )


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
