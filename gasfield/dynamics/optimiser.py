"""The base of optimisers as dynamics: weights on a floating-point lattice, moved against a gradient."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.dynamics.base import Conditions, Dynamics, require_free, take_back
from gasfield.dynamics.constants import RECORDED
from gasfield.dynamics.over_steps import LawOverSteps
from gasfield.dynamics.rounding_loss import note_on_decay
from gasfield.errors import Note
from gasfield.gas import Gas
from gasfield.kernels.bfloat16 import round_to_bfloat16
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.schedules import Warmup, schedules_in

Precision = Literal["float32", "bfloat16"]
"""Storage precision between steps. Both are held in float32 arrays: a bfloat16 is a float32 on a coarser lattice."""

if TYPE_CHECKING:
    Kept = Precision
else:
    Kept = Literal[Precision, "recorded"]
    """A storage precision, or that of the training."""

# IEEE 754 division: 0/0 is NaN, as in PyTorch, and no test for zero prevents vectorisation.
ALONG: dict[str, Any] = EXACT | {"error_model": "numpy"}
"""Compilation of a loop over coordinates."""
PIECES: dict[str, Any] = EXACT_PARALLEL | {"error_model": "numpy"}
"""Compilation of the parallel loop over pieces of `PIECE` coordinates, whatever their rows."""
PIECE = 4096
"""Coordinates that one thread updates at a time: rows of few dimensions cost no more than others."""
ELEMENT: dict[str, Any] = ALONG | {"forceinline": True}
"""Compilation of the update of one element: always inlined, or the loop would not vectorise."""
_BLOCK = 1 << 18
"""Coordinates whose positions and forces in float64 are held at a time: 4 MB, which stay in the cache."""


class Optimiser(LawOverSteps):
    """The specification of an optimiser: its constants, and its arithmetic in `update`."""

    moment_names: ClassVar[tuple[str, ...]]
    """Names of the (N, D) float32 arrays of its state."""

    looks_ahead: ClassVar[bool] = False
    is_optimiser: ClassVar[bool] = True
    remedy: ClassVar[str] = "Try a smaller learning_rate, or start closer to the recorded rows."

    former_keys: ClassVar[Mapping[str, str]] = {"parameters": "weight_dtype", "state": "moment_dtype"}

    if TYPE_CHECKING:  # fields of every optimiser, each with its own bounds and unit
        weight_decay: float

    weight_dtype: Kept = "float32"
    """Precision of the weights and of the gradient, which in a framework has the precision of its parameter."""

    @property
    def lattice(self) -> Precision:
        """The floating-point numbers that weights can be."""
        return self.fixed.weight_dtype if self.weight_dtype == RECORDED else self.weight_dtype

    @property
    @abstractmethod
    def moment_dtypes(self) -> Mapping[str, Precision]:
        """The precision in which each moment that is used is kept, by name."""

    def require(self, conditions: Conditions) -> None:
        """Refuses a bath, and a bounded space.

        Raises:
            InputError: if there is one.
        """
        super().require(conditions)
        require_free(conditions.space, self.kind)

    def build(self, gas: Gas, conditions: Conditions) -> OptimiserDynamics:
        """Builds the dynamics for this gas, with zero moments and step count.

        Raises:
            InputError: if the run has a bath, or a bounded space.
        """
        self.require(conditions)
        if (note := note_on_decay(self.strongest, gas.positions)) is not None:
            warnings.warn(Note(note), stacklevel=2)
        return OptimiserDynamics(self, gas, conditions)

    @abstractmethod
    def update(
        self, weights: NDArray[Any], gradient: NDArray[Any], moments: Mapping[str, NDArray[Any]], step: int
    ) -> None:
        """Updates `weights` (N, D) and the named moments in place; `step` counts from 1."""


class OptimiserDynamics(Dynamics):
    """Positions are weights, the gradient is minus the force, and one step is one unit of time.

    State: the moments, each (N, D) float32, and `step_count`.
    """

    def __init__(self, law: Optimiser, gas: Gas, conditions: Conditions) -> None:
        """Starts with zero moments and step count, or with those of the recorded training.

        Args:
            law: the optimiser.
            gas: the gas to be moved; only its shape (N, D) is used.
            conditions: the forces, which are minus the gradient.
        """
        self._over_steps, self.law = law, law.fixed
        self._field, self._shape = conditions.field, gas.positions.shape
        self._moments = {name: np.zeros(self._shape, np.float32) for name in law.moment_names}
        self._steps_taken = np.zeros((), np.int64)
        self._noted = False
        self._training, self._varies = law.training, law.varies
        if law.starts_as_recorded:
            self._take_state(gas)

    def advance(self, gas: Gas) -> None:
        """One optimiser step in place. The force is rounded to float32 here, and by the step to the weights' precision.

        Raises:
            ValueError: if the positions are not in the form of `project`, or have another shape than at the start.
        """
        require_state("positions", gas.positions, self._shape)
        if self._training is None or self._training.updates_at(gas.step):
            self._update(gas)
        gas.step += 1
        gas.time += 1.0

    def _update(self, gas: Gas) -> None:
        law = self._over_steps.at(gas.step) if self._varies else self.law
        self._steps_taken += 1
        for rows in self._blocks():
            part = gas if rows == slice(None) else gas.select(rows)
            moments = {name: moment[rows] for name, moment in self._moments.items()}
            law.update(part.positions, self._gradient(part), moments, int(self._steps_taken))

    def _take_state(self, gas: Gas) -> None:
        """The moments and the step count of the recorded training at the step of the gas."""
        assert self._training is not None
        found, count = self._training.state_at(gas, tuple(self.law.moment_dtypes))
        self._moments |= found
        self._steps_taken[...] = count

    def check_steps(self, start: int, stop: int) -> None:
        if self._training is not None:
            self._training.require_steps(start, stop)
        for schedule in schedules_in(self._over_steps):
            if isinstance(schedule, Warmup) and schedule.settled < stop and not self._noted:
                self._noted = True  # steps are checked at every call
                text = f"{schedule.kind} ends at step {schedule.settled}, the run at step {stop}"
                warnings.warn(Note(f"{text}; between them the number stays {schedule.floor:.4g}"), stacklevel=2)

    def _blocks(self) -> list[slice]:
        """Rows that are updated together. Where particles do not interact and there are many, they are blocks whose
        forces stay in the cache; they have the same bits."""
        count, rows = self._shape[0], max(1, _BLOCK // max(1, self._shape[1]))
        if self._field.interacting or count <= rows:
            return [slice(None)]
        return [slice(start, min(start + rows, count)) for start in range(0, count, rows)]

    def _gradient(self, gas: Gas) -> NDArray[np.float32]:
        """(n, D) minus the force, rounded to float32."""
        if gas.positions.size < _BLOCK // 2:
            with np.errstate(over="ignore"):  # what overflows float32 is infinite, and the run ends
                return np.negative(self._field.force(gas)).astype(np.float32)
        positions = np.empty(gas.positions.shape)
        gradient = np.empty(gas.positions.shape, np.float32)
        _widen(gas.positions.reshape(-1), positions.reshape(-1))
        _negate(self._field.force(gas.at(positions)).reshape(-1), gradient.reshape(-1))
        return gradient

    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of the moments, each (N, D) float32, and the steps taken as `step_count` (int64, no axes)."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restores what `state` returned.

        Raises:
            ValueError: if a moment is missing, or has another shape than the gas.
        """
        take_back(self._arrays(), state)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {**self._moments, "step_count": self._steps_taken}

    def add_particles(self, gas: Gas, added: int) -> None:
        """Initialises the moments of new particles to the mean of the existing ones; the step count is shared."""
        for name, moment in self._moments.items():
            inherited = np.repeat(moment.mean(axis=0, dtype=np.float64)[None], added, axis=0)
            self._moments[name] = np.concatenate([moment, inherited.astype(np.float32)])
        self._shape = gas.positions.shape

    def project(self, gas: Gas) -> None:
        """Copies positions into a contiguous float32 array, rounded to bfloat16 if the weights are bfloat16."""
        if self.law.lattice == "bfloat16":
            gas.positions = np.ascontiguousarray(round_to_bfloat16(gas.positions))
        else:
            gas.positions = np.require(gas.positions, np.float32, ["C", "A", "W"])


def gradient_for(weights: NDArray[Any], gradient: NDArray[Any], **moments: NDArray[Any]) -> NDArray[np.float32]:
    """The gradient (N, D) as a contiguous float32 array, after all arrays of a step were checked.

    Raises:
        ValueError: if an array that is to be overwritten is not a contiguous float32 array, or shapes differ.
    """
    taken: NDArray[np.float32] = np.require(gradient, np.float32, ["C", "A", "W"])
    for name, array in {"weights": weights, **moments, "gradient": taken}.items():
        require_state(name.replace("_", " "), array, weights.shape)
    return taken


def require_state(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Refuses an array that a kernel could not update in place, or that would trigger recompilation.

    Raises:
        ValueError: if `array` is not a writable, aligned, C-contiguous float32 array of that shape.
    """
    if array.dtype != np.float32 or array.shape != shape or not array.flags.carray:
        raise ValueError(
            f"{name} must be a writable contiguous float32 array of shape {shape}, "
            f"not {array.dtype} of shape {array.shape}; dynamics.project converts positions"
        )


# --- loops of large blocks, whose bits are those of NumPy -------------------------------------------------------------


@jit(**PIECES)
def _widen(narrow, wide):  # type: ignore[no-untyped-def]
    """wide = narrow (n,), in float64."""
    for i in prange(narrow.size):
        wide[i] = narrow[i]


@jit(**PIECES)
def _negate(wide, narrow):  # type: ignore[no-untyped-def]
    """narrow = -wide (n,), rounded to float32."""
    for i in prange(wide.size):
        narrow[i] = -wide[i]
