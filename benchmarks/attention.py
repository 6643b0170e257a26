"""Softmax attention of N tokens in D dimensions, one head, with gasfield:
`python -m benchmarks.attention N D THREADS float32|float64`, GFLOP/s of 4 N^2 D.

Queries, keys and values are the tokens, and beta is 1/sqrt(D). Also printed is the most memory that the first call
needs above positions and forces.
"""

from __future__ import annotations

import resource
import sys

import numpy as np

from benchmarks.problems import queries
from benchmarks.timing import about, median_time, report, set_threads
from gasfield.forces import Surroundings
from gasfield.forces.attention.attention import Attention
from gasfield.gas import Gas
from gasfield.spaces import Free


def main(count: int, dimensions: int, threads: int, precision: str) -> None:
    """Times the force on all tokens."""
    set_threads(threads)
    gas = Gas(positions=queries(count, dimensions)[0].astype(np.float64))
    law = Attention(beta=dimensions**-0.5).build(Surroundings(Free(dimensions=dimensions)))
    if precision != "float64":
        law = law.with_precision(precision)
    force = np.ones((count, dimensions))
    law.add(gas.select(slice(0, 200)), force[:200])  # compiles
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    law.add(gas, force)
    megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6
    seconds = median_time(lambda: law.add(gas, force))
    speed = 4 * count**2 * dimensions / seconds / 1e9
    report(f"gasfield attention {precision}", f"N={count} D={dimensions}", speed, "GFLOP/s")
    report(f"gasfield attention {precision}, memory", f"N={count} D={dimensions}", megabytes, "MB")
    about("gasfield", "numba", "numpy", threads=threads)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
