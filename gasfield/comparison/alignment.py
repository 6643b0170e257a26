"""The same rows at the same steps in two trajectories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.diagnostics.grouping import group_of, survey_of
from gasfield.diagnostics.presence import Presence
from gasfield.diagnostics.repeats import distinct_frames
from gasfield.errors import InputError
from gasfield.kernels.lattices import PRECISIONS
from gasfield.names import MOST_GROUPS
from gasfield.printable import LISTED, listed
from gasfield.trajectory import SURVEYED, Trajectory

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Pair:
    """One group in two trajectories, with equal steps and equal row order."""

    real: Group
    simulated: Group
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the group."""
        return self.real.name

    @property
    def lattice(self) -> str | None:
        """The format of 16 or 8 bits in which both are stored; None if there is none."""
        own = self.real.precision
        return own if own == self.simulated.precision and own in PRECISIONS[1:] else None


@dataclass(frozen=True)
class Alignment:
    """What two trajectories have in common.

    Attributes:
        pairs: one per common group.
        notes: what has no counterpart, and why.
    """

    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]


def align(real: Trajectory, simulated: Trajectory, names: tuple[str, str] = ("real", "simulated")) -> Alignment:
    """Matches groups by name, rows by token id (by order where there are no ids) and frames by step.

    Args:
        real, simulated: the trajectories.
        names: what they are called in notes.

    Raises:
        InputError: if the dimensions differ, or no step or no row is common; the message names both files.
    """
    both = f"{real.path} and {simulated.path}"
    if real.dimensions != simulated.dimensions:
        raise InputError(
            f"{both} cannot be compared: positions have {real.dimensions} dimensions in the first, "
            f"{simulated.dimensions} in the second."
        )
    steps, real_frames, simulated_frames, repeats = _common_frames(real, simulated)
    if not len(steps):
        raise InputError(
            f"{both} have no step in common: frames run from {real.steps[0]} to {real.steps[-1]} in the first, "
            f"from {simulated.steps[0]} to {simulated.steps[-1]} in the second."
        )
    pairs: list[Pair] = []
    notes = [*repeats, *_only_in(real, simulated, names[0]), *_only_in(simulated, real, names[1])]
    theirs = set(simulated.names)
    common = [name for name in real.names if name in theirs]
    if len(common) > MOST_GROUPS:
        notes.append(f"the first {MOST_GROUPS} of {len(common):,} common groups are compared")
    for name in common[:MOST_GROUPS]:
        rows = common_rows(real, simulated, name)
        if not len(rows[0]):
            why = "no common token id; rows are matched by order only if none has a token id and their numbers agree"
            notes.append(f"group '{name}': no row has a counterpart ({why})")
            continue
        pair = Pair(group_of(real, name, rows[0], real_frames), group_of(simulated, name, rows[1], simulated_frames))
        pairs.append(_present(pair))
    surveyed = _surveyed(real, simulated)
    if surveyed is not None:
        pairs.append(surveyed)
        notes = [note for note in notes if not note.startswith(f"group '{SURVEYED}'")]
    if not pairs:
        raise InputError(
            f"{both} have no row in common: the groups are {listed(real.names)} in the first, "
            f"{listed(simulated.names)} in the second, and rows are matched by token id within a group."
        )
    return Alignment(tuple(pairs), tuple(notes))


def _only_in(one: Trajectory, other: Trajectory, called: str) -> list[str]:
    """A note for each group that only the first trajectory has; of very many groups for the first ones."""
    theirs = set(other.names)
    names = [name for name in one.names if name not in theirs]
    notes = [f"group '{name}' is in {called} only, and is left out" for name in names[:LISTED]]
    rest = len(names) - len(notes)
    return [*notes, f"{rest:,} more groups are in {called} only, and are left out"] if rest else notes


def _common_frames(
    real: Trajectory, simulated: Trajectory
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], list[str]]:
    """The common steps, and their frames on both sides, without repeated checkpoints; and notes on these."""
    (one, of_one), (two, of_two) = distinct_frames(real), distinct_frames(simulated)
    steps, first, second = np.intersect1d(real.steps[one], simulated.steps[two], return_indices=True)
    return steps, one[first], two[second], [*of_one, *of_two]


def _surveyed(real: Trajectory, simulated: Trajectory) -> Pair | None:
    """All dead rows of a recording, at the steps at which they were stored, and the simulated group of that name."""
    survey = survey_of(real)
    if survey is None or SURVEYED in real.names or SURVEYED not in simulated.names:
        return None
    _, real_frames, frames = np.intersect1d(survey.steps, simulated.steps, return_indices=True)
    members = simulated.members(SURVEYED)
    _, rows, others = np.intersect1d(real.survey_ids, simulated.token_ids[members], return_indices=True)
    if not len(frames) or not len(rows):
        return None
    positions = survey.positions[real_frames][:, rows]
    return Pair(
        Group(SURVEYED, survey.steps[real_frames], positions, survey.precision),
        group_of(simulated, SURVEYED, members[others], frames),
    )


def together(pairs: Iterable[Pair], name: str) -> Pair | None:
    """All rows of several pairs as one, at the steps common to all; None if there is no pair."""
    pairs = list(pairs)
    if not pairs:
        return None
    steps = pairs[0].real.steps
    for pair in pairs[1:]:
        steps = np.intersect1d(steps, pair.real.steps)
    return Pair(_joined([p.real for p in pairs], steps, name), _joined([p.simulated for p in pairs], steps, name))


def _joined(groups: list[Group], steps: NDArray[np.int64], name: str) -> Group:
    positions = np.concatenate([g.positions[np.isin(g.steps, steps)] for g in groups], axis=1)
    return Group(name, steps, positions, groups[0].precision)


def common_rows(real: Trajectory, simulated: Trajectory, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Particle indices of the rows of a group present in both, in the order of the first trajectory."""
    members = real.members(name), simulated.members(name)
    places = [_by_token(t.token_ids[m], m) for t, m in zip((real, simulated), members, strict=True)]
    common = [token for token in places[0] if token in places[1]]
    if common:
        first, second = ([place[token] for token in common] for place in places)
        return np.array(first, np.int64), np.array(second, np.int64)
    unnamed = all((t.token_ids[m] < 0).all() for t, m in zip((real, simulated), members, strict=True))
    if unnamed and len(members[0]) == len(members[1]):
        return members
    return members[0][:0], members[1][:0]


def _by_token(token_ids: NDArray[np.int64], rows: NDArray[np.int64]) -> dict[int, int]:
    """Token id -> particle; ids shared by several particles are omitted."""
    times = Counter(token_ids.tolist())
    return {t: r for t, r in zip(token_ids.tolist(), rows.tolist(), strict=True) if t >= 0 and times[t] == 1}


def _present(pair: Pair) -> Pair:
    """Keeps the rows with a finite position on both sides, so that the two stay aligned."""
    sides = (pair.real, pair.simulated)
    if all(np.all(side.presence().in_frame == side.count) for side in sides):
        return pair
    broken, other = (np.where(side.presence().broken < 0, _NEVER, side.presence().broken) for side in sides)
    in_frame, of_row = np.zeros(len(pair.real.steps), np.int64), np.zeros(pair.real.count, np.int64)
    for frame, (real, simulated) in enumerate(zip(pair.real.positions, pair.simulated.positions, strict=True)):
        both = np.isfinite(real).all(axis=1) & np.isfinite(simulated).all(axis=1)
        in_frame[frame] = both.sum()
        of_row += both
    first = np.minimum(broken, other)
    presence = Presence(in_frame, of_row, np.where(first == _NEVER, -1, first))
    kept = pair.real.throughout(presence)
    return Pair(kept, pair.simulated.throughout(presence), kept.notes)
