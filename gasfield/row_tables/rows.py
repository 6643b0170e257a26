"""What each row of a trajectory did: who moved most, who rests since when, who fell together with whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.repeats import distinct_frames
from gasfield.diagnostics.structure.clusters import usual_reach
from gasfield.errors import InputError
from gasfield.memory import require_memory
from gasfield.row_tables.table import RowTable
from gasfield.row_tables.together import MOST, Neighbours, near_since, neighbours
from gasfield.row_tables.travel import COPIES, Travel, travel
from gasfield.trajectory import Trajectory, open_trajectory
from gasfield.trajectory.selection import Labels, Selection, select
from gasfield.trajectory.tables import as_objects


def rows(
    trajectory: Trajectory | Path | str,
    *,
    groups: Sequence[str] | None = None,
    rows: str | None = None,
    frames: str | None = None,
    reach: float | None = None,
    quiet: float = 0.1,
    quiet_steps: int = 10,
    sort: str | None = None,
    reverse: bool = False,
    top: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RowTable:
    """A table with a line for each row of a trajectory.

    The frames are read twice, some at a time; memory holds a few arrays of the size of a frame, whatever their number.
    Distances are those between positions: in a space that is a sphere, chords.

    Args:
        trajectory: an open one, or the path of a file or of a run directory.
        groups, rows, frames: what is looked at, as `gasfield.trajectory.selection.select`; everything by default.
            Repeated checkpoints of imports are left out.
        reach: how near two rows at the end have to be to have fallen together, in steps from row to row [length]; 0: at
            the same place. A tenth of the root mean square distance of two of the rows, each where it is first seen, if
            left out.
        quiet: share of the time in which a row has positions, at its end, in which a frozen row has not moved.
        quiet_steps: fewest steps without motion between two motions for a thaw to be counted.
        sort: the column to sort by (`RowTable.sorted_by`); by row if left out.
        reverse: whether the order is the other way round.
        top: only so many rows, the first ones in this order.
        progress: called with the number of frames done, and of all.

    Raises:
        InputError: if the selection is empty or has one frame, a number is out of its range, there is no such column,
            or there is not enough memory.
    """
    if reach is not None and not (0.0 <= reach < np.inf):
        raise InputError("must be a finite number, at least 0.", parameter="reach", value=reach)
    if not 0.0 < quiet < 1.0:
        raise InputError("must be a share between 0 and 1.", parameter="quiet", value=quiet)
    if quiet_steps < 1:
        raise InputError("must be at least 1.", parameter="quiet_steps", value=quiet_steps)
    opened = nullcontext(trajectory) if isinstance(trajectory, Trajectory) else open_trajectory(trajectory)
    with opened as source:
        chosen, left_out = _chosen(source, groups, rows, frames)
        listen = progress or (lambda done, total: None)
        table = _table(source, chosen, left_out, reach, quiet, quiet_steps, listen)
    return table.sorted_by(sort or "row", reverse=reverse).top(top)


def _chosen(
    source: Trajectory, groups: Sequence[str] | None, rows: str | None, frames: str | None
) -> tuple[Selection, tuple[str, ...]]:
    """What is looked at, and a note on what is left out.

    Raises:
        InputError: if that are fewer than two frames, or it does not fit into memory.
    """
    chosen = select(source, frames=frames, groups=groups, rows=rows)
    distinct, notes = distinct_frames(source)
    chosen = Selection(np.intersect1d(chosen.frames, distinct), chosen.rows)
    if len(chosen.frames) < 2:
        raise InputError(
            f"{source.path}: motion needs two frames; there is one.", parameter="frames" if frames else None
        )
    size = COPIES * 8 * len(chosen.rows) * source.dimensions + 2 * chosen.largest_piece(source)
    require_memory(size, f"{source.path}: a table of {len(chosen.rows):,} rows", "rows")
    return chosen, notes


def _table(
    source: Trajectory,
    chosen: Selection,
    notes: tuple[str, ...],
    reach: float | None,
    quiet: float,
    quiet_steps: int,
    progress: Callable[[int, int], None],
) -> RowTable:
    labels, count = Labels.of(source, chosen.rows), len(chosen.frames)
    went = travel(source, chosen, quiet_steps, lambda done: progress(done, 2 * count))
    tokens = as_objects(labels.tokens)
    values: dict[str, NDArray[Any]] = {"row": labels.rows, "token_id": labels.token_ids, "token": tokens}
    if not any(labels.tokens) and (labels.token_ids < 0).all():
        del values["token_id"], values["token"]
    values |= {"group": as_objects(labels.groups)} | _motions(went, source.species[chosen.rows], quiet)
    if len(chosen.rows) > MOST:
        left = f"among more than {MOST:,} rows it is not looked for who fell together; choose a group, or fewer rows"
        return RowTable(str(source.path), values, count, None, notes=(*notes, left))
    if (went.first_step < 0).all():
        return RowTable(str(source.path), values, count, None, notes=(*notes, "no row has a position in these frames"))
    near, reach = _near_at_end(source, chosen, went, reach)
    since = np.full(len(chosen.rows), -1)
    together = np.flatnonzero(near.size > 1)
    if len(together):
        pairs = np.stack([together, near.nearest[together]], axis=1)
        since[together] = near_since(source, chosen, pairs, reach, lambda done: progress(count + done, 2 * count))
    there = went.last_step == source.steps[chosen.frames[-1]]
    values |= _company(near, there, since, labels.rows, tokens if "token" in values else None)
    return RowTable(str(source.path), values, count, reach, int(near.cluster.max(initial=-1)) + 1, notes)


def _motions(went: Travel, groups: NDArray[np.int64], quiet: float) -> dict[str, NDArray[Any]]:
    return {
        "first_step": went.first_step,
        "last_step": went.last_step,
        "displacement": went.displacement,
        "own_displacement": went.own_displacement(groups),
        "path": np.where(went.first_step < 0, np.nan, went.path),
        "last_motion": went.last_motion,
        "frozen_since": went.frozen_since(quiet),
        "thaws": np.where(went.first_step < 0, -1, went.thaws.count),
        "longest_pause": np.where(went.thaws.count > 0, went.thaws.longest, -1),
    }


def _near_at_end(source: Trajectory, chosen: Selection, went: Travel, reach: float | None) -> tuple[Neighbours, float]:
    """Who is near whom in the last frame, and the reach."""
    if reach is None:
        reach = usual_reach(went.first[went.first_step >= 0])
    gone = went.last_step < source.steps[chosen.frames[-1]]
    return neighbours(np.where(gone[:, None], np.nan, went.last), reach, source.periods), reach


def _company(
    near: Neighbours,
    there: NDArray[np.bool_],
    since: NDArray[np.int64],
    numbers: NDArray[np.int64],
    tokens: NDArray[np.object_] | None,
) -> dict[str, NDArray[Any]]:
    together = near.size > 1
    company: dict[str, NDArray[Any]] = {
        "cluster": near.cluster,
        "cluster_size": np.where(there, near.size, -1),
        "with_row": np.where(together, numbers[near.nearest], -1),
    }
    if tokens is not None:
        company["with_token"] = np.where(together, tokens[near.nearest], "")
    return company | {"distance": np.where(together, near.distance, np.nan), "together_since": since}
