"""HTML made of elements: whatever is not an element is text, and is escaped. There is no template, so that no text is
ever read as one."""

from __future__ import annotations

from html import escape

from gasfield.printable import printable

_EMPTY = ("img", "meta", "br")
"""Elements without an end."""


class Html(str):
    """HTML, as `element` makes it."""

    __slots__ = ()


Child = Html | str | None
"""An element, or text; nothing."""


def text(words: str, keep: str = "") -> Html:
    """Text of anybody as HTML: markup is escaped, and so is what cannot be printed or would reorder what is read."""
    return Html(escape(printable(words, keep=keep), quote=True))


def element(tag: str, /, *children: Child, **attributes: str | int | None) -> Html:
    """An element.

    Args:
        tag: name of the element.
        children: elements and text.
        attributes: an underscore at the end is left out, one within is a hyphen; None leaves the attribute out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _EMPTY:
        return Html(f"<{tag}{given}>")
    return Html(f"<{tag}{given}>{joined(*children)}</{tag}>")


def joined(*children: Child) -> Html:
    """Elements and text one after the other."""
    return Html("".join(child if isinstance(child, Html) else text(child) for child in children if child is not None))


def table(head: list[Child], rows: list[list[Child]], *, class_: str | None = None) -> Html:
    """A table that scrolls by itself where it is too wide; the first cell of each row is its heading. A row of one cell
    goes across."""
    columns = joined(*(element("th", cell, scope="col") for cell in head))
    body = joined(*(_row(row, len(head)) for row in rows))
    made = element("table", element("thead", element("tr", columns)), element("tbody", body), class_=class_)
    return element("div", made, class_="scroll")


def _row(cells: list[Child], width: int) -> Html:
    if len(cells) == 1:
        return element("tr", element("th", cells[0], colspan=width, scope="colgroup"), class_="part")
    return element("tr", element("th", cells[0], scope="row"), *map(_cell, cells[1:]))


def _cell(cell: Child) -> Html:
    """A cell; one that is a cell already, because it spans several columns, as it is."""
    return cell if isinstance(cell, Html) and cell.startswith("<td") else element("td", cell)


def folded(heading: Child, *children: Child, open_: bool = False) -> Html:
    """A part that is shown when its heading is chosen; printed whole."""
    return element("details", element("summary", heading), *children, **({"open": ""} if open_ else {}))
