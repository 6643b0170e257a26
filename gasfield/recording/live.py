"""The parts of the gradient of a live row: what pushes it, what pulls it, and what comes from the input side.

For an output matrix with rows W_i, hidden states h_b with weights w_b in the loss, and targets y_b,

    g_i = sum_b w_b p_bi h_b  -  sum_{b: y_b = i} w_b h_b  +  input side

The first sum is the push, the same field that moves a dead row at that place; the second the pull of the positions
whose target the token is; the third is there where the matrix is the embedding too. Push and pull are summed apart: of
the gradient G_bi of a logit, w_b p_bi = strength_b exp(l_bi) is the push, and the rest is the pull. G_bi is w_b (p_bi
- 1) at a target and w_b p_bi elsewhere, so that targets are counted where its sign is not that of the strength. (Under
label smoothing, whose field is approximate, other positions have that sign too.)

Sums are taken in float64. What the sum of the parts differs by from the gradient that the optimiser received is the
rounding of the training's own sums, and of the float32 in which the parts are kept: about 1e-7 of the sizes of the
parts, and of the gradient a multiple of that where push and pull cancel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from gasfield.trajectory import schema


@dataclass(frozen=True)
class Parts:
    """The parts (n, D) of the gradients of n rows.

    Attributes:
        push, pull, input: (n, D).
        targets: (n,) positions whose target each row was.
        inputs: (n,) how often each row was an input of the embedding that shares the matrix.
    """

    push: Tensor
    pull: Tensor
    input: Tensor
    targets: Tensor
    inputs: Tensor

    def received(self, factor: Tensor) -> Parts:
        """The same in float32, as the optimiser received them: times the factor of clipping and unscaling; 0 where
        an update was skipped, whose gradients may be infinite."""
        parts = (self.push, self.pull, self.input)
        push, pull, entered = (torch.where(factor > 0, factor.double() * each, 0.0).float() for each in parts)
        return Parts(push, pull, entered, self.targets, self.inputs)

    def errors(self, received: Tensor) -> dict[str, Tensor]:
        """() by name, in the worst row, how far push + pull + input is from the gradient received: relative to that
        gradient, and to the sizes of the parts, |push| + |pull| + |input|, which are what sums in float32 round."""
        exact, parts = (
            torch.nan_to_num(received.double(), 0.0, 0.0, 0.0),
            torch.stack([self.push, self.pull, self.input]).double(),
        )
        off, sizes = (parts.sum(dim=0) - exact).norm(dim=1), parts.norm(dim=2).sum(dim=0)
        scales = {schema.PARTS_ERROR: exact.norm(dim=1), schema.PARTS_ROUNDING: sizes}
        return {name: torch.where(scale > 0, off / scale, 0.0).amax() for name, scale in scales.items()}


class LiveRows:
    """Sums the parts of the gradients of some rows over the backward passes of a step.

    Attributes:
        ids: (n,) the rows, on the device of the matrix.
        armed: whether this step is recorded.
    """

    def __init__(self, model: nn.Module, matrix: Tensor, ids: Tensor) -> None:
        """Finds the embeddings that share the matrix.

        Args:
            model: of the training.
            matrix: (V, D) output matrix.
            ids: (n,) rows.
        """
        self.ids, self.armed = ids, False
        self._entries = [each for each in model.modules() if isinstance(each, nn.Embedding) and each.weight is matrix]
        self._place = torch.full((len(matrix),), len(ids), device=matrix.device)  # the last place is for all others
        self._place[ids] = torch.arange(len(ids), device=matrix.device)
        self._shape = (len(ids) + 1, matrix.shape[1])
        self._handles: list[RemovableHandle] = []
        self._clear()

    def listen(self) -> None:
        """Registers hooks on the input side."""
        self._handles = [each.register_forward_hook(self._entered, with_kwargs=True) for each in self._entries]

    def release(self) -> None:
        """Removes them."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def output_side(self, states: Tensor, logits: Tensor, gradient: Tensor, strength: Tensor) -> None:
        """Adds the positions of one backward pass.

        Args:
            states: (B, D) hidden states.
            logits: (B, n) of the rows.
            gradient: (B, n) of the loss with respect to these logits.
            strength: (B,) w_b / Z_b.
        """
        weights = strength.double()[:, None] * logits.double().exp()
        rest, states = gradient.double() - weights, states.double()
        self._push += weights.T @ states
        self._pull += rest.T @ states
        self._targets += (gradient.double() * strength.double()[:, None] < 0).sum(dim=0)

    def take(self) -> Parts:
        """The parts since the last call."""
        parts = Parts(self._push, self._pull, self._input[:-1], self._targets, self._inputs[:-1])
        self._clear()
        return parts

    def _clear(self) -> None:
        device, (count, dimensions) = self.ids.device, self._shape
        self._push, self._pull, self._input = (
            torch.zeros((rows, dimensions), dtype=torch.float64, device=device)
            for rows in (count - 1, count - 1, count)
        )
        self._targets, self._inputs = (
            torch.zeros(rows, dtype=torch.int64, device=device) for rows in (count - 1, count)
        )

    def _entered(self, module: nn.Module, given: tuple[Any, ...], named: dict[str, Any], made: Tensor) -> None:
        if not (self.armed and made.requires_grad):
            return
        ids = (given[0] if given else named["input"]).detach()
        places = self._place[ids]
        if module.padding_idx is not None:  # whose row receives no gradient from here
            places = torch.where(ids == module.padding_idx, self._shape[0] - 1, places)
        places = places.flatten()

        def backward(gradient: Tensor) -> None:
            with torch.no_grad():
                self._input.index_add_(0, places, gradient.detach().flatten(0, -2).double())
                self._inputs.index_add_(0, places, torch.ones_like(places))

        made.register_hook(backward)  # type: ignore[no-untyped-call]
