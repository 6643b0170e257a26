"""Compilation options of every kernel, in one place.

`EXACT` kernels reproduce another program's rounding bit for bit and may not be rearranged. `FAST` kernels may be
reassociated and contracted, but never assume that numbers are finite (`nnan`, `ninf` are left out), so that a blow-up
is still seen as one.

One function is compiled with one set of options only: Numba's cache key knows neither `parallel` nor `fastmath`.
"""

from __future__ import annotations

from typing import Any

_REARRANGE = {"contract", "reassoc", "arcp", "nsz", "afn"}

EXACT: dict[str, Any] = {"nopython": True, "cache": True, "nogil": True}
EXACT_PARALLEL: dict[str, Any] = EXACT | {"parallel": True}
FAST: dict[str, Any] = EXACT | {"fastmath": _REARRANGE}
FAST_PARALLEL: dict[str, Any] = FAST | {"parallel": True}
