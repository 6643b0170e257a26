"""The words of a picture. Names and titles come from files of others: they are drawn as they are spelled, whatever
matplotlib would make of `$`, of a leading `_` and of characters that cannot be printed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import fill

from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.legend import Legend
from matplotlib.text import Text

from gasfield.printable import shortened

LONGEST_LABEL, LONGEST_TEXT = 100, 240
"""Characters of an entry of a legend, and of any other text."""
ENTRIES = 24
"""Of a legend."""
_AN_INCH = 11
"""Characters of a title to an inch."""
_WIDE, _LINE = 60, 44
"""An entry of a legend with more characters is wrapped into lines of so many: a wide legend leaves no room for axes."""


def fit_words(picture: Artist) -> None:
    """Makes every text of a picture safe to draw, in place and once: no mathematics, escapes for what cannot be
    printed, long ones without their middle. The numbers at ticks are left alone: matplotlib writes mathematics there
    itself."""
    for text, in_legend in _texts(picture):
        if not text.get_parse_math():
            continue
        text.set_parse_math(False)
        words = shortened(text.get_text(), LONGEST_LABEL if in_legend else LONGEST_TEXT, keep="\n")
        text.set_text(fill(words, _LINE) if in_legend and len(words) > _WIDE else words)


def wrapped(text: str, inches: float) -> str:
    """Words as lines that fit into a width at the size of titles; a line break is an escape, as in all names."""
    text, line = shortened(text, LONGEST_TEXT), max(30, int(_AN_INCH * inches))
    return text if len(text) <= line else fill(text, line)


def label_of(name: str) -> str:
    """A name as the label of an artist: matplotlib leaves out labels that begin with _."""
    return f" {name}" if name.startswith("_") else name


@contextmanager
def without_remarks() -> Iterator[None]:
    """Draws without a warning for each character that the font does not have, for which a box stands, nor for words
    that leave no room for a layout, where matplotlib leaves axes at their places."""
    with warnings.catch_warnings():
        for message in ("Glyph .* missing", "Matplotlib currently does not support", "constrained_layout not applied"):
            warnings.filterwarnings("ignore", message, UserWarning)
        yield


def _texts(artist: Artist, in_legend: bool = False) -> Iterator[tuple[Text, bool]]:
    """Every text, and whether it is in a legend; without the labels of ticks."""
    if isinstance(artist, Axis):
        yield artist.label, False
        return
    if isinstance(artist, Text):
        yield artist, in_legend
    for child in artist.get_children():
        yield from _texts(child, in_legend or isinstance(artist, Legend))
