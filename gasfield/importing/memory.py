"""How much memory there is to be had."""

from __future__ import annotations

import os
from pathlib import Path

_UNKNOWN = 8 << 30


def memory_available() -> int:
    """Bytes that can be had without swapping; what only caches files counts as available."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN
