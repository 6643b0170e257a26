"""What the command line gives as text: temperatures, a file with a text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield import reading
from gasfield.errors import InputError


def read_temperatures(text: str) -> NDArray[np.float64]:
    """(K,) temperatures from "0.8,1,2" or "0.5:2:50", 50 equally spaced ones with both ends.

    Raises:
        InputError: if it is neither.
    """
    try:
        if ":" not in text:
            return np.array([float(part) for part in text.split(",")])
        start, stop, count = text.split(":")
        if int(count) < 2:
            raise ValueError
        return np.linspace(float(start), float(stop), int(count))
    except ValueError:
        raise InputError(
            f"{text!r} is neither a list like 0.8,1,2 nor FIRST:LAST:COUNT like 0.5:2:50 with a count from 2.",
            parameter="temperatures",
        ) from None


def read_text(path: Path) -> str:
    """The text of a UTF-8 file as it is.

    Raises:
        InputError: if there is no such file, or it is no text.
    """
    return reading.read_text(path, "text")
