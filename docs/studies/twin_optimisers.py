"""Optimisers for the real trainings of the twin study: laws of motion that PyTorch does not have, on its tensors.

Written apart from gasfield's own laws, so that a training under one of them is an independent check of a simulation
under the other. Arithmetic is float32 in registers; each tensor is rounded once, as it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Storing:
    """What an optimiser does, and how it stores what it makes.

    Attributes:
        rule: `adamw`; `coupled_adam`, the second moment of an embedding being its mean over the vocabulary; or `lion`.
        weights: how weights are rounded to the precision of their parameter. `kahan` keeps what was lost, in that
            precision; `master` moves float32 weights, of which the parameter is the rounding.
        stochastic_moments: whether moments are bfloat16, rounded at random; else they are float32.
    """

    rule: Literal["adamw", "coupled_adam", "lion"] = "adamw"
    weights: Literal["nearest", "stochastic", "kahan", "master"] = "nearest"
    stochastic_moments: bool = False


class MixedOptimiser:
    """An optimiser of a whole model, but for some rows of a matrix, which others move by other laws.

    Rows of tokens that never occur act on the model by their probabilities alone, so that one training shows what each
    law does to them in nearly the same field.
    """

    def __init__(
        self,
        base: Any,
        matrix: nn.Parameter,
        others: Mapping[str, Callable[[list[nn.Parameter]], Any]],
        rows: Mapping[str, Tensor],
    ) -> None:
        """Takes the base optimiser, the matrix (V, D), and for each name an optimiser of some rows and their ids."""
        self._base, self._matrix, self._rows = base, matrix, dict(rows)
        self._parts = {name: nn.Parameter(matrix.detach()[ids].clone()) for name, ids in self._rows.items()}
        self._others = {name: others[name]([part]) for name, part in self._parts.items()}

    @torch.no_grad()
    def step(self) -> None:
        """One update of all."""
        assert self._matrix.grad is not None
        for name, part in self._parts.items():
            part.grad = self._matrix.grad[self._rows[name]].clone()
            self._others[name].step()
        self._base.step()
        for name, part in self._parts.items():
            self._matrix[self._rows[name]] = part

    def zero_grad(self) -> None:
        """Clears the gradients of the model."""
        self._base.zero_grad()


class StoringOptimiser:
    """One of those laws; `state` holds float32 tensors by parameter and name."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        storing: Storing,
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float = 1e-8,
        coupled: nn.Parameter | None = None,
        seed: int = 0,
    ) -> None:
        """Takes the parameters (any float precision).

        Args:
            parameters: of the model.
            storing: the law.
            lr: learning rate [length].
            betas: decay factors of the moments.
            eps: added to the root of the second moment.
            coupled: the embedding whose second moment is averaged over its rows, of `coupled_adam`.
            seed: of stochastic rounding.
        """
        self._parameters, self._storing, self._coupled = list(parameters), storing, coupled
        self._lr, self._betas, self._eps, self._count = lr, betas, eps, 0
        self._chance = torch.Generator().manual_seed(seed)
        self.state: dict[nn.Parameter, dict[str, Tensor]] = {}

    @torch.no_grad()
    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        self._count += 1
        for parameter in self._parameters:
            if parameter.grad is None:
                continue
            state = self.state.setdefault(parameter, {})
            self._move(parameter, state, self._update(parameter, state))

    def zero_grad(self) -> None:
        """Clears the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def _update(self, parameter: nn.Parameter, state: dict[str, Tensor]) -> Tensor:
        """What is to be added to the weights, of unrounded moments; and stores the moments."""
        assert parameter.grad is not None
        gradient, (beta1, beta2) = parameter.grad.float(), self._betas
        first = state.get("first", torch.zeros_like(gradient))
        if self._storing.rule == "lion":
            update = -self._lr * torch.sign(beta1 * first + (1 - beta1) * gradient)
            state["first"] = beta2 * first + (1 - beta2) * gradient
            return update
        second = state.get("second", torch.zeros_like(gradient))
        first = torch.lerp(first, gradient, 1 - beta1)
        second = (second * beta2).addcmul_(gradient, gradient, value=1 - beta2)
        state["first"], state["second"] = self._kept(first), self._kept(second)
        if parameter is self._coupled:
            second = second.mean(dim=0, keepdim=True)
        root = (second.sqrt() / (1 - beta2**self._count) ** 0.5).add_(self._eps)
        return first / root * -(self._lr / (1 - beta1**self._count))

    def _kept(self, moment: Tensor) -> Tensor:
        return self._at_random(moment) if self._storing.stochastic_moments else moment

    def _move(self, parameter: nn.Parameter, state: dict[str, Tensor], update: Tensor) -> None:
        if self._storing.weights == "master":
            master = state.setdefault("master", parameter.float().clone())
            parameter.copy_(master.add_(update))
        elif self._storing.weights == "stochastic":
            parameter.copy_(self._at_random(parameter.float() + update))
        elif self._storing.weights == "kahan":
            owed = update + state.get("lost", torch.zeros_like(update))
            before = parameter.float()
            parameter.copy_(before + owed)
            state["lost"] = (owed + (before - parameter.float())).to(parameter.dtype).float()
        else:
            parameter.copy_(parameter.float() + update)

    def _at_random(self, values: Tensor) -> Tensor:
        """Finite float32 numbers to one of their two neighbours in bfloat16, so that the mean is the number."""
        noise = torch.randint(0, 1 << 16, values.shape, dtype=torch.int32, generator=self._chance)
        words = (values.contiguous().view(torch.int32) + noise) & ~0xFFFF
        return words.view(torch.float32)
