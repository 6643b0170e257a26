"""Memory that is free: a header of a file may claim any size, so sizes are checked before memory is allocated."""

from __future__ import annotations

import os

from gasfield.errors import InputError

_SHARE = 0.8
"""The part of the free memory that one array may take."""


def require_memory(size: int, origin: str) -> None:
    """Checks that an array fits into memory.

    Args:
        size: of the array [bytes].
        origin: file and data set, for the message.

    Raises:
        InputError: if it does not.
    """
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") if hasattr(os, "sysconf") else 1 << 33
    if size > _SHARE * free:
        raise InputError(
            f"{origin} needs {size / 1e9:.1f} GB, more than the memory that is free ({free / 1e9:.1f} GB)."
        )
