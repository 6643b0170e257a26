"""A ladder of temperatures: groups that are copies of one gas, from the coldest to the hottest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.operations.base import SimulationLike

Values = NDArray[np.float64]

_GAIN, _REST = 1.0, 20.0
"""First step of the adaptation, in ln(T_j/T_i) by acceptance, and the rounds after which it becomes smaller."""
_SMALLEST, _LARGEST = 1e-3, 2.0
"""Bounds of ln(T_j/T_i) while a ladder adapts."""


@dataclass(frozen=True)
class Ladder:
    """K replicas of N particles, the coldest first.

    Attributes:
        names: of their groups.
        species: (K,) their numbers.
        rows: (K, N) their particles, in the same order in each.
        temperatures: (K,) ascending [energy].
    """

    names: tuple[str, ...]
    species: NDArray[np.int64]
    rows: NDArray[np.int64]
    temperatures: Values

    @classmethod
    def of(cls, simulation: SimulationLike, names: Sequence[str]) -> Self:
        """The ladder of some groups, as their baths are at the start.

        Raises:
            InputError: if there is no such group, temperatures are not above zero and different, or replicas differ in
                more than their temperature.
        """
        gas, bath = simulation.gas, simulation.bath
        assert bath is not None
        for name in names:
            if name not in gas.names:
                raise InputError(f"there is no group '{name}'; there are {', '.join(gas.names)}.", parameter="groups")
        species = np.array([gas.names.index(name) for name in names], np.int64)
        temperatures = bath.at(simulation.start)[species]
        order = np.argsort(temperatures, kind="stable")
        species, temperatures = species[order], temperatures[order]
        if len(species) < 2 or not (np.diff(temperatures) > 0.0).all() or not temperatures[0] > 0.0:
            found = ", ".join(f"{temperature:.4g}" for temperature in temperatures)
            raise InputError(
                f"replicas need at least two different temperatures above zero, one a group; these are {found}.",
                parameter="groups",
            )
        ordered = tuple(gas.names[number] for number in species)
        return cls(ordered, species, _copies(simulation, ordered), temperatures)

    def at(self, temperatures: Values) -> Self:
        """The same replicas at other temperatures."""
        return replace(self, temperatures=temperatures)


def _copies(simulation: SimulationLike, names: Sequence[str]) -> NDArray[np.int64]:
    """(K, N) the particles of each replica.

    Raises:
        InputError: if replicas have different particles, or passive ones.
    """
    gas = simulation.gas
    members = [gas.members(name) for name in names]
    first = members[0]
    for name, rows in zip(names, members, strict=True):
        alike = len(rows) == len(first) and all(
            np.array_equal(values[rows], values[first]) for values in (gas.masses, gas.charges)
        )
        if not alike or not len(rows):
            raise InputError(
                f"'{name}' has other particles than '{names[0]}' ({len(rows)} and {len(first)}); replicas have equal "
                "numbers, masses and charges.",
                parameter="groups",
            )
        if not gas.is_source[rows].all():
            raise InputError(f"'{name}' is passive: it has no energy of its own.", parameter="groups")
    return np.stack(members)


def geometric(first: float, last: float, count: int) -> Values:
    """(K,) temperatures with one ratio between neighbours: equal acceptance where the heat capacity is constant."""
    return np.geomspace(first, last, count)


def spread_out(temperatures: Values, acceptance: Values, wanted: float | None, move: int) -> Values:
    """(K,) temperatures whose neighbours are further apart where more, and closer where less is accepted.

    Robbins and Monro (1951): the gaps ln(T_(i+1)/T_i) move by a step that falls with the number of moves.

    Args:
        temperatures: (K,) as they are.
        acceptance: (K - 1,) of each pair since the last move.
        wanted: the acceptance that all are to have, from the lowest temperature up; the mean of them, between both ends
            which stay, if None.
        move: the how-manieth move it is, from 1.
    """
    gaps = np.diff(np.log(temperatures))
    aim = float(acceptance.mean()) if wanted is None else wanted
    moved = gaps * np.exp(_GAIN / (1.0 + move / _REST) * (acceptance - aim))
    if wanted is None:
        moved *= gaps.sum() / moved.sum()
    else:
        moved = np.clip(moved, _SMALLEST, _LARGEST)
    logs = np.log(temperatures[0]) + np.concatenate([[0.0], np.cumsum(moved)])
    found = np.exp(logs)
    found[0] = temperatures[0]
    if wanted is None:
        found[-1] = temperatures[-1]
    return np.asarray(found)
