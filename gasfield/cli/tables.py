"""Tables on a terminal, whose cells are text: what looks like markup is printed as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from gasfield.printable import LONGEST_LINE, shortened

BRACKETS = "0.1594(14) means 0.1594 ± 0.0014, one standard error."
"""What numbers in tables look like."""
_GAP = 2
"""Blanks between columns."""
_NARROWEST = 24
"""Characters below which no column is folded."""


class Rows(Table):
    """A table without lines whose cells are text, not markup. The first column is never folded, and none is cut."""

    def __init__(self, *names: str) -> None:
        """An empty table with these columns."""
        super().__init__(box=None, pad_edge=False, header_style="dim")
        self._natural: list[int] = []  # characters of the longest cell of each column
        for name in names:
            self.column(name)

    def column(self, name: str, *, justify: Literal["left", "right"] = "left") -> None:
        """Adds a column."""
        text = Text(shortened(name))
        self.add_column(text, no_wrap=True, justify=justify)
        self._natural.append(text.cell_len)

    def row(self, cells: Sequence[str], style: str | None = None) -> None:
        """Adds a row."""
        texts = [shortened(cell, LONGEST_LINE) for cell in cells]
        for place, text in enumerate(texts):
            self._natural[place] = max(self._natural[place], cell_len(text))
        self.add_row(*texts, style=style)

    def put(self) -> None:
        """Prints the table, lines without blanks at their ends. On a terminal that is narrower than the table the
        widest columns are folded at words; where that is not enough, and in a pipe or file, lines are as long as
        they are."""
        screen = console()
        widths = self._natural
        if screen.file.isatty():
            widths = _folded(widths, screen.width - _GAP * (len(widths) - 1))
        for column, width, natural in zip(self.columns, widths, self._natural, strict=True):
            if width < natural:
                column.width, column.no_wrap, column.overflow = width, False, "fold"
        wide = console(width=max(sum(widths) + _GAP * len(widths), screen.width))
        lines = Segment.split_lines(wide.render(self))
        wide.print(Segments([part for line in lines for part in _without_padding(line)]), crop=False, end="")


def _folded(widths: Sequence[int], room: int) -> list[int]:
    """Widths of columns that together have no more than so many characters: the widest one is made narrower first, the
    first never. All widths as they are where that cannot be reached."""
    found = list(widths)
    while sum(found) > room:
        widest = max(range(1, len(found)), key=found.__getitem__, default=None)
        if widest is None or found[widest] <= _NARROWEST:
            return list(widths)
        found[widest] -= 1
    return found


def _without_padding(line: list[Segment]) -> list[Segment]:
    """A line without the blanks before its end."""
    kept = list(line)
    while kept and not kept[-1].text.rstrip(" "):
        kept.pop()
    if kept:
        kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip(" "))
    return [*kept, Segment.line()]


def console(**settings: Any) -> Console:
    """A console that takes text as it is."""
    return Console(markup=False, emoji=False, **settings)
