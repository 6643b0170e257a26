"""Optimisers in which every coordinate moves by itself: one frame for all laws and all ways to store a tensor.

A law is a *rule*, a scalar function of float32 numbers

    (w, towards, a, b, c) = rule(w, g, a, b, c, scalars, working)

with the weight w (which it may let decay), the gradient g and up to three moments a, b, c; the frame then moves w by
`scalars.rate * towards` with one rounding, and stores every tensor as its `Storage` says. `working` is the format to
which the rule rounds the result of each operation, or None where it computes in float32. So a law knows nothing of
formats, and a format nothing of laws; each law is compiled a few times, whatever is combined with it
(`elementwise_loops`).

Weights are stored

* `nearest`: rounded to nearest, ties to even;
* `stochastic`: rounded up or down at random, so that the mean is the number. The random bits of a coordinate depend on
  seed, step, particle and column only;
* `kahan`: rounded to nearest, and what was lost is kept in a second tensor of the same format and added to the next
  update (as in AnyPrecisionAdamW of torchdistx);
* `master`: the law moves float32 weights, and the gradient is taken at their roundings, which are the positions.

Moments are stored to nearest or stochastically, or with 8 bits and a scale for each block of 256 (`dynamic_map`).
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.base import Conditions
from gasfield.dynamics.constants import Flag
from gasfield.dynamics.dynamic_map import BLOCK
from gasfield.dynamics.elementwise_loops import Chance, Plain, Tensors, advance_plainly, advance_tiles
from gasfield.dynamics.optimiser import PIECE, Draws, Optimiser, OptimiserDynamics, Reals, State, gradient_for
from gasfield.dynamics.storage import (
    SLOTS,
    Followed,
    KeptRounding,
    Moment,
    MomentDtype,
    MomentRounding,
    Plan,
    plan_of,
)
from gasfield.errors import Note
from gasfield.gas import Gas
from gasfield.kernels.lattices import OF_OPERATIONS, Precision, round_to
from gasfield.kernels.philox import address_of
from gasfield.kernels.pointwise import PointwiseKernel
from gasfield.kernels.threads import side_by_side
from gasfield.streams import Stream

_NOTHING = np.empty(0, np.float32)


class ElementwiseOptimiser(Optimiser):
    """The specification of an optimiser that moves each coordinate by itself.

    A subclass gives its `rule`, its `scalars` and its `slots`.
    """

    rule: ClassVar[PointwiseKernel]
    """The update of one coordinate, as above."""

    if TYPE_CHECKING:
        moment_dtype: MomentDtype

    weight_rounding: KeptRounding = "nearest"
    """How weights are rounded to their precision: to nearest, stochastically, to nearest with Kahan's compensation, or
    as the view of a float32 master."""
    moment_rounding: MomentRounding = "nearest"
    """How moments are rounded to their precision."""
    gradient_dtype: Precision | None = None
    """Precision of the gradient; that of the weights if left out."""
    implementation: Followed = "single"
    """Which implementation of PyTorch is followed where they round differently, in the 16-bit formats: one tensor after
    the other; lists of tensors, where the factor of a product is rounded too; or fused, in float32 registers."""
    maximize: Flag = False
    """Whether to climb along the gradient, as PyTorch's option of that name."""

    @property
    @abstractmethod
    def slots(self) -> tuple[Moment, ...]:
        """The moments that the rule reads and writes, at most three, in its order."""

    @abstractmethod
    def scalars(self, step: int) -> Any:
        """The scalars of step t = 1, 2, ...: a NamedTuple of float32 numbers and bools, with `rate` among them."""

    @property
    def moment_names(self) -> tuple[str, ...]:
        """Names of the arrays of the state: the moments, and what the rounding of the weights needs."""
        return tuple(slot.name for slot in self.slots) + self._kept_by_rounding

    @property
    def moment_dtypes(self) -> Mapping[str, MomentDtype]:
        """How each moment is kept, by name."""
        return {slot.name: slot.dtype for slot in self.slots}

    @property
    def rounds_each_operation(self) -> bool:
        """Whether the result of every operation is rounded, as PyTorch does where all tensors of a parameter have the
        same 16-bit format; otherwise float32 arithmetic in registers, and each tensor is rounded as it is stored."""
        kept = {self.weight_dtype, self.gradient_dtype or self.weight_dtype, *self.moment_dtypes.values()}
        plain = self.weight_rounding in ("nearest", "kahan") and self.moment_rounding == "nearest"
        return (
            plain and self.implementation != "fused" and len(kept) == 1 and self.weight_dtype in ("bfloat16", "float16")
        )

    def factor(self, value: float) -> np.float32:
        """The factor of a product of a tensor and a number: float32, further rounded by operations on lists."""
        rounds = self.rounds_each_operation and self.implementation == "foreach"
        return round_to([value], self.weight_dtype)[0] if rounds else np.float32(value)

    def summand(self, value: float) -> np.float32:
        """A number that is added to a tensor, or the factor of a scaled summand: where each operation is rounded, in
        the precision of the tensor."""
        return round_to([value], self.weight_dtype)[0] if self.rounds_each_operation else np.float32(value)

    @property
    def loses_updates(self) -> bool:
        """Whether an update below half a cell is lost: not by stochastic rounding on the average, nor where what is
        rounded away is kept."""
        return self.weight_rounding == "nearest"

    @property
    def by_rows(self) -> bool:
        """Whether rows may be updated some at a time; blocks of 8-bit moments may go across rows."""
        return super().by_rows and not self._in_blocks

    @property
    def _in_blocks(self) -> bool:
        return any(slot.dtype == "blockwise_8bit" for slot in self.slots)

    @property
    def _kept_by_rounding(self) -> tuple[str, ...]:
        if self.weight_dtype == "float32":  # nothing is lost
            return ()
        return {"kahan": ("lost",), "master": ("master",)}.get(self.weight_rounding, ())

    def build(self, gas: Gas, conditions: Conditions) -> OptimiserDynamics:
        """As for every optimiser; with a note where blocks of 8-bit moments depend on rows that are not given."""
        if self._in_blocks and gas.dimensions % BLOCK:
            note = (
                f"8-bit moments: blocks of {BLOCK} coordinates go across rows of {gas.dimensions}. They are those of "
                "the rows given; in a training they are those of its whole matrix"
            )
            warnings.warn(Note(note), stacklevel=2)
        return super().build(gas, conditions)

    def start(self, positions: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        state = super().start(positions)
        if "master" in state:
            state["master"][...] = positions
        return state

    def update(self, weights: Reals, gradient: Reals, moments: State, step: int, draws: Draws | None = None) -> None:
        gradient = gradient_for(weights, gradient, **moments)
        moving = moments.get("master", weights)
        flat = [array.reshape(-1) for array in (moving, gradient, *(moments[slot.name] for slot in self.slots))]
        working = OF_OPERATIONS[self.weight_dtype] if self.rounds_each_operation else None
        # The rule as an attribute of an instance would be a method of it.
        rule, scalars, plan = type(self).rule, self.scalars(step), self._plan()
        if plan.is_plain and len(self.slots) < SLOTS:
            kernel: Any = advance_plainly
            arguments: tuple[Any, ...] = (Plain(*flat), scalars, working, plan.forms)
        else:
            lost = moments["lost"].reshape(-1) if "lost" in moments else _NOTHING
            chance = _chance((draws or Draws(0, np.arange(len(weights)))) if plan.random else None, weights.shape, step)
            kernel = advance_tiles
            arguments = (Tensors(lost, *flat, *[_NOTHING] * (SLOTS - len(self.slots))), scalars, working, plan, chance)
        pieces = -(-weights.size // PIECE)

        def advance(thread: int, threads: int) -> None:
            kernel(rule, *arguments, pieces * thread // threads, pieces * (thread + 1) // threads)

        side_by_side(advance, max(1, min(numba.get_num_threads(), pieces)))
        if moving is not weights:
            weights[...] = round_to(moving, self.weight_dtype)

    def _plan(self) -> Plan:
        return plan_of(
            self.weight_dtype,
            self.gradient_dtype or self.weight_dtype,
            self.weight_rounding,
            self.moment_rounding,
            self.slots,
            self.rounds_each_operation,
        )


def _chance(draws: Draws | None, shape: tuple[int, ...], step: int) -> Chance:
    """Where the random bits of a step come from; no particles where none are needed."""
    seed, ids = draws or Draws(0, np.empty(0, np.int64))
    return Chance(np.ascontiguousarray(ids, np.int64), shape[-1], address_of(seed, Stream.ROUNDING, step, 0))
