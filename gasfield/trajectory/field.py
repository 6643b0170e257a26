"""The field of a recorded training run: the gradient that a test row would have received at any point, step by step.

With hidden states h_b, log-partition functions log Z_b and weights w_b of the positions b in the loss, a row w that
never occurs as a target has the gradient

    g(w) = sum_b w_b exp(w . h_b - log Z_b) h_b = grad Phi(w),     Phi(w) = sum_b w_b exp(w . h_b - log Z_b),

so the field is conservative at each step (docs/science.md). `FullField` keeps h, log Z and w; `AffineField` keeps the
expansion of g about a reference point.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.trajectory.frames import Frames


@lru_cache(maxsize=4)
def _upper_triangle(dimensions: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.triu_indices(dimensions)


def pack_symmetric(matrices: NDArray[np.floating]) -> NDArray[np.floating]:
    """(..., D, D) symmetric -> (..., D(D+1)/2): the upper triangle, row by row."""
    rows, columns = _upper_triangle(matrices.shape[-1])
    return np.ascontiguousarray(matrices[..., rows, columns])


def unpack_symmetric(packed: NDArray[np.floating]) -> NDArray[np.floating]:
    """Inverse of `pack_symmetric`."""
    dimensions = (int(np.sqrt(8 * packed.shape[-1] + 1)) - 1) // 2
    rows, columns = _upper_triangle(dimensions)
    matrices = np.empty((*packed.shape[:-1], dimensions, dimensions), packed.dtype)
    matrices[..., rows, columns] = packed
    matrices[..., columns, rows] = packed
    return matrices


@dataclass(frozen=True)
class RecordedField:
    """Common base of both stored forms: the training steps at which the field is known.

    Attributes:
        steps: (S,) training steps, ascending.
        origin: file and data set, for error messages.
    """

    steps: NDArray[np.int64]
    origin: str

    def index(self, step: int) -> int:
        """Position of a training step in the stored ones.

        Raises:
            InputError: if the field was not stored at that step.
        """
        i = int(np.searchsorted(self.steps, step))
        if i < len(self.steps) and self.steps[i] == step:
            return i
        known = f"{self.steps[0]} to {self.steps[-1]}" if len(self.steps) else "none"
        raise InputError(
            f"{self.origin}: the field at step {step} is not recorded ({len(self.steps)} steps from {known}). "
            "Simulate fewer steps, choose the other field, or record again with the field at every step."
        )


@dataclass(frozen=True)
class AffineSnapshot:
    """The affine field at one step, as float64: c (D,), g(c) (D,), H (D, D) and Phi(c)."""

    reference: NDArray[np.float64]
    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]
    potential: float


@dataclass(frozen=True)
class AffineField(RecordedField):
    """g(w) ~ g(c) + H (w - c) about the reference point c (the centroid of all dead rows).

    Attributes:
        reference: (S, D) points c.
        gradient: (S, D) g(c).
        hessian: (S, D(D+1)/2) packed H = sum_b a_b h_b h_b^T with a_b = w_b exp(c . h_b - log Z_b).
        potential: (S,) Phi(c).
    """

    reference: NDArray[np.float32]
    gradient: NDArray[np.float32]
    hessian: NDArray[np.float32]
    potential: NDArray[np.float64]

    def at(self, step: int) -> AffineSnapshot:
        """The field at a training step.

        Raises:
            InputError: if it was not stored at that step.
        """
        i = self.index(step)
        return AffineSnapshot(
            reference=self.reference[i].astype(np.float64),
            gradient=self.gradient[i].astype(np.float64),
            hessian=np.asarray(unpack_symmetric(self.hessian[i]), np.float64),
            potential=float(self.potential[i]),
        )


@dataclass(frozen=True)
class FullSnapshot:
    """The exact field at one step, as float64: hidden (B, D), log_partition (B,), weight (B,)."""

    hidden: NDArray[np.float64]
    log_partition: NDArray[np.float64]
    weight: NDArray[np.float64]


@dataclass(frozen=True)
class FullField(RecordedField):
    """The exact field; snapshots are large, stay in the file, and are read one at a time.

    Attributes:
        hidden: (S, B, D) in the file.
        log_partition: (S, B) in the file.
        weight: (S, B) in the file.
        gradient: (S, N, D) in the file: the gradients of the recorded rows in training.
        position: (S', N, D) in the file: the positions of those rows at `position_steps`.
        position_steps: (S',) training steps.
    """

    hidden: Frames
    log_partition: Frames
    weight: Frames
    gradient: Frames
    position: Frames
    position_steps: NDArray[np.int64]

    def at(self, step: int) -> FullSnapshot:
        """The field at a training step; the file must still be open.

        Raises:
            InputError: if it was not stored at that step, or the file is damaged there.
        """
        i = self.index(step)
        parts = (self.hidden[i], self.log_partition[i], self.weight[i])
        return FullSnapshot(*(np.ascontiguousarray(part, np.float64) for part in parts))

    def gradient_at(self, step: int) -> NDArray[np.float64]:
        """(N, D) the gradients of the recorded rows at a training step.

        Raises:
            InputError: if it was not stored at that step.
        """
        return np.asarray(self.gradient[self.index(step)], np.float64)

    def position_at(self, step: int) -> NDArray[np.float64]:
        """(N, D) the positions of the recorded rows at which these gradients were taken."""
        return np.asarray(self.position[int(np.searchsorted(self.position_steps, step))], np.float64)
