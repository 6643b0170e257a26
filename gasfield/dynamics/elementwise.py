"""Optimisers in which every coordinate moves by itself: one frame for all laws and all ways to store a tensor.

A law is a *rule*, a scalar function of float32 numbers

    (w, towards, a, b, c) = rule(w, g, a, b, c, scalars, working)

with the weight w (which it may let decay), the gradient g and up to three moments a, b, c; the frame then moves w by
`scalars.rate * towards` with one rounding, and stores every tensor as its `Storage` says. `working` is the format to
which the rule rounds the result of each operation, or None where it computes in float32. So a law knows nothing of
formats, and a format nothing of laws; each law is compiled twice, whatever is combined with it.

Weights are stored

* `nearest`: rounded to nearest, ties to even;
* `stochastic`: rounded up or down at random, so that the mean is the number. The random bits of a coordinate depend on
  seed, step, particle and column only;
* `kahan`: rounded to nearest, and what was lost is kept in a second tensor of the same format and added to the next
  update (as in AnyPrecisionAdamW of torchdistx);
* `master`: the law moves float32 weights, and the gradient is taken at their roundings, which are the positions.

Moments are stored to nearest or stochastically, or with 8 bits and a scale for each block of 256 (`dynamic_map`).

Coordinates are processed in tiles of `TILE` in a scratch array, one lane for each tensor. Loops along a lane have a
fixed length and lie at fixed distances, so that all of them vectorise.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.base import Conditions
from gasfield.dynamics.dynamic_map import BLOCK, store_block
from gasfield.dynamics.optimiser import ALONG, PIECE, Draws, Optimiser, OptimiserDynamics, gradient_for
from gasfield.errors import Note
from gasfield.gas import Gas
from gasfield.kernels.bfloat16 import fused_multiply_add
from gasfield.kernels.jit import jit
from gasfield.kernels.lattices import FORMATS, Format, Precision, nearest, round_to, stochastic
from gasfield.kernels.philox import Address, address_of, philox
from gasfield.kernels.pointwise import PointwiseKernel
from gasfield.kernels.threads import side_by_side
from gasfield.streams import Stream

WeightRounding = Literal["nearest", "stochastic", "kahan", "master"]
Implementation = Literal["single", "foreach", "fused"]
"""PyTorch's loop over tensors, its operations on lists of tensors, and its fused kernels, as they round on a CPU."""
MomentRounding = Literal["nearest", "stochastic"]
MomentDtype = Literal[Precision, "blockwise_8bit"]
"""How a moment is kept: in a format, or in 8 bits with a scale for each block of 256 coordinates."""

TILE = BLOCK
"""Coordinates in a lane; the blocks of an 8-bit moment are tiles."""

_NEAREST, _STOCHASTIC, _BLOCKWISE = 0, 1, 2
_LANES = 7
_WEIGHT, _GRADIENT, _LOST, _TOWARDS, _FIRST, _SECOND, _THIRD = (lane * TILE for lane in range(_LANES))
_WORDS = 4
_HALF_WORD = np.uint64(32)
_SLOTS = 3


class Storage(NamedTuple):
    """How one tensor is kept between steps."""

    form: Format
    mode: int
    signed: bool
    """Whether its numbers may be negative, which decides on the 8-bit map."""


class Plan(NamedTuple):
    """How all tensors of a law are kept."""

    gradient: Format
    weights: Storage
    lost: Storage
    first: Storage
    second: Storage
    third: Storage
    compensated: bool
    random: bool
    """Whether any is rounded stochastically."""


class Tensors(NamedTuple):
    """(n,) float32 each: what a step reads and, but for the gradient, changes; empty where a law has no such tensor."""

    weights: NDArray[np.float32]
    gradient: NDArray[np.float32]
    lost: NDArray[np.float32]
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    third: NDArray[np.float32]


class Chance(NamedTuple):
    """The address of the random bits of a step."""

    ids: NDArray[np.int64]
    """(N,) of the particles."""
    columns: int
    """D."""
    address: Address


class Moment(NamedTuple):
    """A moment of a law: its name, how it is kept, and whether it may be negative."""

    name: str
    dtype: MomentDtype
    signed: bool = True


class ElementwiseOptimiser(Optimiser):
    """The specification of an optimiser that moves each coordinate by itself.

    A subclass gives its `rule`, its `scalars` and its `slots`.
    """

    rule: ClassVar[PointwiseKernel]
    """The update of one coordinate, as above."""

    if TYPE_CHECKING:
        moment_dtype: MomentDtype

    weight_rounding: WeightRounding = "nearest"
    """How weights are rounded to their precision: to nearest, stochastically, to nearest with Kahan's compensation, or
    as the view of a float32 master."""
    moment_rounding: MomentRounding = "nearest"
    """How moments are rounded to their precision."""
    gradient_dtype: Precision | None = None
    """Precision of the gradient; that of the weights if left out."""
    implementation: Implementation = "single"
    """Which implementation of PyTorch is followed where they round differently, in the 16-bit formats: one tensor after
    the other; lists of tensors, where the factor of a product is rounded too; or fused, in float32 registers."""
    maximize: bool = False
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
        return plain and self.implementation != "fused" and len(kept) == 1 and self.weight_dtype in ("bfloat16", "float16")

    def factor(self, value: float) -> np.float32:
        """The factor of a product of a tensor and a number: float32, further rounded by operations on lists."""
        rounds = self.rounds_each_operation and self.implementation == "foreach"
        return round_to([value], self.weight_dtype if rounds else "float32")[0]

    def summand(self, value: float) -> np.float32:
        """A number that is added to a tensor, or the factor of a scaled summand: where each operation is rounded, in
        the precision of the tensor."""
        return round_to([value], self.weight_dtype if self.rounds_each_operation else "float32")[0]

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

    def update(
        self,
        weights: NDArray[Any],
        gradient: NDArray[Any],
        moments: Mapping[str, NDArray[Any]],
        step: int,
        draws: Draws | None = None,
    ) -> None:
        gradient = gradient_for(weights, gradient, **moments)
        moving = moments.get("master", weights)
        nothing = np.empty(0, np.float32)
        kept = [moments.get("lost", nothing), *(moments[slot.name] for slot in self.slots)]
        kept += [nothing] * (1 + _SLOTS - len(kept))
        plan = self._plan()
        working = FORMATS[self.weight_dtype] if self.rounds_each_operation else None
        tensors = Tensors(*(array.reshape(-1) for array in (moving, gradient, *kept)))
        chance = _chance(draws if plan.random else None, weights.shape, step)
        # An attribute of an instance would be a method of it.
        of_step = (type(self).rule, tensors, self.scalars(step), working, plan, chance)

        pieces = -(-weights.size // PIECE)

        def advance(thread: int, threads: int) -> None:
            advance_pieces(*of_step, pieces * thread // threads, pieces * (thread + 1) // threads)

        side_by_side(advance, max(1, min(numba.get_num_threads(), pieces)))
        if moving is not weights:
            weights[...] = round_to(moving, self.weight_dtype)

    def _plan(self) -> Plan:
        form = FORMATS[self.weight_dtype]
        exact = Storage(FORMATS["float32"], _NEAREST, True)
        stored = exact if "master" in self.moment_names else Storage(form, _NEAREST, True)
        if self.weight_rounding == "stochastic" and self.weight_dtype != "float32":
            stored = Storage(form, _STOCHASTIC, True)
        slots = [_storage(slot, self.moment_rounding) for slot in self.slots]
        slots += [exact] * (_SLOTS - len(slots))
        return Plan(
            FORMATS[self.gradient_dtype or self.weight_dtype],
            stored,
            Storage(form, _NEAREST, True),
            *slots,
            compensated="lost" in self.moment_names,
            random=any(storage.mode == _STOCHASTIC for storage in (stored, *slots)),
        )


def _storage(slot: Moment, rounding: MomentRounding) -> Storage:
    if slot.dtype == "blockwise_8bit":
        return Storage(FORMATS["float32"], _BLOCKWISE, slot.signed)
    random = rounding == "stochastic" and slot.dtype != "float32"
    return Storage(FORMATS[slot.dtype], _STOCHASTIC if random else _NEAREST, slot.signed)


def _chance(draws: Draws | None, shape: tuple[int, ...], step: int) -> Chance:
    """Where the random bits of a step come from."""
    draws = draws or Draws(0, np.arange(shape[0]))
    ids = np.ascontiguousarray(draws.ids, np.int64)
    return Chance(ids, shape[-1], address_of(draws.seed, Stream.ROUNDING, step, 0))


# --- loops -----------------------------------------------------------------------------------------------------------


@jit(**ALONG)
def advance_pieces(rule, tensors, scalars, working, plan, chance, first, last):  # type: ignore[no-untyped-def]
    """One step of the coordinates of pieces `first` to `last` - 1; they are independent, so bits do not depend on the
    number of threads, which call this kernel (a parallel loop of Numba would be compiled twice)."""
    tile, words = np.empty(_LANES * TILE, np.float32), np.empty(_WORDS * TILE, np.uint32)
    size = tensors.weights.size
    for start in range(first * PIECE, min(last * PIECE, size), TILE):
        count = min(TILE, size - start)
        _load(tile, _WEIGHT, tensors.weights, start, count)
        _load(tile, _GRADIENT, tensors.gradient, start, count)
        _load(tile, _LOST, tensors.lost, start, count)
        _load(tile, _FIRST, tensors.first, start, count)
        _load(tile, _SECOND, tensors.second, start, count)
        _load(tile, _THIRD, tensors.third, start, count)
        _round(tile, _GRADIENT, plan.gradient)
        _apply(rule, tile, scalars, working)
        _move(tile, scalars.rate, working, plan.compensated, plan.weights.form)
        if plan.random:
            _draw(words, start, count, chance)
        _store(tile, _WEIGHT, tensors.weights, start, count, plan.weights, words, 0)
        _store(tile, _LOST, tensors.lost, start, count, plan.lost, words, 0)
        _store(tile, _FIRST, tensors.first, start, count, plan.first, words, TILE)
        _store(tile, _SECOND, tensors.second, start, count, plan.second, words, 2 * TILE)
        _store(tile, _THIRD, tensors.third, start, count, plan.third, words, 3 * TILE)


@jit(**ALONG)
def _load(tile, lane, array, start, count):  # type: ignore[no-untyped-def]
    """A lane of an array (n,), padded with zeros; all zeros if the array is empty."""
    have = count if array.size else 0
    tile[lane : lane + have] = array[start : start + have]
    tile[lane + have : lane + TILE] = 0.0


@jit(**ALONG)
def _apply(rule, tile, scalars, working):  # type: ignore[no-untyped-def]
    """The rule of every coordinate."""
    for i in range(TILE):
        w, towards, a, b, c = rule(
            tile[_WEIGHT + i],
            tile[_GRADIENT + i],
            tile[_FIRST + i],
            tile[_SECOND + i],
            tile[_THIRD + i],
            scalars,
            working,
        )
        tile[_WEIGHT + i], tile[_TOWARDS + i] = w, towards
        tile[_FIRST + i], tile[_SECOND + i], tile[_THIRD + i] = a, b, c


@jit(**ALONG)
def _move(tile, rate, working, compensated, form):  # type: ignore[no-untyped-def]
    """w + rate towards, with one rounding; with what earlier roundings have lost if that is kept."""
    if not compensated:
        for i in range(TILE):
            tile[_WEIGHT + i] = fused_multiply_add(rate, tile[_TOWARDS + i], tile[_WEIGHT + i])
        return
    for i in range(TILE):
        w = tile[_WEIGHT + i]
        owed = nearest(fused_multiply_add(rate, tile[_TOWARDS + i], tile[_LOST + i]), working)
        moved = nearest(w + owed, form)
        tile[_WEIGHT + i], tile[_LOST + i] = moved, owed + nearest(w - moved, working)


@jit(**ALONG)
def _draw(words, start, count, chance):  # type: ignore[no-untyped-def]
    """Four random words of every coordinate: for the weight, and for each moment."""
    row, column, at = start // chance.columns, start % chance.columns, chance.address
    for i in range(count):
        low, high = philox(np.uint64(column), np.uint64(chance.ids[row]), at.c2, at.c3, at.k0, at.k1)
        words[i], words[TILE + i] = np.uint32(low), np.uint32(low >> _HALF_WORD)
        words[2 * TILE + i], words[3 * TILE + i] = np.uint32(high), np.uint32(high >> _HALF_WORD)
        column += 1
        if column == chance.columns:
            row, column = row + 1, 0


@jit(**ALONG)
def _store(tile, lane, array, start, count, storage, words, first):  # type: ignore[no-untyped-def]
    """Writes a lane to an array (n,) as it is kept; nothing if the array is empty."""
    if array.size == 0:
        return
    if storage.mode == _BLOCKWISE:
        store_block(tile, lane, count, storage.signed)
    elif storage.mode == _STOCHASTIC:
        for i in range(TILE):
            tile[lane + i] = stochastic(tile[lane + i], storage.form, words[first + i])
    else:
        _round(tile, lane, storage.form)
    array[start : start + count] = tile[lane : lane + count]


@jit(**ALONG)
def _round(tile, lane, form):  # type: ignore[no-untyped-def]
    """Rounds a lane to nearest."""
    if form.odd:
        for i in range(TILE):
            tile[lane + i] = nearest(tile[lane + i], form)
