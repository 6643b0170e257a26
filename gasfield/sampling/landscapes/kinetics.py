"""How a chain moves between regions of a discrete landscape: exactly from its transition matrix, and from walkers.

For a stationary law pi and moves P, regions A, B, ...

* flux            K_AB = sum_(i in A, j in B) pi_i P_ij, symmetric under detailed balance;
* residence       pi_A / sum_(B != A) K_AB, the mean number of steps that a visit to A lasts in equilibrium;
* over a lag n    T_AB = sum_(i in A, j in B) pi_i (P^n)_ij / pi_A;
* committor       q_i, the probability that a walker at i reaches B before A: (1 - P) q = 0, q = 0 on A and 1 on B
  (E, Vanden-Eijnden 2006, J Stat Phys 123:503).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import spsolve

from gasfield.errors import InputError
from gasfield.statistics.estimate import Estimate, jackknife, missing

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
_PARTS = 32


def fluxes(law: Array, moves: csr_array, regions: Indices) -> Array:
    """(R, R) K_AB of regions (M,) numbered from 0; the diagonal is what stays."""
    member = _members(regions)
    found: Array = (member.T @ (csr_array(moves.multiply(law[:, None])) @ member)).toarray()
    return found


def residence(law: Array, moves: csr_array, regions: Indices) -> Array:
    """(R,) mean number of steps that a visit to each region lasts in equilibrium; infinite if nothing leaves it."""
    flux = fluxes(law, moves, regions)
    # Summed without the diagonal: the difference of two nearly equal numbers would lose rare exits.
    leaving = np.where(np.eye(len(flux), dtype=bool), 0.0, flux).sum(axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(flux.sum(axis=1) / leaving)


def transitions(law: Array, moves: csr_array, regions: Indices, lag: int) -> Array:
    """(R, R) probability T_AB to be in B `lag` steps after a time at which the walker, in equilibrium, is in A."""
    member = _members(regions)
    ahead = member.toarray().astype(np.float64)
    for _ in range(lag):
        ahead = moves @ ahead
    weighted: Array = member.T @ (law[:, None] * ahead)
    shares: Array = weighted / weighted.sum(axis=1, keepdims=True)
    return shares


def committor(moves: csr_array, source: Indices, target: Indices) -> Array:
    """(M,) probability to reach the states `target` before the states `source`.

    Raises:
        InputError: if one of them is empty, or they have a state in common.
    """
    count = moves.shape[0]
    if not len(source) or not len(target) or np.intersect1d(source, target).size:
        raise InputError("a committor needs a source and a target that have no state in common.")
    q = np.zeros(count)
    q[target] = 1.0
    free = np.setdiff1d(np.arange(count), np.concatenate([source, target]))
    if len(free):
        inner = csr_array(eye_array(count) - moves)[free]
        q[free] = spsolve(csr_array(inner[:, free]).tocsc(), -(inner @ q))
    return q


@dataclass(frozen=True)
class Visits:
    """What W walkers did in regions.

    Attributes:
        steps: (W, R) steps that each walker began in each region.
        exits: (W, R) those that left it.
        crossings: (R, R) steps from region to region, of all walkers.
    """

    steps: Indices
    exits: Indices
    crossings: Indices

    @classmethod
    def of(cls, starts: Indices, path: Iterable[Indices], regions: Indices) -> Visits:
        """Of states (W,) at the start and after each step, in regions (M,)."""
        count, walkers = int(regions.max()) + 1, np.arange(len(starts))
        steps, exits = np.zeros((len(starts), count), np.int64), np.zeros((len(starts), count), np.int64)
        crossings = np.zeros((count, count), np.int64)
        here = regions[starts]
        for states in path:
            there = regions[states]
            steps[walkers, here] += 1
            exits[walkers, here] += here != there
            crossings += np.bincount(here * count + there, minlength=count**2).reshape(count, count)
            here = there
        return cls(steps, exits, crossings)

    def residence(self, region: int) -> Estimate:
        """Mean number of steps that a visit lasts: steps over exits, jackknife over groups of walkers; undefined where
        a group has seen no exit."""
        parts = np.arange(len(self.steps)) * min(_PARTS, len(self.steps)) // len(self.steps)
        inside, left = (np.bincount(parts, of[:, region]) for of in (self.steps, self.exits))
        if np.any(left.sum() - left == 0):
            return missing("step")
        return jackknife(inside.sum() / left.sum(), (inside.sum() - inside) / (left.sum() - left), "step")


def reached(path: Iterable[Indices], source: Indices, target: Indices) -> Indices:
    """Which walkers reach the states `target` before `source`: (W,) 1 or 0, and -1 where the path ends before that."""
    outcome = np.empty(0, np.int64)
    for states in path:
        if not len(outcome):
            outcome = np.full(len(states), -1)
        undecided = outcome < 0
        outcome[undecided & np.isin(states, target)] = 1
        outcome[undecided & np.isin(states, source)] = 0
        if not np.any(outcome < 0):
            break
    return outcome


def _members(regions: Indices) -> csr_array:
    """(M, R) 1 where a state is in a region."""
    count = len(regions)
    return csr_array((np.ones(count), (np.arange(count), regions)), shape=(count, int(regions.max()) + 1))
