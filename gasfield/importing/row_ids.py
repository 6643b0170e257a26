"""Token ids of the rows of checkpoints that hold a part of a vocabulary, and say which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.importing.entries import Entry
from gasfield.importing.integers import integers_in
from gasfield.importing.metadata import rows_stated
from gasfield.tensors import tensors_of


@dataclass(frozen=True)
class RowIds:
    """What is stated of the rows.

    Attributes:
        ids: (N,) token ids; None if nothing is stated: the rows are the tokens.
        dead: ids of dead tokens; None if unknown.
        notes: on arrays that do not fit.
    """

    ids: NDArray[np.int64] | None = None
    dead: NDArray[np.int64] | None = None
    notes: tuple[str, ...] = ()


def row_ids(entries: Sequence[Entry], rows: int) -> RowIds:
    """By arrays of whole numbers beside the matrix.

    Args:
        entries: the checkpoints.
        rows: N.

    Raises:
        InputError: if the rows of one checkpoint have other ids than those of the first.
    """
    first = _of(entries[0], rows)
    if first.ids is not None:
        for entry in entries[1:]:
            ids = _of(entry, rows).ids
            if ids is None or not np.array_equal(ids, first.ids):
                message = f"{entry.path}: its rows have other token ids than those of {entries[0].path}, or none."
                raise InputError(message)
    return first


def _of(entry: Entry, rows: int) -> RowIds:
    arrays = integers_in(tensors_of(entry.path))
    return RowIds(*rows_stated(arrays, rows, entry.path)) if arrays else RowIds()
