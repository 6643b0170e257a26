"""A crafted file, or a folder of them, and what must come of reading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)
"""The matrix that sound files hold."""
DATA = VALUES.tobytes()


@dataclass(frozen=True)
class Case:
    """One crafted source.

    Attributes:
        name: of the case.
        content: of the file; or of each file of a folder, by name.
        source: name of the file that is read; empty for the folder.
        expected: arrays by name, if it is read; None if it must be refused.
        message: a part of the message with which it must be refused.
    """

    name: str
    content: bytes | Mapping[str, bytes]
    source: str
    expected: Mapping[str, NDArray[Any]] | None = None
    message: str = ""
