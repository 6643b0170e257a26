"""The field that the positions of one step make: about a reference point, and exactly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gasfield.recording.capture import Positions
from gasfield.recording.host import HostCopy

_ROUNDING = 16.0


@dataclass(frozen=True)
class ExactField:
    """What the exact field is made of.

    Attributes:
        hidden: (B, D).
        log_partition: (B,).
        weight: (B,) as the optimiser felt it.
        gradient: (N, D) that training gave the rows.
        position: (N, D) where they stood.
    """

    hidden: HostCopy
    log_partition: HostCopy
    weight: HostCopy
    gradient: HostCopy
    position: HostCopy


@dataclass(frozen=True)
class FieldAtStep:
    """The field of one update.

    Attributes:
        reference: (D,) the point c.
        gradient: (D,) the field there.
        tidal: (D, D) its derivatives there.
        potential: () the potential there.
        mean_hidden: (D,) mean of the hidden states of all positions that count.
        factor: () what became of the gradient on its way to the optimiser: clipping, unscaling.
        error: () |field - gradient| / |gradient|, median over the probes.
        exact: the exact field, where it is kept.
    """

    reference: HostCopy
    gradient: HostCopy
    tidal: HostCopy
    potential: HostCopy
    mean_hidden: HostCopy
    factor: HostCopy
    error: HostCopy
    exact: ExactField | None


def reception(positions: Positions, rows: Tensor, received: Tensor) -> tuple[Tensor, Tensor]:
    """What became of the gradient between the loss and the optimiser, and how well the field explains it.

    Clipping and unscaling multiply all gradients by one number, which is the ratio of what the probes got to the field
    where they stood; exactly 1 if rounding explains the difference. Medians over probes: those that were targets or
    inputs got something else besides.

    Args:
        positions: of this step.
        rows: (K, D) where the probes stood.
        received: (K, D) the gradients that the optimiser got for them.

    Returns:
        The factor () and the relative error () of the field times it.
    """
    hidden, place = positions.hidden.float(), rows.float()
    exact = (positions.strength[:, None] * (hidden @ place.T).exp()).T @ hidden
    received = received.float()
    ratios = (received * exact).sum(dim=1) / (exact * exact).sum(dim=1)
    factor = ratios.nanmedian()
    error = ((received - factor * exact).norm(dim=1) / (factor * exact).norm(dim=1)).nanmedian()
    usable = torch.isfinite(factor) & (factor > 0)
    keeps = (factor - 1).abs() < _ROUNDING * positions.eps
    return torch.where(usable & ~keeps, factor, torch.ones_like(factor)), error


def field_at(
    positions: Positions,
    factor: Tensor,
    error: Tensor,
    reference: Tensor,
    exact: tuple[Tensor, Tensor] | None = None,
) -> FieldAtStep:
    """The field about a reference point, and exactly where that is wanted.

    Args:
        positions: of this step.
        factor: () what became of the gradient.
        error: () of the field.
        reference: (D,) the point.
        exact: gradients and places (N, D) of the followed rows, if the exact field is kept.
    """
    hidden = positions.hidden.float()
    strength = positions.strength * factor
    share = strength * (hidden @ reference).exp()
    counts = (strength != 0).float()
    return FieldAtStep(
        reference=HostCopy(reference),
        gradient=HostCopy(share @ hidden),
        tidal=HostCopy((hidden * share[:, None]).T @ hidden),
        potential=HostCopy(share.double().sum()),
        mean_hidden=HostCopy(counts @ hidden / counts.sum().clamp_min(1)),
        factor=HostCopy(factor),
        error=HostCopy(error),
        exact=None if exact is None else _exact(positions, strength, *exact),
    )


def _exact(positions: Positions, strength: Tensor, gradient: Tensor, position: Tensor) -> ExactField:
    assert positions.log_partition is not None
    weight = strength.double() * positions.log_partition.double().exp()
    return ExactField(
        hidden=HostCopy(positions.hidden.float()),
        log_partition=HostCopy(positions.log_partition),
        weight=HostCopy(weight),
        gradient=HostCopy(gradient),
        position=HostCopy(position),
    )
