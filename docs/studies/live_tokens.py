"""When is a rare token dead enough to be a tracer?

The tiny model is trained in float32 on the shipped text, in two sizes and with several seeds. Live rows of all
frequencies are followed, and their gradients kept in parts (outputs/live-tokens; once). Each row is then simulated
again from its first place: in the field alone, as if its token never occurred, and with its recorded pull and input
side; in the exact field and in the affine one. The error of its displacement is held against how often the token has
occurred by then. Writes docs/studies/live-tokens.md and docs/figures/live-tokens.png. Run by `make study`; about half an
hour the first time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import gasfield
from gasfield.comparison.hindcast import relative_errors
from gasfield.hindcasting import plan_hindcast
from gasfield.recording.plan import Geometry, RecordingPlan, TrainingPlan
from gasfield.recording.record import record
from gasfield.simulation import Simulation
from gasfield.trajectory import Trajectory

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "outputs" / "live-tokens"
Values = NDArray[np.float64]
Counts = NDArray[np.int64]

SMALL = Geometry(vocabulary=4000, dimensions=32, sequence=32, feed_forward=128)


@dataclass(frozen=True)
class Size:
    """A training, but for its seed."""

    name: str
    plan: TrainingPlan
    rows: int
    seeds: int

    @property
    def looks(self) -> list[int]:
        """The steps at which simulation and training are compared."""
        return [self.plan.steps * tenth // 10 for tenth in (1, 2, 4, 7, 10)]


SIZES = (
    Size("small", TrainingPlan(precision="fp32", steps=300, batch=16, dead=1000, geometry=SMALL), 400, 5),
    Size("default", TrainingPlan(precision="fp32"), 300, 3),
)
VARIANTS = {
    "alone, full": ("full", False, True),
    "alone, full, Z as it was": ("full", False, False),
    "alone, affine": ("affine", False, False),
    "pulled, full": ("full", True, True),
    "pulled, affine": ("affine", True, False),
}
"""Form of the field, whether the recorded pull acts, whether the row's own term of Z is where the row is."""


def recording(size: Size, seed: int) -> Path:
    """Trains, unless it was done before."""
    path = FOLDER / f"{size.name}-{seed}.h5"
    if not path.exists():
        draft = path.with_suffix(".part.h5")
        draft.parent.mkdir(parents=True, exist_ok=True)
        rows = RecordingPlan(live_rows=size.rows, dead_rows=size.rows // 5, field="full", parts=True, hidden_bits=23)
        record(size.plan.model_copy(update={"seed": seed}), rows, draft, overwrite=True)
        draft.replace(path)
    return path


def simulated(training: Trajectory, variant: str, looks: list[int]) -> Values:
    """(K, n) the relative errors of displacement of the live rows at some steps."""
    form, pull, own = VARIANTS[variant]
    plan = plan_hindcast(training, rows=["live"], field=form, pull=pull)  # type: ignore[arg-type]
    forces = [force for force in plan.scenario.forces if own or force.kind != "recorded_own_term"]
    scenario = plan.scenario.model_copy(update={"forces": tuple(forces)})
    rows, errors = training.members("live"), []
    start = training.frame(0)[rows].astype(np.float64)
    with Simulation.from_scenario(scenario) as simulation:
        for step in looks:
            gas = simulation.step(step - simulation.gas.step).gas
            errors.append(relative_errors(start, training.frame(step)[rows], gas.positions))
    return np.array(errors)


def push_errors(training: Trajectory, every: int = 10) -> Values:
    """(n,) median over time of |affine field - push| / |push| where the rows were."""
    field, push = training.affine_field(), training.live_part("push")
    rows, found = training.members("live"), []
    for place in range(0, len(push.steps), every):
        at = field.at(int(push.steps[place]))
        here = training.frame(int(push.steps[place]))[rows] - at.reference
        off = at.gradient + here @ at.hessian - push.values[place]
        found.append(np.linalg.norm(off, axis=1) / np.linalg.norm(push.values[place], axis=1))
    return np.asarray(np.median(found, axis=0))


def measured(size: Size, seed: int) -> dict[str, Values]:
    """Counts and errors of one training; kept."""
    path = FOLDER / f"{size.name}-{seed}.npz"
    if not path.exists():
        with gasfield.open(recording(size, seed)) as training:
            each = [np.cumsum(training.live_count(name).values, axis=0) for name in ("targets", "inputs")]
            at = np.array(size.looks) - 1
            found = {"targets": each[0][at], "inputs": each[1][at], "push": push_errors(training)}
            found["parts"] = training.observable("parts_error").values
            for variant in VARIANTS:
                found[variant] = simulated(training, variant, size.looks)
                print(size.name, seed, variant, np.median(found[variant], axis=1), flush=True)
        np.savez_compressed(path, **found)
    with np.load(path) as kept:
        return dict(kept)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for size in SIZES:
        for seed in range(1, size.seeds + 1):
            measured(size, seed)
