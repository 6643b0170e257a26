"""The pictures of a report, as PNG: those that a run has drawn, or drawn now."""

from __future__ import annotations

import base64
import struct
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from gasfield.errors import Note
from gasfield.printable import shortened
from gasfield.reporting.subject import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

_PNG = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">8s4s4sII")
"""Signature, length and name of the first chunk, width and height."""
_MOST_BYTES = 8_000_000
"""Of one picture."""


def stored_pictures(folder: Path, names: tuple[str, ...]) -> tuple[tuple[Picture, ...], list[str]]:
    """The pictures of a run, and what is to be said of those that are not there.

    Args:
        folder: `plots` of a run directory.
        names: of the files, as its manifest has them.
    """
    found, remarks = [], []
    for name in names:
        path = folder / name
        if not path.is_file():
            remarks.append(f"there is no picture {name} in {folder.name}")
        elif path.stat().st_size > _MOST_BYTES:
            remarks.append(f"the picture {name} is larger than {_MOST_BYTES / 1e6:g} MB")
        elif (picture := picture_of(_words(path.stem), path.read_bytes())) is None:
            remarks.append(f"{name} is no PNG")
        else:
            found.append(picture)
    return tuple(found), remarks


def drawn_pictures(figures: Mapping[str, Callable[[], Figure | SubFigure]]) -> tuple[tuple[Picture, ...], list[str]]:
    """Pictures that are drawn now, and what is to be said of those that cannot be."""
    from gasfield.plots.style import png_of

    found, remarks = [], []
    for name, draw in figures.items():
        try:
            picture = picture_of(_words(name), png_of(draw()))
        except Exception as fault:  # as in a run: what cannot be drawn must not prevent the rest
            remarks.append(f"there is no picture {shortened(name)}: {type(fault).__name__}: {fault}")
            warnings.warn(Note(remarks[-1]), stacklevel=2)
        else:
            found += [] if picture is None else [picture]
    return tuple(found), remarks


def picture_of(name: str, data: bytes) -> Picture | None:
    """A picture; None if the data are no PNG of a sensible size."""
    if len(data) < _HEAD.size:
        return None
    signature, _, chunk, width, height = _HEAD.unpack_from(data)
    if signature != _PNG or chunk != b"IHDR" or not (0 < width < 1 << 16 and 0 < height < 1 << 16):
        return None
    return Picture(name, data, width, height)


def address_of(picture: Picture) -> str:
    """The picture itself as an address."""
    return f"data:image/png;base64,{base64.b64encode(picture.data).decode('ascii')}"


def _words(stem: str) -> str:
    """The name of a file in words: `gasfield.names.file_name` writes other characters as %XX."""
    return shortened(unquote(stem, errors="replace").replace("-", " ").replace("_", " "))
