"""What a field is learned from: rows of one or several trajectories over some frames, read block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.group import Group
from gasfield.diagnostics.grouping import group_of
from gasfield.diagnostics.repeats import distinct_frames
from gasfield.errors import InputError
from gasfield.forces.learned import Region
from gasfield.trajectory import Trajectory
from gasfield.trajectory.selection import frame_range

Array = NDArray[np.float64]

BLOCKS = 10
"""Default number of blocks in time of each trajectory, for cross-validation and bootstrap."""
_SAMPLE = 20_000
"""Most places of the sample that describes the region."""
_ON_SPHERE = 1e-5
"""Relative deviation of |x| up to which rows count as lying on a sphere: the rounding of float32, a hundredfold."""
_LONG = 1.5
"""An interval this many times longer than the usual one is a gap."""


class Transitions(NamedTuple):
    """Successive frames of one trajectory: where the rows were, and where they went.

    Attributes:
        source: number of the trajectory.
        blocks: (t,) number of the block in time to which each interval belongs; blocks of all trajectories are counted
            through.
        frames: (t,) number of the frame in which each interval starts.
        steps: (t,) step at which each interval starts.
        times: (t,) time at which it starts.
        spans: (t,) its length [time].
        start: (t, n, D) positions at its start [length].
        end: (t, n, D) positions at its end [length].
    """

    source: int
    blocks: NDArray[np.int64]
    frames: NDArray[np.int64]
    steps: NDArray[np.int64]
    times: Array
    spans: Array
    start: Array
    end: Array

    @property
    def slopes(self) -> Array:
        """(t, n, D) mean velocity over each interval [length/time]."""
        slopes: Array = (self.end - self.start) / self.spans[:, None, None]
        return slopes

    @property
    def middle(self) -> Array:
        """(t, n, D) the mean of start and end [length]."""
        middle: Array = 0.5 * (self.start + self.end)
        return middle


class Sample(NamedTuple):
    """Places, and where they come from.

    Attributes:
        places: (M, D) [length].
        sources: (M,) numbers of the trajectories.
        frames: (M,) numbers of the frames, ascending in each trajectory.
        rows: (M,) numbers of the rows within the group.
    """

    places: Array
    sources: NDArray[np.int64]
    frames: NDArray[np.int64]
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class TrainingData:
    """Rows of trajectories over the frames of the training span.

    Attributes:
        groups: one for each trajectory, of the rows that have a finite position in every frame.
        trajectories: the open files, for what else they hold (the recorded field, the law of motion).
        space: "free" or "sphere".
        blocks: number of blocks in time of each trajectory.
        seed: of every random choice of a fit.
        notes: what is to be said of the data.
    """

    groups: tuple[Group, ...]
    trajectories: tuple[Trajectory, ...]
    space: str = "free"
    blocks: int = BLOCKS
    seed: int = 0
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        trajectories: Sequence[Trajectory],
        *,
        rows: str | None = None,
        frames: str | None = None,
        space: str | None = None,
        blocks: int = BLOCKS,
        seed: int = 0,
        motion: bool = True,
    ) -> TrainingData:
        """The training data in some trajectories.

        Args:
            trajectories: open; of the same dimensions.
            rows: a group, several joined by commas, or "all" (the default).
            frames: a range a:b of frames, the end excluded; all frames by default.
            space: "free" or "sphere"; found from the positions if left out.
            blocks: of each trajectory.
            seed: as above.
            motion: whether the motion is what is learned from; if not, one frame is enough.

        Raises:
            InputError: if dimensions differ, there is no such group, there are fewer than three frames, no row has a
                finite position in all of them, no row moves, or rows are not on the sphere that was asked for.
        """
        _require_alike(trajectories)
        groups, notes = [], []
        for trajectory in trajectories:
            group = _group(trajectory, rows, frames, least=3 if motion else 1)
            notes += [f"{trajectory.path.name}: {note}" for note in (*group.notes, *_gaps(group))]
            groups.append(group)
        space, said = _space_of(groups, space)
        return cls(tuple(groups), tuple(trajectories), space, blocks, seed, (*notes, *said))

    @classmethod
    def of_group(cls, group: Group, trajectory: Trajectory) -> TrainingData:
        """The training data in some rows of an open trajectory, which are finite in every frame, and nothing else."""
        space, said = _space_of([group], None)
        return cls((group,), (trajectory,), space, notes=tuple(said))

    @property
    def dimensions(self) -> int:
        """D."""
        return self.groups[0].dimensions

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last step."""
        return min(int(group.steps[0]) for group in self.groups), max(int(group.steps[-1]) for group in self.groups)

    @property
    def block_count(self) -> int:
        """Number of all blocks in time."""
        return sum(self._blocks_of(group) for group in self.groups)

    @property
    def intervals(self) -> int:
        """Number of intervals between successive frames, of all trajectories."""
        return sum(len(group.steps) - 1 for group in self.groups)

    def transitions(self, parts: int = 4) -> Iterator[Transitions]:
        """All intervals, piece by piece, in order; `parts` as for `Group.blocks`."""
        first = 0
        for source, group in enumerate(self.groups):
            count, last = self._blocks_of(group), len(group.steps) - 1
            for span, places in group.blocks(overlap=1, parts=parts):
                at = np.arange(span.start, span.stop - 1)
                if len(at):
                    yield Transitions(
                        source=source,
                        blocks=first + at * count // last,
                        frames=at,
                        steps=group.steps[at],
                        times=group.times[at],
                        spans=np.diff(group.times[span.start : span.stop]),
                        start=places[:-1],
                        end=places[1:],
                    )
            first += count

    def sample(self, count: int = _SAMPLE) -> Array:
        """(M, D) at most `count` of the positions, spread evenly over trajectories, frames and rows."""
        return self.labelled_sample(count).places

    def labelled_sample(self, count: int = _SAMPLE) -> Sample:
        """The same, with where each comes from. It is read once."""
        memo, key = self.groups[0].memo, ("sample", count, self.seed, len(self.groups))
        if key not in memo:
            memo[key] = self._labelled_sample(count)
        found: Sample = memo[key]
        return found

    def _labelled_sample(self, count: int) -> Sample:
        share, chance = max(1, count // len(self.groups)), np.random.default_rng(self.seed)
        parts = [_sample(group, share, chance) for group in self.groups]
        sources = np.repeat(np.arange(len(parts)), [len(part.places) for part in parts])
        return Sample(
            np.concatenate([part.places for part in parts]),
            sources,
            np.concatenate([part.frames for part in parts]),
            np.concatenate([part.rows for part in parts]),
        )

    def region(self) -> Region:
        """The region of all positions: axes from a sample of them, extent from all."""
        region = Region.of(self.sample())
        for group in self.groups:
            for _, places in group.blocks(parts=4):
                region = region.including(places.reshape(-1, self.dimensions))
        return region

    def _blocks_of(self, group: Group) -> int:
        return min(self.blocks, len(group.steps) - 1)


def _require_alike(trajectories: Sequence[Trajectory]) -> None:
    if not trajectories:
        raise InputError("no trajectory is given; a field is learned from one or several.", parameter="recordings")
    first = trajectories[0]
    for other in trajectories[1:]:
        if other.dimensions != first.dimensions:
            raise InputError(
                f"{other.path} has {other.dimensions} dimensions, {first.path} {first.dimensions}: "
                "a field is learned from trajectories in the same space."
            )


def _group(trajectory: Trajectory, rows: str | None, frames: str | None, least: int) -> Group:
    kept, notes = distinct_frames(trajectory)
    if frames is not None:
        kept = kept[frame_range(frames, len(kept), "frames")]
    if len(kept) < least:
        raise InputError(f"{trajectory.path}: {len(kept)} frames; at least {least} are needed.", parameter="frames")
    names = [] if rows in (None, "all") else [name.strip() for name in str(rows).split(",")]
    members = np.sort(np.concatenate([trajectory.members(name) for name in names])) if names else None
    chosen = np.arange(trajectory.count) if members is None else members
    group = group_of(trajectory, ",".join(names) or "all rows", chosen, kept)
    present = replace(group, notes=notes).under_one_law().present()
    if not present.count or len(present.steps) < least:
        raise InputError(
            f"{trajectory.path}: no row of {group.name} has a finite position in {least} frames of the training span; "
            "choose other rows or frames.",
            parameter="rows",
        )
    if least > 1 and not any(np.any(np.diff(places, axis=0)) for _, places in present.blocks(overlap=1)):
        raise InputError(
            f"{trajectory.path}: no row of {group.name} moves between steps {present.steps[0]} and "
            f"{present.steps[-1]}: there is nothing to learn."
        )
    return present


def _gaps(group: Group) -> list[str]:
    """What is to be said of uneven intervals."""
    spans = np.diff(group.times)
    if not len(spans):
        return []
    usual = float(np.median(spans))
    long = spans[spans > _LONG * usual]
    if not len(long):
        return []
    return [
        f"{len(long)} of {len(spans)} intervals between frames are longer than the usual {usual:g} "
        f"(up to {long.max():g}): over them the mean velocity stands for the velocity"
    ]


def _space_of(groups: Sequence[Group], asked: str | None) -> tuple[str, list[str]]:
    """The space, and what is to be said of it."""
    if asked not in (None, "free", "sphere"):
        raise InputError(
            "a field is learned in free space or on a sphere: write free or sphere.", parameter="space", value=asked
        )
    if asked == "free":
        return asked, []
    radius = float(np.linalg.norm(groups[0].frame(0)[0]))
    off = max(_deviation(group, radius) for group in groups)
    if off <= _ON_SPHERE * radius and radius > 0.0 and groups[0].dimensions > 1:
        return "sphere", [] if asked else [f"all rows lie on a sphere of radius {radius:.4g}: learned on it"]
    if asked == "sphere":
        raise InputError(
            f"rows are not on a sphere: |x| differs from {radius:.6g} by {off:.2g}. Use free.", parameter="space"
        )
    return "free", []


def _deviation(group: Group, radius: float) -> float:
    """The largest deviation of |x| from a radius; that of the first frame if that is already too large."""
    first = float(np.abs(np.linalg.norm(group.frame(0), axis=1) - radius).max())
    if first > _ON_SPHERE * radius:
        return first
    return max(float(np.abs(np.linalg.norm(places, axis=2) - radius).max()) for _, places in group.blocks())


def _sample(group: Group, count: int, chance: np.random.Generator) -> Sample:
    """One place at random from each of equal stretches: at equal distances the number of rows could divide the
    distance, and each row would be seen in one part of time only. Read block by block: single frames of a large file
    would each unpack a hundred."""
    total = len(group.steps) * group.count
    if count < total:
        taken = ((np.arange(count) + chance.uniform(size=count)) * (total / count)).astype(np.int64)
    else:
        taken = np.arange(total)
    frames, rows = np.divmod(np.minimum(taken, total - 1), group.count)
    places = np.empty((len(taken), group.dimensions))
    for span, block in group.blocks():
        inside = (frames >= span.start) & (frames < span.stop)
        places[inside] = block[frames[inside] - span.start, rows[inside]]
    return Sample(places, np.zeros(len(taken), np.int64), frames, rows)
