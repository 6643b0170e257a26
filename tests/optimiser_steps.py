"""One step of an optimiser on named arrays, in place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.adamw import AdamW
from gasfield.dynamics.sgd import SGD

Single = NDArray[np.float32]
Gradient = NDArray[np.floating[Any]]


def adamw_step(weights: Single, gradient: Gradient, first: Single, second: Single, step: int, law: AdamW) -> None:
    """Of a law whose state is m and v alone."""
    law.update(weights, gradient, {"first_moment": first, "second_moment": second}, step)


def sgd_step(weights: Single, gradient: Gradient, momentum: Single, step: int, law: SGD) -> None:
    """Of a law whose state is b alone."""
    law.update(weights, gradient, {"momentum": momentum}, step)
