"""From frames to targets: what a field is fitted to, and at which places it is taken.

Over an interval h the mean velocity (x(t + h) - x(t))/h equals the field at the start up to O(h), and the mean of the
field at both ends up to O(h^2) (the trapezoidal rule). Of a deterministic motion the second is the better one. Noise of
the motion is independent of x(t) but not of x(t + h): the field at the end, and so the mean, is correlated with the
noise of the target, which biases a fit by an amount that does not vanish with h (the difference of Ito's and
Stratonovich's integrals). For thermal motion the forward difference is the one that converges to the field.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.forces.learned import Target
from gasfield.learning.data import TrainingData, Transitions

Array = NDArray[np.float64]
Scheme = Literal["forward", "trapezoid"]
_ROUGH = 0.1
"""Roughness above which motion counts as noisy: between 0, of a smooth path, and 1, of free Brownian motion."""


def target_of(data: TrainingData, asked: Target | None) -> Target:
    """Whether the field is a velocity or a force on masses: the latter where the dynamics have velocities.

    Raises:
        InputError: if it is a force and velocities were not kept, or the motion has a bath, whose friction and noise
            are not separated from the force.
    """
    contexts = [group.origin.context for group in data.groups]
    inert = any(context is not None and context.dynamics.has_velocities for context in contexts)
    target: Target = asked or ("force" if inert else "velocity")
    if target == "gradient":
        raise InputError("this model is fitted to velocities or forces.", parameter="target")
    if target == "force":
        if any(group.velocities is None for group in data.groups):
            raise InputError(
                "a force is learned from velocities, and none were kept: keep them, or use target velocity.",
                parameter="target",
            )
        if any(context is not None and context.dynamics.thermal for context in contexts):
            raise InputError(
                "a force is learned from motion without a bath, for its friction and noise are not separated from the "
                "force: use newton, or overdamped motion.",
                parameter="target",
            )
    return target


def scheme_of(data: TrainingData, asked: Scheme | None) -> tuple[Scheme, str]:
    """The scheme, and what is to be said of it."""
    if asked is not None:
        return asked, ""
    contexts = [group.origin.context for group in data.groups]
    known = [context.dynamics for context in contexts if context is not None]
    if len(known) == len(contexts):
        if any(dynamics.thermal for dynamics in known):
            return "forward", f"scheme forward, because {known[0].kind} is thermal motion"
        return "trapezoid", f"scheme trapezoid, because {known[0].kind} is motion without noise"
    rough = roughness(data)
    if rough > _ROUGH:
        return "forward", f"scheme forward, because the motion is noisy: successive displacements differ ({rough:.2f})"
    return "trapezoid", f"scheme trapezoid, because the motion is smooth: successive displacements agree ({rough:.1e})"


def roughness(data: TrainingData) -> float:
    """Mean |d_(k+1) - d_k|^2 / (2 mean |d|^2) of the mean velocities d of successive intervals: 0 for smooth paths, 1
    for uncorrelated displacements."""
    differences, squares = 0.0, 0.0
    for part in data.transitions():
        slopes = part.slopes
        squares += 2.0 * float(np.mean(slopes**2)) * max(len(slopes) - 1, 0)
        differences += float(np.sum(np.mean(np.diff(slopes, axis=0) ** 2, axis=(1, 2))))
    return differences / squares if squares > 0.0 else 0.0


def targets_of(data: TrainingData, part: Transitions, target: Target, stride: int = 1) -> Array:
    """(t, n, D) the mean velocity, or mass times mean acceleration, over `stride` intervals from each frame on for
    which the part has them all."""
    group = data.groups[part.source]
    if target == "force":
        first = int(part.frames[0])
        values = group.masses[:, None] * group.speeds(slice(first, first + len(part.frames) + 1))
    else:
        values = np.concatenate([part.start, part.end[-1:]])
    times = np.append(part.times, part.times[-1] + part.spans[-1])
    spans = times[stride:] - times[:-stride]
    differences: Array = (values[stride:] - values[:-stride]) / spans[:, None, None]
    return differences
