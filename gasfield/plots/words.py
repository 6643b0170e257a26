"""The words of a picture. Names and titles come from files of others: they are drawn as they are spelled, whatever
matplotlib would make of `$`, of a leading `_` and of characters that cannot be printed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.legend import Legend
from matplotlib.text import Text

from gasfield.printable import shortened

LONGEST_LABEL, LONGEST_TEXT = 72, 400
"""Characters of an entry of a legend, and of any other text."""
ENTRIES = 24
"""Of a legend."""


def fit_words(picture: Artist) -> None:
    """Makes every text of a picture safe to draw, in place: no mathematics, escapes for what cannot be printed, long
    ones without their middle. The numbers at ticks are left alone: matplotlib writes mathematics there itself."""
    for text, longest in _texts(picture, LONGEST_TEXT):
        text.set_parse_math(False)
        said = text.get_text()
        fit = shortened(said, longest, keep="\n")
        if fit != said:
            text.set_text(fit)


def label_of(name: str) -> str:
    """A name as the label of an artist: matplotlib leaves out labels that begin with _."""
    return f" {name}" if name.startswith("_") else name


@contextmanager
def without_glyphs() -> Iterator[None]:
    """Draws without a warning for each character that the font does not have; a box stands for it."""
    with warnings.catch_warnings():
        for message in ("Glyph .* missing", "Matplotlib currently does not support"):
            warnings.filterwarnings("ignore", message, UserWarning)
        yield


def _texts(artist: Artist, longest: int) -> Iterator[tuple[Text, int]]:
    """Every text with the number of characters that it may have, without the labels of ticks."""
    if isinstance(artist, Axis):
        yield artist.label, longest
        return
    if isinstance(artist, Text):
        yield artist, longest
    inner = LONGEST_LABEL if isinstance(artist, Legend) else longest
    for child in artist.get_children():
        yield from _texts(child, inner)
