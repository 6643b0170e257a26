"""Bonds of the structures that are there, their strain, and the linear map of one of them since it was first seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.simulation import Simulation
from gasfield.statistics.polar import polar

Values = NDArray[np.float64]
_FLAT = 1e-3
"""A structure thinner than this fraction of its length counts as flat in that direction."""


@dataclass(frozen=True)
class Reference:
    """A structure when it was first seen.

    Attributes:
        ids: (M,) of its particles.
        bonds: (B, 2) ids.
        places: (M, D) [length].
        time: when that was.
        lengths: (B,) of the bonds [length].
        frame: (D, k) its own axes; k = 0 for a structure without extent.
        own: (M, k) coordinates in them, centred.
    """

    ids: NDArray[np.int64]
    bonds: NDArray[np.int64]
    places: Values
    time: float
    lengths: Values
    frame: Values
    own: Values

    @classmethod
    def of(cls, ids: NDArray[np.int64], bonds: NDArray[np.int64], places: Values, time: float) -> Reference:
        """A structure at its present places."""
        centred = places - places.mean(axis=0)
        _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
        flat = int(np.sum(sizes > _FLAT * max(float(sizes[0]) if len(sizes) else 0.0, 1e-300)))
        frame = axes[:flat].T
        rows = np.searchsorted(ids, bonds)
        lengths = np.linalg.norm(places[rows[:, 0]] - places[rows[:, 1]], axis=1)
        return cls(ids, bonds, places, time, lengths, frame, centred @ frame)

    def stretches(self, places: Values) -> Values:
        """(k,) principal stretches of the linear map that fits present places (M, D) best; see
        `gasfield.diagnostics.kinematics.deformation`."""
        centred = places - places.mean(axis=0)
        solution = np.linalg.lstsq(self.own, centred, rcond=None)[0]
        return polar(solution.T, self.frame).stretches


class Structures:
    """The structures of a simulation that is played with."""

    def __init__(self) -> None:
        """None yet."""
        self._known: dict[str, Reference] = {}

    def look(self, simulation: Simulation) -> None:
        """Notes those that are new; forgets those that are no longer whole."""
        gas = simulation.gas
        for name, bonds in simulation.everyone.bonds.items():
            ids = simulation.everyone.members(name)
            here = np.isin(ids, gas.ids).all()
            known = self._known.get(name)
            if not here or (known is not None and not np.array_equal(known.ids, ids)):
                self._known.pop(name, None)
            if here and name not in self._known:
                self._known[name] = Reference.of(ids, bonds, _places(simulation, ids), gas.time)
        for name in set(self._known) - set(simulation.everyone.bonds):
            del self._known[name]

    def restart(self) -> None:
        """Forgets all, at the start of a simulation."""
        self._known.clear()

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __getitem__(self, name: str) -> Reference:
        return self._known[name]

    @property
    def names(self) -> list[str]:
        """Of all of them."""
        return list(self._known)

    def bonds(self, simulation: Simulation) -> NDArray[np.int64]:
        """(B, 2) rows of the gas as it is now."""
        ids = [reference.bonds for reference in self._known.values()]
        return _rows(simulation, np.concatenate([np.empty((0, 2), np.int64), *ids]))

    def strain(self, simulation: Simulation, rows: NDArray[np.int64]) -> Values:
        """(B,) length of each bond over its first one, less 1.

        Args:
            simulation: as it is now.
            rows: what `bonds` has given.
        """
        if not len(rows):
            return np.empty(0)
        places = simulation.gas.unwrapped
        now = np.linalg.norm(np.asarray(places[rows[:, 0]] - places[rows[:, 1]], np.float64), axis=1)
        first = np.concatenate([reference.lengths for reference in self._known.values()])
        return np.where(first > 0, now / np.where(first > 0, first, 1.0) - 1.0, 0.0)

    def stretches(self, simulation: Simulation, name: str) -> tuple[Values, float]:
        """(k,) principal stretches of a structure, and the time since it was first seen."""
        reference = self._known[name]
        return reference.stretches(_places(simulation, reference.ids)), simulation.gas.time - reference.time


def _rows(simulation: Simulation, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows in which ids are now."""
    order = np.argsort(simulation.gas.ids)
    return np.asarray(order[np.searchsorted(simulation.gas.ids, ids, sorter=order)])


def _places(simulation: Simulation, ids: NDArray[np.int64]) -> Values:
    return np.asarray(simulation.gas.unwrapped[_rows(simulation, ids)], np.float64)
