"""Optimisers in which every coordinate moves by itself: one frame for all laws and all ways to store a tensor.

A law is a *rule*, a scalar function of float32 numbers

    (w, towards, a, b, c) = rule(w, g, a, b, c, scalars, working)

with the weight w (which it may let decay), the gradient g and up to three moments a, b, c; the frame then moves w by
`scalars.rate * towards` with one rounding, and stores every tensor as its `Storage` says. `working` is the format to
which the rule rounds the result of each operation, or None where it computes in float32. So a law knows nothing of
formats, and a format nothing of laws; each law is compiled three times at most, once for each kind of `working`, whatever is combined with it.

Weights are stored

* `nearest`: rounded to nearest, ties to even;
* `stochastic`: rounded up or down at random, so that the mean is the number. The random bits of a coordinate depend on
  seed, step, particle and column only;
* `kahan`: rounded to nearest, and what was lost is kept in a second tensor of the same format and added to the next
  update (as in AnyPrecisionAdamW of torchdistx);
* `master`: the law moves float32 weights, and the gradient is taken at their roundings, which are the positions.

Moments are stored to nearest or stochastically, or with 8 bits and a scale for each block of 256 (`dynamic_map`).

Where every number is rounded to nearest, by itself, one loop does all of it. Otherwise coordinates are processed in
tiles of `TILE` in a scratch array, one lane for each tensor: loops along a lane have a fixed length and lie at fixed
distances, so that all of them vectorise. Where both apply, they have the same bits.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from functools import cache
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
from gasfield.kernels.lattices import FORMATS, OF_OPERATIONS, Format, Precision, nearest, round_to, stochastic
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

TILE = 4 * BLOCK
"""Coordinates in a lane: all lanes stay in the L1 cache, and a tile holds whole blocks of 8-bit moments."""

_NEAREST, _STOCHASTIC, _BLOCKWISE = 0, 1, 2
_LANES = 7
_WEIGHT, _GRADIENT, _LOST, _TOWARDS, _FIRST, _SECOND, _THIRD = (lane * TILE for lane in range(_LANES))
_WORDS = 4
_HALF_WORD = np.uint64(32)
_ZERO = np.float32(0.0)
_NOTHING = np.empty(0, np.float32)
_INLINED: dict[str, Any] = ALONG | {"forceinline": True}
_SLOTS = 3


class Storage(NamedTuple):
    """How one tensor is kept between steps."""

    form: Format
    mode: int
    signed: bool
    """Whether its numbers may be negative, which decides on the 8-bit map."""


class Forms(NamedTuple):
    """The formats of tensors that are rounded to nearest; None where nothing is rounded."""

    gradient: Format | None
    weights: Format | None
    first: Format | None
    second: Format | None


class Plan(NamedTuple):
    """How all tensors of a law are kept."""

    gradient: Format
    weights: Storage
    lost: Storage
    first: Storage
    second: Storage
    third: Storage
    compensated: bool

    @property
    def random(self) -> bool:
        """Whether any is rounded stochastically."""
        return any(kept.mode == _STOCHASTIC for kept in (self.weights, self.first, self.second, self.third))

    @property
    def is_plain(self) -> bool:
        """Whether every number is rounded to nearest, by itself, and nothing else is kept."""
        return not self.compensated and all(kept.mode == _NEAREST for kept in (self.weights, *self[3:6]))

    @property
    def forms(self) -> Forms:
        """The formats alone, in one of three forms for each of which a kernel is compiled."""
        forms = Forms(self.gradient, self.weights.form, self.first.form, self.second.form)
        if not any(form.odd for form in forms):
            return Forms(None, None, None, None)
        if forms == Forms(*[FORMATS["bfloat16"]] * 2, *[FORMATS["float32"]] * 2):
            return Forms(*[OF_OPERATIONS["bfloat16"]] * 2, None, None)
        return forms


class Tensors(NamedTuple):
    """(n,) float32 each: what a step reads and, but for the gradient, changes; empty where a law has no such tensor."""

    lost: NDArray[np.float32]
    weights: NDArray[np.float32]
    gradient: NDArray[np.float32]
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    third: NDArray[np.float32]


class Plain(NamedTuple):
    """The same for a law with one or two moments that are rounded to nearest."""

    weights: NDArray[np.float32]
    gradient: NDArray[np.float32]
    first: NDArray[np.float32]
    second: NDArray[np.float32] | None = None


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
        flat = [array.reshape(-1) for array in (moving, gradient, *(moments[slot.name] for slot in self.slots))]
        working = OF_OPERATIONS[self.weight_dtype] if self.rounds_each_operation else None
        # The rule as an attribute of an instance would be a method of it.
        rule, scalars, plan = type(self).rule, self.scalars(step), self._plan()
        if plan.is_plain and len(self.slots) < _SLOTS:
            kernel: Any = advance_plainly
            arguments: tuple[Any, ...] = (Plain(*flat), scalars, working, plan.forms)
        else:
            lost = moments["lost"].reshape(-1) if "lost" in moments else _NOTHING
            chance = _chance((draws or Draws(0, np.arange(len(weights)))) if plan.random else None, weights.shape, step)
            kernel = advance_tiles
            arguments = (Tensors(lost, *flat, *[_NOTHING] * (_SLOTS - len(self.slots))), scalars, working, plan, chance)
        pieces = -(-weights.size // PIECE)

        def advance(thread: int, threads: int) -> None:
            kernel(rule, *arguments, pieces * thread // threads, pieces * (thread + 1) // threads)

        side_by_side(advance, max(1, min(numba.get_num_threads(), pieces)))
        if moving is not weights:
            weights[...] = round_to(moving, self.weight_dtype)

    def _plan(self) -> Plan:
        return _plan_of(
            self.weight_dtype,
            self.gradient_dtype or self.weight_dtype,
            self.weight_rounding,
            self.moment_rounding,
            self.slots,
            self.rounds_each_operation,
        )


@cache
def _plan_of(
    weight_dtype: Precision,
    gradient_dtype: Precision,
    weight_rounding: WeightRounding,
    moment_rounding: MomentRounding,
    slots: tuple[Moment, ...],
    is_rounded: bool,
) -> Plan:
    """How tensors are kept; moments that the rule has rounded already need no further rounding."""
    exact, stored = Storage(FORMATS["float32"], _NEAREST, True), Storage(FORMATS[weight_dtype], _NEAREST, True)
    lossy = weight_dtype != "float32"
    weights = stored
    if lossy and weight_rounding == "master":
        weights = exact
    elif lossy and weight_rounding == "stochastic":
        weights = stored._replace(mode=_STOCHASTIC)
    moments = [exact if is_rounded else _storage(slot, moment_rounding) for slot in slots]
    moments += [exact] * (_SLOTS - len(slots))
    return Plan(FORMATS[gradient_dtype], weights, stored, *moments, compensated=lossy and weight_rounding == "kahan")


def _storage(slot: Moment, rounding: MomentRounding) -> Storage:
    if slot.dtype == "blockwise_8bit":
        return Storage(FORMATS["float32"], _BLOCKWISE, slot.signed)
    random = rounding == "stochastic" and slot.dtype != "float32"
    return Storage(FORMATS[slot.dtype], _STOCHASTIC if random else _NEAREST, slot.signed)


def _chance(draws: Draws | None, shape: tuple[int, ...], step: int) -> Chance:
    """Where the random bits of a step come from; no particles where none are needed."""
    seed, ids = draws or Draws(0, np.empty(0, np.int64))
    return Chance(np.ascontiguousarray(ids, np.int64), shape[-1], address_of(seed, Stream.ROUNDING, step, 0))


# --- plain storage: one loop -----------------------------------------------------------------------------------------


@jit(**ALONG)
def advance_plainly(rule, tensors, scalars, working, forms, first, last):  # type: ignore[no-untyped-def]
    """As `advance_tiles`, where each number is rounded to nearest, by itself."""
    start, stop = first * PIECE, min(last * PIECE, tensors.weights.size)
    w, g = tensors.weights[start:stop], tensors.gradient[start:stop]
    a, b = tensors.first[start:stop], _part(tensors.second, start, stop)
    for i in range(w.size):
        g_i = nearest(g[i], forms.gradient)
        x, towards, new_a, new_b, _ = rule(w[i], g_i, a[i], _at(b, i), _ZERO, scalars, working)
        w[i] = nearest(fused_multiply_add(scalars.rate, towards, x), forms.weights)
        a[i] = nearest(new_a, forms.first)
        _put(b, i, nearest(new_b, forms.second))


@jit(**_INLINED)
def _part(array, start, stop):  # type: ignore[no-untyped-def]
    return None if array is None else array[start:stop]


@jit(**_INLINED)
def _at(array, i):  # type: ignore[no-untyped-def]
    return _ZERO if array is None else array[i]


@jit(**_INLINED)
def _put(array, i, value):  # type: ignore[no-untyped-def]
    if array is not None:
        array[i] = value


# --- every storage: tiles --------------------------------------------------------------------------------------------


@jit(**ALONG)
def advance_tiles(rule, tensors, scalars, working, plan, chance, first, last):  # type: ignore[no-untyped-def]
    """One step of the coordinates of pieces `first` to `last` - 1; they are independent, so bits do not depend on the
    number of threads, which call this kernel (a parallel loop of Numba would be compiled twice)."""
    tile, words = np.zeros(_LANES * TILE, np.float32), np.empty(_WORDS * TILE, np.uint32)
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
        if chance.ids.size:
            _draw(words, start, count, chance)
        _store(tile, _WEIGHT, tensors.weights, start, count, plan.weights, words, 0)
        _store(tile, _LOST, tensors.lost, start, count, plan.lost, words, 0)
        _store(tile, _FIRST, tensors.first, start, count, plan.first, words, TILE)
        _store(tile, _SECOND, tensors.second, start, count, plan.second, words, 2 * TILE)
        _store(tile, _THIRD, tensors.third, start, count, plan.third, words, 3 * TILE)


@jit(**_INLINED)
def _load(tile, lane, array, start, count):  # type: ignore[no-untyped-def]
    """A lane of an array (n,), padded with zeros; left alone if the array is empty."""
    if array.size == 0:
        return
    part, values = array[start : start + count], tile[lane : lane + TILE]
    for i in range(part.size):
        values[i] = part[i]
    for i in range(part.size, TILE):
        values[i] = _ZERO


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


@jit(**_INLINED)
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


@jit(**_INLINED)
def _store(tile, lane, array, start, count, storage, words, first):  # type: ignore[no-untyped-def]
    """Writes a lane to an array (n,) as it is kept; nothing if the array is empty."""
    if array.size == 0:
        return
    if storage.mode == _BLOCKWISE:
        for block in range(0, count, BLOCK):
            store_block(tile, lane + block, min(BLOCK, count - block), storage.signed)
    elif storage.mode == _STOCHASTIC:
        _round_at_random(tile, lane, storage.form, words, first)
    else:
        _round(tile, lane, storage.form)
    part, values = array[start : start + count], tile[lane : lane + TILE]
    for i in range(part.size):
        part[i] = values[i]


@jit(**ALONG)
def _round_at_random(tile, lane, form, words, first):  # type: ignore[no-untyped-def]
    """Rounds a lane stochastically, with words from `first` on."""
    for i in range(TILE):
        tile[lane + i] = stochastic(tile[lane + i], form, words[first + i])


@jit(**_INLINED)
def _round(tile, lane, form):  # type: ignore[no-untyped-def]
    """Rounds a lane to nearest."""
    if form.odd:
        for i in range(TILE):
            tile[lane + i] = nearest(tile[lane + i], form)
