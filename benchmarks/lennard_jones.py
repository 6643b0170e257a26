"""The Lennard-Jones melt with gasfield: `python -m benchmarks.lennard_jones CELLS THREADS float64|mixed|float32`.

4 CELLS^3 particles, density 0.8442, temperature 1.44 at the start, cut-off 2.5, time step 0.005, constant energy,
which is computed every 100 steps. Only steps after compilation and warm-up are timed.
"""

from __future__ import annotations

import sys
import time

import gasfield
from benchmarks.problems import Melt
from benchmarks.timing import about, as_in_a_long_run, report, set_threads, steps_worth


def simulation(melt: Melt, precision: str) -> gasfield.Simulation:
    """As a user would build it."""
    dynamics = {"kind": "newton", "time_step": melt.time_step}
    return gasfield.Simulation(
        gasfield.Gas(positions=melt.positions() - 0.5 * melt.side, velocities=melt.velocities()),
        space={"kind": "periodic", "dimensions": 3, "sides": [melt.side] * 3},
        forces=[{"kind": "lennard_jones", "cutoff": melt.cutoff}],
        dynamics=dynamics if precision == "float64" else {**dynamics, "precision": precision},
    )


def main(cells: int, threads: int, precision: str) -> None:
    """Times the steps of about three seconds."""
    set_threads(threads)
    as_in_a_long_run()
    melt = Melt(cells)
    sim = simulation(melt, precision)

    def advance(steps: int) -> None:
        sim.sample(steps // 100, 100, lambda gas: sim.energy())

    advance(melt.warm_up)
    steps = steps_worth(advance)
    start = time.perf_counter()
    advance(steps)
    speed = melt.count * steps / (time.perf_counter() - start)
    report(f"gasfield melt {precision}", f"N={melt.count}", speed, "particle-steps/s")
    about("gasfield", "numba", "numpy", threads=threads)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
