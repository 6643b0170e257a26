"""Stochastic gradient descent with momentum as dynamics, in the arithmetic of the reference framework.

With gradient g, learning rate eta, decay lambda (coupled: added to the gradient), momentum mu and dampening tau
(Sutskever et al., 2013, in the form of `torch.optim.SGD`, where the learning rate is outside the buffer b):

    g <- g + lambda W
    b <- g at the first step,  b <- mu b + (1 - tau) g  afterwards
    W <- W - eta b        (eta g without momentum; eta (g + mu b) for Nesterov)

The reference is `torch.optim.SGD(foreach=False, fused=False)` of PyTorch 2.13 on an x86 CPU with AVX2 or AVX-512; lists
of tensors (`foreach`) also round mu as the factor of a product, in 16-bit formats:

* All float32: each scaled addition is one fused multiply-add. Bit-equal here.
* All bfloat16 or all float16: each operation is float32 arithmetic, rounded as it is stored. The factor of a scaled
  addition (lambda, 1 - tau, eta, and mu in the Nesterov step) is itself rounded first, so that in bfloat16 a learning
  rate of .001 acts as .00099945; mu b is a separate product, in which mu stays float32. Bit-equal here to the
  vectorised part of the reference. Its scalar remainder (the last elements of a tensor, or of a thread's part of one,
  that do not fill a vector) also rounds the product; this dependence on the position in memory is not reproduced.
* Mixed precision, which PyTorch refuses: float32 arithmetic in the same order, all in registers, and one rounding of
  each of W and b as it is stored. Without momentum there is no b, and its precision has no effect.
* Fused, in a 16-bit format: on a CPU the kernel of PyTorch 2.13 leaves the weights as they are, and a recording of that
  is refused. On a GPU it computes in float32 and rounds as in mixed precision (an assumption; not measured).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import model_validator

from gasfield.dynamics.base import Conditions
from gasfield.dynamics.constants import RECORDED, Flag, NotNegative, Positive, Share
from gasfield.dynamics.elementwise import ElementwiseOptimiser
from gasfield.dynamics.optimiser import OptimiserDynamics
from gasfield.dynamics.storage import KeptMoment, Moment, MomentDtype
from gasfield.dynamics.training_law import TrainingLaw
from gasfield.errors import Note
from gasfield.gas import Gas
from gasfield.kernels.bfloat16 import fused_multiply_add
from gasfield.kernels.lattices import nearest
from gasfield.kernels.pointwise import PointwiseKernel, pointwise_kernel
from gasfield.registry import register
from gasfield.spec import fault_within

# --- one coordinate --------------------------------------------------------------------------------------------------


@pointwise_kernel
def _rule(w, g, a, b, c, scalars, working):  # type: ignore[no-untyped-def]
    """Of the momentum buffer a."""
    if scalars.maximize:
        g = -g
    if scalars.decays:
        g = nearest(fused_multiply_add(scalars.decay, w, g), working)
    if not scalars.has_momentum:
        return w, g, a, b, c
    if scalars.first_step:
        a = g
    else:
        a = nearest(fused_multiply_add(scalars.gain, g, nearest(a * scalars.momentum, working)), working)
    towards = a
    if scalars.nesterov:
        # As the factor of a scaled addition, the momentum is rounded like the others.
        towards = nearest(fused_multiply_add(nearest(scalars.momentum, working), a, g), working)
    return w, towards, a, b, c


class _Scalars(NamedTuple):
    """Scalar arguments of a step; types are fixed, so that values never trigger recompilation."""

    rate: np.float32
    """-eta"""
    decay: np.float32
    """lambda"""
    momentum: np.float32
    """mu"""
    gain: np.float32
    """1 - tau"""
    decays: bool
    has_momentum: bool
    first_step: bool
    nesterov: bool
    maximize: bool


_ON_A_CPU = "On a CPU the kernel of PyTorch 2.13 does not move them: they keep their values, but for the last few"


def _is_fused(law: SGD) -> bool:
    """Whether a law in plain numbers is that of fused kernels on weights in a 16-bit format."""
    low = law.weight_dtype in ("bfloat16", "float16") and law.weight_rounding == "nearest"
    return low and law.implementation == "fused"


# --- the specification -----------------------------------------------------------------------------------------------


@register
class SGD(ElementwiseOptimiser):
    """Gradient descent with momentum and coupled weight decay; weights and momentum each in a precision of its own."""

    rule: ClassVar[PointwiseKernel] = _rule
    recorded_as: ClassVar[tuple[str, ...]] = ("sgd",)
    recordable: ClassVar[tuple[str, ...]] = (
        "learning_rate", "momentum", "dampening", "weight_decay", "nesterov", "maximize", "implementation",
        "weight_dtype", "weight_rounding", "moment_dtype",
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
    moment_dtype: KeptMoment = "float32"
    """How the momentum buffer is kept."""

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> Self:
        if self.nesterov is True and (self.momentum == 0.0 or self.dampening not in (0.0, "recorded")):
            raise fault_within(("nesterov",), "requires momentum > 0 and dampening 0", self.nesterov)
        return self

    def build(self, gas: Gas, conditions: Conditions) -> OptimiserDynamics:
        """As for every optimiser; with a note where PyTorch moves these weights on a GPU only."""
        if self.training is None and _is_fused(self.fixed):
            warnings.warn(
                Note(f"fused SGD: {self.fixed.weight_dtype} weights are moved, as on a GPU. {_ON_A_CPU}"), stacklevel=2
            )
        return super().build(gas, conditions)

    def departs_from(self, training: TrainingLaw) -> str | None:
        if self.implementation != RECORDED or not training.on_cpu or not _is_fused(self.fixed):
            return None
        assumed = "" if training.device else " (no device is recorded: a CPU is assumed)"
        return (
            f"the training used fused SGD on {self.fixed.weight_dtype} weights{assumed}. {_ON_A_CPU}; give "
            "dynamics.implementation: single for what moving them would have done."
        )

    @property
    def descends(self) -> float | None:
        """The weight decay: steps go down the loss with its penalty, and momentum cannot climb above the start; None if
        it changes, if steps climb instead, or if weights are rounded at random or centred."""
        if (
            self.changes("weight_decay")
            or self.fixed.maximize
            or self.centred
            or self.fixed.weight_rounding == "stochastic"
        ):
            return None
        return self.fixed.weight_decay

    @property
    def slots(self) -> tuple[Moment, ...]:
        return (Moment("momentum", self.moment_dtype),)

    @property
    def moment_dtypes(self) -> Mapping[str, MomentDtype]:
        """How the momentum buffer is kept, if there is one."""
        return super().moment_dtypes if self.momentum else {}

    @np.errstate(over="ignore")  # a rate beyond float32 is infinite, and the run ends
    def scalars(self, step: int) -> _Scalars:
        """The scalars of a step in the precision of the reference."""
        return _Scalars(
            rate=self.summand(-self.learning_rate),
            decay=self.summand(self.weight_decay),
            momentum=self.factor(self.momentum),
            gain=self.summand(1 - self.dampening),
            decays=self.weight_decay != 0.0,
            has_momentum=self.momentum != 0.0,
            first_step=step == 1,
            nesterov=self.nesterov,
            maximize=self.maximize,
        )
