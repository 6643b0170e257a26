"""Compilation options of every kernel, in one place.

Arithmetic is that of IEEE 754 as it is written: nothing is reassociated or contracted. A parallel loop is optimised
once by itself and, where it comes from the cache, once more as a part of the function that holds it; with freedom to
rearrange, the two differ in the last bits, and a run would not be the same after a kill as before it. Loops that shall
be fast are written so that neighbouring elements can be done at once without rearranging sums.

One function is compiled with one set of options only: Numba's cache key knows neither `parallel` nor `fastmath`.
"""

from __future__ import annotations

from typing import Any

EXACT: dict[str, Any] = {"nopython": True, "cache": True, "nogil": True}
EXACT_PARALLEL: dict[str, Any] = EXACT | {"parallel": True}
