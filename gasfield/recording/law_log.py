"""Writes the law of a recorded training, update by update."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from gasfield.recording.async_copy import AsyncCopy
from gasfield.recording.law import NUMBERS, LawAtUpdate
from gasfield.recording.received import Received
from gasfield.trajectory import TrajectoryWriter, schema


class LawLog:
    """Writes the law of every update, and keeps the attributes true."""

    def __init__(self) -> None:
        self._first: dict[str, float] | None = None
        self._options: Mapping[str, Any] = {}
        self._state: Mapping[str, str] = {}
        self._changes: dict[str, int] = {}

    def write(self, writer: TrajectoryWriter, step: int, law: LawAtUpdate) -> None:
        """Writes the law of one update; called by one thread, in order."""
        self._write_gradient(writer, step, law.received)
        numbers, made = {name: _value(value) for name, value in law.numbers.items()}, law.made
        for name, value in numbers.items():
            writer.observe(f"{schema.OPTIMISER}/{name}", step, step, value)
        if made is not None:
            writer.observe(f"{schema.OPTIMISER}/updates", step, step, float(made))
        news = self._news(step, numbers, law) if law.options and made != 0 else {}
        if dict(law.state) != self._state:
            self._state = dict(law.state)
            news["optimiser_state"] = json.dumps(self._state)
        if news:
            writer.describe(schema.PROVENANCE, **news)

    def _write_gradient(self, writer: TrajectoryWriter, step: int, received: Received) -> None:
        if received.passes is not None:
            writer.observe(schema.BACKWARD_PASSES, step, step, float(received.passes))
        if received.rescaling is not None and math.isfinite(ratio := _value(received.rescaling)):
            writer.observe(schema.GRADIENT_RESCALING, step, step, ratio)

    def _news(self, step: int, numbers: dict[str, float], law: LawAtUpdate) -> dict[str, Any]:
        """The attributes that are new or have changed."""
        if self._first is None:
            self._first, self._options = numbers, law.options
            return {"optimiser_options": json.dumps(law.options, sort_keys=True), **_attributes(numbers)}
        changed = {name for name in {*numbers, *self._first} if numbers.get(name) != self._first.get(name)}
        known = {"betas" if name.startswith("beta") else name for name in changed}
        keys = {*self._options, *law.options}.difference(NUMBERS, ("betas",))
        others = {key for key in keys if self._options.get(key) != law.options.get(key)}
        new = (known | others).difference(self._changes)
        if not new:
            return {}
        self._changes |= dict.fromkeys(sorted(new), step)
        varying = {name: schema.VARIES for name in new & known if name in _attributes(self._first)}
        return {**varying, "optimiser_changes": json.dumps(self._changes)}


def _attributes(numbers: Mapping[str, float]) -> dict[str, Any]:
    """The numbers as attributes of the file, with both betas as one."""
    found: dict[str, Any] = {name: value for name, value in numbers.items() if not name.startswith("beta")}
    betas = [value for name, value in sorted(numbers.items()) if name.startswith("beta")]
    return found | ({"betas": betas} if betas else {})


def _value(number: float | AsyncCopy) -> float:
    return number if isinstance(number, float) else float(number.array().reshape(()))
