"""Worker processes that are forked from one which has imported what they need.

A process takes seconds to import all specifications. Here one process does it for all workers of a sweep, and while the
command does the same for itself.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing import forkserver

AVAILABLE = sys.platform == "linux"
"""Elsewhere there is no fork, or system libraries that do not survive one."""
ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment of a worker; with more threads than one, its parent could not be forked safely."""
_IMPORTED = ("distributed", "distributed.nanny", "gasfield.sweeps.warm")


def begin() -> None:
    """Starts the process that workers are forked from, unless there is one, and does not wait for its imports."""
    if not AVAILABLE:
        return
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(_IMPORTED))
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
