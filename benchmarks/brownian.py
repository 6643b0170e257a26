"""Overdamped Langevin dynamics in the double well (x^2 - 1)^2 + y^2/2 at temperature 0.5 with gasfield:
`python -m benchmarks.brownian N THREADS float32|float64`, steps of 1e-3."""

from __future__ import annotations

import sys

import numpy as np

import gasfield
from benchmarks.timing import about, median_time, report, set_threads

PARTICLE_STEPS = 100_000_000
"""Of one timed call."""


def main(count: int, threads: int, precision: str) -> None:
    """Times calls of many steps."""
    set_threads(threads)
    dynamics = {"kind": "brownian", "time_step": 1e-3, "friction": 1.0}
    sim = gasfield.Simulation(
        np.zeros((count, 2)),
        forces=[{"kind": "double_well", "barrier": 1.0, "width": 1.0, "stiffness": 1.0}],
        dynamics=dynamics if precision == "float64" else {**dynamics, "precision": precision},
        temperature=0.5,
    )
    steps = max(20, min(20_000, PARTICLE_STEPS // count))
    seconds = median_time(lambda: sim.step(steps), 3, 1)
    report(f"gasfield brownian {precision}", f"N={count} D=2", count * steps / seconds, "particle-steps/s")
    about("gasfield", "numba", "numpy", threads=threads)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
