"""The optimiser of a recorded training as dynamics: its constants, their series, and the precisions of its state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from gasfield.dynamics.adamw import AdamW
from gasfield.dynamics.optimiser import Optimiser
from gasfield.dynamics.sgd import SGD
from gasfield.errors import InputError
from gasfield.trajectory import Series, Trajectory, schema

_ADAM = ("adamw", "adam", "roundedadamw")
_MOMENT_DTYPES = ("first_moment_dtype", "second_moment_dtype")
_PRECISIONS = ("float32", "bfloat16", "float16")
_SERIES = ("learning_rate", "weight_decay", "momentum", "dampening", "epsilon")


@dataclass(frozen=True)
class RecordedLaw:
    """The law of a recorded training.

    Attributes:
        optimiser: with the constants of the first update; None if it cannot be rebuilt.
        reason: why it cannot.
        start: why the moments at the first frame are not known; empty if they were zero there.
        first_step: the training step of the first update, at which all moments were zero.
        series: the constants that varied, by name.
    """

    optimiser: Optimiser | None
    reason: str = ""
    start: str = ""
    first_step: int = 0
    series: Mapping[str, Series] = field(default_factory=dict)

    @classmethod
    def none(cls, reason: str) -> Self:
        """No law, for a reason."""
        return cls(None, reason)

    @classmethod
    def of(cls, trajectory: Trajectory) -> Self:
        """That of a trajectory, from its attributes."""
        attributes = trajectory.attributes
        name = str(attributes.get("optimiser", schema.UNKNOWN))
        if attributes.get("source") == "simulation" or name == schema.UNKNOWN:
            return cls.none("no optimiser is recorded")
        options = _json(attributes, "optimiser_options")
        series = _varied(trajectory)
        try:
            optimiser = _optimiser(name, attributes, options, trajectory.precision, series)
            return cls(optimiser, start=_start(trajectory), series=series)
        except (InputError, KeyError, TypeError, ValueError) as fault:
            return cls.none(f"the optimiser {name} of the recording cannot be rebuilt ({fault})")

    @property
    def constants(self) -> dict[str, Any]:
        """The law as parameters of dynamics, without those that varied; empty if it is not known."""
        if self.optimiser is None:
            return {}
        known = self.optimiser.model_dump(mode="json", exclude_none=True)
        return {name: value for name, value in known.items() if name not in self.series}

    def at(self, step: int) -> Optimiser:
        """The law of the update at a training step: with the last constants that were recorded by then."""
        assert self.optimiser is not None
        if not self.series:
            return self.optimiser
        return self.optimiser.model_copy(update={name: _last(known, step) for name, known in self.series.items()})


def _start(trajectory: Trajectory) -> str:
    if before := trajectory.attributes.get("optimiser_step"):
        return f"the optimiser had made {before} updates before the recording; its moments are not known"
    if int(trajectory.steps[0]) != 0:
        return f"the recording begins at step {trajectory.steps[0]}: the moments there are not known"
    return ""


def _optimiser(
    name: str, attributes: Mapping[str, Any], options: Mapping[str, Any], precision: str, series: Mapping[str, Series]
) -> Optimiser:
    """Raises: InputError, KeyError or ValueError if a constant is missing, or the law is another one."""
    if precision not in _PRECISIONS:
        raise ValueError(f"weights are {precision}")

    def number(key: str, default: float | None = None) -> float:
        if key in series:
            return float(series[key].values[0])
        return float(attributes[key] if default is None else attributes.get(key, default))

    state = _json(attributes, "optimiser_state")
    common = {
        "learning_rate": number("learning_rate"),
        "weight_decay": number("weight_decay", 0.0),
        "maximize": bool(options.get("maximize")),
        "implementation": next((each for each in ("fused", "foreach") if options.get(each)), "single"),
        "weight_dtype": precision,
    }
    fallback = attributes.get("state", precision)
    if name == "sgd":
        return SGD.model_validate(
            {
                **common,
                "momentum": number("momentum", 0.0),
                "dampening": number("dampening", float(options.get("dampening", 0.0))),
                "nesterov": bool(options.get("nesterov", False)),
                "moment_dtype": state.get("momentum_buffer", fallback),
            }
        )
    if name not in _ADAM:
        raise ValueError("its law is not modelled")
    first, second = (float(beta) for beta in attributes["betas"])
    kept = [state.get(name, fallback) for name in ("exp_avg", "exp_avg_sq")]
    dtypes = {"moment_dtype": kept[0]} if kept[0] == kept[1] else dict(zip(_MOMENT_DTYPES, kept, strict=True))
    return AdamW.model_validate(
        {
            **common,
            "betas": (first, second),
            "epsilon": number("epsilon", 1e-8),
            "amsgrad": bool(options.get("amsgrad")),
            "decoupled_weight_decay": bool(options.get("decoupled_weight_decay", name != "adam")),
            **dtypes,
        }
    )


def _varied(trajectory: Trajectory) -> dict[str, Series]:
    """The recorded constants that were not the same at all updates."""
    names = trajectory.numbers_of(schema.OPTIMISER)
    found = {name: trajectory.observable(f"{schema.OPTIMISER}/{name}") for name in _SERIES if name in names}
    return {name: series for name, series in found.items() if np.ptp(series.values) > 0}


def _last(series: Series, step: int) -> float:
    """The last value at or before a step; the first one before all."""
    return float(series.values[max(int(np.searchsorted(series.steps, step, side="right")) - 1, 0)])


def _json(attributes: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A mapping kept as JSON; empty if it is missing or damaged."""
    try:
        found = json.loads(str(attributes.get(name, "{}")))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
