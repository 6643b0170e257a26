"""What the parts of a layer do to its tokens: projections, work, and how well they sum to the displacement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from gasfield.tracing.capture import LayerParts
from gasfield.tracing.families import Block

_PIECE_BYTES = 1 << 26
"""Writes of heads that are in memory at a time."""


@dataclass(frozen=True)
class Piece:
    """The parts of a layer on n tokens.

    Attributes:
        rows: the tokens.
        heads: (H, n, D) writes of the heads.
        work: (n, P) <part, displacement over the layer> / <displacement, displacement>; NaN where nothing moves.
        radial: (n, P) component of each part along the state before the layer.
        size: (n, P) length of each part.
        errors: (n,) for each state within the layer: how far it is from the state before it and the parts between
            them, relative to its length.
    """

    rows: slice
    heads: torch.Tensor
    work: torch.Tensor
    radial: torch.Tensor
    size: torch.Tensor
    errors: tuple[torch.Tensor, ...]


@torch.inference_mode()
def pieces(block: Block, before: torch.Tensor, parts: LayerParts) -> Iterator[Piece]:
    """The parts of a layer, some tokens at a time.

    Args:
        block: the layer.
        before: (S, D) the state before it.
        parts: what it does.
    """
    heads, _, dimensions = block.weight.shape
    step = max(1, _PIECE_BYTES // (4 * heads * dimensions))
    for start in range(0, len(before), step):
        yield _piece(block, before, parts, slice(start, min(start + step, len(before))))


def _piece(block: Block, before: torch.Tensor, parts: LayerParts, rows: slice) -> Piece:
    state, after, mlp = before[rows], parts.after[rows], parts.mlp[rows]
    heads = parts.heads(block, rows)
    attention = heads.sum(dim=0) if block.bias is None else heads.sum(dim=0) + block.bias
    errors: tuple[torch.Tensor, ...] = (_error(after, state, attention + mlp),)
    if parts.middle is not None:
        middle = parts.middle[rows]
        errors = _error(middle, state, attention), _error(after, middle, mlp)
    # The sum of the parts is the displacement, without the rounding of a difference of two long vectors.
    moved = attention + mlp
    bias = [] if block.bias is None else [block.bias.expand_as(mlp)]
    each = torch.stack([*heads, mlp, *bias])
    direction = torch.nn.functional.normalize(state, dim=-1)
    return Piece(
        rows=rows,
        heads=heads,
        work=(torch.einsum("pnd,nd->np", each, moved) / torch.linalg.vecdot(moved, moved)[:, None]),
        radial=torch.einsum("pnd,nd->np", each, direction),
        size=torch.linalg.vector_norm(each, dim=-1).T,
        errors=errors,
    )


def _error(state: torch.Tensor, before: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
    """(n,) |state - (before + parts)| / |state|."""
    rest = torch.linalg.vector_norm(state - (before + parts), dim=-1)
    error: torch.Tensor = rest / torch.linalg.vector_norm(state, dim=-1).clamp_min(torch.finfo(state.dtype).tiny)
    return error
