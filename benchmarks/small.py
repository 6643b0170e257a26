"""256 Lennard-Jones particles in a periodic square with a Langevin thermostat: `python -m benchmarks.small THREADS`."""

from __future__ import annotations

import sys
import time

import gasfield
from benchmarks.problems import Flat
from benchmarks.timing import about, as_in_a_long_run, report, set_threads, steps_worth


def main(threads: int) -> None:
    """Times the steps of about three seconds, in calls of 1,000."""
    set_threads(threads)
    as_in_a_long_run()
    flat = Flat()
    sim = gasfield.Simulation(
        flat.positions() - 0.5 * flat.side,
        space={"kind": "periodic", "dimensions": 2, "sides": [flat.side] * 2},
        forces=[{"kind": "lennard_jones", "cutoff": flat.cutoff}],
        dynamics={"kind": "langevin", "time_step": flat.time_step, "friction": flat.friction},
        temperature=flat.temperature,
    )
    steps = steps_worth(sim.step, least=1000)
    start = time.perf_counter()
    sim.step(steps)
    report("gasfield langevin float64", f"N={flat.count}", steps / (time.perf_counter() - start), "steps/s")
    about("gasfield", "numba", "numpy", threads=threads)


if __name__ == "__main__":
    main(int(sys.argv[1]))
