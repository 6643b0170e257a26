"""Lion as dynamics: every coordinate moves by the learning rate, up or down (Chen et al., 2023, arXiv 2302.06675).

With gradient g, learning rate eta and decoupled decay lambda (algorithm 2 there):

    W <- W (1 - eta lambda)
    W <- W - eta sign(beta1 m + (1 - beta1) g)
    m <- beta2 m + (1 - beta2) g

The sign leaves nothing of the size of the gradient: a coordinate moves by eta for ever, unless that is rounded away.
PyTorch has no Lion; the reference is this algorithm in PyTorch's tensor operations, in the order of the implementation
that its authors published: three operations for the argument of the sign, and scaled additions for the last two lines.
Their rounding is as in `sgd`.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import numpy as np

from gasfield.dynamics.constants import Fractions, NotNegative, Positive
from gasfield.dynamics.elementwise import ElementwiseOptimiser
from gasfield.dynamics.storage import KeptMoment, Moment
from gasfield.kernels.bfloat16 import fused_multiply_add
from gasfield.kernels.lattices import nearest
from gasfield.kernels.pointwise import PointwiseKernel, pointwise_kernel
from gasfield.registry import register

_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)


@pointwise_kernel
def _rule(w, g, a, b, c, scalars, working):  # type: ignore[no-untyped-def]
    """Of the momentum a. A decay of 1 changes no bit."""
    if scalars.maximize:
        g = -g
    w = nearest(w * scalars.decay, working)
    towards = nearest(nearest(a * scalars.beta1, working) + nearest(g * scalars.gain1, working), working)
    if towards > _ZERO:
        towards = _ONE
    elif towards < _ZERO:
        towards = -_ONE
    a = nearest(fused_multiply_add(scalars.gain2, g, nearest(a * scalars.beta2, working)), working)
    return w, towards, a, b, c


class _Scalars(NamedTuple):
    """Scalar arguments of a step; types are fixed, so that values never trigger recompilation."""

    rate: np.float32
    """-eta"""
    decay: np.float32
    """1 - eta lambda"""
    beta1: np.float32
    gain1: np.float32
    """1 - beta1"""
    beta2: np.float32
    gain2: np.float32
    """1 - beta2"""
    maximize: bool


@register
class Lion(ElementwiseOptimiser):
    """Lion, the sign of a momentum; weights and momentum each in a precision of its own."""

    rule: ClassVar[PointwiseKernel] = _rule
    recorded_as: ClassVar[tuple[str, ...]] = ("lion",)
    recordable: ClassVar[tuple[str, ...]] = (
        "learning_rate", "betas", "weight_decay", "maximize", "implementation", "weight_dtype", "weight_rounding",
        "moment_dtype",
    )  # fmt: skip

    kind: Literal["lion"] = "lion"
    learning_rate: Positive
    """eta [length]: the distance that each coordinate moves in a step."""
    betas: Fractions = (0.9, 0.99)
    """beta1, beta2 [1]: weight of the momentum in the direction, and its decay factor."""
    weight_decay: NotNegative = 0.0
    """lambda [1/length], decoupled: every step multiplies weights by 1 - eta lambda."""
    moment_dtype: KeptMoment = "float32"
    """How the momentum is kept."""

    @property
    def slots(self) -> tuple[Moment, ...]:
        return (Moment("momentum", self.moment_dtype),)

    @np.errstate(over="ignore")  # a rate beyond float32 is infinite, and the run ends
    def scalars(self, step: int) -> _Scalars:
        """The scalars of a step in the precision of the reference."""
        beta1, beta2 = self.betas
        return _Scalars(
            rate=self.summand(-self.learning_rate),
            decay=self.factor(1 - self.learning_rate * self.weight_decay),
            beta1=self.factor(beta1),
            gain1=self.factor(1 - beta1),
            beta2=self.factor(beta2),
            gain2=self.summand(1 - beta2),
            maximize=self.maximize,
        )
