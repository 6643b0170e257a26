"""What every timed process shares: the lines that `benchmarks.run` reads.

Needs the standard library only, since it runs in the environments of the peers as well.

    RESULT|name|problem|value|unit      one measurement; unit "s" means that less is better
    ABOUT|text                          versions, threads, core of BLAS
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any


def report(name: str, problem: str, value: float, unit: str) -> None:
    """Prints one measurement."""
    print(f"RESULT|{name}|{problem}|{value:.5g}|{unit}", flush=True)


def about(*packages: str, threads: int | None = None, more: str = "") -> None:
    """Prints the versions of Python and some packages, the threads, and the core that each BLAS library has chosen."""
    words = [f"Python {sys.version.split()[0]}"]
    for package in packages:
        try:
            words.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            words.append(f"{package} (version unknown)")
    words += [f"{threads} threads"] if threads is not None else []
    print(f"ABOUT|{', '.join([*words, *_blas(), *([more] if more else [])])}", flush=True)


def _blas() -> list[str]:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    found = {
        f"{pool['internal_api']} {pool.get('version')} core {pool.get('architecture')} ({pool['num_threads']} threads)"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    }
    return sorted(found)


def median_time(call: Callable[[], Any], rounds: int = 5, warm: int = 2) -> float:
    """Seconds of a call: the median over rounds, after some that do not count."""
    times = []
    for _ in range(warm + rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return median(times[warm:])


def steps_worth(advance: Callable[[int], Any], seconds: float = 3.0, least: int = 100) -> int:
    """About how many steps take so many seconds: a multiple of `least`, after a warm-up that does not count."""
    advance(least)
    start = time.perf_counter()
    advance(least)
    return least * max(1, min(1000, round(seconds / (time.perf_counter() - start))))


def set_threads(threads: int) -> None:
    """The number of threads of the loops of gasfield."""
    import numba

    numba.set_num_threads(threads)


def as_in_a_long_run() -> None:
    """Lets gasfield compile its steps at once, as it does after the first seconds of a run."""
    from gasfield.dynamics import mechanics
    from gasfield.forces import neighbours

    mechanics._WORTH_COMPILING = neighbours._WORTH_COMPILING = 0.0
