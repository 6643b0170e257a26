"""Replays for the precision study: all dead rows of a recording, moved again through its recorded field.

A replay starts from the rows as surveyed at step 0 and moves them by gasfield's AdamW through the affine field of the
recording, with weights and moments kept in chosen precisions. What becomes of them is kept in a file, so that a study
that was interrupted goes on where it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics import AdamW, Conditions
from gasfield.dynamics.optimiser import OptimiserDynamics
from gasfield.forces import Force, TotalForce
from gasfield.gas import Gas
from gasfield.kernels.bfloat16 import round_to_bfloat16
from gasfield.spaces import Free
from gasfield.trajectory import AffineField, Trajectory

Values = NDArray[np.float64]
Cloud = dict[str, NDArray[Any]]
"""What became of a cloud of N rows, real or replayed, over T steps: `radius` (T + 1,) [length], `unmoved` (T,),
`survey` (S,) steps, and at those `last_motion` (S, N), `on_powers` (S,), `second_moment` (S,) [(energy/length)^2];
`start` and `end` (N, D) [length]; of a replay also `update` (S,), the median size of a coordinate's update [length]."""

FORMAT = 1
"""To be raised when a replay means something else than it did, so that files of before are not taken for it."""
LEARNING_RATE, EPSILON, BETAS = 1e-3, 1e-8, (0.9, 0.999)
HELD_AT = 500
"""The step whose strength a held field keeps."""
SMOOTH = 51
"""Steps over which the strength of a field is averaged: it differs from batch to batch."""
AS_TRAINED = {
    "bf16": ("bfloat16", "bfloat16", "bfloat16"),
    "bf16-fp32state": ("bfloat16", "float32", "float32"),
    "fp32": ("float32", "float32", "float32"),
}
"""Weights, first and second moment of the real runs."""


@dataclass(frozen=True)
class Case:
    """How a replay is done.

    Attributes:
        weights, first, second: what W, m and v are kept in.
        each_operation: whether every single operation is rounded to bfloat16, as PyTorch does if all three are kept in
            it, or only what is stored.
        held: whether the field keeps from step `HELD_AT` on the strength it has there, instead of fading.
    """

    weights: str
    first: str
    second: str
    each_operation: bool = False
    held: bool = False

    @classmethod
    def as_trained(cls, precision: str, *, held: bool = False) -> Case:
        """As a real run was done."""
        weights, first, second = AS_TRAINED[precision]
        return cls(weights, first, second, each_operation=precision == "bf16", held=held)

    @property
    def name(self) -> str:
        """A short name for files."""
        kept = "-".join({"bfloat16": "bf16", "float32": "fp32"}[one] for one in (self.weights, self.first, self.second))
        return kept + ("-each" if self.each_operation else "") + ("-held" if self.held else "")


CASES = (
    *(Case(weights, first, second) for weights, first, second in product(("bfloat16", "float32"), repeat=3)),
    Case.as_trained("bf16"),
    *(Case.as_trained(precision, held=True) for precision in AS_TRAINED),
)
"""Eight combinations, each rounding what is stored; the one that PyTorch does otherwise, as PyTorch does it; and those
of the three trainings in a field that does not fade."""


class ScaledField(Force):
    """The affine field, each step of it multiplied by a number.

    As gasfield's own `recorded_gradient` to the bit (a test compares them), but four times as fast for thousands of
    rows, by a product of matrices.
    """

    conservative = True
    steady = False

    def __init__(self, field: AffineField, factors: Values) -> None:
        self._field, self._factors = field, factors

    def add(self, gas: Gas, force: Values) -> None:
        at, factor = self._field.at(gas.step), self._factors[self._field.index(gas.step)]
        gradient = (gas.positions - at.reference) @ at.hessian
        gradient += at.gradient
        gradient *= factor
        force -= gradient

    def energy(self, gas: Gas) -> Values:
        raise ValueError("not needed in a replay")

    def laplacian(self, gas: Gas) -> Values:
        raise ValueError("not needed in a replay")


def strength(field: AffineField) -> Values:
    """(S,) |g(c)|, the force on a row at the centroid, averaged over `SMOOTH` steps [energy/length]."""
    size = np.linalg.norm(field.gradient.astype(np.float64), axis=1)
    window = np.ones(min(SMOOTH, len(size)))
    return np.asarray(np.convolve(size, window, "same") / np.convolve(np.ones(len(size)), window, "same"))


def holding(field: AffineField) -> Values:
    """(S,) factors that keep the strength of a field from `HELD_AT` on as it is there; 1 before."""
    level = strength(field)
    held = min(HELD_AT, len(level) - 1)
    return np.where(np.arange(len(level)) > held, level[held] / level, 1.0)


def replay(recording: Path, case: Case) -> Cloud:
    """Moves all dead rows of a recording from where they started, to the end of its field."""
    with Trajectory(recording) as opened:
        survey, field = opened.survey(), opened.affine_field()
    gas = gas_of(survey.values[0])
    factors = holding(field) if case.held else np.ones(len(field.steps))
    conditions = Conditions(Free(dimensions=gas.dimensions), TotalForce([ScaledField(field, factors)]))
    dynamics = _law(case).build(gas, conditions)
    dynamics.project(gas)
    return moved(gas, partial(_step, gas, dynamics, case), partial(_seen, gas, dynamics), survey.steps)


def gas_of(rows: NDArray[np.floating]) -> Gas:
    """Rows (N, D) as particles."""
    count = len(rows)
    return Gas(rows.copy(), np.zeros(count, np.int64), ["dead"], np.arange(count), [""] * count)


def _law(case: Case) -> AdamW:
    """The law; where gasfield would round each operation but only what is stored is to be rounded, with the second
    moment in float32: `_step` then rounds it."""
    own_rounding = _rounds_itself(case)
    return AdamW.model_validate(
        {
            "weight_dtype": case.weights,
            "first_moment_dtype": case.first,
            "second_moment_dtype": "float32" if own_rounding else case.second,
            "learning_rate": LEARNING_RATE,
            "betas": BETAS,
            "epsilon": EPSILON,
        }
    )


def _rounds_itself(case: Case) -> bool:
    return {case.weights, case.first, case.second} == {"bfloat16"} and not case.each_operation


def _step(gas: Gas, dynamics: OptimiserDynamics, case: Case) -> None:
    """One step. The law makes the update from the moments before it rounds them, so that to round v afterwards is to
    store it in bfloat16."""
    dynamics.advance(gas)
    if _rounds_itself(case):
        state = dynamics.state()
        dynamics.restore(state | {"second_moment": round_to_bfloat16(state["second_moment"])})


def moved(
    gas: Gas,
    step: Callable[[], None],
    seen: Callable[[NDArray[np.int64]], dict[str, Any]],
    surveyed: NDArray[np.int64],
) -> Cloud:
    """Goes through all steps up to the last surveyed one and notes what becomes of the rows.

    Args:
        gas: the rows, on the lattice of their law.
        step: makes one step of the gas.
        seen: what is looked at in a step of the survey, given (N,) the last motion of each row so far.
        surveyed: (S,) the steps of the survey, the first of them 0.
    """
    start, last_motion = gas.positions.copy(), np.zeros(gas.count, np.int64)
    radius, unmoved = [mean_radius(gas.positions)], []
    views: list[dict[str, Any]] = [seen(last_motion)]
    for number in range(1, int(surveyed[-1]) + 1):
        before = gas.positions.view(np.uint32).copy()
        step()
        has_moved = np.any(gas.positions.view(np.uint32) != before, axis=1)
        last_motion[has_moved] = number
        unmoved.append(1.0 - float(has_moved.mean()))
        radius.append(mean_radius(gas.positions))
        if number in surveyed:
            views.append(seen(last_motion))
    cloud: Cloud = {key: np.array([one[key] for one in views]) for key in views[0]}
    whole = {"radius": np.array(radius), "unmoved": np.array(unmoved), "survey": surveyed}
    return cloud | whole | {"start": start, "end": gas.positions.copy()}


def _seen(gas: Gas, dynamics: OptimiserDynamics, last_motion: NDArray[np.int64]) -> dict[str, Any]:
    """What is looked at now and then only."""
    state = dynamics.state()
    return {
        "last_motion": last_motion.astype(np.int16),
        "on_powers": share_on_powers(gas.positions),
        "second_moment": float(np.mean(state["second_moment"], dtype=np.float64)),
        "update": median_update(state["first_moment"], state["second_moment"], gas.step),
    }


def mean_radius(rows: NDArray[np.floating]) -> float:
    """Mean distance of rows (N, D) to their centroid [length]."""
    away = rows - rows.mean(axis=0, dtype=np.float64)
    return float(np.sqrt(np.einsum("ij,ij->i", away, away)).mean())


def share_on_powers(rows: NDArray[np.floating]) -> float:
    """Fraction of coordinates that are exactly plus or minus a power of two: all mantissa bits are zero."""
    return float(np.mean((rows.astype(np.float32).view(np.uint32) & 0x7FFFFF) == 0))


def median_update(first: NDArray[np.float32], second: NDArray[np.float32], step: int) -> float:
    """Median over coordinates of the size of what AdamW subtracts, before any rounding [length]; NaN at step 0."""
    if not step:
        return np.nan
    m, v = np.abs(first) / (1 - BETAS[0] ** step), second / (1 - BETAS[1] ** step)
    return float(np.median(LEARNING_RATE * m / (np.sqrt(v) + EPSILON)))


def real(recording: Path) -> Cloud:
    """What became of the dead rows in training itself."""
    with Trajectory(recording) as opened:
        survey, last_motion = opened.survey(), opened.last_motion()
        radius, unmoved = (opened.observable(f"dead/{name}").values for name in ("radius", "unmoved"))
        second = opened.observable("dead/second_moment")
    rows = np.searchsorted(second.steps, survey.steps[1:])
    return {
        "survey": survey.steps,
        "radius": radius,
        "unmoved": unmoved,
        "last_motion": last_motion.values,
        "on_powers": np.array([share_on_powers(frame) for frame in survey.values]),
        "second_moment": np.concatenate([[0.0], second.values[rows].mean(axis=1)]),
        "start": survey.values[0],
        "end": survey.values[-1],
    }


# What is kept.


def fingerprint(recording: Path) -> str:
    """What tells a recording from any other: the start of the SHA-256 of the file."""
    digest = sha256()
    with recording.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()[:16]


def kept_file(recording: Path, fingerprint: str, case: Case) -> Path:
    """Where a replay is kept: its name holds all that decides it."""
    decides = {"format": FORMAT, "recording": fingerprint, "held_at": HELD_AT, "smooth": SMOOTH} | asdict(case)
    key = sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]
    return recording.parent / f"{recording.stem}-{case.name}-{key}.npz"


def store(path: Path, values: Mapping[str, NDArray[Any]]) -> None:
    """Writes arrays, all or nothing."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    with draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **values)
    draft.replace(path)


def load(path: Path) -> Cloud:
    """Reads what `store` wrote. Nothing is unpickled."""
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def replay_once(recording: Path, fingerprint: str, case: Case) -> str:
    """Does a replay and keeps it, unless it was kept before; says what it did."""
    path = kept_file(recording, fingerprint, case)
    if path.exists():
        return ""
    cloud = replay(recording, case)
    store(path, cloud)
    return f"{recording.stem}, {case.name}: radius {cloud['radius'][-1]:.4f}, unmoved {cloud['unmoved'][-1]:.1%}"
