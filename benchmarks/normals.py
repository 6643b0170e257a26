"""Standard normals in float64: ours by address, and NumPy's generators in their order, in millions per second.

    python benchmarks/normals.py [THREADS ...]      numbers of threads for ours, 1 and 2 if none is named

NumPy draws on one thread. All take turns within a round, so that other work on the machine disturbs all alike, and
medians over rounds are compared. NumPy's Philox is the 64-bit one, and its ziggurat needs fewer words for a normal; but
its numbers follow from the order in which they are drawn, and threads cannot share the work.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import numba
import numpy as np

from gasfield.kernels.philox import normals

SHAPES = [(1_000_000, 1), (1_000_000, 2), (1_000_000, 3), (100_000, 64), (1_000, 2)]
ROUNDS = 21


def ours(out: np.ndarray, threads: int) -> Callable[[int], None]:
    """Fills `out` in a step, on so many threads."""
    ids = np.arange(out.shape[0])

    def fill(step: int) -> None:
        numba.set_num_threads(threads)
        normals(out, ids, seed=0, stream=0, step=step)

    return fill


def numpys(out: np.ndarray, bits: type[np.random.BitGenerator]) -> Callable[[int], None]:
    """Fills `out` with the next numbers of one of NumPy's generators."""
    generator = np.random.Generator(bits(0))

    def fill(step: int) -> None:
        generator.standard_normal(out=out)

    return fill


def seconds(fill: Callable[[int], None], step: int) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    fill(step)
    return time.perf_counter() - start


def compare(shape: tuple[int, int], threads_of_ours: list[int]) -> None:
    """Prints a RESULT line for each peer: the median over rounds, after two that do not count."""
    out = np.empty(shape)
    peers = {f"gasfield normals, threads={threads}": ours(out, threads) for threads in threads_of_ours}
    peers |= {
        f"numpy {bits.__name__}, threads=1": numpys(out, bits)
        for bits in (np.random.Philox, np.random.PCG64, np.random.SFC64)
    }
    times: dict[str, list[float]] = {name: [] for name in peers}
    for step in range(ROUNDS + 2):
        for name, fill in peers.items():
            times[name].append(seconds(fill, step))
    for name, taken in times.items():
        speed = out.size / median(taken[2:]) / 1e6
        print(f"RESULT|{name}|{shape[0]}x{shape[1]}|{speed:.4g}|M/s", flush=True)


if __name__ == "__main__":
    for shape in SHAPES:
        compare(shape, [int(number) for number in sys.argv[1:]] or [1, 2])
