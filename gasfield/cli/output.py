"""What commands print: lines, texts and JSON; tables are in `tables`. Whatever a name or a title holds, a terminal
obeys none of it, and one line stays one line. Standard streams of any encoding take all of it (`plain_streams`)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, TextIO

from gasfield.printable import LONGEST_LINE, PLAIN, printable, shortened

_OF_TEXTS = "\n\t\u00a0\u200c\u200d\u3000"
"""Characters of a text that are not printable by themselves and that no terminal obeys: spaces and joiners."""


def put(line: str = "", *, stream: TextIO | None = None) -> None:
    """Prints one line, on stdout if no stream is given; a very long one without its middle."""
    print(shortened(line, LONGEST_LINE), file=stream)


def bytes_text(size: float) -> str:
    """A size [bytes] with three digits and its unit."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(size) >= 0.9995 * factor:  # what is rounded to 1000 of the smaller unit is 1 of this one
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} bytes"


def put_file(path: Path, more: str = "") -> None:
    """Prints where a file is that has been written, its size, and what more there is to say."""
    put(f"{path}: {bytes_text(path.stat().st_size)}{more}")


def put_text(text: str) -> None:
    """Prints a text with its line breaks."""
    print(printable(text, keep=_OF_TEXTS))


def put_json(data: Any) -> None:
    """Prints data as JSON, whole and in ASCII."""
    print(json.dumps(data, indent=2, allow_nan=False))


def is_plain(text: str) -> bool:
    """Whether a text of several lines can be printed on stdout as it is: nothing has to be escaped or replaced."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return text == printable(text, keep="\n")


def plain_streams() -> None:
    """Lets stdout and stderr write characters that their encoding lacks as near ones of ASCII, or as escapes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # not of streams that a test or a notebook puts in place
        if reconfigure is not None:
            reconfigure(errors=PLAIN)
