"""OpenMM on its CPU platform (float32): `python -m benchmarks.against.openmm melt CELLS THREADS`, `... small THREADS`;
the latter with one thread and with two, in a flat box of three dimensions."""

from __future__ import annotations

import sys
import time

import numpy as np
import openmm

from benchmarks.problems import Array, Flat, Melt
from benchmarks.timing import about, report

DIAMETER, DEPTH, MASS = 0.34, 0.997, 39.948
"""Argon in its units: nm, kJ/mol, u; the unit of time is ps."""
BOLTZMANN = 0.00831446261815324


def context(
    places: Array, sides: tuple[float, float, float], cutoff: float, integrator: object, threads: int
) -> object:
    """Lennard-Jones argon at places (N, 3) in a periodic box [nm]."""
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors((sides[0], 0, 0), (0, sides[1], 0), (0, 0, sides[2]))
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(cutoff)
    force.setUseDispersionCorrection(False)
    force.setReactionFieldDielectric(1.0)
    for _ in places:
        system.addParticle(MASS)
        force.addParticle(0.0, DIAMETER, DEPTH)
    system.addForce(force)
    platform = openmm.Platform.getPlatformByName("CPU")
    made = openmm.Context(system, integrator, platform, {"Threads": str(threads)})
    made.setPositions(places)
    return made


def seconds_per_step(made: object, integrator: object, warm_up: int, steps: int) -> float:
    """Steps in calls of 100, the energy after each as in the other programs."""
    integrator.step(warm_up)
    made.getState(energy=True)
    start = time.perf_counter()
    for _ in range(steps // 100):
        integrator.step(100)
        made.getState(energy=True)
    return (time.perf_counter() - start) / steps


def main(subject: str, *numbers: int) -> None:
    """Times one of the two problems."""
    time_unit = DIAMETER * np.sqrt(MASS / DEPTH)
    if subject == "melt":
        cells, threads = numbers
        melt = Melt(cells)
        integrator = openmm.VerletIntegrator(melt.time_step * time_unit)
        sides = (melt.side * DIAMETER,) * 3
        made = context(melt.positions() * DIAMETER, sides, melt.cutoff * DIAMETER, integrator, threads)
        made.setVelocities(melt.velocities() * DIAMETER / time_unit)
        steps = max(100, 4_000_000 // melt.count // 100 * 100)
        speed = melt.count / seconds_per_step(made, integrator, melt.warm_up, steps)
        report(f"OpenMM float32 {threads} threads", f"N={melt.count}", speed, "particle-steps/s")
    else:
        flat = Flat()
        places = np.column_stack([flat.positions(), np.full(flat.count, 3.0)]) * DIAMETER
        sides = (flat.side * DIAMETER, flat.side * DIAMETER, 6.0 * DIAMETER)
        for threads in range(1, numbers[0] + 1):
            integrator = openmm.LangevinMiddleIntegrator(
                flat.temperature * DEPTH / BOLTZMANN, flat.friction / time_unit, flat.time_step * time_unit
            )
            made = context(places, sides, flat.cutoff * DIAMETER, integrator, threads)
            speed = 1.0 / seconds_per_step(made, integrator, 200, 3000)
            report(f"OpenMM float32 {threads} threads", f"N={flat.count}", speed, "steps/s")
    about("openmm", "numpy")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
