"""Worker processes that are forked from one which has imported what they need.

A process takes seconds to import all specifications. Here one process does it for all workers of a sweep, and while the
command does the same for itself.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver

AVAILABLE = sys.platform == "linux"
"""Elsewhere there is no fork, or system libraries that do not survive one."""
ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment of a worker; with more threads than one, its parent could not be forked safely."""
_QUIET = {"PYTHONWARNINGS": "ignore"}
"""For the process that frees semaphores after a kill, which would say so."""
_MAIN = ("__file__", "__spec__")
"""By these attributes of the main module a worker finds the program that has called."""
_IMPORTED = ("distributed", "distributed.nanny", "gasfield.sweeps.warm")


def begin() -> None:
    """Starts the process that workers are forked from, unless there is one, and does not wait for its imports."""
    if not AVAILABLE:
        return
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(_IMPORTED))
    added = ONE_THREAD | _QUIET
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def main_hidden() -> Iterator[None]:
    """Workers that are started inside do not execute the program that has called, as `multiprocessing` has it: a script
    that sweeps would begin anew in each of them. They need nothing of it."""
    main = sys.modules["__main__"].__dict__
    kept = {name: main[name] for name in _MAIN if name in main}
    main["__spec__"] = None
    main.pop("__file__", None)
    try:
        yield
    finally:
        main.update(kept)
