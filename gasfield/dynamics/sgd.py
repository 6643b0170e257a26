"""Stochastic gradient descent with momentum as dynamics, in the arithmetic of the reference framework.

With gradient g, learning rate eta, decay lambda (coupled: added to the gradient), momentum mu and dampening tau
(Sutskever et al., 2013, in the form of `torch.optim.SGD`, where the learning rate is outside the buffer b):

    g <- g + lambda W
    b <- g at the first step,  b <- mu b + (1 - tau) g  afterwards
    W <- W - eta b        (eta g without momentum; eta (g + mu b) for Nesterov)

The reference is `torch.optim.SGD(foreach=False, fused=False)` of PyTorch 2.13 on an x86 CPU with AVX2 or AVX-512:

* All float32: each scaled addition is one fused multiply-add. Bit-equal here.
* All bfloat16: each operation is float32 arithmetic, rounded to bfloat16 as it is stored. The factor of a scaled
  addition (lambda, 1 - tau, eta, and mu in the Nesterov step) is itself rounded to bfloat16 first, so a learning rate
  of .001 acts as .00099945; mu b is a separate product, in which mu stays float32. Bit-equal here to the vectorised
  part of the reference. Its scalar remainder (the last elements of a tensor, or of a thread's part of one, that do not
  fill a vector) also rounds the product; this dependence on the position in memory is not reproduced.
* Mixed precision, which PyTorch refuses: float32 arithmetic in the same order, all in registers, and one rounding of
  each of W and b as it is stored. Without momentum there is no b, and its precision has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numba import prange
from numpy.typing import NDArray
from pydantic import model_validator

from gasfield.dynamics.constants import Flag, NotNegative, Positive, Share
from gasfield.dynamics.optimiser import ALONG, ELEMENT, PIECE, PIECES, Kept, Optimiser, Precision, gradient_for
from gasfield.kernels.bfloat16 import fused_multiply_add, round_to_bfloat16, store
from gasfield.kernels.jit import jit
from gasfield.registry import register
from gasfield.spec import fault_within


@register
class SGD(Optimiser):
    """Gradient descent with momentum and coupled weight decay; weights and momentum each in float32 or bfloat16."""

    moment_names: ClassVar[tuple[str, ...]] = ("momentum",)
    recorded_as: ClassVar[tuple[str, ...]] = ("sgd",)
    recordable: ClassVar[tuple[str, ...]] = (
        "learning_rate", "momentum", "dampening", "weight_decay", "nesterov", "weight_dtype", "moment_dtype",
    )  # fmt: skip

    kind: Literal["sgd"] = "sgd"
    learning_rate: Positive
    """eta [length^2/energy]: distance moved per unit of gradient."""
    momentum: NotNegative = 0.0
    """mu [1]: decay factor of the momentum buffer; 0 for no buffer."""
    dampening: Share = 0.0
    """tau [1]: a new gradient enters the momentum buffer with the factor 1 - tau."""
    weight_decay: NotNegative = 0.0
    """lambda [energy/length^2], coupled: lambda W is added to the gradient."""
    nesterov: Flag = False
    """Nesterov momentum; requires momentum without dampening."""
    moment_dtype: Kept = "float32"
    """Precision of the momentum buffer."""

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> Self:
        if self.nesterov is True and (self.momentum == 0.0 or self.dampening not in (0.0, "recorded")):
            raise fault_within(("nesterov",), "requires momentum > 0 and dampening 0", self.nesterov)
        return self

    @property
    def descends(self) -> float | None:
        """The weight decay: steps go down the loss with its penalty, and momentum cannot climb above the start."""
        return None if self.changes("weight_decay") else self.fixed.weight_decay

    @property
    def moment_dtypes(self) -> Mapping[str, Precision]:
        """The precision of the momentum buffer, if there is one."""
        return {"momentum": self.moment_dtype} if self.momentum else {}

    def update(
        self, weights: NDArray[Any], gradient: NDArray[Any], moments: Mapping[str, NDArray[Any]], step: int
    ) -> None:
        sgd_step(weights, gradient, moments["momentum"], step, self)


def sgd_step(
    weights: NDArray[np.float32],
    gradient: NDArray[np.floating[Any]],
    momentum: NDArray[np.float32],
    step: int,
    law: SGD,
) -> None:
    """One step of SGD, in place, in parallel; bits do not depend on the number of threads.

    Args:
        weights: (N, D) float32, on the bfloat16 lattice if `law.weight_dtype` is bfloat16; overwritten.
        gradient: (N, D); rounded to float32, and further to bfloat16 if `law.weight_dtype` is bfloat16.
        momentum: (N, D) float32, b; overwritten if `law.momentum` is not zero.
        step: counted from 1; at the first the gradient becomes the buffer.
        law: constants and precisions.

    Raises:
        ValueError: if an array that is to be overwritten is not a contiguous float32 array, or shapes differ.
    """
    gradient = gradient_for(weights, gradient, momentum=momentum)
    flat = (array.reshape(-1) for array in (weights, gradient, momentum))
    _step(*flat, _scalars(law), _choices(law, step))


# --- scalars and options of one step ---------------------------------------------------------------------------------


class _Scalars(NamedTuple):
    """Scalar arguments of a step; all are float32, so that their values never trigger recompilation."""

    decay: np.float32
    """lambda"""
    momentum: np.float32
    """mu"""
    gain: np.float32
    """1 - tau"""
    negative_rate: np.float32
    """-eta"""


class _Choices(NamedTuple):
    """Which operations apply, which arrays are bfloat16, and whether each operation is rounded or only each store."""

    decays: bool
    has_momentum: bool
    first_step: bool
    nesterov: bool
    each_operation: bool
    weights: bool
    momentum: bool


def _choices(law: SGD, step: int) -> _Choices:
    return _Choices(
        decays=law.weight_decay != 0.0,
        has_momentum=law.momentum != 0.0,
        first_step=step == 1,
        nesterov=law.nesterov,
        each_operation=law.weight_dtype == "bfloat16" and (law.moment_dtype == "bfloat16" or law.momentum == 0.0),
        weights=law.weight_dtype == "bfloat16",
        momentum=law.moment_dtype == "bfloat16",
    )


@np.errstate(over="ignore")  # a rate beyond float32 is infinite, and the run ends
def _scalars(law: SGD) -> _Scalars:
    """The scalars in the precision of the reference."""
    factors = np.array([law.weight_decay, 1 - law.dampening, -law.learning_rate], dtype=np.float32)
    if _choices(law, 1).each_operation:
        # The factor of a scaled addition of bfloat16 tensors is bfloat16 in the reference; other factors are float32.
        factors = round_to_bfloat16(factors)
    decay, gain, negative_rate = factors
    return _Scalars(decay=decay, momentum=np.float32(law.momentum), gain=gain, negative_rate=negative_rate)


# --- one element -----------------------------------------------------------------------------------------------------


@jit(**ELEMENT)
def _element(w, g, b, scalars, choices):  # type: ignore[no-untyped-def]
    """(w, b) after a step, before rounding to storage precision."""
    rounds = choices.each_operation
    if choices.decays:
        g = store(fused_multiply_add(scalars.decay, w, g), rounds)
    if not choices.has_momentum:
        return fused_multiply_add(scalars.negative_rate, g, w), b
    if choices.first_step:
        b = g
    else:
        b = store(fused_multiply_add(scalars.gain, g, store(b * scalars.momentum, rounds)), rounds)
    towards = b
    if choices.nesterov:
        # As the factor of a scaled addition, the momentum is rounded like the others.
        towards = store(fused_multiply_add(store(scalars.momentum, rounds), b, g), rounds)
    return fused_multiply_add(scalars.negative_rate, towards, w), b


# --- loops -----------------------------------------------------------------------------------------------------------


@jit(**ALONG)
def _piece(w, g, b, scalars, choices):  # type: ignore[no-untyped-def]
    """`_element` of some coordinates (n,), in place, rounding each store."""
    for i in range(w.shape[0]):
        new_w, new_b = _element(w[i], store(g[i], choices.weights), b[i], scalars, choices)
        w[i] = store(new_w, choices.weights)
        b[i] = store(new_b, choices.momentum)


@jit(**PIECES)
def _step(weights, gradient, momentum, scalars, choices):  # type: ignore[no-untyped-def]
    """One step of all coordinates (n,); they are independent, so bits do not depend on the number of threads."""
    for piece in prange((weights.size + PIECE - 1) // PIECE):
        start, stop = piece * PIECE, min((piece + 1) * PIECE, weights.size)
        _piece(weights[start:stop], gradient[start:stop], momentum[start:stop], scalars, choices)
