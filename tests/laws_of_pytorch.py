"""Optimisers beside their references over many steps: which step first differs in any bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from gradients import initial_weights, training_gradients

from gasfield.dynamics.optimiser import Optimiser
from gasfield.kernels.lattices import round_to

ROWS, DIMENSIONS = 48, 64
"""A multiple of PyTorch's longest vector step: no element falls into a scalar remainder, which may round otherwise."""


@cache
def gradients(steps: int, rows: int, dimensions: int) -> list[np.ndarray]:
    return list(training_gradients(steps, rows, dimensions))


Step = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""One step of a reference with a gradient: its weights and moments afterwards, by name."""


def words(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint32)


def first_disagreement(
    law: Optimiser, reference: Step, steps: int = 500, scale: float = 1.0, weights: np.ndarray | None = None
) -> tuple[int, str] | None:
    """The first step, and the tensor, in which a law differs from its reference in any bit; None if none does."""
    weights = start(law.weight_dtype) if weights is None else weights.copy()
    moments = law.start(weights)
    rows, dimensions = weights.shape
    for step, small in enumerate(gradients(500, rows, dimensions)[:steps], start=1):
        gradient = small * np.float32(scale)
        expected = reference(gradient)
        law.update(weights, gradient, moments, step)
        for name, values in {"weights": weights, **moments}.items():
            if name in expected and np.any(words(values) != words(expected[name])):
                return step, name
    return None


def start(precision: str) -> np.ndarray:
    return round_to(initial_weights(ROWS, DIMENSIONS), precision)


def of_pytorch(
    torch: Any, kind: Any, precision: str, names: Mapping[str, str], weights: np.ndarray | None = None, **options: Any
) -> Step:
    """An optimiser of PyTorch; `names` are those of its state: here -> there."""
    dtype = getattr(torch, precision)
    parameter = torch.nn.Parameter(
        torch.from_numpy((start(precision) if weights is None else weights).copy()).to(dtype)
    )
    optimiser = kind([parameter], **options)

    def step(gradient: np.ndarray) -> Mapping[str, np.ndarray]:
        parameter.grad = torch.from_numpy(gradient).to(dtype)
        optimiser.step()
        state = optimiser.state[parameter]
        found = {"weights": parameter.detach(), **{name: state[theirs] for name, theirs in names.items()}}
        return {name: tensor.float().numpy().copy() for name, tensor in found.items()}

    return step
