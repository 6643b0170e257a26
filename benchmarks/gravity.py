"""Softened gravity of a Plummer sphere with gasfield: `python -m benchmarks.gravity direct N THREADS float64|float32`
(over all pairs) or `... tree N THREADS ERROR`.

The tree is given the loosest bound of the error at which the median error of 1,000 forces, relative to sums over all
pairs, is not above ERROR.
"""

from __future__ import annotations

import sys

import numpy as np

import gasfield
from benchmarks.problems import Array, plummer
from benchmarks.timing import about, median_time, report, set_threads

BOUNDS = (0.3, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.001)
SAMPLE = 1_000
SECONDS = 0.3


def sphere(count: int, precision: str = "float64", **law: float) -> gasfield.Simulation:
    """At rest, with steps so small that it stays where it is."""
    places, masses, softening = plummer(count)
    dynamics = {"kind": "newton", "time_step": 1e-9}
    return gasfield.Simulation(
        gasfield.Gas(positions=places, velocities=np.zeros_like(places), masses=masses),
        forces=[{"kind": "gravity", "strength": 1.0, "softening": softening, **law}],
        dynamics=dynamics if precision == "float64" else {**dynamics, "precision": precision},
    )


def step_seconds(sim: gasfield.Simulation) -> float:
    """Of a step, which is one evaluation of all forces."""
    once = median_time(lambda: sim.dynamics.run(sim.gas, 1), 1, 2)
    steps = max(1, min(1000, round(SECONDS / once)))
    return median_time(lambda: sim.dynamics.run(sim.gas, steps), 3, 1) / steps


def exact_forces(places: Array, masses: Array, softening: float, some: Array) -> Array:
    """(n, 3) forces on some particles, over all pairs."""
    forces = []
    for row in some:
        apart = places - places[row]
        cubes = (np.einsum("ij,ij->i", apart, apart) + softening**2) ** -1.5
        forces.append(masses[row] * (masses * cubes) @ apart)
    return np.array(forces)


def tree(count: int, error: float) -> tuple[float, float]:
    """(seconds, median error) with the loosest bound that meets an error.

    Raises:
        SystemExit: if none does.
    """
    places, masses, softening = plummer(count)
    some = np.random.default_rng(1).choice(count, min(SAMPLE, count), replace=False)
    exact = exact_forces(places, masses, softening, some)
    for bound in BOUNDS:
        sim = sphere(count, error=bound)
        found = sim.forces.force(sim.gas)[some]
        median = float(np.median(np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)))
        if median <= error:
            return step_seconds(sim), median
    raise SystemExit(f"no bound down to {BOUNDS[-1]:g} has a median error of {error:g} or less")


def main(subject: str, count: int, threads: int, how: str) -> None:
    """Times one of the two."""
    set_threads(threads)
    problem = f"N={count} D=3"
    if subject == "direct":
        report(f"gasfield direct {how}", problem, count**2 / step_seconds(sphere(count, how)), "pairs/s")
    else:
        seconds, error = tree(count, float(how))
        report("gasfield tree", problem, seconds, "s")
        report("gasfield tree, median error", problem, error, "1")
    about("gasfield", "numba", "numpy", threads=threads)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
