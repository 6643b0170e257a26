"""What `run` and `diagnose` print by default: at most a dozen lines of results, and how much more there is."""

from __future__ import annotations

from collections.abc import Sequence

from gasfield.cli.output import put
from gasfield.cli.tables import BRACKETS, Rows, console
from gasfield.diagnostics import Diagnosis, Headline
from gasfield.printable import shortened
from gasfield.quantity import Quantity

LINES = 12
"""Lines of results."""
_NOTES = 3
_LISTED = 9
"""Numbers of a list that are printed."""


def print_headline(diagnosis: Diagnosis, headline: Headline) -> None:
    """Prints the results that answer the question of a run, with the notes on them, and how many more there are."""
    left = print_results(headline)
    covered = _print_notes(headline)
    print_unknown(headline)
    print_missing(diagnosis)
    rest = _rest(diagnosis, headline, left, covered)
    if rest:
        put(f"{rest}: --verbose")


def print_unknown(headline: Headline) -> None:
    """Prints which keys of the headline match no result, each with a similar one."""
    for key, suggestion in headline.unknown.items():
        put(f"headline: no diagnostic has given a result '{shortened(key)}'.{suggestion}")


def print_missing(diagnosis: Diagnosis) -> None:
    """Prints which diagnostics were asked for by name and are left out, each with the reason."""
    for name, reason in diagnosis.missing.items():
        put(f"{shortened(name)} is left out: {reason}")


def print_results(headline: Headline) -> int:
    """Prints a table of results over groups, at most `LINES` lines; returns the number of results left out."""
    groups = list(headline.values)
    if not groups:
        if not headline.unknown:
            put("no diagnostic that applies has given a number")
        return 0
    by_group = len(groups) > len(headline.keys)
    table = _by_group(headline, groups) if by_group else _by_key(headline, groups)
    lines, width = (groups, len(headline.keys)) if by_group else (list(headline.keys), len(groups))
    table.put()
    if any(quantity.error for one in headline.values.values() for quantity in one.values()):
        console(highlight=False).print(BRACKETS, style="dim")
    return max(0, len(lines) - LINES) * width


def _by_key(headline: Headline, groups: Sequence[str]) -> Rows:
    """A line for each result, a column for each group."""
    table = Rows("")
    for group in groups:
        table.column(group)
    table.column("unit")
    for key in headline.keys[:LINES]:
        cells = [_cell(headline, group, key) for group in groups]
        unit = next((values[key].unit for values in headline.values.values() if key in values), "1")
        table.row([key, *cells, "" if unit == "1" else unit])
    return table


def _by_group(headline: Headline, groups: Sequence[str]) -> Rows:
    """A line for each group, a column for each result."""
    table = Rows("")
    for key in headline.keys:
        unit = next((values[key].unit for values in headline.values.values() if key in values), "1")
        table.column(key if unit == "1" else f"{key} [{unit}]")
    for group in groups[:LINES]:
        table.row([group, *(_cell(headline, group, key) for key in headline.keys)])
    return table


def _cell(headline: Headline, group: str, key: str) -> str:
    """A result; of a single group with those that qualify it: "0.42(3) (null 0.11(2))"."""
    quantity = headline.values[group].get(key)
    if quantity is None:
        return "–"
    dependents = headline.dependents(group, key) if len(headline.values) == 1 else {}
    aside = ", ".join(f"{name.replace('_', ' ')} {_text(one)}" for name, one in dependents.items())
    return _text(quantity) + (f" ({aside})" if aside else "")


def _text(quantity: Quantity) -> str:
    """A number; a whole one with all its digits; of a long list the first ones."""
    parts = quantity.parts()
    shown = ", ".join(part.text() for part in parts[:_LISTED])
    return shown if len(parts) <= _LISTED else f"{shown}, … ({len(parts)})"


def _print_notes(headline: Headline) -> int:
    """Prints the first notes on what the table shows, each once; returns how many notes that covers."""
    groups: dict[tuple[str, str], list[str]] = {}
    for group, diagnostic, note in headline.notes:
        groups.setdefault((diagnostic, note), []).append(group)
    covered = 0
    for (diagnostic, note), of in list(groups.items())[:_NOTES]:
        whom = ", ".join(map(shortened, of[:3])) + (f" and {len(of) - 3} more" if len(of) > 3 else "")
        put(f"{whom}: {diagnostic}: {note}")
        covered += len(of)
    return covered


def _rest(diagnosis: Diagnosis, headline: Headline, left: int, covered: int) -> str:
    """What else there is, in words."""
    everything = diagnosis.as_json()
    left_out = {entry["diagnostic"] for entry in everything["left_out"]} - set(diagnosis.missing)
    shown = sum(len(values) for values in headline.values.values()) - left
    numbers = sum(len(result.estimates) for _, _, result in diagnosis.everything())
    parts = [
        (numbers - shown, "more number", "more numbers"),
        (len(everything["notes"]) - covered, "more note", "more notes"),
        (len(left_out), "diagnostic left out", "diagnostics left out"),
    ]
    return ", ".join(f"{count:,} {one if count == 1 else several}" for count, one, several in parts if count > 0)
