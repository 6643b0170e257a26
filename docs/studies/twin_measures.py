"""Numbers of the twin study: what became of a cloud, by a step that all clouds reach, and what rounding cost it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from precision_effects import OverSeeds, contraction, frozen, standing
from precision_replays import Cloud, load
from twin_clouds import ROWS, cells_apart, kept_file
from twin_laws import LAWS
from twin_training import MIXED, MIXED_BASE, MIXED_NAME, TRAINED, rows_of

QUIET = 500
"""W: a row counts as frozen if no bit of it changes in the last W steps."""
REAL = "real"
"""The name of the cloud of a training itself, among those of laws in its field."""
LABELS = {"bf16": "bf16", "bf16-fp32state": "bf16, float32 moments", "fp32": "float32"}
"""Of the fields, by the training that made them."""


Rows = tuple[int, int]
"""Some of the dead rows: from, to (exclusive)."""


@dataclass(frozen=True)
class Recorded:
    """A recorded training, with the clouds under other laws in its field, which are read when they are asked for.

    Attributes:
        law: under which it was trained.
        seed: of its weights and batches.
        path: of the recording.
        fingerprint: of the file.
    """

    law: str
    seed: int
    path: Path
    fingerprint: str
    _clouds: dict[tuple[str, Rows], Cloud] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_field(self) -> bool:
        """Whether all laws are followed in its field."""
        return self.law in TRAINED and TRAINED[self.law].is_field

    @property
    def wanted(self) -> list[tuple[str, Rows]]:
        """The clouds that the study needs of it: of which law, and which rows."""
        mixed = [(law, rows_of(law)) for law in MIXED]
        if self.law == MIXED_NAME:
            return mixed + [(REAL, rows) for _, rows in mixed]
        names = (REAL, *(LAWS if self.is_field else (self.law,)))
        return [(name, ROWS) for name in names] + (mixed if self.law == MIXED_BASE else [])

    def cloud(self, name: str, rows: Rows = ROWS) -> Cloud:
        """That of a law, or of the training itself."""
        if (name, rows) not in self._clouds:
            law = None if name == REAL else LAWS[name]
            self._clouds[name, rows] = load(kept_file(self.path, self.fingerprint, name, law, rows))
        return self._clouds[name, rows]

    @property
    def steps(self) -> int:
        """Of the training."""
        name, rows = self.wanted[0]
        return int(self.cloud(name, rows)["survey"][-1])


Measure = Callable[[Cloud, int], float]
"""A number of a cloud, as it would be if all had ended at a step of its survey."""


def index_of(cloud: Cloud, step: int) -> int:
    """Where a step is in the survey.

    Raises:
        ValueError: if it is not there.
    """
    found = np.flatnonzero(cloud["survey"] == step)
    if not len(found):
        raise ValueError(f"step {step} is not in the survey")
    return int(found[0])


def contracted(cloud: Cloud, step: int) -> float:
    """By how much the mean radius fell [per cent of the first]."""
    return contraction(cloud, step)


def stopped(cloud: Cloud, step: int) -> float:
    """Rows that are frozen [per cent]."""
    return frozen(cloud, QUIET, index_of(cloud, step))


def unmoved(cloud: Cloud, step: int) -> float:
    """Rows unmoved in one step, mean over the last 50 [per cent]."""
    return standing(cloud | {"unmoved": cloud["unmoved"][:step]})


def still(cloud: Cloud, step: int) -> float:
    """Rows of which no bit changed in the last 50 steps [per cent]."""
    return frozen(cloud, 50, index_of(cloud, step))


def piled(cloud: Cloud, step: int) -> float:
    """Coordinates whose published cast is within one cell of a power of two [per cent]."""
    return 100.0 * float(cloud["near_powers"][index_of(cloud, step)])


def drifted(cloud: Cloud, step: int) -> float:
    """Distance between the first centroid and that of a step [length]."""
    return float(np.linalg.norm(cloud["centroid"][index_of(cloud, step)] - cloud["centroid"][0]))


def half_frozen(cloud: Cloud) -> float:
    """The step in which half of the rows had moved for the last time; NaN if fewer than half are frozen."""
    last = cloud["last_motion"][-1]
    return float(np.median(last)) if 2 * np.count_nonzero(last <= cloud["survey"][-1] - QUIET) >= len(last) else np.nan


def straightness(cloud: Cloud) -> float:
    """Distance between the first and the last centroid, over the length of the path between the steps of the survey."""
    path = float(np.linalg.norm(np.diff(cloud["centroid"], axis=0), axis=1).sum())
    return float(np.linalg.norm(cloud["centroid"][-1] - cloud["centroid"][0])) / path if path else np.nan


# What rounding cost.


def lost(recorded: Recorded, law: str) -> float:
    """By how much rows went less far along the displacement that they have without rounding [per cent of it]; negative
    if they went farther."""
    mine, exact = (_moved(recorded.cloud(name)) for name in (law, LAWS[law].unrounded))
    return 100.0 * (1.0 - float(np.vdot(mine, exact) / np.vdot(exact, exact)))


def _moved(cloud: Cloud) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = cloud["end"].astype(np.float64) - cloud["start"]
    return moved


def apart(recorded: Recorded, law: str) -> float:
    """Median over coordinates of the distance to where they are without rounding [cells of the published cast]."""
    mine, exact = (recorded.cloud(name)["end"].astype(np.float32) for name in (law, LAWS[law].unrounded))
    return cells_apart(mine, exact)


def over(runs: Iterable[Recorded], number: Callable[[Recorded], float]) -> OverSeeds:
    """A number of each of some trainings."""
    return OverSeeds(tuple(number(run) for run in runs))
