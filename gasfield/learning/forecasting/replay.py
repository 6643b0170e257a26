"""The state of a recorded optimiser, replayed from recorded gradients up to a frame.

Every update of the training is made again with the gradient that was recorded for each row, in the optimiser's own
arithmetic, from zero moments; positions are set to the recorded ones at every frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.kernels.lattices import round_to
from gasfield.learning.forecasting.protocol import Frames, History, Unavailable, Values

Single = NDArray[np.float32]
Gradient = Callable[[Single, int], NDArray[Any]]


def require_replay(history: History) -> None:
    """Raises Unavailable if the law or gradients of a history, from the first update to its last frame but one, are not
    known."""
    if history.gradients.reason:
        raise Unavailable(history.gradients.reason)
    if history.law.optimiser is None or history.law.start:
        raise Unavailable(history.law.reason or history.law.start)
    first = history.law.first_step
    if int(history.steps[0]) != first:
        raise Unavailable(f"frames begin at step {history.steps[0]}, and moments are zero at step {first}")


class Replayed:
    """The state of the recorded optimiser at a frame, with the mean of the gradients that led there."""

    def __init__(self, history: History, memory: float) -> None:
        require_replay(history)
        law = history.law.optimiser
        assert law is not None
        self._history, self._memory, self._frame = history, memory, 0
        shape = (history.group.count, history.group.dimensions)
        self._mean, self._updates = np.zeros(shape), 0
        self._weights = self._recorded(0)
        self._moments = law.start(self._weights)

    def advance_to(self, frame: int) -> None:
        """Makes the updates up to a frame.

        Raises:
            Unavailable: if a gradient on the way is not recorded.
        """
        steps, gradients = self._history.steps, self._history.gradients
        start, stop = int(steps[self._frame]), int(steps[frame])
        if lacking := gradients.missing(start, stop):
            raise Unavailable(f"moments cannot be replayed: {lacking}")
        for step in range(start, stop):
            gradient = gradients.at(step, self._weights)
            self._update(self._weights, gradient, self._moments, step, self._updates + 1)
            self._updates += 1
            self._mean = self._memory * self._mean + (1 - self._memory) * gradient
            if step + 1 == steps[self._frame + 1]:
                self._frame += 1
                self._weights = self._recorded(self._frame)

    @property
    def mean_gradient(self) -> Single:
        """(N, D) the mean of past gradients with fading weights."""
        return np.asarray(self._mean / max(1 - self._memory**self._updates, 1e-300), np.float32)

    def ahead(self, targets: Frames, gradient: Gradient | None = None) -> Values:
        """(H, N, D) positions at later steps (H,), with the gradient at weights (N, D) and a step; the mean of past
        gradients if none is given. The constants of the optimiser are those of its last update."""
        held = self.mean_gradient
        weights = self._weights.copy()
        moments = {name: moment.copy() for name, moment in self._moments.items()}
        start = int(self._history.steps[self._frame])
        found = np.empty((len(targets), *weights.shape))
        step, updates = start, self._updates
        for at in np.argsort(targets, kind="stable"):
            while step < targets[at]:
                self._update(weights, gradient(weights, step) if gradient else held, moments, start - 1, updates + 1)
                step, updates = step + 1, updates + 1
            found[at] = weights
        return found + (self._history.places(slice(self._frame, self._frame + 1)) - self._weights)

    def _update(
        self, weights: Single, gradient: NDArray[Any], moments: Mapping[str, Single], step: int, count: int
    ) -> None:
        law = self._history.law.at(step)
        law.update(weights, np.asarray(gradient, np.float32), moments, count)

    def _recorded(self, frame: int) -> Single:
        """The positions of a frame on the lattice of the weights."""
        places = self._history.places(slice(frame, frame + 1))[0]
        law = self._history.law.optimiser
        assert law is not None
        return round_to(places, law.weight_dtype)
