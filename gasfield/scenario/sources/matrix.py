"""Particles from an embedding matrix in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.embedding import open_matrix
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.registry import register
from gasfield.scenario.sources.base import GasSource, SourceContext
from gasfield.tensors import read_rows


@register
class FromMatrix(GasSource):
    """Rows of an embedding matrix: each row is a particle, its number the token id."""

    kind: Literal["matrix"] = "matrix"
    file: str
    """What `gasfield inspect` reads: safetensors (a file, a folder of shards, or its index), npy, npz, a trajectory."""
    tensor: str | None = None
    """Name of the tensor; a common name of embeddings, or the only matrix, if left out."""
    rows: str | tuple[Annotated[int, Field(ge=0)], ...] | None = None
    """Which rows: a list of ids, a range such as "0:1000" or "0:1000:10", a text file of ids, or the name of a group of
    a trajectory; all if left out."""
    step: Annotated[int, Field(ge=0)] | None = None
    """Of a trajectory: the recorded step; the last if left out."""
    bits: Literal["bfloat16"] | None = None
    """What uint16 numbers of npy and npz files are the bits of."""

    def gas(self, context: SourceContext) -> Gas:
        """The rows in float64, which holds every number of the smaller formats.

        Raises:
            InputError: if there is no such file, tensor or row, a row is not finite, or D is not that of the space.
        """
        matrix = open_matrix(context.find(self.file), self.tensor, self.step, self.bits)
        context.require_dimensions(matrix.dimensions, matrix.source)
        rows = self._rows(matrix.rows, matrix.groups, context)
        positions = matrix.values(rows)
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        if len(bad):
            raise InputError(f"{matrix.source}: row {rows[bad[0]]} is not finite, and {len(bad) - 1} others with it.")
        return Gas(positions, names=[context.name], token_ids=rows)

    def _rows(self, count: int, groups: Mapping[str, NDArray[np.int64]], context: SourceContext) -> NDArray[np.int64]:
        if self.rows is None:
            return np.arange(count)
        if isinstance(self.rows, str):
            is_file = ":" not in self.rows and self.rows not in groups
            return read_rows(str(context.find(self.rows)) if is_file else self.rows, count, groups)[0]
        if max(self.rows, default=0) >= count:
            raise InputError(f"there is no row {max(self.rows)}; the rows are 0 to {count - 1}.", parameter="rows")
        return np.array(self.rows, np.int64)
