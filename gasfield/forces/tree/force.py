"""A softened pair force summed by a tree, with an error that is chosen and measured at every evaluation.

The opening angle follows from the error: the forces on half of the particles of some groups, spread evenly over the
tree, are summed directly, and the angle is the largest of a fixed ladder at which 99 in 100 of them have a relative
error below the bound, less a margin for the scatter of the sample. So the force depends on the present gas only, and a
resumed run is the same to the bit. Where no angle does, or the tree would take as many operations, sums are direct.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError, Note
from gasfield.forces.base import Array, Force
from gasfield.forces.pairwise import PairForce
from gasfield.forces.tree.build import Tree, build
from gasfield.forces.tree.walk import GROUP, potentials, pull
from gasfield.gas import Gas

ANGLES = 1.25 * 2.0 ** (-np.arange(28) / 8.0)
"""Opening angles, from 1.25 down to 0.12."""
SAMPLE = 32
"""Groups in which every second force is also summed directly."""
MARGIN = 0.75
"""Share of the bound that a sampled error may reach."""
WORTH = 0.5
"""Share of the pairs above which the interactions of a tree take as long as direct sums."""
SHARE = 99.0
"""Percentage of particles for which the bound holds."""
LEAST = 1e-11
"""The smallest bound: the rounding of sums over many particles is not far below."""
LEAST_COUNT = 2 * SAMPLE * GROUP
"""Particles below which direct sums are faster."""
DIMENSIONS = 3


class TreeForce(Force):
    """Softened gravity or Coulomb forces in a space of at most three dimensions without periods."""

    conservative = True
    interacting = True

    def __init__(self, direct: PairForce, strength: float, softening: float, error: float) -> None:
        """Sums c w w' / sqrt(r^2 + s^2) by a tree.

        Args:
            direct: the same force, summed over all pairs.
            strength: c, negative for attraction [energy length].
            softening: s [length].
            error: bound of |F - F_direct| / |F_direct|, for 99 in 100 of the particles.
        """
        self._direct, self._strength, self._softening2, self._bound = direct, strength, softening**2, error
        self._noted = False

    def add(self, gas: Gas, force: Array) -> None:
        found = self._opened(gas)
        if found is None:
            self._direct.add(gas, force)
            return
        rows, strengths, tree, calibration = found
        field, _ = field_at(in_groups(tree), tree, self._softening2, calibration.angle)
        rows = rows[tree.order]
        force[rows] += (self._strength * strengths[rows, None]) * field[: gas.dimensions, : len(rows)].T

    def energy(self, gas: Gas) -> Array:
        numbers = self._numbers(gas)
        if numbers is None:
            return self._direct.energy(gas)
        return np.asarray(numbers[0] * np.where(gas.is_source, 0.5, 1.0))

    def laplacian(self, gas: Gas) -> Array:
        numbers = self._numbers(gas)
        return self._direct.laplacian(gas) if numbers is None else numbers[1]

    def check_gas(self, gas: Gas) -> None:
        self._direct.check_gas(gas)

    def measures(self, gas: Gas) -> dict[str, float]:
        """`force_error` of 99 in 100, and `force_error_median`, of the sample; zero where sums are direct."""
        found = self._opened(gas)
        error, median = (0.0, 0.0) if found is None else found[3][1:]
        return {"force_error": error, "force_error_median": median}

    def _numbers(self, gas: Gas) -> Array | None:
        """(2, N) energy and its Laplacian of each particle; None where sums are direct."""
        found = self._opened(gas)
        if found is None:
            return None
        rows, strengths, tree, calibration = found
        targets, numbers = in_groups(tree), np.zeros((2, gas.count))
        sums = np.empty((2, targets.shape[1]))
        potentials(targets, *tree[1:], self._softening2, calibration.angle, float(gas.dimensions), sums[0], sums[1])
        rows = rows[tree.order]
        numbers[:, rows] = (self._strength * strengths[rows]) * sums[:, : len(rows)]
        return numbers

    def _opened(self, gas: Gas) -> tuple[NDArray[np.int64], Array, Tree, _Calibration] | None:
        """Rows at finite places, strengths (N,), their tree and its angle; None where sums are direct."""
        places: Array = np.ascontiguousarray(gas.positions, np.float64)
        rows = np.flatnonzero(np.isfinite(places).all(axis=1))
        if len(rows) < LEAST_COUNT:
            return None
        strengths = np.ascontiguousarray(self._direct.strengths(gas), np.float64)
        tree = build(places[rows], np.where(gas.is_source, strengths, 0.0)[rows])
        calibration = calibrate(tree, self._softening2, self._bound)
        if calibration is None:
            self._note()
            return None
        return rows, strengths, tree, calibration

    def _note(self) -> None:
        """Says once that sums are direct."""
        if not self._noted:
            self._noted = True
            text = (
                f"error: to {self._bound:g} a tree takes as many operations as the sums over all pairs, which are "
                "therefore used; a larger error would be faster"
            )
            warnings.warn(Note(text), stacklevel=2)


class _Calibration(NamedTuple):
    """An opening angle, and the relative errors of the sampled forces: of 99 in 100, and the median."""

    angle: float
    error: float
    median: float


def calibrate(tree: Tree, softening2: float, bound: float) -> _Calibration | None:
    """The largest angle with which sampled forces have an error below the bound; None if there is none that saves
    operations.

    Args:
        tree: of the gas.
        softening2: s^2 [length^2].
        bound: of the relative error of 99 in 100 forces.
    """
    groups = in_groups(tree).reshape(DIMENSIONS, -1, GROUP)
    chosen = (2 * np.arange(SAMPLE) + 1) * groups.shape[1] // (2 * SAMPLE)
    places = np.ascontiguousarray(groups[:, chosen].reshape(DIMENSIONS, -1))
    exact, _ = field_at(np.ascontiguousarray(places[:, ::2]), tree, softening2, 0.0)
    low, high, best = 0, len(ANGLES), None
    while low < high:  # the first angle of the ladder that does; errors grow with the angle
        middle = (low + high) // 2
        field, visits = field_at(places, tree, softening2, ANGLES[middle])
        errors = relative_errors(field[:, ::2], exact)
        error = float(np.percentile(errors, SHARE))
        if error <= MARGIN * bound:
            high = middle
            best = _Calibration(float(ANGLES[middle]), error, float(np.median(errors)))
            if visits.mean() > WORTH * len(tree.weights):
                best = None
        else:
            low = middle + 1
    return best


def relative_errors(field: Array, exact: Array) -> Array:
    """|f - f_exact| / |f_exact| of vectors (3, .); relative to the mean square where the exact one is zero."""
    wrong, size = np.linalg.norm(field - exact, axis=0), np.linalg.norm(exact, axis=0)
    typical = np.sqrt(np.mean(size**2)) or 1.0
    return np.asarray(wrong / np.where(size > 0.0, size, typical))


def in_groups(tree: Tree) -> Array:
    """(3, .) all particles in the order of the tree; the last one fills up the last group."""
    missing = -tree.places.shape[1] % GROUP
    return np.ascontiguousarray(np.pad(tree.places, ((0, 0), (0, missing)), mode="edge"))


def field_at(
    targets: Array, tree: Tree, softening2: float, angle: float, order: int = 2
) -> tuple[Array, NDArray[np.int64]]:
    """The field (3, .) at targets (3, .), directly summed if the angle is zero, and the number of sources and cells
    that act on each group of GROUP targets."""
    field, visits = np.empty(targets.shape), np.zeros(targets.shape[1] // GROUP, np.int64)
    pull(targets, *tree[1:], softening2, angle, order, field, visits)
    return field, visits


def require_tree(kind: str, error: float, reach: float, periods: Array) -> None:
    """Refuses an error bound where a tree cannot be used.

    Raises:
        InputError: with a cut-off, hence in a periodic space; above three dimensions; below the rounding of sums.
    """
    if error < LEAST:
        raise InputError(
            f"{kind}: {error:g} is below the rounding of float64 sums; use at least {LEAST:g}, or leave it out, for "
            "sums over all pairs.",
            parameter="error",
        )
    if np.isfinite(reach):
        where = "in a periodic space forces are cut off: " if periods.any() else ""
        raise InputError(
            f"{kind}: {where}a tree sums forces that have no cutoff; leave out the one or the other.", parameter="error"
        )
    if len(periods) > DIMENSIONS:
        raise InputError(
            f"{kind}: there is a tree up to {DIMENSIONS} dimensions only, and the space has {len(periods)}; "
            "leave it out.",
            parameter="error",
        )
