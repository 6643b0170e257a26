"""What rounded gradients imply: the error of a displacement that no law and no field can undercut.

A framework that computes in bfloat16 rounds every gradient, and a field does not hold these roundings. A number rounded
to nearest on a lattice with the spacing s at 1 has an error uniform in a cell; with a mantissa M distributed as its
logarithm is uniform (Benford), the mean square of the relative error is

    r^2 = s^2/12 <1/M^2> = s^2/12 * 3/(8 ln 2) = s^2 / (32 ln 2),        s = 2^-7 in bfloat16: r = 1.66e-3

Under autocast the gradient of a row, g = sum_b G_b h_b, is rounded twice: each G_b = w_b p_b, and the sum of each
backward pass. If the roundings are independent, and the K passes of an update have equal parts in g (others have larger
errors, by Cauchy's inequality), a coordinate of g has the variance

    r^2 (sum_b G_b^2 h_b^2 + g^2 / K)

What it does to the weights is found by the law itself, with gradients that were changed at random by that much. Rows
and logits are rounded in the product, too, which is not counted: this is a floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.context import Origin
from gasfield.diagnostics.group import Group
from gasfield.dynamics.optimiser import Optimiser
from gasfield.statistics.estimate import Estimate, mean
from gasfield.trajectory import FullField, Trajectory, schema

Array = NDArray[np.float64]

SPACING = {"bfloat16": 2.0**-7, "float16": 2.0**-10}
"""Of the numbers at 1."""
_REPLICAS = 8
_ROWS = 64
"""Most rows that are looked at."""


def floor_of(real: Trajectory, simulated: Trajectory, group: Group) -> Estimate | None:
    """The floor of the displacement error of a group of recorded rows: mean over rows, with its error.

    None where gradients were not rounded (no autocast), or the full field is not known at every step of the simulation.
    """
    context, precision = Origin.of(simulated).context, str(real.attributes.get("autocast", ""))
    is_replay = context is not None and context.dynamics.is_optimiser and group.name in real.names  # not the survey
    if precision not in SPACING or context is None or not is_replay or "full" not in real.fields:
        return None
    field, steps = real.full_field(), np.arange(int(group.steps[0]), int(group.steps[-1]))
    if not len(steps) or not np.isin(steps, field.steps).all():
        return None
    rows = group.ids[np.unique(np.linspace(0, len(group.ids) - 1, _ROWS).astype(int))]
    start = real.frame(int(np.searchsorted(real.steps, steps[0])))[rows]
    gradients = rounded_gradients(field, steps, rows, precision, passes_of(real))
    floor = rounding_floor(cast(Optimiser, context.dynamics), start, gradients)
    return mean(floor[np.isfinite(floor)], "1")


def passes_of(real: Trajectory) -> float:
    """Backward passes of an update: the greatest number of them, for a floor."""
    if schema.BACKWARD_PASSES not in real.observables:
        return 1.0
    return max(1.0, float(real.observable(schema.BACKWARD_PASSES).values.max()))


def rounded_gradients(
    field: FullField, steps: NDArray[np.int64], rows: NDArray[np.int64], precision: str, passes: float
) -> Iterator[tuple[int, Array, Array]]:
    """Step, gradients (N, D) of rows of a recording, and standard deviations (N, D) of their rounding errors."""
    square = SPACING[precision] ** 2 / (32.0 * np.log(2.0))
    for step in steps.tolist():
        at, gradient, places = field.at(step), field.gradient_at(step)[rows], field.position_at(step)[rows]
        weights = np.exp(places @ at.hidden.T - at.log_partition) * at.weight
        yield step, gradient, np.sqrt(square * (weights**2 @ at.hidden**2 + gradient**2 / passes))


def rounding_floor(
    law: Optimiser,
    start: NDArray[np.floating],
    gradients: Iterable[tuple[int, Array, Array]],
    seed: int = 0,
) -> Array:
    """(N,) root mean square distance of trainings whose gradients have independent errors, over the distance moved.

    Args:
        law: of the updates, resolved.
        start: (N, D) weights.
        gradients: of every update, with their errors, as `rounded_gradients` gives them.
        seed: of the errors.
    """
    source = np.random.default_rng(seed)
    first = np.ascontiguousarray(start, np.float32)
    runs = np.repeat(first[None], _REPLICAS + 1, axis=0)  # the first of them without errors
    moments = law.fixed.start(runs)
    count = 0
    for step, gradient, deviation in gradients:
        if law.training is not None and not law.training.updates_at(step):
            continue
        count += 1
        errors = deviation * source.standard_normal(runs.shape)
        errors[0] = 0.0
        law.at(step).update(runs, np.asarray(gradient + errors, np.float32), moments, count)
    apart = (runs[1:] - runs[0]).astype(np.float64)
    moved = np.linalg.norm((runs[0] - first).astype(np.float64), axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):  # rows that did not move have no relative error
        floor: Array = np.sqrt((apart**2).sum(axis=-1).mean(axis=0)) / moved
    return floor
