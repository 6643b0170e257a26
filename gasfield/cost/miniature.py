"""A miniature of a run: the same scenario with fewer steps, run in full, from which the cost of all is extrapolated.

Everything that costs time is counted: steps, events (at which energies are checked), frames, observations. Each line of
the profile is a straight line in one of these counts. Two miniatures of different length, the shorter one twice, give
its slope, and what happens once: the first run finds everything cold, the second one warm.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gasfield.cost.calibration import FIXED
from gasfield.errors import InputError
from gasfield.operations import STRIDE, Every, Trigger
from gasfield.operations.checkpoints import CHECKPOINT_SECONDS
from gasfield.profiling import Path as Names
from gasfield.profiling import Profile, Section
from gasfield.resources import TRAJECTORY
from gasfield.runs import run
from gasfield.scenario import Scenario
from gasfield.scenario.scenario import RunLength
from gasfield.simulation import Simulation

_SECONDS = (0.4, 1.6)
"""About how long the steps of the two miniatures take."""
_SHARE = (0.05, 0.2)
"""At most this share of the steps of the run."""
_FRAMES = (10, 40)
"""Frames of the miniatures: the diagnostics need some."""
_WALK = 20_000
"""Events that are counted one by one; the rate of more is that of these."""
_MOST_COPIES = 8
"""Of what is in the file that are in memory at the same time."""
_MOST_BLOCKS = 5
"""Memory grows with the frames up to so many times those of the miniature: files are written and read in blocks."""


class Counts(NamedTuple):
    """How often the things that cost time happen in a run."""

    steps: int
    events: int
    frames: int
    observations: int


@dataclass(frozen=True)
class Miniature:
    """One run of a few steps.

    Attributes:
        counts: of it.
        sections: its profile.
        parts: section -> part of the run.
        bytes: size of its trajectory.
        peak: memory of the process at its end [bytes].
    """

    counts: Counts
    sections: Mapping[Names, Section]
    parts: Mapping[str, str]
    bytes: int
    peak: int


def counts_of(length: RunLength, triggers: Sequence[Trigger]) -> Counts:
    """Counts of a run with these operations."""
    frames, seen = length.record_every, length.observe_every or length.record_every
    every = [Every(steps=steps) for steps in {STRIDE, frames, seen}]
    last = int(length.steps % frames > 0)
    return Counts(
        length.steps, events([*every, *triggers], length.steps), length.steps // frames + 1 + last,
        length.steps // seen + 1 + int(length.steps % seen > 0),
    )  # fmt: skip


def events(triggers: Sequence[Trigger], steps: int) -> int:
    """How many steps there are at which one of the triggers may fire."""
    step = count = 0
    while step < steps and count < _WALK:
        step = min((at for trigger in triggers if (at := trigger.next(step, 0)) is not None), default=steps)
        count += 1
    return round(count * steps / max(step, 1)) if step < steps else count


def lengths(scenario: Scenario, seconds_a_step: float) -> tuple[RunLength, RunLength]:
    """The lengths of the two miniatures, the shorter one first."""
    whole = scenario.run
    found = []
    for seconds, share, frames in zip(_SECONDS, _SHARE, _FRAMES, strict=True):
        most = max(1, int(whole.steps * share))
        steps = min(most, max(1, int(seconds / max(seconds_a_step, 1e-9))))
        stride = max(1, min(whole.record_every, steps // frames))
        steps = max(steps // stride, 1) * stride
        seen = min(whole.observe_every, max(1, steps // frames)) if whole.observe_every else None
        found.append(RunLength(steps=steps, record_every=stride, observe_every=seen))
    short, long = found
    if long.steps <= short.steps:
        long = long.model_copy(update={"steps": min(2 * short.steps, whole.steps)})
    return short, long


def first_steps(scenario: Scenario, folder: Path) -> tuple[float, float]:
    """Seconds of building the simulation and taking its first step, and of one step after it."""
    begun = time.perf_counter()
    simulation = Simulation.from_scenario(scenario, directory=folder)
    simulation.require_start()
    simulation.step(1)
    built = time.perf_counter() - begun
    count, left, begun = 0, scenario.run.steps - 1, time.perf_counter()
    while left > 0 and (count < 1 or time.perf_counter() - begun < 0.1):
        steps = min(max(count, 1), left, 1000)
        simulation.step(steps)
        count, left = count + steps, left - steps
    each = (time.perf_counter() - begun) / count if count else built
    simulation.close()
    return built, each


def miniature(scenario: Scenario, length: RunLength, folder: Path) -> Miniature:
    """Runs the scenario for another length.

    Raises:
        InputError, BlowUp: as `gasfield.run`.
    """
    small = scenario.model_copy(update={"run": length})
    try:
        result = run(small, output=folder, profile=True)
    except InputError:
        if small.compare is None:
            raise
        small = small.model_copy(update={"compare": None})  # the reference may have no frame at these few steps
        result = run(small, output=folder, overwrite=folder.exists(), profile=True)
    profile: Profile | None = result.profile
    assert profile is not None
    counts = counts_of(length, [operation.trigger for operation in scenario.operations])
    size = (folder / TRAJECTORY).stat().st_size
    return Miniature(counts, profile.sections.found, profile.parts, size, peak_memory())


def peak_memory() -> int:
    """The most memory that this process has had so far [bytes]; 0 where the system does not tell."""
    try:
        import resource  # not on Windows
        import sys
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


@dataclass(frozen=True)
class Trial:
    """What the miniatures have found.

    Attributes:
        once: seconds that the first start of a process takes longer than the next ones: modules and kernels are loaded.
        cold: the short miniature, the first time.
        warm: the same again.
        long: the longer one.
    """

    once: float
    cold: Miniature
    warm: Miniature
    long: Miniature

    def extrapolate(self, whole: Counts) -> dict[Names, float]:
        """Seconds of each section in a run with other counts."""
        found: dict[Names, float] = {}
        saves: Names | None = None
        for names in {**self.cold.sections, **self.long.sections}:
            part = self.long.parts.get(names[0] if names else "", "")
            if names and names[0] == "checkpoints":
                saves = names if len(names) == 1 else saves
                continue
            found[names] = self._line(names, part, whole)
        seconds = sum(found.values())
        if saves is not None:
            section = self.long.sections.get(saves, Section())
            found[saves] = section.seconds / max(section.calls, 1) * (2 + int(seconds / CHECKPOINT_SECONDS))
        return found

    def file(self, whole: Counts) -> float:
        """Size of the trajectory of a run with other counts [bytes]."""
        return _straight(
            self.warm.counts.frames, self.warm.bytes, self.long.counts.frames, self.long.bytes, whole.frames
        )

    def memory(self, whole: Counts) -> tuple[float, float]:
        """Peak of the memory of a run with other counts, and how much of it is extrapolated [bytes]."""
        few, many = self.warm.counts.frames, self.long.counts.frames
        most = min(whole.frames, _MOST_BLOCKS * many)
        growth = min(_straight(few, 0.0, many, self.long.peak - self.warm.peak, most), _MOST_COPIES * self.file(whole))
        return self.cold.peak + growth, growth

    def _line(self, names: Names, part: str, whole: Counts) -> float:
        cold, warm, long = (run.sections.get(names, Section()).seconds for run in (self.cold, self.warm, self.long))
        if part in FIXED:
            return max(0.0, cold + long - warm) if part == "pictures" else long
        few, many, all_ = (_count(names, part, counts) for counts in (self.warm.counts, self.long.counts, whole))
        slope = (long - warm) / (many - few) if many > few else long / max(many, 1)
        slope = min(max(slope, 0.0), long / max(many, 1))
        once = max(cold - warm, 0.0) if part in ("diagnostics", "") else 0.0
        return once + max(0.0, long + slope * (all_ - many))


def _straight(x: float, y: float, x_more: float, y_more: float, at: float) -> float:
    """The straight line through two points, which does not fall."""
    slope = max(y_more - y, 0.0) / (x_more - x) if x_more > x else 0.0
    return max(y_more + slope * (at - x_more), 0.0)


def _count(names: Names, part: str, counts: Counts) -> int:
    """What the seconds of a section are proportional to."""
    if "observables" in names:
        return counts.observations
    if names[:1] == ("stability monitor",):
        return counts.events
    if part in ("diagnostics", "the rest", "") or names[:1] == ("trajectory",):
        return counts.frames
    return counts.steps
