"""Results that show themselves in Python in ten lines, and in a notebook as a table with errors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from html import escape
from itertools import islice
from typing import Any

from gasfield.printable import shortened
from gasfield.quantity import Quantity

_LINES = 8
"""Numbers in a text; with a title and what is left out it has ten lines."""
_ROWS = 40
"""Numbers in a table."""
_LONGEST = 60
"""Characters of a number, which can be a list."""


class Shown:
    """A result with a title and named numbers.

    A subclass gives `shown_title` and `shown_numbers`. Data classes keep this text, since a class that has one gets no
    other.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.__repr__ = Shown.__repr__  # type: ignore[method-assign]

    @property
    @abstractmethod
    def shown_title(self) -> str:
        """What it is, in one line."""

    @abstractmethod
    def shown_numbers(self) -> Mapping[str, Quantity]:
        """The numbers that are shown, the most important first."""

    def __repr__(self) -> str:
        numbers = {shortened(name): number for name, number in self.shown_numbers().items()}
        width = max((len(name) for name in islice(numbers, _LINES)), default=0)
        lines = [shortened(self.shown_title, 200)]
        lines += [f"  {name:{width}}  {_text(number)}" for name, number in islice(numbers.items(), _LINES)]
        if len(numbers) > _LINES:
            lines.append(f"  … {len(numbers) - _LINES:,} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        numbers = self.shown_numbers()
        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(shortened(name))}</td><td>{escape(number.text())}</td>"
            f"<td style='text-align:left'>{escape('' if number.unit == '1' else number.unit)}</td></tr>"
            for name, number in islice(numbers.items(), _ROWS)
        )
        rest = f"<p>… {len(numbers) - _ROWS:,} more</p>" if len(numbers) > _ROWS else ""
        note = "<p>0.1594(14) means 0.1594 ± 0.0014, one standard error.</p>" if numbers else ""
        return f"<p><b>{escape(shortened(self.shown_title, 200))}</b></p><table>{rows}</table>{rest}{note}"


def _text(number: Quantity) -> str:
    return shortened(str(number), _LONGEST)
