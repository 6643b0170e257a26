"""Tables in a pipe, on a wide terminal and on a narrow one."""

from __future__ import annotations

import io
import re

import pytest

from gasfield.cli.tables import Rows

CELL = "-0.0448(32) (permutation null 0.0021(23), corrected -0.0444(32))"


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, columns: int) -> list[str]:
    """Lines of a table on a stream."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", stream)
    table = Rows("", "lattice", "unit")
    table.row(["motion.thermal.dilation", CELL, "1/time"])
    table.row(["motion.frame", "0.5", ""], style="bold")
    table.put()
    return re.sub("\x1b[^m]*m", "", stream.getvalue()).splitlines()


def test_lines_end_without_blanks_and_are_whole_in_a_pipe(monkeypatch) -> None:
    lines = printed(monkeypatch, io.StringIO(), 60)
    assert len(lines) == 3
    assert CELL in lines[1]
    assert all(line == line.rstrip() for line in lines)


def test_on_a_narrow_terminal_the_widest_column_is_folded_and_nothing_is_lost(monkeypatch) -> None:
    lines = printed(monkeypatch, Screen(), 70)
    assert max(map(len, lines)) <= 70
    assert all(line == line.rstrip() for line in lines)
    parts = [line[25:].removesuffix("1/time").strip() for line in lines[1:-1]]
    assert len(parts) > 1
    assert " ".join(parts) == CELL


@pytest.mark.parametrize("columns", [30, 200])
def test_a_table_is_not_folded_where_that_does_not_help_or_is_not_needed(monkeypatch, columns) -> None:
    assert len(printed(monkeypatch, Screen(), columns)) == 3
