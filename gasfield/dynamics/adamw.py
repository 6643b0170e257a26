"""AdamW as dynamics, in the arithmetic of the reference framework.

With gradient g, step t = 1, 2, ..., learning rate eta and decay lambda (Kingma and Ba, 2015; Loshchilov and Hutter,
2019, algorithm 2):

    W <- W (1 - eta lambda)
    m <- m + (1 - beta1) (g - m)
    v <- beta2 v + (1 - beta2) g^2
    W <- W - eta / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)

Which operations are rounded, and when, decides whether a weight changes, so rounding is part of the dynamics. The
reference is `torch.optim.AdamW(foreach=False, fused=False)` of PyTorch 2.13 on an x86 CPU with AVX2 or AVX-512:

* Scalars are computed in float64 and rounded to float32 in tensor operations; `epsilon`, in a bfloat16 addition, is
  further rounded to bfloat16.
* The lerp of m and the addcmul of v each end in a fused multiply-add; addcdiv is a product, a quotient and a sum.
* All bfloat16: each tensor operation is float32 arithmetic, rounded to bfloat16 as it is stored. Bit-equal here.
* All float32: m and v are bit-equal here. PyTorch's vectorised square root is not correctly rounded (about one in six
  is off by one unit in the last place); this one is, so W may differ by that.
* Mixed precision, which PyTorch refuses: float32 arithmetic in the same order, all in registers, and one rounding of
  each of W, m and v as it is stored, as in fused low-precision optimisers. The update uses m and v before that
  rounding, and decay and update together round W once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.dynamics.constants import Fractions, NotNegative, Positive
from gasfield.dynamics.optimiser import ALONG, ELEMENT, PIECE, PIECES, Kept, Optimiser, Precision, gradient_for
from gasfield.kernels.bfloat16 import fused_multiply_add, nearest_bfloat16, round_to_bfloat16, store
from gasfield.kernels.jit import jit
from gasfield.registry import register
from gasfield.renames import former_name

_HALF = np.float32(0.5)
_ONE = np.float32(1.0)


class MomentDtypes(NamedTuple):
    """The precision in which each of the two moments is kept."""

    first: Precision
    second: Precision


@register
class AdamW(Optimiser):
    """AdamW with decoupled weight decay; weights, first and second moment each in float32 or bfloat16."""

    moment_names: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")
    recorded_as: ClassVar[tuple[str, ...]] = ("adamw", "adam", "roundedadamw")
    recordable: ClassVar[tuple[str, ...]] = (
        "learning_rate", "betas", "epsilon", "weight_decay", "weight_dtype", "moment_dtype",
    )  # fmt: skip

    kind: Literal["adamw"] = "adamw"
    learning_rate: Positive
    """eta [length]: about the distance that each coordinate moves in a step while its gradient is constant."""
    betas: Fractions = (0.9, 0.999)
    """beta1, beta2 [1]: decay factors of the first and second moment."""
    epsilon: NotNegative = 1e-8
    """Added to the square root of the second moment [energy/length]."""
    weight_decay: NotNegative = 0.0
    """lambda [1/length], decoupled: every step multiplies weights by 1 - eta lambda."""
    moment_dtype: Kept = "float32"
    """Precision of both moments."""
    first_moment_dtype: Precision | None = None
    """Precision of m, the running mean of the gradient; `moment_dtype` if left out."""
    second_moment_dtype: Precision | None = None
    """Precision of v, the running mean of the squared gradient; `moment_dtype` if left out."""

    @classmethod
    def with_present_keys(cls, data: dict[str, Any]) -> dict[str, Any]:
        """As for every specification; the former `state` could also be a mapping of both moments."""
        state = data.get("state")
        if isinstance(state, Mapping) and former_name("state", "first_moment_dtype, second_moment_dtype"):
            data = {key: value for key, value in data.items() if key != "state"}
            data |= {f"{moment}_moment_dtype": precision for moment, precision in state.items()}
        return super().with_present_keys(data)

    @property
    def moments(self) -> MomentDtypes:
        """The precision of each of the two moments."""
        return MomentDtypes(self.first_moment_dtype or self.moment_dtype, self.second_moment_dtype or self.moment_dtype)

    @property
    def moment_dtypes(self) -> Mapping[str, Precision]:
        """The precision of both moments, by name."""
        return {"first_moment": self.moments.first, "second_moment": self.moments.second}

    def update(
        self, weights: NDArray[Any], gradient: NDArray[Any], moments: Mapping[str, NDArray[Any]], step: int
    ) -> None:
        adamw_step(weights, gradient, moments["first_moment"], moments["second_moment"], step, self)


def adamw_step(
    weights: NDArray[np.float32],
    gradient: NDArray[np.floating[Any]],
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    step: int,
    law: AdamW,
) -> None:
    """One step of AdamW, in place, in parallel; bits do not depend on the number of threads.

    Args:
        weights: (N, D) float32, on the bfloat16 lattice if `law.weight_dtype` is bfloat16; overwritten.
        gradient: (N, D); rounded to float32, and further to bfloat16 if `law.weight_dtype` is bfloat16.
        first: (N, D) float32, m; overwritten.
        second: (N, D) float32, v; overwritten.
        step: t, counted from 1.
        law: constants and precisions.

    Raises:
        ValueError: if an array that is to be overwritten is not a contiguous float32 array, or shapes differ.
    """
    gradient = gradient_for(weights, gradient, first_moment=first, second_moment=second)
    flat = (array.reshape(-1) for array in (weights, gradient, first, second))
    _step(*flat, _scalars(law, step), _rounding(law))


# --- scalars of one step ---------------------------------------------------------------------------------------------


class _Scalars(NamedTuple):
    """Scalar arguments of a step; all are float32, so that their values never trigger recompilation."""

    decay: np.float32
    """1 - eta lambda"""
    gain1: np.float32
    """1 - beta1"""
    beta2: np.float32
    gain2: np.float32
    """1 - beta2"""
    correction: np.float32
    """sqrt(1 - beta2^t)"""
    epsilon: np.float32
    negative_step: np.float32
    """-eta / (1 - beta1^t)"""


class _Rounding(NamedTuple):
    """Which arrays are stored in bfloat16, and whether each operation is rounded or only each store."""

    each_operation: bool
    weights: bool
    first: bool
    second: bool


def _rounding(law: AdamW) -> _Rounding:
    weights, first, second = (kept == "bfloat16" for kept in (law.weight_dtype, law.moments.first, law.moments.second))
    return _Rounding(weights and first and second, weights, first, second)


@np.errstate(over="ignore")  # a rate beyond float32 is infinite, and the run ends
def _scalars(law: AdamW, step: int) -> _Scalars:
    """The scalars of step t, as in the reference: computed in float64, each rounded once to float32."""
    beta1, beta2 = law.betas
    epsilon = np.float32(law.epsilon)
    if _rounding(law).each_operation:
        # The reference adds a Python number to a bfloat16 tensor as bfloat16; it multiplies and divides by float32.
        epsilon = np.float32(round_to_bfloat16(epsilon))
    return _Scalars(
        decay=np.float32(1 - law.learning_rate * law.weight_decay),
        gain1=np.float32(1 - beta1),
        beta2=np.float32(beta2),
        gain2=np.float32(1 - beta2),
        correction=np.float32((1 - beta2**step) ** 0.5),
        epsilon=epsilon,
        negative_step=np.float32(-(law.learning_rate / (1 - beta1**step))),
    )


# --- one element -----------------------------------------------------------------------------------------------------


@jit(**ELEMENT)
def _lerp(start, end, weight):  # type: ignore[no-untyped-def]
    """start + weight (end - start), from the nearer end and with one rounding of the sum, as ATen's lerp kernel."""
    if abs(weight) < _HALF:
        return fused_multiply_add(weight, end - start, start)
    return fused_multiply_add(weight - _ONE, end - start, end)


@jit(**ELEMENT)
def _element_rounding_each_operation(w, g, m, v, scalars):  # type: ignore[no-untyped-def]
    """(w, m, v) after a step in which every operation reads and writes bfloat16. A decay of 1 changes no bit."""
    w = nearest_bfloat16(w * scalars.decay)
    m = nearest_bfloat16(_lerp(m, g, scalars.gain1))
    v = nearest_bfloat16(v * scalars.beta2)
    v = nearest_bfloat16(fused_multiply_add(scalars.gain2 * g, g, v))
    root = nearest_bfloat16(np.sqrt(v))
    root = nearest_bfloat16(root / scalars.correction)
    root = nearest_bfloat16(root + scalars.epsilon)
    w = nearest_bfloat16(w + (scalars.negative_step * m) / root)
    return w, m, v


@jit(**ELEMENT)
def _element_in_float32(w, g, m, v, scalars):  # type: ignore[no-untyped-def]
    """(w, m, v) after a step in float32, before rounding to storage precision. A decay of 1 changes no bit."""
    w = w * scalars.decay
    m = _lerp(m, g, scalars.gain1)
    v = fused_multiply_add(scalars.gain2 * g, g, v * scalars.beta2)
    root = np.sqrt(v) / scalars.correction + scalars.epsilon
    w = w + (scalars.negative_step * m) / root
    return w, m, v


# --- loops -----------------------------------------------------------------------------------------------------------


@jit(**ALONG)
def _piece_rounding_each_operation(w, g, m, v, scalars):  # type: ignore[no-untyped-def]
    """`_element_rounding_each_operation` of some coordinates (n,), in place."""
    for i in range(w.shape[0]):
        w[i], m[i], v[i] = _element_rounding_each_operation(w[i], nearest_bfloat16(g[i]), m[i], v[i], scalars)


@jit(**ALONG)
def _piece_in_float32(w, g, m, v, scalars, rounding):  # type: ignore[no-untyped-def]
    """`_element_in_float32` of some coordinates (n,), in place, rounding each store."""
    for i in range(w.shape[0]):
        new_w, new_m, new_v = _element_in_float32(w[i], store(g[i], rounding.weights), m[i], v[i], scalars)
        w[i] = store(new_w, rounding.weights)
        m[i] = store(new_m, rounding.first)
        v[i] = store(new_v, rounding.second)


@jit(**PIECES)
def _step(weights, gradient, first, second, scalars, rounding):  # type: ignore[no-untyped-def]
    """One step of all coordinates (n,); they are independent, so bits do not depend on the number of threads."""
    for piece in prange((weights.size + PIECE - 1) // PIECE):
        start, stop = piece * PIECE, min((piece + 1) * PIECE, weights.size)
        w, g, m, v = weights[start:stop], gradient[start:stop], first[start:stop], second[start:stop]
        if rounding.each_operation:
            _piece_rounding_each_operation(w, g, m, v, scalars)
        else:
            _piece_in_float32(w, g, m, v, scalars, rounding)
