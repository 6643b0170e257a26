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
| `weight_dtype`, `master_dtype` | of the matrix, and of the copy that the optimiser moves in its place, if any |
| `device` | that of the matrix: it decides what `foreach: null` means |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from gasfield.recording.async_copy import AsyncCopy
from gasfield.recording.optimiser import moments_of
from gasfield.recording.received import GradientWatch, Received
from gasfield.trajectory import schema

_NAMES = {"lr": "learning_rate", "eps": "epsilon", "weight_decay": "weight_decay", "momentum": "momentum"}
NUMBERS = (*_NAMES, "dampening")
"""Options of an optimiser that are numbers."""


@dataclass(frozen=True)
class LawAtUpdate:
    """The law of the last update.

    Attributes:
        numbers: the numbers among the options, by name; `beta1` and `beta2` are those of Adam.
        options: all options, as JSON would hold them; tensors are only in `numbers`.
        updates: how often the optimiser was called for this step (a gradient scaler skips updates); None if not known.
        state: name -> dtype of the state of the matrix.
        overflows: of calls that skip the update themselves if it is not 0, as fused optimisers do.
        received: the gradient of the update.
    """

    numbers: Mapping[str, float | AsyncCopy]
    options: Mapping[str, Any]
    updates: int | None
    state: Mapping[str, str]
    overflows: tuple[AsyncCopy, ...] = ()
    received: Received = field(default_factory=Received)

    @property
    def never_forgets(self) -> str | None:
        """Why the second moment cannot decay in the precision in which it is kept; None if it can."""
        kept, beta = self.state.get("exp_avg_sq", ""), self.numbers.get("beta2")
        if kept not in ("bfloat16", "float16") or not isinstance(beta, float):
            return None
        spacing = torch.finfo(getattr(torch, kept)).eps
        if 1 - beta >= spacing / 2:
            return None
        which = "never" if 1 - beta <= spacing / 4 else "often does not"
        return (
            f"the second moment is kept in {kept}, in which it {which} decays: beta2 = {beta:g} multiplies it by "
            f"{beta:g}, which rounds back where 1 - beta2 is less than half the spacing of the numbers "
            f"({spacing / 4:.2g} to {spacing / 2:.2g} of them). Steps stay as short as the largest gradients made them"
        )

    @property
    def made(self) -> int | None:
        """Updates that were made; None if not known."""
        if self.updates is None:
            return None
        return self.updates - sum(float(each.array().reshape(())) > 0 for each in self.overflows)


class LawWatch:
    """Reads the law by which an optimiser moves one parameter.

    Attributes:
        gradient: of that parameter.
        skipped: whether no update was made before the last `take`.
    """

    def __init__(self, optimizer: Any, weight: Tensor, probes: Tensor) -> None:
        """Nothing is read of an optimiser that is None; the options are read after each update until `listen`.

        Args:
            optimizer: of the training.
            weight: the matrix of the model.
            probes: (K,) rows whose gradients show how it was clipped.
        """
        self._optimizer = _innermost(optimizer)
        self._weight, self._parameter = weight, moved_by(self._optimizer, weight)
        self.gradient = GradientWatch(weight, self._parameter, probes)
        self._overflows: list[AsyncCopy] = []
        self._numbers: dict[str, float | AsyncCopy] = {}
        self._options: dict[str, Any] = {}
        self._updates = self._depth = 0
        self.skipped = False
        self._scale: Tensor | None = None
        self._handles: list[RemovableHandle] = []

    def listen(self) -> None:
        """Registers hooks before and after an update, if the optimiser has such hooks."""
        self.gradient.listen()
        try:
            self._handles.append(self._optimizer.register_step_pre_hook(self._before_update))
            self._handles.append(self._optimizer.register_step_post_hook(self._after_update))
        except AttributeError:  # not of PyTorch, or a wrapper that did not initialise its base class
            self._unhook()

    def release(self) -> None:
        """Removes the hooks."""
        self.gradient.release()
        self._unhook()

    def _unhook(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def at_start(self) -> dict[str, Any]:
        """The attributes that are known before the first update."""
        dtype = {"weight_dtype": _dtype(self._weight)}
        if self._optimizer is None:
            return {"optimiser": schema.UNKNOWN, **dtype}
        if self._parameter is not self._weight:
            dtype["master_dtype"] = _dtype(self._parameter)
        kind, state = type(self._optimizer), self._state()
        found: dict[str, Any] = {
            "optimiser": kind.__name__.lower(),
            "optimiser_class": f"{kind.__module__}.{kind.__qualname__}",
            "optimiser_state_at_start": json.dumps(_kinds(state)),
            "device": self._parameter.device.type,
            **dtype,
        }
        if not state:
            found["optimiser_step"] = 0
        elif (count := _number(state.get("step"))) is not None:
            found["optimiser_step"] = int(count if isinstance(count, float) else count.array())
        return found

    def moments(self) -> dict[str, Tensor]:
        """The moments of the matrix now, by their names in a recording."""
        return moments_of(self._optimizer, self._parameter)

    def take(self) -> LawAtUpdate:
        """The law of the updates since the last call; without an optimiser only the gradient."""
        received = self.gradient.take()
        if self._optimizer is None:
            return LawAtUpdate({}, {}, None, {}, (), received)
        if not self._handles:
            self._look()
        updates = self._updates if self._handles else None
        self.skipped = updates == 0
        overflows, self._overflows = tuple(self._overflows), []
        self._updates = self._depth = 0
        return LawAtUpdate(self._numbers, self._options, updates, _kinds(self._state()), overflows, received)

    def _before_update(self, optimizer: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Called again within itself where a subclass calls the `step` of its base class."""
        self._depth += 1
        if self._depth == 1:
            self._look()
            self._scale = getattr(optimizer, "grad_scale", None)
            if isinstance(overflow := getattr(optimizer, "found_inf", None), Tensor):
                self._overflows.append(AsyncCopy(overflow.detach().clone()))
            if not _has_closure(args, options):
                self._receive()

    def _after_update(self, optimizer: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._depth -= 1
        if self._depth == 0 and _has_closure(args, options):
            self._receive()

    def _receive(self) -> None:
        """An update of the matrix, if it has a gradient."""
        if self.gradient.is_there:
            self._updates += 1
            self.gradient.read(self._scale)

    def _look(self) -> None:
        own = self._group()
        self._options = {key: _plain(value) for key, value in own.items() if key != "params"}
        numbers = {_NAMES.get(key, key): _number(own.get(key)) for key in NUMBERS}
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


def moved_by(optimizer: Any, weight: Tensor) -> Tensor:
    """What an optimiser moves for a matrix: the matrix, or the copy in a higher precision that has its values."""
    every = [each for group in getattr(optimizer, "param_groups", []) for each in group.get("params", ())]
    if any(each is weight for each in every):
        return weight
    alike = [each for each in every if isinstance(each, Tensor) and each.shape == weight.shape]
    copies = (each for each in alike if torch.equal(each.detach().to(weight), weight.detach()))
    return next(copies, weight)


def _has_closure(args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    return any(each is not None for each in (*args[1:2], options.get("closure")))


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


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
