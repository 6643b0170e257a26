"""Whether a simulation moved its rows by the law of the recorded training: the conditions of a hindcast.

A simulated optimiser has the constants of its specification at every step, starts with zero moments unless it takes
those of the recording, and computes as PyTorch's single-tensor path on a CPU. What the recording says otherwise, or
does not say, is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.context import Origin
from gasfield.dynamics.optimiser import Optimiser
from gasfield.dynamics.training_law import recorded_json
from gasfield.trajectory import Trajectory, schema

_FLAGS = ("amsgrad", "maximize")
"""Options that change the law where they are on."""
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
    options = recorded_json(recorded, "optimiser_options")
    coupled = name == "adam" and options.get("weight_decay", 0) != 0 and not options.get("decoupled_weight_decay")
    decoupled = getattr(law.fixed, "decoupled_weight_decay", True)
    own = not decoupled and law.fixed.weight_decay != 0
    if name not in law.recorded_as or (coupled != own and (coupled or law.kind == "adamw")):
        theirs, ours = (" with coupled decay" if each else "" for each in (coupled, own))
        yield f"the training used {recorded.get('optimiser_class', name)}{theirs}, the simulation {law.kind}{ours}"


def _constancy(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    """Options that varied within the compared steps, or are not known to be constant."""
    last = simulated.steps[-1]
    prefix = f"{schema.OPTIMISER}/"
    names = [name for name in real.numbers if name.startswith(prefix) and name != f"{prefix}updates"]
    if not names and "training" not in real.attributes:
        yield "the recording does not say whether the options of the optimiser were constant"
    for name in names:
        series = real.observable(name)
        within = (series.steps >= simulated.steps[0]) & (series.steps < last)
        values = series.values[within]
        if not len(values) or np.ptp(values) == 0:
            continue
        own = _numbers_at(law, name.removeprefix(prefix), series.steps[within])
        if own is not None and np.allclose(own, values, rtol=_TOLERANCE, atol=0.0):
            continue
        what = name.removeprefix(prefix).replace("_", " ")
        text = f"the {what} varied in the training, from {values[0]:.4g} to {values[-1]:.4g} (between "
        text += f"{values.min():.4g} and {values.max():.4g}); that of the simulation "
        if own is None or np.ptp(own) == 0:
            yield f"{text}is constant"
        else:
            yield f"{text}from {own[0]:.4g} to {own[-1]:.4g} (between {own.min():.4g} and {own.max():.4g})"
    for name, step in recorded_json(real.attributes, "optimiser_changes").items():
        if f"{prefix}{name}" not in names and name != "betas" and step < last:
            yield f"the option {name} of the optimiser changed at step {step} of the training"


def _numbers_at(law: Optimiser, name: str, steps: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """(T,) a constant of the simulated law at some steps; None if it has none of that name."""
    place = {"beta1": 0, "beta2": 1}.get(name)
    key = name if place is None else "betas"
    if key not in type(law).model_fields:
        return None
    values = (getattr(law.at(int(step)), key) for step in steps)
    return np.array([value if place is None else value[place] for value in values], np.float64)


def _constants(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    now = law.fixed if law.training is not None else law.at(int(simulated.steps[0]))
    for name in ("learning_rate", "betas", "epsilon", "weight_decay", "momentum"):
        own, recorded = getattr(now, name, None), real.attributes.get(name)
        if own is None or recorded is None or isinstance(recorded, str):
            continue
        if not np.allclose(own, recorded, rtol=_TOLERANCE, atol=0.0):
            words = name.replace("_", " ")
            yield f"the {words} of the training is {_number(recorded)}, that of the simulation {_number(own)}"
        elif law.changes(name) and law.training is None:
            yield f"the {words} of the training is {_number(recorded)}, that of the simulation follows a schedule"


def _arithmetic(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    options = recorded_json(real.attributes, "optimiser_options")
    own = law.fixed
    used = [name for name in _FLAGS if options.get(name) and not getattr(own, name, False)]
    used += ["fused"] if options.get("fused") and getattr(own, "implementation", "") != "fused" else []
    used += ["capturable"] if options.get("capturable") else []
    lists = options.get("foreach", False) is None and getattr(own, "implementation", "") != "foreach"
    elsewhere = lists and real.attributes.get("device", "cpu") != "cpu"
    if elsewhere or (options.get("foreach") and getattr(own, "implementation", "") != "foreach"):
        used.append("foreach")
    if unused := [name for name in _FLAGS if name in options and getattr(own, name, False) and not options[name]]:
        yield f"the simulation used {', '.join(unused)}, and the training did not"
    if used:
        yield f"the training used {', '.join(used)}, which the simulation does not model"


def _start(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    if law.starts_as_recorded:
        return
    before, state = real.attributes.get("optimiser_step"), recorded_json(real.attributes, "optimiser_state_at_start")
    first = int(simulated.steps[0])
    if state or before:
        count = "an unknown number of" if before is None else before
        yield f"the optimiser had made {count} updates before the recording; the simulation starts with zero moments"
    elif first > real.steps[0]:
        yield f"the simulation starts with zero moments at step {first} of the training"


def _updates(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    name = f"{schema.OPTIMISER}/updates"
    if law.training is None and name in real.numbers:
        series = real.observable(name)
        other = int(np.sum(series.values[series.steps < simulated.steps[-1]] != 1))
        if other:
            yield f"in {other} steps of the training the optimiser made no update, or several"


def _dtypes(real: Trajectory, simulated: Trajectory, law: Optimiser) -> Iterator[str]:
    kept = recorded_json(real.attributes, "optimiser_state")
    if real.precision != simulated.precision:
        yield f"the weights of the training are {real.precision}, those of the simulation {simulated.precision}"
    for name, own in law.fixed.moment_dtypes.items():
        recorded = kept.get(schema.MOMENTS.get(name, name), own)
        if recorded != own:
            yield f"the {name.replace('_', ' ')} of the training is {recorded}, that of the simulation {own}"


def _number(value: Any) -> str:
    return ", ".join(f"{number:.4g}" for number in np.atleast_1d(value))
