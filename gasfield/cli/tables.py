"""Tables on a terminal, whose cells are text: what looks like markup is printed as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from gasfield.printable import LONGEST_LINE, shortened

BRACKETS = "0.1594(14) means 0.1594 ± 0.0014, one standard error."
"""What numbers in tables look like."""
_ENDLESS = 100_000


class Rows(Table):
    """A table without lines whose cells are text, not markup."""

    def __init__(self, *names: str) -> None:
        """An empty table with columns whose cells are never wrapped or cut."""
        super().__init__(box=None, pad_edge=False, header_style="dim")
        for name in names:
            self.column(name, no_wrap=True)

    def column(self, name: str, *, no_wrap: bool = False, justify: Literal["left", "right"] = "left") -> None:
        """Adds a column."""
        self.add_column(Text(shortened(name)), no_wrap=no_wrap, justify=justify)

    def row(self, cells: Sequence[str], style: str | None = None) -> None:
        """Adds a row."""
        self.add_row(*(shortened(cell, LONGEST_LINE) for cell in cells), style=style)

    def put(self) -> None:
        """Prints the table. Where it is wider than the terminal its lines are wrapped by the terminal, not cut."""
        endless = console(width=_ENDLESS)
        needed = Measurement.get(endless, endless.options, self).maximum
        screen = console()
        wide = console(width=max(needed, screen.width))
        wide.print(self, crop=False)


def console(**settings: Any) -> Console:
    """A console that takes text as it is."""
    return Console(markup=False, emoji=False, **settings)
