"""Text from outside, made fit for a terminal, for a picture and for streams of any encoding.

Names, titles, keys and tokens come from files of others. They may hold control sequences, which a terminal obeys;
bidirectional overrides, which reorder what is read; surrogates, which cannot be encoded; and any number of characters.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_NAME = 100
"""Characters of a name in a message or a picture; names in scenarios have no more."""
LONGEST_LINE = 4000
"""Characters of a line on a terminal."""
LISTED = 100
"""Names in a list on a terminal, and groups that are drawn."""
PLAIN = "gasfield-plain"
"""The error handler of streams: characters that they cannot encode are written as near ones of ASCII, or as escapes."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Beginnings of text that spreadsheets calculate."""
_NEAR = {
    "±": "+-", "−": "-", "–": "-", "—": "-", "…": "...", "×": "x", "·": "*", "→": "->", "←": "<-", "≤": "<=", "≥": ">=",
    "≈": "~", "²": "^2", "³": "^3", "‘": "'", "’": "'", "“": '"', "”": '"', "∞": "inf",
}  # fmt: skip


def printable(text: str, keep: str = "") -> str:
    """Text with escapes for all characters that cannot be printed.

    Args:
        text: from anywhere.
        keep: characters that remain as they are: the line breaks of a text, say.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escaped(c) for c in text)


def shortened(text: str, most: int = LONGEST_NAME, keep: str = "") -> str:
    """Printable text of at most so many characters: a long one without its middle."""
    if len(text) > 2 * most:  # what is left out need not be escaped
        text = f"{text[:most]}{text[-most:]}"
        return _without_middle(printable(text, keep), most, always=True)
    return _without_middle(printable(text, keep), most)


def listed(names: list[str] | tuple[str, ...], most: int = LISTED) -> str:
    """Names as a list for a message: each shortened, and the number of those that are left out."""
    shown = ", ".join(shortened(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A question for the end of a message, with the known word closest to a given one; empty if none is close."""
    close = get_close_matches(given, list(known), 1)
    return f" Did you mean '{shortened(close[0])}'?" if close else ""


def _without_middle(text: str, most: int, *, always: bool = False) -> str:
    if len(text) <= most and not always:
        return text
    head = (most - 1) * 2 // 3
    tail = most - 1 - head
    return f"{text[:head]}…{text[len(text) - tail :]}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _plain(fault: UnicodeError) -> tuple[str, int]:
    if not isinstance(fault, UnicodeEncodeError):
        raise fault
    lost = fault.object[fault.start : fault.end]
    return "".join(_NEAR.get(c) or _escaped(c) for c in lost), fault.end


codecs.register_error(PLAIN, _plain)


def storable(text: str) -> str:
    """Text that an HDF5 file can hold: strings end at a zero byte there, and have no halves of characters."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode("utf-8")


def quoted(text: str) -> str:
    """A cell of a CSV that any text survives (RFC 4180)."""
    return '"' + text.replace('"', '""') + '"'


def no_formula(text: str) -> str:
    """Text that no spreadsheet takes for a formula: it begins with an apostrophe then."""
    return f"'{text}" if text.startswith(_FORMULA) else text
