"""Where compiled kernels are kept: one folder for each state of the kernel sources.

Numba watches only the file that a function stands in. A kernel that calls one of another file would stay compiled as it
was when that other file changes; a folder keyed by all sources cannot be stale. The program and the tests do this at
their start; as a library, gasfield leaves Numba's settings to its user.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_HOLD_KERNELS = ("kernels", "spaces", "forces", "dynamics", "expressions")


def key_by_sources() -> Path:
    """Points Numba (not yet imported) at the folder for the sources as they are, unless the user chose one."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "gasfield" / f"kernels-{_sources_digest()}"
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return folder


def is_warm(folder: Path) -> bool:
    """Whether something was compiled into it."""
    return folder.is_dir() and any(folder.rglob("*.nbi"))


def _sources_digest() -> str:
    digest = hashlib.sha256()
    for name in _HOLD_KERNELS:
        for path in sorted((_PACKAGE / name).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
