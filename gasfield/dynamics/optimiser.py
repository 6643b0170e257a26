"""The base of optimisers as dynamics: weights on a floating-point lattice, moved against a gradient."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from gasfield.dynamics.base import Conditions, Dynamics, require_free, take_back
from gasfield.dynamics.constants import RECORDED
from gasfield.dynamics.over_steps import LawOverSteps
from gasfield.dynamics.rounding_loss import note_on_decay
from gasfield.errors import InputError, Note
from gasfield.gas import Gas
from gasfield.kernels.flags import EXACT, EXACT_PARALLEL
from gasfield.kernels.jit import jit
from gasfield.kernels.lattices import Precision, round_to
from gasfield.schedules import Warmup, schedules_in

if TYPE_CHECKING:
    Kept = Precision
else:
    Kept = Literal[Precision, "recorded"]
    """A storage precision, or that of the training."""

# IEEE 754 division: 0/0 is NaN, as in PyTorch, and no test for zero prevents vectorisation.
ALONG: dict[str, Any] = EXACT | {"error_model": "numpy"}
"""Compilation of a loop over coordinates."""
PIECES: dict[str, Any] = EXACT_PARALLEL | {"error_model": "numpy"}
"""Compilation of a parallel loop over coordinates."""
PIECE = 4096
"""Coordinates of the smallest part of a thread's work: rows of few dimensions cost no more than others."""
_BLOCK = 1 << 18
"""Coordinates whose positions and forces in float64 are held at a time: 4 MB, which stay in the cache."""


Reals = NDArray[Any]
State = Mapping[str, Reals]
"""The named arrays of the state of a law."""


class Draws(NamedTuple):
    """What the random bits of a stochastic rounding depend on, besides step and column."""

    seed: int
    ids: NDArray[np.int64]
    """(N,) identifiers of the particles, at least 0 and below 2**32."""


class Optimiser(LawOverSteps):
    """The specification of an optimiser: its constants, and its arithmetic in `update`."""

    needs_matrix: ClassVar[str | None] = None
    """What of a law is defined for a whole matrix only, for the message that refuses some of its rows; None if a law
    moves every row by itself."""
    looks_ahead: ClassVar[bool] = False
    is_optimiser: ClassVar[bool] = True
    remedy: ClassVar[str] = "Try a smaller learning_rate, or start closer to the recorded rows."

    former_keys: ClassVar[Mapping[str, str]] = {"parameters": "weight_dtype", "state": "moment_dtype"}

    if TYPE_CHECKING:  # fields of every optimiser, each with its own bounds and unit
        weight_decay: float

    weight_dtype: Kept = "float32"
    """Precision of the weights and of the gradient, which in a framework has the precision of its parameter."""
    centred: bool = False
    """Whether the mean row is subtracted from all rows after every step, which needs the whole matrix."""

    @property
    def lattice(self) -> Precision:
        """The floating-point numbers that weights can be."""
        return self.fixed.weight_dtype if self.weight_dtype == RECORDED else self.weight_dtype

    @property
    @abstractmethod
    def moment_names(self) -> tuple[str, ...]:
        """Names of the float32 arrays of its state."""

    @property
    @abstractmethod
    def moment_dtypes(self) -> Mapping[str, str]:
        """The precision in which each moment that is used is kept, by name."""

    @property
    def loses_updates(self) -> bool:
        """Whether an update below half a cell of the lattice is lost."""
        return True

    @property
    def by_rows(self) -> bool:
        """Whether rows may be updated some at a time."""
        return self._of_matrix is None

    @property
    def refuses_newcomers(self) -> str | None:
        """That they are no rows of the matrix, for a law that needs the whole of it."""
        if self._of_matrix is None:
            return None
        return f"{self.kind} {self._of_matrix}, and particles planted during a run are not rows of it"

    @property
    def _of_matrix(self) -> str | None:
        """What needs the whole matrix; None if nothing does."""
        if self.needs_matrix is None and self.centred:
            return "subtracts the mean of all rows"
        return self.needs_matrix

    def start(self, positions: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """The state before the first step at positions (N, D) that are not rounded yet, by name: zeros."""
        return {name: np.zeros(positions.shape, np.float32) for name in self.moment_names}

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
            InputError: if the run has a bath, or a bounded space, or if a law of the whole matrix is given some rows.
        """
        self.require(conditions)
        if self._of_matrix is not None:
            _require_matrix(self.kind, self._of_matrix, gas)
        if (note := note_on_decay(self.strongest, gas.positions)) is not None:
            warnings.warn(Note(note), stacklevel=2)
        return OptimiserDynamics(self, gas, conditions)

    @abstractmethod
    def update(self, weights: Reals, gradient: Reals, moments: State, step: int, draws: Draws | None = None) -> None:
        """Updates `weights` (N, D) and the named arrays of the state in place.

        Args:
            weights: (N, D) float32 on the lattice of `weight_dtype`.
            gradient: (N, D); rounded to float32, and further to the precision of the gradient.
            moments: the arrays of `start`.
            step: counted from 1.
            draws: of stochastic rounding; seed 0 and rows numbered from 0 if left out.
        """


class OptimiserDynamics(Dynamics):
    """Positions are weights, the gradient is minus the force, and one step is one unit of time.

    State: the arrays of `Optimiser.start`, float32 (of a moment (N, D)), and `step_count`.
    """

    def __init__(self, law: Optimiser, gas: Gas, conditions: Conditions) -> None:
        """Starts with zero moments and step count, or with those of the recorded training.

        Args:
            law: the optimiser.
            gas: the gas to be moved, at its positions at the start, which need not be rounded yet.
            conditions: the forces, which are minus the gradient, and the seed of stochastic rounding.
        """
        self._over_steps, self.law = law, law.fixed
        self._field, self._shape = conditions.field, gas.positions.shape
        self._seed, self._moments = conditions.seed, self.law.start(gas.positions)
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
            draws = Draws(self._seed, part.ids)
            law.update(part.positions, self._gradient(part), moments, int(self._steps_taken), draws)
        if law.centred and gas.count:
            self._centre(gas)

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
        if self._field.interacting or not self.law.by_rows or count <= rows:
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

    def _centre(self, gas: Gas) -> None:
        """Subtracts the mean row, in float64, and rounds; of a float32 master too, whose view is the positions."""
        weights = self._moments.get("master", gas.positions)
        centre = weights.mean(axis=0, dtype=np.float64)
        precision = "float32" if weights is not gas.positions else self.law.weight_dtype
        weights[...] = round_to(weights - centre, precision)
        gas.positions[...] = round_to(weights, self.law.weight_dtype)

    def state(self) -> dict[str, NDArray[Any]]:
        """Copies of the moments, float32, and the steps taken as `step_count` (int64, no axes)."""
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
        """Initialises the moments of new particles to the mean of the existing ones (zero where there are none), and
        what roundings keep to that of their positions; the step count is shared.

        Raises:
            InputError: if the law needs the whole matrix.
        """
        if self.law.refuses_newcomers is not None:
            raise InputError(f"{self.law.refuses_newcomers}.", parameter="tracers")
        new = self.law.start(gas.positions[-added:] if added else gas.positions[:0])
        for name, moment in self._moments.items():
            if name in ("master", "lost") or not len(moment):
                self._moments[name] = np.concatenate([moment, new[name]])
                continue
            inherited = np.repeat(moment.mean(axis=0, dtype=np.float64)[None], added, axis=0)
            self._moments[name] = np.concatenate([moment, inherited.astype(np.float32)])
        self._shape = gas.positions.shape

    def project(self, gas: Gas) -> None:
        """Copies positions into a contiguous float32 array, rounded to the precision of the weights; a float32 master
        that is not rounded to them follows them."""
        if "master" in self._moments:
            master, given = self._moments["master"], gas.positions.astype(np.float32)
            moved = round_to(master, self.law.weight_dtype) != round_to(given, self.law.weight_dtype)
            master[moved] = given[moved]
        if self.law.weight_dtype == "float32":
            gas.positions = np.require(gas.positions, np.float32, ["C", "A", "W"])
        else:
            gas.positions = round_to(gas.positions, self.law.weight_dtype)


def _require_matrix(kind: str, what: str, gas: Gas) -> None:
    """Refuses a gas that is known not to be a whole matrix: some rows of a vocabulary, or with particles to come.

    Raises:
        InputError: with the reason.
    """
    tokens = np.unique(gas.token_ids[gas.token_ids >= 0])
    reason = None
    if np.any(gas.appears > gas.step):
        reason = "particles that appear later are not rows of it"
    elif len(tokens) and (len(tokens) != gas.count or tokens[-1] != gas.count - 1):
        reason = f"the gas has {gas.count} rows, and there are at least {tokens[-1] + 1} tokens"
        if len(tokens) < gas.count:
            reason = f"{gas.count - len(tokens)} of the {gas.count} particles are no tokens, or given twice"
    if reason is not None:
        raise InputError(
            f"{kind} {what}, and {reason}. Give all rows of the matrix, or use a law that moves every row by itself "
            "(adamw, sgd, lion).",
            parameter="dynamics",
        )


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
