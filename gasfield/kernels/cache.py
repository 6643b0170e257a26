"""The cache of compiled kernels: one folder for each state of the kernel sources.

Numba's cache depends only on the file of the function itself. A kernel that calls one of another file would be stale
when that file changes; a folder keyed by all sources cannot be. The command line and the tests set it at their start;
as a library, gasfield leaves Numba's settings to the caller.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_HOLD_KERNELS = ("kernels", "spaces", "forces", "dynamics", "expressions")


def key_by_sources() -> Path:
    """Sets Numba's cache folder (before Numba is imported) by a digest of the sources, unless the user set one."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "gasfield" / f"kernels-{_sources_digest()}"
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return folder


def is_warm(folder: Path) -> bool:
    """Whether it contains compiled kernels."""
    return folder.is_dir() and any(folder.rglob("*.nbi"))


def _sources_digest() -> str:
    digest = hashlib.sha256()
    for name in _HOLD_KERNELS:
        for path in sorted((_PACKAGE / name).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
