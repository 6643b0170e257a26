"""Which rows of a matrix a recording follows, and the tracers that are planted in some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from gasfield.errors import InputError, about
from gasfield.names import require_name
from gasfield.resources import find_file
from gasfield.streams import Stream, generator
from gasfield.tracers import GroupSnapshot, PlacementContext, Tracer, plant, structure_of
from gasfield.trajectory import SURVEYED

Ids = NDArray[np.int64]
DRAWN = 320
"""Number of rows drawn by default."""
OTHERS = "live"
"""Group of all other rows of a matrix whose dead rows are known."""


@dataclass(frozen=True)
class Rows:
    """Rows of a matrix, group by group, tracers first.

    Attributes:
        names: the groups.
        species: (N,) index into `names`.
        ids: (N,) row numbers, which are token ids.
        bonds: tracer name -> (B, 2) pairs of indices into `ids`.
        dead: ids of all dead rows that are not tracers, ascending; empty if unknown.
    """

    names: list[str]
    species: NDArray[np.int64]
    ids: Ids
    bonds: dict[str, NDArray[np.int64]]
    dead: Ids

    def members(self, name: str) -> NDArray[np.int64]:
        """Indices into `ids` of one group."""
        return np.flatnonzero(self.species == self.names.index(name))


def choose_rows(
    matrix: Tensor,
    wanted: Mapping[str, int | ArrayLike] | ArrayLike | None,
    dead: ArrayLike | None,
    tracers: Sequence[Tracer],
    seed: int,
) -> Rows:
    """Chooses rows, and plants the tracers in dead ones.

    Args:
        matrix: (V, D), modified where tracers are planted.
        wanted: group name -> ids, or number to draw (from the dead rows for "dead", the others for "live", else from
            all); or ids of one group "rows"; None draws 320.
        dead: ids of all dead rows, if known.
        tracers: structures.
        seed: of the random choices.

    Raises:
        InputError: if there are not enough rows, ids are out of range, or a tracer does not fit.
    """
    count = len(matrix)
    if not isinstance(wanted, Mapping):
        wanted = {"rows": min(DRAWN, count) if wanted is None else wanted}
    if dead is None and not isinstance(wanted.get("dead", 0), int):
        dead = wanted["dead"]
    known = dead is not None
    dead_ids = np.unique(_ids([] if dead is None else dead, count, "dead"))
    if known and SURVEYED in {*wanted, *(tracer.name for tracer in tracers)}:
        message = f"'{SURVEYED}' is the name of all dead rows in the file; choose another."
        raise InputError(message, parameter="rows")
    if tracers and not known:
        raise InputError("are planted in dead rows, which must be given (dead=ids).", parameter="tracers")
    chance = generator(seed, Stream.ROW_SAMPLE)
    others = np.setdiff1d(np.arange(count), dead_ids)
    pools = {"dead": chance.permutation(dead_ids), OTHERS: chance.permutation(others)}
    sizes = [len(structure_of(tracer.shape, _found).points) for tracer in tracers]
    _check_tracers(tracers, sizes, len(dead_ids), set(wanted))
    starts = np.cumsum([0, *sizes])
    taken, pools["dead"] = pools["dead"][: starts[-1]], pools["dead"][starts[-1] :]
    groups, bonds = _plant(tracers, starts, taken, matrix, pools, seed)
    for name, what in wanted.items():
        require_name(name, "rows")
        groups[name] = _group(name, what, pools, count, chance, known)
        if (clash := np.intersect1d(groups[name], taken)).size:
            raise InputError(f"{name} contains row {clash[0]}, in which a tracer is planted.", parameter="rows")
    ids = np.concatenate(list(groups.values()))
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"row {values[counts > 1][0]} is in two groups, or twice in one.", parameter="rows")
    return Rows(
        names=list(groups),
        species=np.repeat(np.arange(len(groups)), [len(rows) for rows in groups.values()]),
        ids=ids,
        bonds=bonds,
        dead=np.sort(pools["dead"]),
    )


def _plant(
    tracers: Sequence[Tracer], starts: NDArray[np.int64], taken: Ids, matrix: Tensor, pools: dict[str, Ids], seed: int
) -> tuple[dict[str, Ids], dict[str, NDArray[np.int64]]]:
    groups: dict[str, Ids] = {}
    bonds: dict[str, NDArray[np.int64]] = {}
    if not tracers:
        return groups, bonds
    present = {name: _present(matrix, np.sort(ids)) for name, ids in pools.items()}
    soil = PlacementContext(present, matrix.shape[1], seed, _found)
    for index, tracer in enumerate(tracers):
        rows = taken[starts[index] : starts[index + 1]]
        with about("tracers", index):
            planting = plant(tracer, soil, index)
        groups[tracer.name], bonds[tracer.name] = rows, planting.bonds + starts[index]
        with torch.no_grad():
            at = torch.from_numpy(rows).to(matrix.device)
            matrix[at] = torch.from_numpy(planting.positions).to(matrix)
    return groups, bonds


def _present(matrix: Tensor, rows: Ids) -> GroupSnapshot:
    at = torch.from_numpy(rows).to(matrix.device)
    return GroupSnapshot(matrix.detach()[at].double().cpu().numpy(), rows)


def _group(
    name: str, what: int | ArrayLike, pools: dict[str, Ids], count: int, chance: np.random.Generator, known: bool
) -> Ids:
    if not isinstance(what, int | np.integer):
        return np.sort(_ids(what, count, name))
    pool = pools[name] if known and name in pools else chance.permutation(count)
    if name in pools and not known:
        message = f"{name}: to draw {what}, the dead rows must be given (dead=ids)."
        raise InputError(message, parameter="rows")
    if not 1 <= what <= len(pool):
        raise InputError(f"{name}: {what} rows are requested, and there are {len(pool)}.", parameter="rows")
    return np.sort(pool[: int(what)])


def _ids(values: ArrayLike, count: int, name: str) -> Ids:
    ids = np.atleast_1d(np.asarray(values))
    if ids.size and not np.issubdtype(ids.dtype, np.integer):
        raise InputError(f"{name}: row numbers are integers; these are {ids.dtype}.", parameter="rows")
    if ids.ndim != 1:
        raise InputError(f"{name}: must be a list of row numbers; this has {ids.ndim} axes.", parameter="rows")
    if ids.size and not (ids.min() >= 0 and ids.max() < count):
        worst = int(ids.max() if ids.max() >= count else ids.min())
        message = f"{name}: there is no row {worst}; the matrix has the rows 0 to {count - 1}."
        raise InputError(message, parameter="rows")
    return ids.astype(np.int64)


def _found(name: str) -> Path:
    path = find_file(name)
    if path is None:
        raise InputError(f"there is no file '{name}'.", parameter="tracers")
    return path


def _check_tracers(tracers: Sequence[Tracer], sizes: list[int], dead: int, groups: set[str]) -> None:
    names = [tracer.name for tracer in tracers]
    if len(set(names)) < len(names) or groups & set(names):
        raise InputError(
            f"names must differ from each other and from the groups {', '.join(sorted(groups))}; they are "
            f"{', '.join(names)}.",
            parameter="tracers",
        )
    late = [tracer.name for tracer in tracers if tracer.plant_at]
    if late:
        message = f"{', '.join(late)}: a recorder plants before training; remove plant_at."
        raise InputError(message, parameter="tracers")
    if sizes and sum(sizes) + 2 > dead:
        raise InputError(
            f"{' + '.join(map(str, sizes))} tracer points need as many dead rows and two more; there are only {dead}.",
            parameter="tracers",
        )
