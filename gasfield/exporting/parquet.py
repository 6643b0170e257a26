"""Parquet: a line for each row in each frame, for pandas, DuckDB, Polars and Embedding Atlas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gasfield.exporting.content import Part
from gasfield.files import draft_of
from gasfield.trajectory.tables import LENGTH, TIME, Lines, all_lines, attributes_of

if TYPE_CHECKING:
    import pyarrow

_FEW = 3
"""Up to so many dimensions, each coordinate is a column by default."""
_LINES = 1 << 17
"""Lines of a row group: what a reader takes at once."""
_COMPRESSION: dict[str, Any] = {"compression": "zstd", "compression_level": 3}
LEAST = 0.02
"""The part of the size of its numbers that a file takes at the least: rows at rest compress nearly without limit."""


def write(part: Part, path: Path) -> list[Path]:
    """Writes the file, one row group after the other.

    Raises:
        WriteError: if that is impossible.
    """
    import pyarrow.parquet as parquet

    schema = _schema(part)
    with (
        draft_of(path) as draft,
        draft.open("wb") as file,
        # A dictionary of coordinates is given up after a megabyte of them, and costs time until then.
        parquet.ParquetWriter(
            file, schema, use_dictionary=["token", "group", "step", "time"], write_statistics=["step", "row"],
            use_byte_stream_split=_splittable(schema), **_COMPRESSION,
        ) as writer,
    ):  # fmt: skip
        for done, lines in all_lines(part.trajectory, part.selection, part.series):
            writer.write_table(_table(part, lines, schema), row_group_size=_LINES)
            part.progress(done, part.frames)
    return [path]


def _is_vector(part: Part) -> bool:
    return part.layout == "vector" or (part.layout is None and part.trajectory.dimensions > _FEW)


def _splittable(schema: pyarrow.Schema) -> list[str]:
    """Columns of floating-point numbers: their bytes compress better apart, exponents beside exponents."""
    import pyarrow as pa

    plain = [field.name for field in schema if pa.types.is_floating(field.type) and field.name != "time"]
    return [*plain, *(["vector.list.element"] if "vector" in schema.names else [])]


def _schema(part: Part) -> pyarrow.Schema:
    import pyarrow as pa

    number, dimensions = pa.from_numpy_dtype(part.number), part.trajectory.dimensions
    length = {"unit": LENGTH}
    if _is_vector(part):
        places = [pa.field("vector", pa.list_(number, dimensions), metadata=length)]
    else:
        places = [pa.field(f"x{axis}", number, metadata=length) for axis in range(dimensions)]
    fields = [
        pa.field("step", pa.int64()),
        pa.field("time", pa.float64(), metadata={"unit": TIME}),
        pa.field("row", pa.int64()),
        pa.field("token_id", pa.int64()),
        pa.field("token", pa.string()),
        pa.field("group", pa.string()),
        *places,
        *(pa.field(each.column, pa.float64()) for each in part.series),
    ]
    return pa.schema(fields, {"gasfield": json.dumps(attributes_of(part.trajectory))})


def _table(part: Part, lines: Lines, schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow as pa

    coordinates = np.ascontiguousarray(lines.coordinates, part.number)
    if _is_vector(part):
        places = [pa.FixedSizeListArray.from_arrays(pa.array(coordinates.reshape(-1)), coordinates.shape[1])]
    else:
        places = [pa.array(np.ascontiguousarray(column)) for column in coordinates.T]
    labels = part.labels
    arrays = [
        pa.array(lines.step),
        pa.array(lines.time),
        pa.array(labels.rows[lines.index]),
        pa.array(labels.token_ids[lines.index]),
        pa.array(labels.tokens, pa.string()).take(pa.array(lines.index)),
        pa.array(labels.groups, pa.string()).take(pa.array(lines.index)),
        *places,
        *(pa.array(values) for values in lines.observables.values()),
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
