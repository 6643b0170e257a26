"""A table with a line for each row of a trajectory: sorted, cut, and written for other programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.extras import TABLES, require_packages
from gasfield.files import draft_of
from gasfield.printable import no_formula, quoted
from gasfield.quantity import Quantity
from gasfield.shown import Shown

if TYPE_CHECKING:
    import pandas

_AT_ONCE = 1 << 14
"""Lines that are made before they are written."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        unit: of its numbers; empty for text and for numbers that count or name something.
        meaning: in one line.
        descending: whether the largest come first when it is sorted by.
    """

    unit: str
    meaning: str
    descending: bool = False


COLUMNS = {
    "row": Column("", "number of the row in the trajectory"),
    "token_id": Column("", "id of its token; none where it is no token"),
    "token": Column("", "text of its token"),
    "group": Column("", "its group"),
    "first_step": Column("steps", "first frame in which it has a position"),
    "last_step": Column("steps", "last frame in which it has a position"),
    "displacement": Column("length", "distance from its first to its last position", descending=True),
    "own_displacement": Column("length", "the same without the mean displacement of its group", descending=True),
    "path": Column("length", "sum of the distances from frame to frame", descending=True),
    "last_motion": Column("steps", "the frame from which on none of its bits changes", descending=True),
    "frozen_since": Column("steps", "the same, if long enough ago that it counts as frozen"),
    "thaws": Column("", "how often it moved again after a pause; none where it never has a position", descending=True),
    "longest_pause": Column("steps", "the longest of these pauses", descending=True),
    "cluster": Column("", "number of the cluster it is in at the end, the largest first; none where it is by itself"),
    "cluster_size": Column("", "rows in that cluster; none where it has no position at the end", descending=True),
    "with_row": Column("", "the row of its cluster that is nearest at the end"),
    "with_token": Column("", "text of the token of that row"),
    "distance": Column("length", "distance to that row at the end"),
    "together_since": Column("steps", "the frame from which on the two are near"),
}
"""The columns by name."""
_NONE = -1
"""What stands in a column of integers for a missing number."""


@dataclass(frozen=True)
class RowTable(Shown):
    """What each of N rows did.

    Attributes:
        source: the file.
        values: column -> (N,): integers with -1 where there is no number, floats with NaN, or strings; columns as in
            `COLUMNS`, those that do not apply left out.
        frames: frames that were looked at.
        reach: how near counts as near [length]; None where clusters were not looked for.
        clusters: how many there are in the last frame, whatever rows the table has been cut to.
        notes: what was left out.
    """

    source: str
    values: dict[str, NDArray[Any]]
    frames: int
    reach: float | None
    clusters: int = 0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values["row"])

    @property
    def shown_title(self) -> str:
        """The file, and what there is of it."""
        return f"{len(self):,} rows of {self.source} over {self.frames:,} frames"

    def shown_numbers(self) -> dict[str, Quantity]:
        """Rows that are frozen, have thawed, and are together; the medians of how far they went."""
        counted = {"frozen_since": "frozen", "thaws": "thawed", "cluster": "in clusters"}
        numbers = {
            words: Quantity(int(np.sum(self.values[name] > (0 if name == "thaws" else _NONE))), "rows")
            for name, words in counted.items()
            if name in self.values
        }
        for name in ("displacement", "own_displacement", "path"):
            known = self.values[name][np.isfinite(self.values[name])]
            if len(known):
                numbers[f"{name}, median"] = Quantity(float(np.median(known)), COLUMNS[name].unit)
        return numbers

    def sorted_by(self, column: str, *, reverse: bool = False) -> RowTable:
        """The same rows in the order of a column: the largest first where one asks how far or how often, else the
        smallest; the other way round if `reverse`. Rows without a value are last, and equals keep their order.

        Raises:
            InputError: if there is no such column.
        """
        if column not in self.values:
            raise InputError(f"must be one of {', '.join(self.values)}.", parameter="sort", value=column)
        values = self.values[column]
        keys = np.unique(values, return_inverse=True)[1] if values.dtype == object else values
        missing = missing_in(values)
        descending = COLUMNS[column].descending != reverse
        order = np.lexsort((-keys.astype(np.float64) if descending else keys, missing))
        return self._of(order)

    def top(self, count: int | None) -> RowTable:
        """The first rows; all if None.

        Raises:
            InputError: if the number is not positive.
        """
        if count is None:
            return self
        if count < 1:
            raise InputError("must be at least 1.", parameter="top", value=count)
        return self._of(np.arange(min(count, len(self))))

    def _of(self, order: NDArray[np.int64]) -> RowTable:
        return replace(self, values={name: values[order] for name, values in self.values.items()})

    def records(self) -> Iterator[dict[str, Any]]:
        """Each row as a mapping from column to a number, a text or None."""
        columns = [_plain(values) for values in self.values.values()]
        for cells in zip(*columns, strict=True):
            yield dict(zip(self.values, cells, strict=True))

    def as_json(self) -> dict[str, Any]:
        """`source`, `frames`, `reach`, `clusters`, what each column is, the rows and the notes."""
        return {
            "source": self.source,
            "frames": self.frames,
            "reach": Quantity(self.reach, "length").leaf(),
            "clusters": Quantity(None if self.reach is None else self.clusters, "1").leaf(),
            "columns": {name: {"unit": COLUMNS[name].unit, "meaning": COLUMNS[name].meaning} for name in self.values},
            "rows": list(self.records()),
            "notes": list(self.notes),
        }

    def to_dataframe(self) -> pandas.DataFrame:
        """The table as a data frame; columns of integers take missing values, units are in `attrs["units"]`.

        Raises:
            InputError: if pandas is not installed.
        """
        require_packages(("pandas",), TABLES, "a data frame")
        import pandas

        columns: dict[str, Any] = {}
        for name, values in self.values.items():
            whole = np.issubdtype(values.dtype, np.integer)
            columns[name] = pandas.array(values, dtype="Int64") if whole else values
            if whole and (missing := missing_in(values)).any():
                columns[name][missing] = pandas.NA
        frame = pandas.DataFrame(columns)
        frame.attrs = {"units": {name: COLUMNS[name].unit for name in self.values if COLUMNS[name].unit}}
        return frame

    def write_csv(self, path: Path, *, spreadsheet: bool = False) -> None:
        """Writes the table as CSV (RFC 4180, UTF-8): text in quotes, numbers from which the same bits are read, nothing
        where there is no number.

        Args:
            path: of the file.
            spreadsheet: whether text that a spreadsheet would calculate (=, +, -, @) begins with an apostrophe.

        Raises:
            WriteError: if it cannot be written; nothing of it is left then.
        """
        safe = no_formula if spreadsheet else str
        with draft_of(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(self.values) + "\n")
            for start in range(0, len(self), _AT_ONCE):
                part = self._of(np.arange(start, min(start + _AT_ONCE, len(self))))
                file.writelines(",".join(_cells(record.values(), safe)) + "\n" for record in part.records())


def missing_in(values: NDArray[Any]) -> NDArray[np.bool_]:
    """(N,) where a column has no value."""
    if values.dtype == object:
        return np.asarray(values == "")
    return np.isnan(values) if np.issubdtype(values.dtype, np.floating) else np.asarray(values == _NONE)


def _plain(values: NDArray[Any]) -> list[Any]:
    """The values of a column as Python has them, None where there is no number."""
    if values.dtype == object:
        return list(values)
    return [None if gone else value for value, gone in zip(values.tolist(), missing_in(values).tolist(), strict=True)]


def _cells(values: Iterable[Any], safe: Any) -> Iterator[str]:
    for value in values:
        yield "" if value is None else quoted(safe(value)) if isinstance(value, str) else repr(value)
