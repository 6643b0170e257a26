"""Overdamped Langevin dynamics of many particles in a two-dimensional double well: gasfield, in both precisions.

    python benchmarks/brownian.py [STEPS [COUNT]]

Each line is a public `Simulation`, with the field `double_well` or the same field as an expression. A round begins with
steps that compile and fill the caches; the median of five is printed. Threads are Numba's.
"""

from __future__ import annotations

import sys
import time
from statistics import median

import numpy as np

from gasfield.simulation import Simulation

FIELDS = {
    "double_well": {"kind": "double_well", "barrier": 1.0, "width": 1.0, "stiffness": 1.0},
    "expression": {"kind": "expression", "energy": "(x0**2 - 1)**2 + x1**2 / 2"},
}
ROUNDS = 5


def speed(field: dict[str, object], precision: str, steps: int, count: int) -> float:
    """Particle-steps a second."""
    law = {"kind": "brownian", "time_step": 1e-3, "friction": 1.0, "precision": precision}
    sim = Simulation(np.zeros((count, 2)), forces=[field], dynamics=law, temperature=0.5)
    times = []
    sim.dynamics.run(sim.gas, 10**6 // count + 1)
    sim.step(2 * steps)
    for _ in range(ROUNDS):
        start = time.perf_counter()
        sim.step(steps)
        times.append(time.perf_counter() - start)
    return count * steps / median(times)


if __name__ == "__main__":
    steps, count = (*map(int, sys.argv[1:]), *(200, 1_000_000)[len(sys.argv) - 1 :])
    for name, field in FIELDS.items():
        for precision in ("float32", "float64"):
            rate = speed(field, precision, steps, count)
            print(f"RESULT|gasfield brownian {precision} {name}|N={count} D=2|{rate:.4g}|particle-steps/s", flush=True)
