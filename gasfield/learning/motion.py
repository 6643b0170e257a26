"""From frames to targets: what a field is fitted to, and at which places it is taken.

Over an interval h the mean velocity (x(t + h) - x(t))/h equals the field at the start up to O(h), and the mean of the
field at both ends up to O(h^2) (the trapezoidal rule). Of a deterministic motion the second is the better one. Noise of
the motion is independent of x(t) but not of x(t + h): the field at the end, and so the mean, is correlated with the
noise of the target, which biases a fit by an amount that does not vanish with h (the difference of Ito's and
Stratonovich's integrals). For white noise the forward difference is the one that converges to the field.

Noise that lasts over two intervals, as in the scheme of Leimkuhler and Matthews, is in x(t) already. Then the field is
taken one interval earlier ("lagged"), at x(t - h), which is independent of it and errs by another O(h). Successive
displacements of such motion are correlated; those of white noise are not.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.forces.learned import Target
from gasfield.learning.data import TrainingData, Transitions

Array = NDArray[np.float64]
Scheme = Literal["forward", "lagged", "trapezoid"]
_SMOOTH = 0.9
"""Correlation of successive displacements above which motion of unknown origin counts as smooth."""
_UNRELATED = 0.5
"""Correlation of successive velocities below which differences of them are no accelerations."""
_SIGNIFICANT = 4.0
"""Standard errors from which on a correlation of noisy displacements is not chance."""


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


def said_of_velocities(data: TrainingData) -> str:
    """What is to be said of accelerations from the velocities of successive frames. Between them friction, and motion
    across the wells, must not have changed the velocities by much.

    Raises:
        InputError: if successive velocities hardly correlate: differences of them are no accelerations, as for frames
            far apart, and for samplers that draw velocities anew.
    """
    correlation = correlation_of_velocities(data)
    text = f"the correlation of the velocities in successive frames is {correlation:.2g}"
    if correlation < _UNRELATED:
        raise InputError(
            f"{text}, so that their differences are no accelerations: keep frames more often, or learn the density of "
            "a sampler.",
            parameter="target",
        )
    return f"{text}: a force that varies over this interval is averaged" if correlation < _SMOOTH else ""


def correlation_of_velocities(data: TrainingData) -> float:
    """Correlation of the velocities of all rows in successive frames; 1 for slow motion."""
    products, squares = 0.0, 0.0
    for part in data.transitions():
        speeds = data.groups[part.source].speeds(slice(int(part.frames[0]), int(part.frames[-1]) + 2))
        products += float(np.vdot(speeds[1:], speeds[:-1]))
        squares += 0.5 * float(np.vdot(speeds[1:], speeds[1:]) + np.vdot(speeds[:-1], speeds[:-1]))
    return products / squares if squares > 0.0 else 1.0


def scheme_of(data: TrainingData, asked: Scheme | None) -> tuple[Scheme, str]:
    """The scheme, and what is to be said of it."""
    if asked is not None:
        return asked, ""
    contexts = [group.origin.context for group in data.groups]
    known = [context.dynamics for context in contexts if context is not None]
    if len(known) == len(contexts) and not any(dynamics.thermal for dynamics in known):
        return "trapezoid", f"scheme trapezoid, because {known[0].kind} is motion without noise"
    correlation, chance = correlation_of_displacements(data)
    noisy = any(dynamics.thermal for dynamics in known) or correlation < _SMOOTH
    scheme: Scheme = "trapezoid"
    if noisy:
        scheme = "lagged" if correlation > _SIGNIFICANT * chance else "forward"
    return scheme, (
        f"scheme {scheme}, because the motion is {'noisy' if noisy else 'smooth'}, and the correlation of successive "
        f"displacements is {correlation:.2g} ({chance:.1g} by chance)"
    )


def correlation_of_displacements(data: TrainingData) -> tuple[float, float]:
    """Correlation of the mean velocities of successive intervals, and its standard error for uncorrelated ones: 1 for
    smooth paths, 0 for white noise, 1/2 for noise that is shared by two steps."""
    products, squares, count = 0.0, 0.0, 0
    for part in data.transitions():
        slopes = part.slopes
        if len(slopes) > 1:
            products += float(np.vdot(slopes[1:], slopes[:-1]))
            squares += 0.5 * float(np.vdot(slopes[1:], slopes[1:]) + np.vdot(slopes[:-1], slopes[:-1]))
            count += slopes[1:].size
    return (products / squares, 1.0 / np.sqrt(count)) if squares > 0.0 else (0.0, 1.0)


def sources_of(data: TrainingData, number: int) -> NDArray[np.bool_]:
    """(n,) which rows of a trajectory act on others: all but passive tracers."""
    group = data.groups[number]
    context = group.origin.context
    passive = [data.trajectories[number].members(name) for name in context.passive] if context is not None else []
    return np.isin(group.ids, np.concatenate(passive), invert=True) if passive else np.ones(group.count, bool)


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
