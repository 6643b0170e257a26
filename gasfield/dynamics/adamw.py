"""AdamW as dynamics, in the arithmetic of the reference framework.

With gradient g, step t = 1, 2, ..., learning rate eta and decay lambda (Kingma and Ba, 2015; Loshchilov and Hutter,
2019, algorithm 2):

    W <- W (1 - eta lambda)                         (decoupled decay; coupled: g <- g + lambda W)
    m <- m + (1 - beta1) (g - m)
    v <- beta2 v + (1 - beta2) g^2                  (amsgrad: its largest value so far is used below)
    W <- W - eta / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)

Which operations are rounded, and when, decides whether a weight changes, so rounding is part of the dynamics. The
reference is `torch.optim.AdamW(foreach=False, fused=False)` of PyTorch 2.13 on an x86 CPU with AVX2 or AVX-512; other
implementations where they round differently (`implementation`):

* Scalars are computed in float64 and rounded to float32 in tensor operations; `epsilon`, in an addition of a 16-bit
  format, is further rounded to it, and so is a coupled decay.
* The lerp of m and the addcmul of v each end in a fused multiply-add; addcdiv is a product, a quotient and a sum.
* All bfloat16 or all float16: each tensor operation is float32 arithmetic, rounded as it is stored. Bit-equal here.
* All float32: m and v are bit-equal here. PyTorch's vectorised square root is not correctly rounded (about one in six
  is off by one unit in the last place); this one is, so W may differ by that. The fused kernels take the root of the
  processor, which is: bit-equal here.
* Mixed precision, which PyTorch refuses: float32 arithmetic in the same order, all in registers, and one rounding of
  each of W, m and v as it is stored. The update uses m and v before that rounding, and decay and update together round
  W once. The fused kernels do the same in one 16-bit format: bit-equal here. Lists of tensors (`foreach`) also round
  the factors of products, beta2 and 1 - eta lambda.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from gasfield.dynamics.constants import Flag, Fractions, NotNegative, Positive
from gasfield.dynamics.elementwise import ElementwiseOptimiser
from gasfield.dynamics.storage import KeptMoment, Moment, MomentDtype
from gasfield.kernels.bfloat16 import fused_multiply_add
from gasfield.kernels.lattices import nearest
from gasfield.kernels.pointwise import PointwiseKernel, pointwise_kernel
from gasfield.registry import register
from gasfield.renames import former_name

_HALF = np.float32(0.5)
_ONE = np.float32(1.0)


class MomentDtypes(NamedTuple):
    """How each of the two moments is kept."""

    first: MomentDtype
    second: MomentDtype


# --- one coordinate --------------------------------------------------------------------------------------------------


@pointwise_kernel
def lerp(start, end, weight):  # type: ignore[no-untyped-def]
    """start + weight (end - start), from the nearer end and with one rounding of the sum, as ATen's lerp kernel."""
    if abs(weight) < _HALF:
        return fused_multiply_add(weight, end - start, start)
    return fused_multiply_add(weight - _ONE, end - start, end)


@pointwise_kernel
def _rule(w, g, a, b, c, scalars, working):  # type: ignore[no-untyped-def]
    """Of first moment a, second moment b and the largest second moment c. A decay of 1 changes no bit."""
    if scalars.maximize:
        g = -g
    if scalars.coupled:
        g = nearest(fused_multiply_add(scalars.penalty, w, g), working)
    w = nearest(w * scalars.decay, working)
    m = nearest(lerp(a, g, scalars.gain1), working)
    v = nearest(b * scalars.beta2, working)
    v = nearest(fused_multiply_add(scalars.gain2 * g, g, v), working)
    largest = v if v > c or v != v else c
    root = nearest(np.sqrt(largest if scalars.amsgrad else v), working)
    root = nearest(root / scalars.correction, working)
    root = nearest(root + scalars.epsilon, working)
    return w, (scalars.negative_step * m) / root, m, v, largest


class _Scalars(NamedTuple):
    """Scalar arguments of a step; types are fixed, so that values never trigger recompilation."""

    rate: np.float32
    decay: np.float32
    """1 - eta lambda, or 1"""
    penalty: np.float32
    """lambda, if coupled"""
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
    coupled: bool
    amsgrad: bool
    maximize: bool


# --- the specification -----------------------------------------------------------------------------------------------


@register
class AdamW(ElementwiseOptimiser):
    """AdamW; weights, first and second moment each in a precision of its own."""

    rule: ClassVar[PointwiseKernel] = _rule
    recorded_as: ClassVar[tuple[str, ...]] = ("adamw", "adam", "roundedadamw")
    recordable: ClassVar[tuple[str, ...]] = (
        "learning_rate", "betas", "epsilon", "weight_decay", "decoupled_weight_decay", "amsgrad", "maximize",
        "implementation", "weight_dtype", "weight_rounding", "moment_dtype",
    )  # fmt: skip

    kind: Literal["adamw"] = "adamw"
    learning_rate: Positive
    """eta [length]: about the distance that each coordinate moves in a step while its gradient is constant."""
    betas: Fractions = (0.9, 0.999)
    """beta1, beta2 [1]: decay factors of the first and second moment."""
    epsilon: NotNegative = 1e-8
    """Added to the square root of the second moment [energy/length]."""
    weight_decay: NotNegative = 0.0
    """lambda; decoupled [1/length]: every step multiplies weights by 1 - eta lambda; else [energy/length^2]: lambda W
    is added to the gradient."""
    decoupled_weight_decay: Flag = True
    """Whether the decay is decoupled from the gradient; else it is the L2 penalty of `torch.optim.Adam`."""
    amsgrad: Flag = False
    """Whether the largest second moment so far divides the update (Reddi et al., 2018), in its precision."""
    moment_dtype: KeptMoment = "float32"
    """How both moments are kept."""
    first_moment_dtype: MomentDtype | None = None
    """How m, the running mean of the gradient, is kept; `moment_dtype` if left out."""
    second_moment_dtype: MomentDtype | None = None
    """How v, the running mean of the squared gradient, is kept; `moment_dtype` if left out."""

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
        """How each of the two moments is kept."""
        return MomentDtypes(self.first_moment_dtype or self.moment_dtype, self.second_moment_dtype or self.moment_dtype)

    @property
    def slots(self) -> tuple[Moment, ...]:
        second = Moment("second_moment", self.moments.second, signed=False)
        largest = (Moment("largest_second_moment", self.moments.second, signed=False),) if self.amsgrad else ()
        return (Moment("first_moment", self.moments.first), second, *largest)

    @np.errstate(over="ignore")  # a rate beyond float32 is infinite, and the run ends
    def scalars(self, step: int) -> _Scalars:
        """The scalars of step t, as in the reference: computed in float64, each rounded once to float32."""
        beta1, beta2 = self.betas
        decoupled = self.decoupled_weight_decay
        return _Scalars(
            rate=_ONE,
            decay=self.factor(1 - self.learning_rate * self.weight_decay if decoupled else 1.0),
            penalty=self.summand(self.weight_decay),
            gain1=np.float32(1 - beta1),
            beta2=self.factor(beta2),
            gain2=np.float32(1 - beta2),
            correction=np.float32((1 - beta2**step) ** 0.5),
            epsilon=self.summand(self.epsilon),
            negative_step=np.float32(-(self.learning_rate / (1 - beta1**step))),
            coupled=not decoupled and self.weight_decay != 0.0,
            amsgrad=self.amsgrad,
            maximize=self.maximize,
        )
