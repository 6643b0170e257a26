"""What commands print: lines, texts and tables. Whatever a name or a title holds, a terminal obeys none of it, and one
line stays one line. Standard streams of any encoding take all of it (`plain_streams`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, Literal, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gasfield.printable import LONGEST_LINE, PLAIN, printable, shortened


def put(line: str = "", *, stream: TextIO | None = None) -> None:
    """Prints one line, on stdout if no stream is given; a very long one without its middle."""
    print(shortened(line, LONGEST_LINE), file=stream)


def put_text(text: str) -> None:
    """Prints a text with its line breaks."""
    print(printable(text, keep="\n\t"))


def put_json(data: Any) -> None:
    """Prints data as JSON, whole and in ASCII."""
    print(json.dumps(data, indent=2, allow_nan=False))


def is_plain(text: str) -> bool:
    """Whether a text of several lines can be printed on stdout as it is: nothing has to be escaped or replaced."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return text == printable(text, keep="\n")


def plain_streams() -> None:
    """Lets stdout and stderr write characters that their encoding lacks as near ones of ASCII, or as escapes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # not of streams that a test or a notebook puts in place
        if reconfigure is not None:
            reconfigure(errors=PLAIN)


class Rows(Table):
    """A table without lines whose cells are text, not markup."""

    def __init__(self, *columns: str, no_wrap: bool = True) -> None:
        """An empty table.

        Args:
            columns: their names.
            no_wrap: whether cells are cut rather than wrapped.
        """
        super().__init__(box=None, pad_edge=False, header_style="dim")
        for name in columns:
            self.add_column(Text(shortened(name)), no_wrap=no_wrap)

    def column(self, name: str, *, no_wrap: bool = False, justify: Literal["left", "right"] = "left") -> None:
        """Adds a column."""
        self.add_column(Text(shortened(name)), no_wrap=no_wrap, justify=justify)

    def row(self, cells: Sequence[str], style: str | None = None) -> None:
        """Adds a row."""
        self.add_row(*(shortened(cell, LONGEST_LINE) for cell in cells), style=style)

    def put(self) -> None:
        """Prints the table."""
        console().print(self)


def console(**settings: Any) -> Console:
    """A console that takes text as it is."""
    return Console(markup=False, emoji=False, **settings)
