"""Compilation options of every kernel, in one place.

Arithmetic follows IEEE 754 as written: nothing is reassociated or contracted. A parallel loop is optimised once by
itself and, if it comes from the cache, once more as a part of its enclosing function; with reassociation allowed, the
two differ in the last bits, and a resumed run would differ from an uninterrupted one. Fast loops are written so that
they vectorise without reordering sums.
"""

from __future__ import annotations

from typing import Any

EXACT: dict[str, Any] = {"nopython": True, "cache": True, "nogil": True}
IN_PLACE: dict[str, Any] = EXACT | {"_nrt": False}
"""For kernels that allocate no arrays: without reference counts. Each call of one kernel by another, and each slice,
would change the count of every array among its arguments by an atomic instruction, for which threads wait in turn;
Numba removes only some of them. An allocation in such a kernel does not compile."""
EXACT_PARALLEL: dict[str, Any] = EXACT | {"parallel": True}
