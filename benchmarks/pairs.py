"""All pairs of a softened force in D dimensions with gasfield: `python -m benchmarks.pairs N D THREADS`, float64."""

from __future__ import annotations

import sys

import numpy as np

import gasfield
from benchmarks.timing import about, median_time, report, set_threads


def main(count: int, dimensions: int, threads: int) -> None:
    """Times the force on all particles."""
    set_threads(threads)
    sim = gasfield.Simulation(
        np.random.default_rng(0).standard_normal((count, dimensions)),
        forces=[{"kind": "gravity", "strength": 1.0, "softening": 0.1}],
        dynamics={"kind": "newton", "time_step": 1e-6},
    )
    seconds = median_time(lambda: sim.forces.force(sim.gas))
    report("gasfield pairs float64", f"N={count} D={dimensions}", count * count / seconds, "pairs/s")
    about("gasfield", "numba", "numpy", threads=threads)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
