"""The results of a sweep as one table: a row for each point and seed, in the order of the scan."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.extras import TABLES, require_packages
from gasfield.files import draft_of
from gasfield.statistics.between_runs import mean_of_runs, scatter, scatter_ratio
from gasfield.sweeps.points import Point
from gasfield.sweeps.rows import Row

if TYPE_CHECKING:
    import pandas
    import pyarrow
    import xarray

ERROR, SCATTER, RATIO = ".error", ".scatter", ".scatter_ratio"
"""Endings of the columns with the error of a result in one run, with the scatter between the seeds of a point, and with
that in units of their errors."""
Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


@dataclass
class Column:
    """A result: its unit, values and errors in the order of the rows."""

    unit: str
    value: array[float] = field(default_factory=lambda: array("d"))
    error: array[float] = field(default_factory=lambda: array("d"))


class Table:
    """Rows of points with their results.

    Attributes:
        points: of the rows.
        keys: names of run directories.
        status: "done", "failed", or "" for points that are still to be run.
        reasons: why points failed.
        columns: result -> its column.
    """

    def __init__(self, points: Iterable[tuple[str, Point]], own: Callable[[str], Any] = lambda path: None) -> None:
        """An empty table.

        Args:
            points: key and point of each row.
            own: gives the scenario's own value of a key, for points of scans that do not vary it.
        """
        self._own = own
        self.points: list[Point] = []
        self.keys: list[str] = []
        self.status: list[str] = []
        self.reasons: list[str] = []
        self.columns: dict[str, Column] = {}
        self._number: dict[str, int] = {}
        self.extend(points)

    def extend(self, points: Iterable[tuple[str, Point]]) -> None:
        """Adds empty rows of points that are not there yet."""
        for key, point in points:
            if key not in self._number:
                self._number[key] = len(self.keys)
                self.points.append(point)
                self.keys.append(key)
        added = len(self.keys) - len(self.status)
        self.status += [""] * added
        self.reasons += [""] * added
        for column in self.columns.values():
            column.value.extend([math.nan] * added)
            column.error.extend([math.nan] * added)

    def arrange(self, keys: Iterable[str]) -> None:
        """Brings the rows into another order.

        Args:
            keys: of all rows.
        """
        order = [self._number[key] for key in keys]
        self.points, self.keys = [self.points[row] for row in order], [self.keys[row] for row in order]
        self.status, self.reasons = [self.status[row] for row in order], [self.reasons[row] for row in order]
        for column in self.columns.values():
            for numbers in (column.value, column.error):
                numbers[:] = array("d", (numbers[row] for row in order))
        self._number = {key: number for number, key in enumerate(self.keys)}

    def value(self, key: str, result: str) -> float | None:
        """A result in a row; NaN if the row has none, None if it is not there or is still to be run."""
        number = self._number.get(key)
        if number is None or not self.status[number]:
            return None
        return self.columns[result].value[number] if result in self.columns else math.nan

    def put(self, row: Row) -> None:
        """Enters a row."""
        number = self._number[row.key]
        self.status[number], self.reasons[number] = row.status, row.reason
        for name, (value, error, unit) in row.results.items():
            if name not in self.columns:
                empty = [math.nan] * len(self.keys)
                self.columns[name] = Column(unit, array("d", empty), array("d", empty))
            self.columns[name].value[number], self.columns[name].error[number] = value, error

    @property
    def parameters(self) -> list[str]:
        """Paths of the keys that vary, in the order of the scans."""
        return list(dict.fromkeys(path for point in self.points for path in point.values))

    def along(self, path: str) -> list[Any]:
        """The value of a key in each row."""
        own = self._own(path)
        return [point.values.get(path, own) for point in self.points]

    def scatter(self, name: str) -> Floats:
        """(rows,) standard deviation of a result between the seeds of each point; NaN for fewer than two."""
        return scatter(np.asarray(self.columns[name].value), self.point_of_rows())

    def means(self, name: str) -> tuple[Floats, Floats]:
        """(points,) mean of a result over the seeds of each point and its standard error; NaN if unknown."""
        column = self.columns[name]
        return mean_of_runs(np.asarray(column.value), np.asarray(column.error), self.point_of_rows())

    def point_of_rows(self) -> Integers:
        """(rows,) number of the point of each row: rows that differ by their seeds only have the same."""
        numbers = np.empty(len(self.keys), np.intp)
        for number, rows in enumerate(self.same_values().values()):
            numbers[rows] = number
        return numbers

    def same_values(self) -> dict[tuple[str, ...], list[int]]:
        """Rows that differ by their seeds only."""
        found: dict[tuple[str, ...], list[int]] = {}
        values = [list(map(json.dumps, _of_one_type(self.along(path)))) for path in self.parameters]
        for number in range(len(self.keys)):
            found.setdefault(tuple(along[number] for along in values), []).append(number)
        return found

    def arrow(self) -> pyarrow.Table:
        """As an Arrow table; units are in the metadata of the columns."""
        import pyarrow as pa

        fields, arrays = [], []
        for name, values in self._plain_columns():
            made = _array(values)
            fields.append(pa.field(name, made.type))
            arrays.append(made)
        point = self.point_of_rows()
        for name in sorted(self.columns):
            column, unit = self.columns[name], {"unit": self.columns[name].unit}
            value, error = np.asarray(column.value), np.asarray(column.error)
            for ending, numbers in (("", value), (ERROR, error), (SCATTER, scatter(value, point))):
                fields.append(pa.field(name + ending, pa.float64(), metadata=unit))
                arrays.append(pa.array(numbers, from_pandas=True))
            ratio = scatter_ratio(value, error, point)[0][point]
            fields.append(pa.field(name + RATIO, pa.float64(), metadata={"unit": "1"}))
            arrays.append(pa.array(ratio, from_pandas=True))
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def _plain_columns(self) -> Iterator[tuple[str, Sequence[Any]]]:
        for path in self.parameters:
            yield path, _of_one_type(self.along(path))
        yield "seed", [point.seed for point in self.points]
        yield "status", [status or None for status in self.status]
        yield "reason", [reason or None for reason in self.reasons]
        yield "key", self.keys

    def write(self, path: Path) -> None:
        """Writes it as Parquet.

        Raises:
            WriteError: if that is impossible.
        """
        import pyarrow.parquet as parquet

        with draft_of(path) as draft:
            parquet.write_table(self.arrow(), draft)

    def to_dataframe(self) -> pandas.DataFrame:
        """As a pandas data frame.

        Raises:
            InputError: if pandas or pyarrow is not installed.
        """
        require_packages(("pandas", "pyarrow"), TABLES, "a data frame")
        frame: pandas.DataFrame = self.arrow().to_pandas()
        return frame

    def to_xarray(self) -> xarray.Dataset:
        """As an xarray data set over the keys that vary and the seed. Points that were not run are NaN.

        Raises:
            InputError: if xarray is not installed, or the values of a key cannot be a coordinate (lists, mappings).
        """
        require_packages(("xarray",), TABLES, "a data set of xarray")
        frame = self.to_dataframe()
        for path in self.parameters:
            if any(isinstance(value, list | dict) for value in self.along(path)):
                raise InputError(f"the values of {path} are no numbers or names; use the data frame.")
        data: xarray.Dataset = frame.set_index([*self.parameters, "seed"]).to_xarray()
        for name, column in self.columns.items():
            for ending in ("", ERROR, SCATTER):
                data[name + ending].attrs["unit"] = column.unit
            data[name + RATIO].attrs["unit"] = "1"
        return data


def _array(values: Sequence[Any]) -> pyarrow.Array:
    """A column; whole numbers of more than 64 bits as JSON."""
    import pyarrow as pa

    for kind in (None, pa.uint64()):
        with suppress(OverflowError, pa.ArrowInvalid):
            return pa.array(values, kind)
    return pa.array([None if value is None else json.dumps(value) for value in values])


def _of_one_type(values: list[Any]) -> list[Any]:
    """Numbers and booleans as they are, if all are; names as they are; anything else as JSON."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        with suppress(OverflowError):
            return [None if value is None else float(value) for value in values]
    elif len(kinds) <= 1 and kinds <= {int, float, bool, str}:
        return values
    return [None if value is None else json.dumps(value) for value in values]
