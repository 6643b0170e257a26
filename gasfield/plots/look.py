"""How pictures are saved: in which style of matplotlib, how large, in which format. All pictures that are made and
saved inside of `looking` have it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import matplotlib
import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from gasfield.errors import InputError

FORMATS = ("png", "svg", "pdf")
SMALLEST, LARGEST = 1.0, 100.0
"""Of a side of a picture [inches]."""
_DARK = 0.5
"""Luminance of a background below which dark ink is not seen on it."""
_OF_TEXT = ("#22223b", "#8d8d99")
_OF_GRIDS = ("#e6e6ec", "#d9d9e0", "#c9ccd6")


@dataclass(frozen=True)
class Look:
    """How pictures are saved.

    Attributes:
        style: a style of matplotlib by its name ("dark_background", "ggplot", ...): its fonts, backgrounds and grids;
            colours with a meaning remain. gasfield's own if None.
        size: width and height [inches]; what suits the content if None.
        format: png, svg or pdf.
    """

    style: str | None = None
    size: tuple[float, float] | None = None
    format: str = "png"

    def __post_init__(self) -> None:
        if self.style is not None and self.style not in matplotlib.style.available:
            names = ", ".join(name for name in matplotlib.style.available if not name.startswith("_"))
            raise InputError(f"must be one of {names}.", parameter="style", value=self.style)
        if self.size is not None and not all(SMALLEST <= side <= LARGEST for side in self.size):
            message = f"both sides must be {SMALLEST:g} to {LARGEST:g} inches."
            raise InputError(message, parameter="size", value="x".join(f"{side:g}" for side in self.size))
        if self.format not in FORMATS:
            raise InputError(f"must be one of {', '.join(FORMATS)}.", parameter="format", value=self.format)


_LOOK: ContextVar[Look] = ContextVar("look of pictures", default=Look())  # noqa: B039 (it is frozen)


def present() -> Look:
    """The look that pictures have now."""
    return _LOOK.get()


@contextmanager
def looking(look: Look) -> Iterator[None]:
    """Pictures made and saved inside look so."""
    token = _LOOK.set(look)
    try:
        with matplotlib.style.context(look.style or "default", after_reset=False) if look.style else _as_it_is():
            yield
    finally:
        _LOOK.reset(token)


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


def background() -> str:
    """The background of figures."""
    return "white" if present().style is None else str(matplotlib.rcParams["figure.facecolor"])


def fit(figure: Figure) -> None:
    """Gives a figure the present size, and lets ink be seen on a dark background."""
    look = present()
    if look.size is not None:
        figure.set_size_inches(look.size)
    if look.style is None or _luminance(figure.get_facecolor()) > _DARK:
        return
    light, faint = to_hex(matplotlib.rcParams["text.color"]), "#4a4a55"
    swapped = {to_hex(ink): light for ink in _OF_TEXT} | {to_hex(grid): faint for grid in _OF_GRIDS}
    for artist in figure.findobj():
        _swap(artist, swapped)
    for ax in figure.axes:
        ax.tick_params(colors=light)


def _swap(artist: Artist, swapped: dict[str, str]) -> None:
    """Replaces the colours of an artist that are among some."""
    for name in ("color", "edgecolor", "facecolor"):
        read, write = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
        if read is None or write is None:
            continue
        try:
            colour = to_hex(read())
        except (ValueError, TypeError):  # several colours
            colours = read()
            colour = to_hex(colours[0]) if hasattr(colours, "__len__") and len(colours) == 1 else ""
        if colour in swapped:
            write(swapped[colour])


def _luminance(colour: object) -> float:
    red, green, blue = to_rgb(colour)  # type: ignore[arg-type]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
