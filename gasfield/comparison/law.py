"""Whether a simulation moved its rows by the law of the recorded training: the conditions of a hindcast.

A simulated optimiser has constant options, starts with zero moments, makes one update a step, and computes as PyTorch's
single-tensor path on a CPU. What the recording says otherwise, or does not say, is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np

from gasfield.diagnostics.context import Origin
from gasfield.dynamics.optimiser import Optimiser
from gasfield.reading import object_of
from gasfield.trajectory import Trajectory, schema

_MODELLED = {"adamw": "adamw", "adam": "adamw", "roundedadamw": "adamw", "sgd": "sgd"}
"""Recorded optimiser -> dynamics with the same law (Adam: without decay, or with decoupled decay)."""
_NOT_MODELLED = ("amsgrad", "maximize", "fused", "capturable")
_MOMENTS = {"first_moment": "exp_avg", "second_moment": "exp_avg_sq", "momentum": "momentum_buffer"}
_TOLERANCE = 1e-6
"""Relative difference of two constants allowed for a number that was kept in float32."""
Attributes = Mapping[str, Any]


def law_differences(real: Trajectory, simulated: Trajectory) -> list[str]:
    """What makes the law of a simulated optimiser another one than that of the recorded training.

    Empty if nothing does, or if the two are not a training and a simulated optimiser.
    """
    context = Origin.of(simulated).context
    if context is None or not context.dynamics.is_optimiser or real.attributes.get("source") == "simulation":
        return []
    law, recorded = cast(Optimiser, context.dynamics), real.attributes
    name = str(recorded.get("optimiser", schema.UNKNOWN))
    if name == schema.UNKNOWN:
        return ["the optimiser of the training is not known, and neither is whether this is its law"]
    try:
        found = list(_kind(name, recorded, law))
        for check in (_constancy, _constants, _arithmetic, _start, _updates, _dtypes):
            found += check(real, simulated, law)
    except (TypeError, ValueError, KeyError, OverflowError):
        return ["what the recording says of its optimiser is damaged, so that the laws cannot be compared"]
    return found


def _kind(name: str, recorded: Attributes, law: Optimiser) -> Iterator[str]:
    options = object_of(recorded.get("optimiser_options"))
    coupled = name == "adam" and options.get("weight_decay", 0) != 0 and not options.get("decoupled_weight_decay")
    if _MODELLED.get(name) != law.kind or coupled:
        decay = " with coupled decay" if coupled else ""
        yield f"the training used {recorded.get('optimiser_class', name)}{decay}, the simulation {law.kind}"


def _constancy(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    """Options that varied within the compared steps, or are not known to be constant."""
    last = simulated.steps[-1]
    prefix = f"{schema.OPTIMISER}/"
    names = [name for name in real.numbers if name.startswith(prefix) and name != f"{prefix}updates"]
    if not names and "training" not in real.attributes:
        yield "the recording does not say whether the options of the optimiser were constant"
    for name in names:
        series = real.observable(name)
        values = series.values[series.steps < last]
        if len(values) and np.ptp(values) > 0:
            what = name.removeprefix(prefix).replace("_", " ")
            yield (
                f"the {what} varied in the training, from {values[0]:.4g} to {values[-1]:.4g} (between "
                f"{values.min():.4g} and {values.max():.4g}); that of the simulation is constant"
            )
    for name, step in object_of(real.attributes.get("optimiser_changes")).items():
        if f"{prefix}{name}" not in names and name != "betas" and step < last:
            yield f"the option {name} of the optimiser changed at step {step} of the training"


def _constants(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    for name in ("learning_rate", "betas", "epsilon", "weight_decay", "momentum"):
        own, recorded = getattr(law, name, None), real.attributes.get(name)
        if own is None or recorded is None or isinstance(recorded, str):
            continue
        if not np.allclose(own, recorded, rtol=_TOLERANCE, atol=0.0):
            words = name.replace("_", " ")
            yield f"the {words} of the training is {_number(recorded)}, that of the simulation {_number(own)}"


def _arithmetic(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    options = object_of(real.attributes.get("optimiser_options"))
    used = [name for name in _NOT_MODELLED if options.get(name)]
    if options.get("foreach") or (options.get("foreach", False) is None and real.attributes.get("device") != "cpu"):
        used.append("foreach")
    if used:
        yield f"the training used {', '.join(used)}, which the simulation does not model"


def _start(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    before = real.attributes.get("optimiser_step")
    state = object_of(real.attributes.get("optimiser_state_at_start"))
    first = int(simulated.steps[0])
    if state or before:
        count = "an unknown number of" if before is None else before
        yield f"the optimiser had made {count} updates before the recording; the simulation starts with zero moments"
    elif first > real.steps[0]:
        yield f"the simulation starts with zero moments at step {first} of the training"


def _updates(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    name = f"{schema.OPTIMISER}/updates"
    if name in real.numbers:
        series = real.observable(name)
        other = int(np.sum(series.values[series.steps < simulated.steps[-1]] != 1))
        if other:
            yield f"in {other} steps of the training the optimiser made no update, or several"


def _dtypes(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    kept = object_of(real.attributes.get("optimiser_state"))
    if real.precision != simulated.precision:
        yield f"the weights of the training are {real.precision}, those of the simulation {simulated.precision}"
    for name, own in law.moment_dtypes.items():
        recorded = kept.get(_MOMENTS[name], own)
        if recorded != own:
            yield f"the {name.replace('_', ' ')} of the training is {recorded}, that of the simulation {own}"


def _number(value: Any) -> str:
    return ", ".join(f"{number:.4g}" for number in np.atleast_1d(value))
