"""Compilation options of every kernel, in one place.

Arithmetic follows IEEE 754 as written: nothing is reassociated or contracted. A parallel loop is optimised once by
itself and, if it comes from the cache, once more as a part of its enclosing function; with reassociation allowed, the
two differ in the last bits, and a resumed run would differ from an uninterrupted one. Fast loops are written so that
they vectorise without reordering sums.
"""

from __future__ import annotations

from typing import Any

EXACT: dict[str, Any] = {"nopython": True, "cache": True, "nogil": True}
EXACT_PARALLEL: dict[str, Any] = EXACT | {"parallel": True}
