"""Forces written as expressions beside the same forces written by hand, in seconds a call.

    python benchmarks/expressions.py [THREADS ...]      numbers of threads, 1 and 2 if none is named

Each pair takes turns within a round, so that other work on the machine disturbs both alike; the fastest rounds are
compared, since it only ever adds time. Fields are felt by 100,000 particles, pair forces by 3,000 in a periodic box.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numba
import numpy as np

from gasfield.forces import FORCES, Force, Surroundings
from gasfield.forces.fields.mueller_brown import TERMS
from gasfield.gas import Gas
from gasfield.spaces import Free, Periodic, Space

MANY, PAIRS = 100_000, 3_000
ROUNDS = 60


def surface() -> str:
    """The surface of Mueller and Brown, with its table written out."""
    return " + ".join(
        f"s*({height})*exp(({a})*(x0 - ({x}))**2 + ({b})*(x0 - ({x}))*(x1 - ({y})) + ({c})*(x1 - ({y}))**2)"
        for height, a, b, c, x, y in TERMS
    )


BOX = Periodic(dimensions=3, side=15.0)
TWINS: list[tuple[str, dict[str, Any], str, dict[str, Any], Space, int]] = [
    ("harmonic", {"stiffness": 1.5}, "expression",
     {"energy": "0.5*k*|x|**2", "parameters": {"k": 1.5}}, Free(dimensions=3), MANY),
    ("double_well", {"barrier": 2.0, "width": 1.3}, "expression",
     {"energy": "b*((x0/w)**2 - 1)**2 + 0.5*(x1**2 + x2**2)", "parameters": {"b": 2.0, "w": 1.3}},
     Free(dimensions=3), MANY),
    ("mueller_brown", {"scale": 0.05}, "expression",
     {"energy": surface(), "parameters": {"s": 0.05}}, Free(dimensions=2), MANY),
    ("soft_repulsion", {"strength": 3.0, "cutoff": 2.0}, "pair_expression",
     {"energy": "e*(1 - (r/a)**2)**3", "parameters": {"e": 3.0, "a": 2.0}, "cutoff": 2.0}, BOX, PAIRS),
    ("lennard_jones", {"strength": 1.5, "diameter": 0.9, "cutoff": 2.25}, "pair_expression",
     {"energy": "4*e*((a/r)**12 - (a/r)**6)", "parameters": {"e": 1.5, "a": 0.9}, "cutoff": 2.25}, BOX, PAIRS),
    ("yukawa", {"strength": 1.5, "screening": 0.6, "softening": 0.1, "cutoff": 2.25}, "pair_expression",
     {"energy": "q*exp(-r/l)/r", "parameters": {"q": 1.5, "l": 0.6}, "softening": 0.1, "cutoff": 2.25}, BOX, PAIRS),
]  # fmt: skip
"""Kind and parameters by hand, kind and parameters of the expression, space, number of particles."""


def gas(space: Space, count: int) -> Gas:
    """Particles at random, in a box not nearer to each other than a jittered lattice puts them."""
    rng, dimensions = np.random.default_rng(0), space.dimensions
    if not space.periods.any():
        places = 0.7 * rng.standard_normal((count, dimensions))
    else:
        side = int(np.ceil(count ** (1 / dimensions)))
        corners = np.stack(np.meshgrid(*[np.arange(side)] * dimensions, indexing="ij"), -1).reshape(-1, dimensions)
        places = (corners[:count] + rng.uniform(0.3, 0.7, (count, dimensions))) * space.periods / side
    one = np.zeros(count, np.int64)
    return Gas(places, one, ["gas"], one - 1, [""] * count, charges=np.ones(count))


def seconds(force: Force, particles: Gas, work: str) -> float:
    """How long one call takes."""
    out = np.zeros(particles.positions.shape)
    start = time.perf_counter()
    if work == "force":
        force.add(particles, out)
    else:
        force.energy(particles)
    return time.perf_counter() - start


def compare(work: str, threads: int) -> None:
    """Prints a RESULT line for each twin: both times, and how much longer the expression takes."""
    numba.set_num_threads(threads)
    for kind, numbers, written, law, space, count in TWINS:
        particles = gas(space, count)
        by_hand = FORCES[kind](**numbers).build(Surroundings(space))
        expression = FORCES[written](**law).build(Surroundings(space))
        rounds = [[seconds(force, particles, work) for force in (by_hand, expression)] for _ in range(ROUNDS + 2)][2:]
        hand, ours = (min(times) for times in zip(*rounds, strict=True))
        times = f"{1e3 * hand:.3g} ms by hand, {1e3 * ours:.3g} ms as an expression"
        print(f"RESULT|{work}, threads={threads}|{kind}, N={count}|{times}|{ours / hand:.3f}|times", flush=True)


if __name__ == "__main__":
    for number in [int(threads) for threads in sys.argv[1:]] or [1, 2]:
        for part in ("force", "energy"):
            compare(part, number)
