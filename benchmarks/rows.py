"""Groups of identical rows with gasfield: `python -m benchmarks.rows ROWS COLUMNS THREADS`, bits of bfloat16."""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.problems import embedding
from benchmarks.timing import about, median_time, report, set_threads
from gasfield.kernels.rows import first_equal, groups_of


def main(rows: int, columns: int, threads: int) -> None:
    """Times the search for all groups."""
    set_threads(threads)
    words, every = embedding(rows, columns), np.arange(rows)
    seconds = median_time(lambda: groups_of(first_equal(words, every)))
    report("gasfield identical rows", f"{rows}x{columns}", seconds, "s")
    about("gasfield", "numba", "numpy", threads=threads)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
