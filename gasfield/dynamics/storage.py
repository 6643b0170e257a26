"""How tensors are kept between the steps of an optimiser, independently of its law."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from gasfield.kernels.lattices import FORMATS, OF_OPERATIONS, Format, Precision

WeightRounding = Literal["nearest", "stochastic", "kahan", "master"]
Implementation = Literal["single", "foreach", "fused"]
"""PyTorch's loop over tensors, its operations on lists of tensors, and its fused kernels, as they round on a CPU (fused
SGD in 16-bit formats: on a GPU)."""
MomentRounding = Literal["nearest", "stochastic"]
MomentDtype = Literal[Precision, "blockwise_8bit"]
"""How a moment is kept: in a format, or in 8 bits with a scale for each block of 256 coordinates."""

if TYPE_CHECKING:
    KeptMoment = MomentDtype
    Followed = Implementation
    KeptRounding = WeightRounding
else:
    KeptMoment = Literal[MomentDtype, "recorded"]
    """How a moment is kept, or as in the recorded training."""
    Followed = Literal[Implementation, "recorded"]
    """An implementation, or that of the recorded training."""
    KeptRounding = Literal[WeightRounding, "recorded"]
    """How weights are rounded, or as in the training: as the view of a master if its optimiser moved one."""

NEAREST, STOCHASTIC, BLOCKWISE = 0, 1, 2
"""Modes of a `Storage`."""
SLOTS = 3
"""Most moments of a law."""


class Moment(NamedTuple):
    """A moment of a law: its name, how it is kept, and whether it may be negative."""

    name: str
    dtype: MomentDtype
    signed: bool = True


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
    def moments(self) -> tuple[Storage, Storage, Storage]:
        """How the three moments are kept."""
        return self.first, self.second, self.third

    @property
    def random(self) -> bool:
        """Whether any is rounded stochastically."""
        return any(kept.mode == STOCHASTIC for kept in (self.weights, *self.moments))

    @property
    def is_plain(self) -> bool:
        """Whether every number is rounded to nearest, by itself, and nothing else is kept."""
        return not self.compensated and all(kept.mode == NEAREST for kept in (self.weights, *self.moments))

    @property
    def forms(self) -> Forms:
        """The formats alone, in one of three forms for each of which a kernel is compiled."""
        forms = self.gradient, self.weights.form, self.first.form, self.second.form
        if not any(form.odd for form in forms):
            return Forms(None, None, None, None)
        if forms == (FORMATS["bfloat16"], FORMATS["bfloat16"], FORMATS["float32"], FORMATS["float32"]):
            return Forms(OF_OPERATIONS["bfloat16"], OF_OPERATIONS["bfloat16"], None, None)
        return Forms(*forms)


@cache
def plan_of(
    weight_dtype: Precision,
    gradient_dtype: Precision,
    weight_rounding: WeightRounding,
    moment_rounding: MomentRounding,
    slots: tuple[Moment, ...],
    is_rounded: bool,
) -> Plan:
    """How tensors are kept; moments that the rule has rounded already need no further rounding."""
    exact, stored = Storage(FORMATS["float32"], NEAREST, True), Storage(FORMATS[weight_dtype], NEAREST, True)
    lossy = weight_dtype != "float32"
    weights = stored
    if lossy and weight_rounding == "master":
        weights = exact
    elif lossy and weight_rounding == "stochastic":
        weights = stored._replace(mode=STOCHASTIC)
    moments = [exact if is_rounded else _storage(slot, moment_rounding) for slot in slots]
    first, second, third = [*moments, exact, exact, exact][:SLOTS]
    compensated = lossy and weight_rounding == "kahan"
    return Plan(FORMATS[gradient_dtype], weights, stored, first, second, third, compensated)


def _storage(slot: Moment, rounding: MomentRounding) -> Storage:
    if slot.dtype == "blockwise_8bit":
        return Storage(FORMATS["float32"], BLOCKWISE, slot.signed)
    random = rounding == "stochastic" and slot.dtype != "float32"
    return Storage(FORMATS[slot.dtype], STOCHASTIC if random else NEAREST, slot.signed)
