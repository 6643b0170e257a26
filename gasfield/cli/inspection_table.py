"""What `gasfield inspect` and `gasfield dead` print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gasfield.cli.numbers import print_leaves, short
from gasfield.cli.output import put
from gasfield.inspection.reachability import BYTE, CLASSES, SINGLE, SPECIAL, UNREACHABLE
from gasfield.printable import shortened

if TYPE_CHECKING:
    from gasfield.inspection import DeadRows, Inspection


_REACHED = {
    SINGLE: "of tokens that text gives",
    SPECIAL: "of special tokens",
    BYTE: "of parts of characters",
    UNREACHABLE: "of tokens that no text gives",
}


def print_inspection(inspection: Inspection) -> None:
    """Prints results of an inspection, one per line, with long lists truncated; then the notes."""
    name = f" {shortened(inspection.group)}" if inspection.group else ""
    leaves = {key: quantity.leaf() for key, quantity in inspection.quantities().items()}
    shape = f"{leaves['rows']['value']} x {leaves['dimensions']['value']}"
    put(f"{inspection.source}{name}: {shape}, {inspection.precision}")
    del leaves["rows"], leaves["dimensions"]
    print_leaves({key: leaf for key, leaf in leaves.items() if not isinstance(leaf["value"], list)})
    shortened_lists = False
    for key, leaf in leaves.items():
        if isinstance(leaf["value"], list) and leaf["value"]:
            text, cut = _some(leaf["value"])
            shortened_lists = shortened_lists or cut
            put(f"  {key} = {text} {leaf['unit']}")
    if shortened_lists:
        put("  (long lists are truncated; --json prints all)")
    for note in inspection.notes:
        put(f"note: {note}")


def print_dead(found: DeadRows) -> None:
    """Prints the numbers of dead, nearly dead and padding rows, the first of them, and the notes."""
    print_leaves(
        {key: leaf for key, q in found.quantities().items() if not isinstance((leaf := q.leaf())["value"], list)}
    )
    for name, ids in (("dead", found.dead), ("nearly dead", found.nearly)):
        if len(ids):
            text, cut = _some([found.tokens.get(int(row), str(row)) for row in ids])
            put(f"  {name}: {text}" + (" (-o writes all)" if cut else ""))
    for name in CLASSES if found.reached else ():
        some = [found.tokens[row] for row in found.dead.tolist() if found.reached.get(row) == name]
        if some:
            put(f"  dead, {_REACHED[name]}: {_some(some)[0]}")
    for note in found.notes:
        put(f"note: {note}")


def _some(values: list[Any], most: int = 12) -> tuple[str, bool]:
    """The beginning of a list or nested list as text, and whether it is truncated."""
    parts, cut = [], len(values) > most
    for value in values[:most]:
        if isinstance(value, list):
            part, inner = _some(value, most=6)
            parts.append(part)
            cut = cut or inner
        else:
            parts.append(shortened(str(value)) if isinstance(value, int | str) else short(value))
    rest = f", ... {len(values) - most} more" if len(values) > most else ""
    return f"[{', '.join(parts)}{rest}]", cut
