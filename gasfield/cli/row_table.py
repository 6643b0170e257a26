"""The table of `gasfield rows`."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from gasfield.cli.output import put
from gasfield.cli.tables import Rows
from gasfield.printable import shortened
from gasfield.row_tables import RowTable
from gasfield.row_tables.table import COLUMNS, missing_in

_HIDDEN = ("token_id", "first_step", "last_step", "last_motion", "longest_pause", "cluster", "distance")
"""Columns that only files have."""
_TEXT = 24
"""Characters of a token or a name of a group."""


def print_rows(table: RowTable, most: int) -> None:
    """Prints the first rows, and how many more there are; columns that are empty in all rows are left out, and
    thaws where no row has thawed."""
    shown = table.top(most)
    hidden = (*_HIDDEN, *(["with_row"] if "with_token" in table.values else []))
    names = [name for name, values in table.values.items() if name not in hidden and not _is_empty(name, values)]
    if len(set(table.values["group"].tolist())) == 1:
        names.remove("group")
    lines = Rows()
    for name in names:
        is_text = table.values[name].dtype == object
        lines.column(name.replace("_", " "), justify="left" if is_text else "right")
    for record in shown.records():
        lines.row([_cell(record[name]) for name in names])
    lines.put()
    if len(table) > len(shown):
        put(f"... {len(table) - len(shown):,} more rows: --top, --csv FILE, --json")
    for what, unit in (("lengths", "length"), ("steps", "steps")):
        if named := [name.replace("_", " ") for name in names if COLUMNS[name].unit == unit]:
            put(f"{what}: {', '.join(named)}")
    if table.reach is not None:
        put(f"in the last frame {table.clusters:,} clusters of rows at most {table.reach:.3g} apart, one to the next")
    for note in table.notes:
        put(f"note: {note}")


def _is_empty(name: str, values: NDArray[Any]) -> bool:
    return bool(missing_in(values).all() or (name == "thaws" and (values <= 0).all()))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return shortened(value, _TEXT)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
