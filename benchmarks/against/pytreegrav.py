"""pytreegrav (float64): `python -m benchmarks.against.pytreegrav direct N THREADS` or `... tree N THREADS`."""

from __future__ import annotations

import sys

import numba
import numpy as np
import pytreegrav

from benchmarks.problems import plummer
from benchmarks.timing import about, median_time, report

OPENING = 0.7
_SPLINE = 2.8
"""Radius of the kernel of the spline softening, in units of the equivalent Plummer softening."""


def main(subject: str, count: int, threads: int) -> None:
    """Times all accelerations of a Plummer sphere."""
    numba.set_num_threads(threads)
    places, masses, softening = plummer(count)
    radii = np.full(count, _SPLINE * softening)

    def accelerations(**choices: object) -> object:
        return pytreegrav.Accel(places, masses, softening=radii, G=1.0, parallel=True, **choices)

    if subject == "direct":
        seconds = median_time(lambda: accelerations(method="bruteforce"), 3, 1)
        report("pytreegrav direct float64", f"N={count} D=3", count**2 / seconds, "pairs/s")
    else:
        some = np.linspace(0, count - 1, 1000).astype(int)
        exact = pytreegrav.AccelTarget(
            places[some], places, masses, softening_target=radii[some], softening_source=radii, method="bruteforce"
        )
        choices = {"method": "tree", "theta": OPENING, "quadrupole": False}
        seconds = median_time(lambda: accelerations(**choices), 3, 1)
        error = np.linalg.norm(accelerations(**choices)[some] - exact, axis=1) / np.linalg.norm(exact, axis=1)
        report(f"pytreegrav tree, opening {OPENING}", f"N={count} D=3", seconds, "s")
        report(f"pytreegrav tree, opening {OPENING}, median error", f"N={count} D=3", float(np.median(error)), "1")
    about("pytreegrav", "numba", "numpy", threads=threads)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
