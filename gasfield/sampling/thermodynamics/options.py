"""What the command line gives as text: temperatures, token ids, files of prompts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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


def read_ids(text: str) -> NDArray[np.int64]:
    """(S,) token ids from "504,3575".

    Raises:
        InputError: if they are not whole numbers.
    """
    try:
        return np.array([int(part) for part in text.split(",")], np.int64)
    except (ValueError, OverflowError):
        raise InputError(f"{text!r} is no list of whole numbers joined by commas.", parameter="ids") from None


def read_text(path: Path, parameter: str = "text") -> str:
    """The text of a UTF-8 file as it is.

    Raises:
        InputError: if there is no such file, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
        raise InputError(f"{path}: cannot be read: {reason}.", parameter=parameter) from None


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file that are not empty.

    Raises:
        InputError: if there are none, or the file cannot be read.
    """
    lines = [line for line in read_text(path, "prompts").splitlines() if line.strip()]
    if not lines:
        raise InputError(f"{path}: has no line with a prompt.", parameter="prompts")
    return lines
