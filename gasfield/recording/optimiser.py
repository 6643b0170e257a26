"""The optimisers of a recorded training, one per precision.

`bf16` and `fp32` use PyTorch's AdamW. PyTorch does not support bfloat16 weights with float32 moments, so
`bf16-fp32state` is implemented here: float32 arithmetic in PyTorch's order of operations, then the weights are rounded
to nearest even.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from gasfield.recording.plan import Precision
from gasfield.trajectory import schema


class RoundedAdamW:
    """AdamW on bfloat16 weights with float32 moments, stored in `state` under PyTorch's names."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float], eps: float, weight_decay: float
    ) -> None:
        self._parameters = list(parameters)
        self._lr, self._betas, self._eps, self._weight_decay = lr, betas, eps, weight_decay
        self._count = 0
        constants = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        self.param_groups: list[dict[str, Any]] = [{"params": self._parameters, **constants}]  # to be read only
        self.state: dict[nn.Parameter, dict[str, Tensor]] = {}  # as in PyTorch, empty before the first step

    @torch.no_grad()
    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        self._count += 1
        beta1, beta2 = self._betas
        size = self._lr / (1 - beta1**self._count)
        root = (1 - beta2**self._count) ** 0.5
        for parameter in self._parameters:
            if parameter.grad is None:
                continue
            gradient = parameter.grad.float()
            first, second = self._moments(parameter)
            weights = parameter.float().mul_(1 - self._lr * self._weight_decay)
            first.lerp_(gradient, 1 - beta1)
            second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
            denominator = (second.sqrt() / root).add_(self._eps)
            parameter.copy_(weights.addcdiv_(first, denominator, value=-size))

    def _moments(self, parameter: nn.Parameter) -> tuple[Tensor, Tensor]:
        if parameter not in self.state:
            zeros = (torch.zeros_like(parameter, dtype=torch.float32) for _ in range(2))
            self.state[parameter] = dict(zip(("exp_avg", "exp_avg_sq"), zeros, strict=True))
        return self.state[parameter]["exp_avg"], self.state[parameter]["exp_avg_sq"]

    def zero_grad(self) -> None:
        """Clears the gradients."""
        for parameter in self._parameters:
            parameter.grad = None


def make_optimiser(
    model: nn.Module, precision: Precision, lr: float, betas: tuple[float, float], eps: float, weight_decay: float
) -> torch.optim.AdamW | RoundedAdamW:
    """Converts the model to the precision and builds the matching AdamW."""
    if precision != "fp32":
        model.to(torch.bfloat16)
    if precision == "bf16-fp32state":
        return RoundedAdamW(model.parameters(), lr, betas, eps, weight_decay)
    return torch.optim.AdamW(
        model.parameters(), lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=False, fused=False
    )


def moments_of(optimiser: Any, parameter: Tensor) -> dict[str, Tensor]:
    """The moments of a parameter that have its shape, by their names in a recording; none before the first step."""
    state = getattr(optimiser, "state", {}).get(parameter) or {}
    found = {name: state.get(theirs) for name, theirs in schema.MOMENTS.items()}
    return {name: each for name, each in found.items() if isinstance(each, Tensor) and each.shape == parameter.shape}
