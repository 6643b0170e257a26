"""Listens to the output layer of a model, and reads off what field its positions make.

A position b with hidden state h_b gives every row w that is not its target the gradient w_b exp(w . h_b)/Z_b h_b, with
whatever weight w_b the loss gave it: one over their number, zero for padding, whatever accumulation or scaling makes of
it. None of that has to be known: the gradient of the loss by a logit l_bi = w_i . h_b is G_bi = w_b exp(l_bi)/Z_b, so

    strength_b = w_b / Z_b = G_bi / exp(l_bi)        for every row i that is not the target

and a few rows, the probes, tell it. That they agree is the check of the law: a bias, a cap on the logits, a temperature
or smoothed labels make them differ.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from gasfield.recording.matrices import Matrices

PROBES = 16
_ALIKE = 0.5
"""A probe whose strength is off the median by more than this share of it is the position's target."""


@dataclass(frozen=True)
class Positions:
    """What some positions did in one step.

    Attributes:
        hidden: (B, D) hidden states.
        strength: (B,) w_b / Z_b; of positions without weight, 0.
        log_partition: (B,) log Z_b where it was asked for.
        disagreement: median over positions and probes of how far a probe is off, relative: the error of the law.
        logit_error: how far the logits are off w . h, in units of what rounding of their numbers allows.
        eps: of the coarsest numbers in that product: those of hidden states, rows or (under autocast) logits.
    """

    hidden: Tensor
    strength: Tensor
    log_partition: Tensor | None
    disagreement: Tensor
    logit_error: Tensor
    eps: float


@dataclass
class OutputLayer:
    """Takes down what goes through the output layer while it is armed.

    Attributes:
        matrices: of the model.
        probes: (K,) rows that are looked at, on the device of the matrix.
        armed: whether this step is recorded.
        partition: whether log Z is wanted too, which costs a pass over all logits.
        calls: how often the layer was used since the last `take`, armed or not.
    """

    model: nn.Module
    matrices: Matrices
    probes: Tensor
    armed: bool = False
    partition: bool = False
    calls: int = 0
    _taken: list[Positions] = field(default_factory=list)
    _handles: list[RemovableHandle] = field(default_factory=list)

    def listen(self) -> None:
        """Sets the hooks."""
        layer = self.matrices.layer
        if layer is not None:
            self._handles.append(layer.register_forward_hook(lambda _, given, made: self._heard(given[0], made)))
            return
        mode = _Products(self.matrices.output, self._heard)
        entered: list[AbstractContextManager[Any]] = []

        def enter(*_: Any) -> None:
            entered.append(mode)
            mode.__enter__()  # type: ignore[no-untyped-call]

        def leave(*_: Any) -> None:
            if entered:
                entered.pop().__exit__(None, None, None)

        self._handles.append(self.model.register_forward_pre_hook(enter))
        self._handles.append(self.model.register_forward_hook(leave, always_call=True))

    def release(self) -> None:
        """Takes the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._taken.clear()

    def take(self) -> Positions | None:
        """All positions whose gradient came since the last time; None if there were none."""
        taken, self._taken, self.calls = self._taken, [], 0
        if not taken:
            return None
        partitions = [part.log_partition for part in taken if part.log_partition is not None]
        return Positions(
            hidden=torch.cat([part.hidden for part in taken]),
            strength=torch.cat([part.strength for part in taken]),
            log_partition=torch.cat(partitions) if len(partitions) == len(taken) else None,
            disagreement=torch.stack([part.disagreement for part in taken]).amax(),
            logit_error=torch.stack([part.logit_error for part in taken]).amax(),
            eps=max(part.eps for part in taken),
        )

    def _heard(self, hidden: Tensor, logits: Tensor) -> None:
        self.calls += 1
        if not (self.armed and logits.requires_grad):
            return
        with torch.no_grad():
            states = hidden.detach().flatten(0, -2)
            at_probes = logits.detach().index_select(-1, self.probes).flatten(0, -2).float()
            partition = logits.detach().flatten(0, -2).float().logsumexp(-1) if self.partition else None
            rows = self.matrices.output.detach().index_select(0, self.probes)
            eps = max(torch.finfo(each.dtype).eps for each in (states, rows, logits))
            error = logit_error(at_probes, states, rows, eps)

        def backward(gradient: Tensor) -> None:
            with torch.no_grad():
                pull = gradient.index_select(-1, self.probes).flatten(0, -2).float()
                strength, disagreement = strengths(at_probes, pull)
                self._taken.append(Positions(states, strength, partition, disagreement, error, eps))

        logits.register_hook(backward)  # type: ignore[no-untyped-call]


def strengths(logits: Tensor, pull: Tensor) -> tuple[Tensor, Tensor]:
    """w_b / Z_b (B,) from logits and their gradients (B, K) at the probes, and how far these disagree."""
    top = logits.amax(dim=1, keepdim=True)
    weights = (logits - top).exp()
    each = pull / weights
    middle = each.median(dim=1, keepdim=True).values
    alike = (each - middle).abs() <= _ALIKE * middle.abs()
    shared = (pull * alike).sum(dim=1) / (weights * alike).sum(dim=1)
    off = (each / shared[:, None] - 1).abs()
    counted = off[(shared != 0) & torch.isfinite(shared)]
    disagreement = counted.median() if counted.numel() else torch.zeros((), device=logits.device)
    return torch.where(shared == 0, 0.0, shared * (-top[:, 0]).exp()), disagreement


def logit_error(logits: Tensor, hidden: Tensor, rows: Tensor, eps: float) -> Tensor:
    """Largest |l - w . h| over eps |w| |h|: of order one if the logits are products."""
    exact = hidden.float() @ rows.float().T
    scale = hidden.float().norm(dim=1)[:, None] * rows.float().norm(dim=1)
    ratio = (logits - exact).abs() / (eps * scale).clamp_min(torch.finfo(torch.float32).tiny)
    return ratio.amax() if ratio.numel() else torch.zeros((), device=logits.device)


class _Products(TorchFunctionMode):
    """Hears products with a matrix in a model that has no layer for them: functional.linear, h @ W.T."""

    def __init__(self, matrix: Tensor, heard: Callable[[Tensor, Tensor], None]) -> None:
        super().__init__()
        self._matrix, self._heard = matrix, heard

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        is_linear = function is functional.linear and len(args) > 1 and args[1] is self._matrix
        is_product = function in _MATMULS and len(args) > 1 and self._is_transposed(args[1])
        if is_linear or is_product:
            self._heard(args[0], made)
        return made

    def _is_transposed(self, factor: Any) -> bool:
        return (
            isinstance(factor, Tensor)
            and factor.shape == self._matrix.shape[::-1]
            and factor.data_ptr() == self._matrix.data_ptr()
        )


_MATMULS = {torch.matmul, torch.mm, Tensor.matmul, Tensor.mm, Tensor.__matmul__}
