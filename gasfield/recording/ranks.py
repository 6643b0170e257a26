"""Training in several processes (DDP): rank 0 gathers the positions of all processes and writes the file."""

from __future__ import annotations

import torch
from torch import Tensor, distributed

from gasfield.recording.capture import Positions


def world_size() -> int:
    """Number of processes of the training."""
    return distributed.get_world_size() if _together() else 1


def is_writer() -> bool:
    """Whether this process writes the file."""
    return not _together() or distributed.get_rank() == 0


def gather(positions: Positions) -> Positions:
    """The positions of all processes, weighted as in the averaged gradient. A collective operation."""
    count = torch.tensor([len(positions.hidden)], device=positions.hidden.device)
    counts = [torch.zeros_like(count) for _ in range(world_size())]
    distributed.all_gather(counts, count)
    sizes = [int(each) for each in counts]
    partition = positions.log_partition
    return Positions(
        hidden=_all(positions.hidden, sizes),
        strength=_all(positions.strength, sizes) / world_size(),
        log_partition=None if partition is None else _all(partition, sizes),
        disagreement=positions.disagreement,
        logit_error=positions.logit_error,
        eps=positions.eps,
    )


def _all(part: Tensor, sizes: list[int]) -> Tensor:
    """Gathers parts of different lengths, padded to the longest."""
    padded = part.new_zeros((max(sizes), *part.shape[1:]))
    padded[: len(part)] = part
    parts = [torch.empty_like(padded) for _ in sizes]
    distributed.all_gather(parts, padded)
    return torch.cat([whole[:size] for whole, size in zip(parts, sizes, strict=True)])


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()
