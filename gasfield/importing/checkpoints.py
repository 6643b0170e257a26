"""Importers of a folder of checkpoints, ordered by step, and of a single model or matrix."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from gasfield.auditing.frame import digest_of
from gasfield.errors import InputError
from gasfield.importing.base import Importer
from gasfield.importing.entries import Entry
from gasfield.importing.layouts import checkpoints_in, model_in
from gasfield.importing.matching import matrix_of
from gasfield.importing.order import Order, in_order
from gasfield.importing.row_ids import row_ids
from gasfield.importing.source import LATTICES, Piece, Source, check_numbers, conversions_of, widest
from gasfield.importing.vocabularies import Vocabulary
from gasfield.importing.vocabulary import padding_of
from gasfield.printable import storable
from gasfield.registry import register
from gasfield.tensors import Tensor, choose_embedding, tensors_of

_LONGEST = 16_000
"""Characters of the names of checkpoints that an attribute holds."""
_MOST_NAMED = 3


@register
class Checkpoints(Importer):
    """A folder of checkpoints of one training run."""

    precedence: ClassVar[int] = -2
    kind: Literal["checkpoints"] = "checkpoints"

    def claims(self, path: Path) -> bool:
        return path.is_dir() and bool(checkpoints_in(path).entries)

    def read(self, path: Path) -> Source:
        found = checkpoints_in(path) if path.is_dir() else None
        if found is None or not found.entries:
            raise InputError(f"{path}: not a folder of checkpoints.")
        order = in_order(found.entries, self.choice, path)
        source = read_checkpoints(order, path, self.tensor, self.tokenizer, self.bits, any_shape=self.any_shape)
        return replace(source, notes=(*found.notes, *source.notes))


@register
class SingleMatrix(Importer):
    """A single model or matrix: the fallback importer."""

    precedence: ClassVar[int] = -3
    kind: Literal["matrix"] = "matrix"

    def claims(self, path: Path) -> bool:
        return True

    def read(self, path: Path) -> Source:
        self.refuse_choice(path)
        return read_matrix(path, self.tensor, self.tokenizer, self.bits)


def read_checkpoints(
    order: Order,
    folder: Path,
    tensor: str | None,
    tokenizer: Path | None,
    bits: str | None,
    *,
    any_shape: bool = False,
) -> Source:
    """Matrices of one shape, in ascending order of step; each is mapped on demand.

    Raises:
        InputError: if a checkpoint has no such matrix, or shapes differ, unless any shape is wanted.
    """
    entries = order.entries
    chosen, others = _first_matrix(entries[0], tensor, folder)
    taken = _checked(chosen, entries[0].path, bits)
    lattices, names = [LATTICES[chosen.numbers]], {chosen.name: [entries[0]]}
    for entry in entries[1:]:
        other = matrix_of(entry, chosen.name, folder)
        _checked(other, entry.path, bits)
        lattices.append(LATTICES[other.numbers])
        names.setdefault(other.name, []).append(entry)
        if other.shape != chosen.shape and not any_shape:
            raise InputError(
                f"{entry.path}: {other.name} has the shape {other.shape}; in {entries[0].path} it is {chosen.shape}. "
                "Checkpoints of one training run have one shape."
            )

    def frames(every: int) -> Iterator[Piece]:
        for entry in entries[::every]:
            matrix = matrix_of(entry, chosen.name, folder)
            yield Piece(matrix.load(), matrix.numbers, partial(_other_tensors, entry.path, matrix))

    assert chosen.shape is not None
    rows = row_ids(entries, chosen.shape[0])
    most = chosen.shape[0] if rows.ids is None else None
    places = dict.fromkeys((folder, *(place for end in (entries[0], entries[-1]) for place in (end.home, end.path))))
    vocabulary = Vocabulary.given(tokenizer) if tokenizer else Vocabulary.beside(places, most)
    last = matrix_of(entries[-1], chosen.name, folder)
    padding, padding_notes = (
        padding_of(last, vocabulary.tokens, vocabulary.file or entries[-1].path) if rows.ids is None else (None, ())
    )
    return Source(
        origin=str(folder),
        shape=(chosen.shape[0], chosen.shape[1]),
        lattice=widest(lattices),
        steps=np.array(order.steps, np.int64),
        frames=frames,
        token_ids=rows.ids,
        tokens=vocabulary.tokens,
        dead=rows.dead,
        padding=padding,
        provenance={
            "tensor": storable(chosen.name)[:1000],
            "checkpoints": len(entries),
            **_stored(order),
            **({"tokenizer": storable(vocabulary.file.name)} if vocabulary.file else {}),
        },
        notes=(
            *order.notes,
            *_printed(order),
            *((f"taken: {chosen.name}",) if chosen.name else ()),
            *others,
            *_other_names(chosen.name, names),
            *taken,
            *chosen.notes,
            *rows.notes,
            *vocabulary.notes,
            *padding_notes,
        ),
        conversions=(*_mixed(lattices), *conversions_of(chosen.numbers, _place(chosen, entries[0].path))),
        checkpoints=True,
    )


def read_matrix(path: Path, tensor: str | None, tokenizer: Path | None, bits: str | None) -> Source:
    """One matrix, as a single frame at step 0.

    Raises:
        InputError: if there is none.
    """
    inner = (model_in(path) if path.is_dir() else None) or path
    order = Order((Entry(path.name, inner, path),), (0,), "", ())
    source = read_checkpoints(order, path if path.is_dir() else path.parent, tensor, tokenizer, bits)
    return replace(source, origin=str(path))


def _other_tensors(path: Path, matrix: Tensor) -> bytes | None:
    """A digest of all tensors of a checkpoint that are not the matrix, or a tied copy of it; None if there are none."""
    own = digest_of(matrix.load(), matrix.numbers)
    digest, count = blake2b(digest_size=16), 0
    for tensor in sorted(tensors_of(path), key=lambda tensor: tensor.name):
        if tensor.name != matrix.name and tensor.shape is not None:
            other = digest_of(tensor.load(), tensor.numbers)
            if other != own:
                digest.update(tensor.name.encode("utf-8", "backslashreplace") + other)
                count += 1
    return digest.digest() if count else None


def _first_matrix(entry: Entry, tensor: str | None, folder: Path) -> tuple[Tensor, tuple[str, ...]]:
    """The matrix of that name, or the embedding, and a note on others."""
    if tensor is not None:
        found = matrix_of(entry, tensor, folder)
        return found, found.notes
    return choose_embedding(tensors_of(entry.path), None, entry.path)


def _printed(order: Order) -> tuple[str, ...]:
    """The order that was used, and from what it is known."""
    if not order.origin:
        return ()
    pairs = [f"{entry.shown} ({step})" for entry, step in zip(order.entries, order.steps, strict=True)]
    named = pairs if len(pairs) <= 2 * _MOST_NAMED else [*pairs[:_MOST_NAMED], "...", *pairs[-_MOST_NAMED:]]
    return (f"order by the {order.origin}: {', '.join(named)}",)


def _stored(order: Order) -> dict[str, Any]:
    """The same as attributes: `order`, and the names of the checkpoints as JSON, if there is room."""
    names = json.dumps([entry.name for entry in order.entries])
    kept = {"checkpoint_names": names} if len(names) <= _LONGEST else {}
    return {**({"order": storable(order.origin)} if order.origin else {}), **kept}


def _other_names(name: str, names: Mapping[str, Sequence[Entry]]) -> tuple[str, ...]:
    """Names under which some checkpoints hold the matrix."""
    return tuple(
        f"{name} is called {other} in {len(entries)} checkpoints, first in {entries[0].shown}"
        for other, entries in names.items()
        if other != name
    )


def _mixed(lattices: Sequence[str]) -> tuple[str, ...]:
    kinds = sorted(set(lattices))
    return (f"the checkpoints are of {', '.join(kinds)}; kept as {widest(lattices)}",) if len(kinds) > 1 else ()


def _place(tensor: Tensor, path: Path) -> str:
    return f"{path}: {tensor.name}" if tensor.name else str(path)


def _checked(tensor: Tensor, path: Path, bits: str | None) -> tuple[str, ...]:
    """Checks that a tensor is a matrix of floating-point numbers; returns notes."""
    where = _place(tensor, path)
    if tensor.shape is None:
        tensor.load()  # raises the error of the missing shard
    if len(tensor.shape or ()) != 2 or not all(tensor.shape or (0,)):
        raise InputError(f"{where}: its shape is {tensor.shape}; an embedding has two axes, rows and dimensions.")
    return check_numbers(tensor.numbers, bits, where)
