"""What rounded gradients imply: the error of a displacement that no law and no field can undercut.

A framework that computes in bfloat16 rounds every gradient, and a field does not hold these roundings. A number rounded
to nearest on a lattice with the spacing s at 1 has an error uniform in a cell; with a mantissa M distributed as its
logarithm is uniform (Benford), the mean square of the relative error is

    s^2/12 <1/M^2> = s^2/12 * 3/(8 ln 2) = s^2 / (32 ln 2),        s = 2^-7 in bfloat16: 1.66e-3

Gradients accumulated from K passes were rounded K times before they were added up in float32. If the roundings are
independent, the relative error of the sum is that of one pass times sqrt(sum g_k^2)/|sum g_k| >= 1/sqrt(K): a floor,
reached by equal parts. What it does to the weights is found by the law itself, with gradients that were changed at
random by that much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.context import Origin
from gasfield.diagnostics.group import Group
from gasfield.dynamics.optimiser import Optimiser
from gasfield.statistics.estimate import Estimate, mean
from gasfield.trajectory import Trajectory, schema

SPACING = {"bfloat16": 2.0**-7, "float16": 2.0**-10}
"""Of the numbers at 1."""
_REPLICAS = 8
_ROWS = 64
"""Most rows that are looked at."""


def floor_of(real: Trajectory, simulated: Trajectory, group: Group) -> Estimate | None:
    """The floor of the displacement error of a group of recorded rows: mean over rows, with its error.

    None where gradients were not rounded (no autocast), or are not known at every step of the simulation.
    """
    context, precision = Origin.of(simulated).context, str(real.attributes.get("autocast", ""))
    is_replay = context is not None and context.dynamics.is_optimiser and group.name in real.names  # not the survey
    if precision not in SPACING or context is None or not is_replay:
        return None
    first, last = int(group.steps[0]), int(group.steps[-1])
    gradient = _gradients(real, first, last)
    if gradient is None or last == first:
        return None
    rows = group.ids[np.unique(np.linspace(0, len(group.ids) - 1, _ROWS).astype(int))]
    relative = relative_rounding(precision, _passes(real))
    law, start = cast(Optimiser, context.dynamics), real.frame(int(np.searchsorted(real.steps, first)))[rows]
    floor = rounding_floor(law, start, ((step, gradient(step)[rows]) for step in range(first, last)), relative)
    return mean(floor[np.isfinite(floor)], "1")


def _gradients(real: Trajectory, first: int, last: int) -> Callable[[int], NDArray[np.float64]] | None:
    """The recorded gradients of all rows at a step, if they are there at every step."""
    if "full" not in real.fields:
        return None
    field = real.full_field()
    wanted = np.arange(first, last)
    return field.gradient_at if np.isin(wanted, field.steps).all() else None


def _passes(real: Trajectory) -> float:
    """Backward passes of a step: the greatest number of them, for a floor."""
    if schema.BACKWARD_PASSES not in real.observables:
        return 1.0
    return max(1.0, float(real.observable(schema.BACKWARD_PASSES).values.max()))


def relative_rounding(precision: str, passes: float = 1.0) -> float:
    """Root mean square of the relative error of a gradient in a precision, summed over some backward passes."""
    return SPACING[precision] / float(np.sqrt(32.0 * np.log(2.0) * passes))


def rounding_floor(
    law: Optimiser,
    start: NDArray[np.floating],
    gradients: Iterable[tuple[int, NDArray[np.floating]]],
    relative: float,
    seed: int = 0,
) -> NDArray[np.float64]:
    """(N,) root mean square distance of two trainings whose gradients differ by independent relative errors, over the
    distance moved.

    Args:
        law: of the updates, resolved.
        start: (N, D) weights.
        gradients: step and gradients (N, D) of every update.
        relative: root mean square of the relative errors.
        seed: of the errors.
    """
    source = np.random.default_rng(seed)
    first = np.ascontiguousarray(start, np.float32)
    runs = np.repeat(first[None], _REPLICAS + 1, axis=0)  # the first of them without errors
    moments = {name: np.zeros_like(runs) for name in law.moment_names}
    count = 0
    for step, gradient in gradients:
        if law.training is not None and not law.training.updates_at(step):
            continue
        count += 1
        errors = relative * source.standard_normal(runs.shape)
        errors[0] = 0.0
        law.at(step).update(runs, np.asarray(gradient * (1.0 + errors), np.float32), moments, count)
    apart = (runs[1:] - runs[0]).astype(np.float64)
    moved = np.linalg.norm((runs[0] - first).astype(np.float64), axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):  # rows that did not move have no relative error
        floor: NDArray[np.float64] = np.sqrt((apart**2).sum(axis=-1).mean(axis=0)) / moved
    return floor
