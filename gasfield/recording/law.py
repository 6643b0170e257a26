"""The law of motion of a recorded training: the optimiser, its options, and how they change.

A schedule changes the learning rate between two updates, before or after the recorder is called, so that the options
are read by a hook immediately before each update. Every number becomes a series; attributes of the file:

| attribute | |
|---|---|
| `optimiser`, `optimiser_class` | its name, and where it is defined; "unknown" if the recorder was given none |
| `optimiser_step` | updates of the matrix before the recording: 0 without a state, missing if the state does not say |
| `optimiser_state_at_start`, `optimiser_state` | JSON: name -> dtype of the state at the start, and after an update |
| `optimiser_options` | JSON: every option of the parameter group of the matrix at the first update |
| `optimiser_changes` | JSON: option -> the step of its first change |
| `learning_rate`, `betas`, `epsilon`, `weight_decay`, `momentum` | of the first update; "varies" once one differs |
| `device` | that of the matrix: it decides what `foreach: null` means |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from gasfield.recording.async_copy import AsyncCopy
from gasfield.trajectory import TrajectoryWriter, schema

_NAMES = {"lr": "learning_rate", "eps": "epsilon", "weight_decay": "weight_decay", "momentum": "momentum"}
_NUMBERS = (*_NAMES, "dampening")


@dataclass(frozen=True)
class LawAtUpdate:
    """The law of the last update.

    Attributes:
        numbers: the numbers among the options, by name; `beta1` and `beta2` are those of Adam.
        options: all options, as JSON would hold them; tensors are only in `numbers`.
        updates: how often the optimiser was called for this step (a gradient scaler skips updates); None if not known.
        state: name -> dtype of the state of the matrix.
    """

    numbers: Mapping[str, float | AsyncCopy]
    options: Mapping[str, Any]
    updates: int | None
    state: Mapping[str, str]


class LawWatch:
    """Reads the law by which an optimiser moves one parameter."""

    def __init__(self, optimizer: Any, parameter: Tensor) -> None:
        """Nothing is read of an optimiser that is None; the options are read after each update until `listen`."""
        self._optimizer, self._parameter = _innermost(optimizer), parameter
        self._numbers: dict[str, float | AsyncCopy] = {}
        self._options: dict[str, Any] = {}
        self._updates = self._depth = 0
        self._handles: list[RemovableHandle] = []

    def listen(self) -> None:
        """Registers hooks before and after an update, if the optimiser has such hooks."""
        try:
            self._handles.append(self._optimizer.register_step_pre_hook(self._before_update))
            self._handles.append(self._optimizer.register_step_post_hook(self._after_update))
        except AttributeError:  # not of PyTorch, or a wrapper that did not initialise its base class
            self.release()

    def release(self) -> None:
        """Removes the hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def at_start(self) -> dict[str, Any]:
        """The attributes that are known before the first update."""
        if self._optimizer is None:
            return {"optimiser": schema.UNKNOWN}
        kind, state = type(self._optimizer), self._state()
        found: dict[str, Any] = {
            "optimiser": kind.__name__.lower(),
            "optimiser_class": f"{kind.__module__}.{kind.__qualname__}",
            "optimiser_state_at_start": json.dumps(_kinds(state)),
            "device": self._parameter.device.type,
        }
        if not state:
            found["optimiser_step"] = 0
        elif (count := _number(state.get("step"))) is not None:
            found["optimiser_step"] = int(count if isinstance(count, float) else count.array())
        return found

    def take(self) -> LawAtUpdate | None:
        """The law of the updates since the last call; None without an optimiser."""
        if self._optimizer is None:
            return None
        if not self._handles:
            self._look()
        updates = self._updates if self._handles else None
        self._updates = self._depth = 0
        return LawAtUpdate(self._numbers, self._options, updates, _kinds(self._state()))

    def _before_update(self, *_: Any) -> None:
        """Called again within itself where a subclass calls the `step` of its base class."""
        self._updates += self._depth == 0
        self._depth += 1
        self._look()

    def _after_update(self, *_: Any) -> None:
        self._depth -= 1

    def _look(self) -> None:
        own = self._group()
        self._options = {key: _plain(value) for key, value in own.items() if key != "params"}
        numbers = {_NAMES.get(key, key): _number(own.get(key)) for key in _NUMBERS}
        betas = own.get("betas")
        for index, beta in enumerate(betas if isinstance(betas, tuple | list) else (), 1):
            numbers[f"beta{index}"] = _number(beta)
        self._numbers = {name: value for name, value in numbers.items() if value is not None}

    def _group(self) -> Mapping[str, Any]:
        """The parameter group of the matrix; empty if the optimiser does not move it."""
        groups = getattr(self._optimizer, "param_groups", [])
        return next((group for group in groups if any(each is self._parameter for each in group["params"])), {})

    def _state(self) -> Mapping[str, Any]:
        found = getattr(self._optimizer, "state", {}).get(self._parameter)
        return found if isinstance(found, Mapping) else {}


class LawLog:
    """Writes the law of every update, and keeps the attributes true."""

    def __init__(self) -> None:
        self._first: dict[str, float] | None = None
        self._options: Mapping[str, Any] = {}
        self._state: Mapping[str, str] = {}
        self._changes: dict[str, int] = {}

    def write(self, writer: TrajectoryWriter, step: int, law: LawAtUpdate) -> None:
        """Writes the law of one update; called by one thread, in order."""
        numbers = {name: _value(value) for name, value in law.numbers.items()}
        for name, value in numbers.items():
            writer.observe(f"{schema.OPTIMISER}/{name}", step, step, value)
        if law.updates is not None:
            writer.observe(f"{schema.OPTIMISER}/updates", step, step, float(law.updates))
        news = self._news(step, numbers, law) if law.updates != 0 else {}
        if dict(law.state) != self._state:
            self._state = dict(law.state)
            news["optimiser_state"] = json.dumps(self._state)
        if news:
            writer.describe(schema.PROVENANCE, **news)

    def _news(self, step: int, numbers: dict[str, float], law: LawAtUpdate) -> dict[str, Any]:
        """The attributes that are new or have changed."""
        if self._first is None:
            self._first, self._options = numbers, law.options
            return {"optimiser_options": json.dumps(law.options, sort_keys=True), **_attributes(numbers)}
        changed = {name for name in {*numbers, *self._first} if numbers.get(name) != self._first.get(name)}
        known = {"betas" if name.startswith("beta") else name for name in changed}
        keys = {*self._options, *law.options}.difference(_NUMBERS, ("betas",))
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


def _innermost(optimizer: Any) -> Any:
    """The optimiser within wrappers that delegate to it."""
    while isinstance(inner := getattr(optimizer, "optimizer", None), torch.optim.Optimizer):
        optimizer = inner
    return optimizer


def _number(value: Any) -> float | AsyncCopy | None:
    """A number, or a copy of a tensor that is one; None for anything else."""
    if isinstance(value, Tensor):
        return AsyncCopy(value.detach().clone()) if value.numel() == 1 else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _value(number: float | AsyncCopy) -> float:
    return number if isinstance(number, float) else float(number.array().reshape(()))


def _plain(value: Any) -> Any:
    """An option as JSON holds it; the name of its type if that is impossible."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return f"{value.dtype} tensor".removeprefix("torch.") if isinstance(value, Tensor) else type(value).__name__


def _kinds(state: Mapping[str, Any]) -> dict[str, str]:
    """Name -> dtype of each tensor of a state, or type of anything else."""
    return {
        str(name): str(value.dtype).removeprefix("torch.") if isinstance(value, Tensor) else type(value).__name__
        for name, value in state.items()
    }
