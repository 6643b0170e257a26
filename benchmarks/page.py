"""Tables of a page between markers, `<!-- table: NAME -->` and `<!-- end of table -->`; the rest of it stays."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
FIGURES = PAGE.parent / "figures"


def with_table(text: str, name: str, table: str) -> str:
    """The text with another table between the markers of a name.

    Raises:
        ValueError: if it does not have these markers exactly once.
    """
    pattern = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end of table -->)", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"the page needs the markers of the table '{name}' once")
    return pattern.sub(lambda found: f"{found[1]}\n{table.strip()}\n\n{found[2]}", text)


def write_table(name: str, table: str, page: Path = PAGE) -> None:
    """Replaces a table of the page."""
    page.write_text(with_table(page.read_text(), name, table))
