"""The gradient of a matrix as its optimiser received it, read when it did.

Between the last backward pass and the update the gradient may be clipped, unscaled or averaged, and afterwards it may
be cleared or overwritten, so that it is read by the hooks of the optimiser: before the update, or after it where a
closure computes the gradient within. Clipping and unscaling multiply it by one number: the ratio of some of its rows at
the update to the same rows after the last backward pass, whatever clipped them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from gasfield.recording.async_copy import AsyncCopy
from gasfield.recording.ranks import world_size


@dataclass(frozen=True)
class Received:
    """What an optimiser received at its last update.

    Attributes:
        rows: (n, D) gradients of the rows that were asked for, by name; empty if there was no update.
        passes: backward passes since the update before: above 1 under gradient accumulation.
        ratio: () gradient at the update over that after the last pass: clipping and unscaling; None if not known.
        rescaling: a copy of it, for the file.
    """

    rows: Mapping[str, Tensor] = field(default_factory=dict)
    passes: int | None = None
    ratio: Tensor | None = None
    rescaling: AsyncCopy | None = None


class GradientWatch:
    """Reads rows of the gradient of a matrix at each update.

    Attributes:
        wanted: the rows to read at the next update, by name.
    """

    def __init__(self, weight: Tensor, moved: Tensor, probes: Tensor) -> None:
        """Nothing is read yet.

        Args:
            weight: the matrix of the model.
            moved: what the optimiser moves: the matrix itself, or its master copy.
            probes: (K,) rows whose gradients are compared before and after clipping.
        """
        self.wanted: dict[str, Tensor] = {}
        self._weight, self._moved, self._probes = weight, moved, probes
        self._rows: dict[str, Tensor] = {}
        self._passes = 0
        self._accumulated: Tensor | None = None
        self._ratio: Tensor | None = None
        self._handle: RemovableHandle | None = None

    def listen(self) -> None:
        """Registers a hook that runs after each backward pass."""
        if self._weight.is_leaf and self._weight.requires_grad:
            self._handle = self._weight.register_post_accumulate_grad_hook(self._count)  # type: ignore[no-untyped-call]

    def release(self) -> None:
        """Removes it."""
        if self._handle is not None:
            self._handle.remove()
        self._handle = None

    @property
    def is_there(self) -> bool:
        """Whether the optimiser would find a gradient now; without one it leaves the matrix as it is."""
        return self._moved.grad is not None

    @torch.no_grad()
    def read(self, scale: Tensor | None) -> None:
        """Reads the gradient of an update; `scale` is divided out by the optimiser itself, if it does so."""
        gradient = self._moved.grad
        if gradient is None or gradient.is_sparse:
            return
        read = {name: _rows(gradient, rows) for name, rows in self.wanted.items()}
        now = _rows(gradient, self._probes)
        if scale is not None:
            read = {name: rows / scale for name, rows in read.items()}
            now = now / scale
        self._rows = read
        if self._accumulated is not None and world_size() == 1:  # else the processes were averaged in between
            before = self._accumulated.double()
            self._ratio = ((now.double() * before).sum() / (before * before).sum()).float()

    def take(self) -> Received:
        """What was received since the last call."""
        passes = self._passes if self._handle is not None else None
        taken = Received(self._rows, passes, self._ratio, None if self._ratio is None else AsyncCopy(self._ratio))
        self._rows, self._ratio, self._accumulated, self._passes = {}, None, None, 0
        return taken

    @torch.no_grad()
    def _count(self, weight: Tensor) -> None:
        self._passes += 1
        if weight.grad is not None and not weight.grad.is_sparse:
            self._accumulated = _rows(weight.grad, self._probes)


def _rows(matrix: Tensor, rows: Tensor) -> Tensor:
    """Some rows of a matrix, on the device of the indices: a master copy may be elsewhere than the model."""
    return matrix.detach().index_select(0, rows.to(matrix.device)).to(rows.device)
