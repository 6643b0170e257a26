"""Softened gravity of a Plummer sphere: ours and pytreegrav's, over all pairs and by a tree.

    python benchmarks/gravity.py gasfield THREADS [N ...]       pairs a second in float64 and float32; tree
    python benchmarks/gravity.py pytreegrav THREADS [N ...]     the peer, float64
    python benchmarks/gravity.py dimensions THREADS             ours over all pairs, against D

A process times one of them only, since thread pools fight. Run them in turn and compare medians; only ratios carry
over to another machine. Errors of trees are those of 1,000 forces, relative to direct sums with the same softening: the
median and that of 99 in 100. Direct sums are timed up to N = 32,768. Float32 and float64 are not the same work.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np

SIZES = (16_384, 100_000)
DIRECT = 32_768
SOFTENING = 0.01
ROUNDS = 3
SAMPLE = 1_000


def plummer(count: int) -> np.ndarray:
    """Places (N, 3) in a Plummer sphere of scale 1, cut at 20."""
    chance = np.random.default_rng(0)
    radii = np.minimum((chance.random(count) ** (-2 / 3) - 1) ** -0.5, 20.0)
    directions = chance.normal(size=(count, 3))
    return np.ascontiguousarray(directions * (radii / np.linalg.norm(directions, axis=1))[:, None])


def seconds(work: Callable[[], Any]) -> float:
    """The median over rounds, after one that does not count."""
    times = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times[1:])


def sample(count: int) -> np.ndarray:
    """Rows of the particles whose forces are compared."""
    return np.random.default_rng(1).choice(count, SAMPLE, replace=False)


def errors(found: np.ndarray, exact: np.ndarray) -> str:
    """Relative errors of accelerations (SAMPLE, 3)."""
    wrong = np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)
    return f"median error {np.median(wrong):.2g}, 99% {np.percentile(wrong, 99):.2g}"


def plummer_softened(places: np.ndarray) -> np.ndarray:
    """Accelerations of the sample in NumPy, for masses of 1/N."""
    exact = np.empty((SAMPLE, 3))
    for s, i in enumerate(sample(len(places))):
        apart = places - places[i]
        cubes = (np.sum(apart * apart, axis=1) + SOFTENING**2) ** -1.5
        exact[s] = cubes @ apart / len(places)
    return exact


def of(places: np.ndarray) -> Any:
    """A gas of total mass 1."""
    from gasfield.gas import Gas

    count = len(places)
    numbers = np.zeros(count, np.int64)
    return Gas(places, numbers, ["gas"], numbers - 1, [""] * count, masses=np.full(count, 1 / count))


def time_gasfield(threads: int, sizes: list[int]) -> None:
    """Built forces on a gas in float64, and the same kernels in float32."""
    import numba

    from gasfield.forces import Surroundings
    from gasfield.forces.pairs.gravity import Gravity
    from gasfield.spaces import Free

    numba.set_num_threads(threads)
    surroundings = Surroundings(Free(dimensions=3))
    for count in sizes:
        places = plummer(count)
        gas, force, exact = of(places), np.zeros((count, 3)), plummer_softened(places)
        if count <= DIRECT:
            direct = Gravity(softening=SOFTENING).build(surroundings)
            speed = count**2 / seconds(lambda gas=gas, force=force, direct=direct: direct.add(gas, force))
            print(f"RESULT|gasfield direct f64 thr{threads}|N={count}|{speed:.4g}|pairs/s", flush=True)
            speed = count**2 / seconds(single(places))
            print(f"RESULT|gasfield direct f32 thr{threads}|N={count}|{speed:.4g}|pairs/s", flush=True)
        for error in (3e-2, 1e-2, 3e-3, 1e-3):
            tree = Gravity(softening=SOFTENING, error=error).build(surroundings)
            taken = seconds(lambda gas=gas, force=force, tree=tree: tree.add(gas, force))
            force[:] = 0.0
            tree.add(gas, force)
            shown = errors((force * count)[sample(count)], exact)
            print(f"RESULT|gasfield tree error={error:g} thr{threads} {shown}|N={count}|{taken:.4g}|s", flush=True)


def single(places: np.ndarray) -> Callable[[], None]:
    """Direct sums in float32, as precision float32 does them."""
    from gasfield.forces import direct
    from gasfield.forces.pairs.softened import softened
    from gasfield.kernels.pointwise import in_float32, parameters_in_float32

    count = len(places)
    near, masses = places.astype(np.float32), np.full(count, 1 / count, np.float32)
    force, others = np.zeros(places.shape), np.ascontiguousarray(near.T)
    law, parameters = in_float32(softened), parameters_in_float32((-1.0, SOFTENING**2))
    sides = np.full(places.shape[1], np.inf)

    def work() -> None:
        direct.push(law, parameters, near, others, np.arange(count), sides, masses, masses, np.inf, 0.0, force)

    return work


def time_pytreegrav(threads: int, sizes: list[int]) -> None:
    """The peer; its softening is the radius of a spline, 2.8 times that of Plummer."""
    import numba
    import pytreegrav

    numba.set_num_threads(threads)
    for count in sizes:
        places, rows = plummer(count), sample(count)
        masses, radii = np.full(count, 1 / count), np.full(count, 2.8 * SOFTENING)
        pull = partial(pytreegrav.Accel, places, masses, softening=radii, G=1.0, parallel=True)
        exact = pytreegrav.AccelTarget(
            places[rows],
            places,
            masses,
            softening_target=radii[rows],
            softening_source=radii,
            G=1.0,
            method="bruteforce",
        )
        if count <= DIRECT:
            speed = count**2 / seconds(partial(pull, method="bruteforce"))
            print(f"RESULT|pytreegrav direct f64 thr{threads}|N={count}|{speed:.4g}|pairs/s", flush=True)
        for angle, quadrupole in ((0.7, False), (0.7, True), (0.5, False), (0.5, True)):
            tree = partial(pull, method="tree", theta=angle, quadrupole=quadrupole)
            taken = seconds(tree)
            shown = f"theta={angle} quadrupole={quadrupole} thr{threads} {errors(tree()[rows], exact)}"
            print(f"RESULT|pytreegrav tree {shown}|N={count}|{taken:.4g}|s", flush=True)


def time_dimensions(threads: int, sizes: list[int]) -> None:
    """Direct sums in float64 against D."""
    import numba

    from gasfield.forces import Surroundings
    from gasfield.forces.pairs.gravity import Gravity
    from gasfield.spaces import Free

    numba.set_num_threads(threads)
    for count in sizes:
        for dimensions in (2, 3, 4, 8, 16, 64, 256, 1024):
            gas = of(np.random.default_rng(0).normal(size=(count, dimensions)))
            force, law = np.zeros((count, dimensions)), Gravity(softening=SOFTENING)
            direct = law.build(Surroundings(Free(dimensions=dimensions)))
            speed = count**2 / seconds(lambda gas=gas, force=force, direct=direct: direct.add(gas, force))
            print(f"RESULT|gasfield direct f64 D={dimensions} thr{threads}|N={count}|{speed:.4g}|pairs/s", flush=True)


if __name__ == "__main__":
    which, threads, chosen = sys.argv[1], int(sys.argv[2]), [int(size) for size in sys.argv[3:]]
    if which == "dimensions":
        time_dimensions(threads, chosen or [4_096])
    else:
        {"gasfield": time_gasfield, "pytreegrav": time_pytreegrav}[which](threads, chosen or list(SIZES))
