"""The folder of compiled kernels: one for each state of the kernel sources.

The code compiled for a kernel contains that of the kernels that it calls, which may be in other files. A folder keyed
by all sources is never stale.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

SUFFIX = ".kernel"
"""Of the files of compiled kernels."""
_PACKAGE = Path(__file__).parent.parent
_HOLD_KERNELS = ("kernels", "neighbours", "spaces", "forces", "dynamics", "stepping", "expressions")


def cache_folder() -> Path:
    """Where compiled code is kept: `NUMBA_CACHE_DIR`, or by default a folder in the user's cache, keyed by
    `sources_digest`. It may not exist."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "gasfield" / f"kernels-{sources_digest()}"


def key_by_sources() -> None:
    """Makes `cache_folder` the cache of Numba as well, for kernels of plug-ins. Called before Numba is imported, by the
    command line and the tests; as a library, gasfield leaves Numba's settings to the caller."""
    os.environ["NUMBA_CACHE_DIR"] = str(cache_folder())


def is_warm() -> bool:
    """Whether there are compiled kernels."""
    return any(cache_folder().glob(f"*{SUFFIX}"))


@cache
def sources_digest() -> str:
    """Digest of all files that contain kernels."""
    digest = hashlib.sha256()
    for name in _HOLD_KERNELS:
        for path in sorted((_PACKAGE / name).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
