"""What a forecaster is given and what it returns.

A forecaster is fitted to the training frames only and stays frozen. It then starts at every later frame, the origin,
and forecasts the positions at given later steps; it may use all frames up to the origin, and what was recorded of the
training before it: gradients at steps before that of the origin. The gradient at the step of the origin itself is what
moves the rows next, and is not known to it.

Spans are counted in steps, so that frames may be uneven; only the horizons are counted in frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.learning.recorded.gradients import RowGradients
from gasfield.learning.recorded.law import RecordedLaw
from gasfield.quantity import Quantity
from gasfield.registry import Registry
from gasfield.spec import Spec
from gasfield.trajectory import Trajectory

Values = NDArray[np.float64]
Frames = NDArray[np.int64]
BLOCK_BYTES = 1 << 25
"""Most memory of the forecasts of one block of origins."""


class Unavailable(Exception):  # noqa: N818 (a property of the data)
    """A forecast cannot be computed; the message gives the reason."""


@dataclass(frozen=True)
class History:
    """Rows over time, with what is known of the law that moved them.

    Attributes:
        group: N rows over T frames; every row is finite in every frame.
        gradients: the gradients of the rows at recorded training steps.
        law: the optimiser of a recorded training.
        trajectory: the file behind it, open; None if there is none. A fit may use the frames of the group only.
    """

    group: Group
    gradients: RowGradients
    law: RecordedLaw
    trajectory: Trajectory | None = None

    @property
    def steps(self) -> Frames:
        """(T,) step of each frame."""
        return self.group.steps

    def until(self, frame: int) -> Self:
        """The frames before a frame, and the gradients that led to the last of them."""
        steps = self.steps[:frame]
        known = self.gradients.before(int(steps[-1])) if len(steps) else self.gradients
        return replace(self, group=self.group.at_frames(slice(0, frame)), gradients=known)

    def places(self, frames: Frames | slice) -> Values:
        """Positions (f, N, D) of some frames in float64."""
        return self.group.places(frames)


@dataclass(frozen=True)
class Task:
    """A block of origins.

    Attributes:
        origins: (B,) frames, ascending.
        steps: (B,) the step of each.
        targets: (B, H) the steps to be forecast, not before that of the origin, ascending along H.
    """

    origins: Frames
    steps: Frames
    targets: Frames

    @property
    def spans(self) -> Frames:
        """(B, H) steps from the origin to each target."""
        return self.targets - self.steps[:, None]


def tasks_of(history: History, origins: Frames, horizons: Sequence[int]) -> list[Task]:
    """Origins in blocks that fit into memory, each with the steps of the frames `horizons` later.

    A target beyond the last frame is given the last step: what is forecast there is not used.
    """
    last = len(history.steps) - 1
    row = 8 * max(1, history.group.count * history.group.dimensions) * (len(horizons) + 2)
    size = max(1, BLOCK_BYTES // row)
    blocks = (origins[start : start + size] for start in range(0, len(origins), size))
    ahead = np.asarray(horizons, np.int64)
    return [
        Task(block, history.steps[block], history.steps[np.minimum(block[:, None] + ahead, last)]) for block in blocks
    ]


class Predictor(ABC):
    """A forecaster after its fit."""

    most_origins: int | None = None
    """Origins at which it is scored, where all of them would take too long; None for all of them."""

    @abstractmethod
    def forecasts(self, history: History, tasks: Sequence[Task]) -> Iterator[Values]:
        """Positions (B, H, N, D) at the targets of each task, in their order.

        Raises:
            Unavailable: if they cannot be computed from this history.
        """

    def quantities(self) -> Mapping[str, Quantity]:
        """What was fitted, by name."""
        return {}


class Forecaster(Spec):
    """A method of forecasting, with what is to be chosen before its fit."""

    kind: str

    @abstractmethod
    def fit(self, past: History, horizons: tuple[int, ...]) -> Predictor:
        """Fits it to the training frames.

        Args:
            past: the training frames and nothing else.
            horizons: frames ahead, ascending, for which it is wanted.

        Raises:
            Unavailable: if it cannot be fitted to these data; the message gives the reason.
        """

    def simpler(self, past: History, horizons: tuple[int, ...], fitted: Predictor) -> Mapping[str, Predictor]:
        """The forecaster with one of its terms left out, by the name of the term; none by default.

        Args:
            past: as for `fit`.
            horizons: as for `fit`.
            fitted: the forecaster with all of its terms.
        """
        return {}


FORECASTERS = Registry("forecaster", Forecaster, package="gasfield.learning.forecasting.baselines", shorthand=True)
"""`kind` -> specification of every forecaster without a learned field."""
