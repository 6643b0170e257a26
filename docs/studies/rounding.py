"""Which rounding contracts the dead-token cloud, and which one freezes it?

All dead rows of the shipped recordings (as surveyed at step 0) are replayed in the recorded affine field of each
recording under every precision of weights, first and second moment. Writes docs/figures/three-recordings.png and
docs/studies/rounding.md. Run by `make study`; about three minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics import AdamW
from gasfield.forces import RecordedGradient, Surroundings
from gasfield.gas import Gas
from gasfield.plots.style import SERIES, dress, headline, legend, new_figure
from gasfield.trajectory import Trajectory

ROOT = Path(__file__).parent.parent.parent
RECORDINGS = ROOT / "scenarios" / "recordings"
NAMES = {"kjv-bf16": "bf16", "kjv-bf16-fp32state": "bf16, fp32 state", "kjv-fp32": "fp32"}
SHORT = {"bfloat16": "bf16", "float32": "fp32"}
STEPS = 500
OBSERVED = ("radius", "unmoved", "step_length", "second_moment")
QUIET = 50
"""A row counts as frozen if no bit of it changes in the last 50 of the 500 steps."""


@dataclass(frozen=True)
class Replay:
    """What became of a cloud: radius [length] and its standard error, fractions of rows, median of the last steps."""

    radius: float
    radius_error: float
    frozen: float
    unmoved: float
    step_length: float
    second_moment: float


def replay(recording: Path, weights: str, first: str, second: str) -> Replay:
    """Moves all dead rows from where they started through the recorded field, under chosen precisions."""
    with Trajectory(recording) as opened:
        start = opened.survey().values[0]
        gas = Gas(
            positions=start.copy(),
            species=np.zeros(len(start), np.int64),
            names=["dead"],
            token_ids=np.arange(len(start)),
            tokens=[""] * len(start),
        )
    moments = {"first": first, "second": second}
    law = AdamW.model_validate({"parameters": weights, "state": moments, "learning_rate": 1e-3})
    dynamics = law.build(gas)
    dynamics.project(gas)
    force = RecordedGradient(file=str(recording)).build(Surroundings(gas.dimensions, Path))

    def field(positions: NDArray[np.floating], step: int) -> NDArray[np.float64]:
        total = np.zeros(positions.shape)
        force.add(np.ascontiguousarray(positions, np.float64), step, total)
        return total

    last_motion = np.zeros(gas.count, np.int64)
    unmoved, lengths = [], []
    for step in range(1, STEPS + 1):
        before = gas.positions.copy()
        dynamics.advance(gas, field)
        moved = np.any(gas.positions.view(np.uint32) != before.view(np.uint32), axis=1)
        last_motion[moved] = step
        if step > STEPS - QUIET:
            unmoved.append(1 - moved.mean())
            lengths.append(np.median(np.linalg.norm(gas.positions - before, axis=1)))
    away = np.linalg.norm(gas.positions - gas.positions.mean(axis=0, dtype=np.float64), axis=1)
    return Replay(
        radius=float(away.mean()),
        radius_error=float(away.std() / np.sqrt(len(away))),
        frozen=float(np.mean(last_motion <= STEPS - QUIET)),
        unmoved=float(np.mean(unmoved)),
        step_length=float(np.mean(lengths)),
        second_moment=float(np.mean(dynamics.state()["second_moment"])),
    )


def table() -> str:
    """Markdown: one row a combination, one block of columns a field."""
    lines = [
        "| field of | weights | m | v | radius | frozen | unmoved a step | step length | mean v |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, label in NAMES.items():
        for weights, first, second in product(("bfloat16", "float32"), repeat=3):
            result = replay(RECORDINGS / f"{name}.h5", weights, first, second)
            lines.append(
                f"| {label} | {SHORT[weights]} | {SHORT[first]} | {SHORT[second]} "
                f"| {result.radius:.5f} ± {result.radius_error:.5f} | {result.frozen:.1%} | {result.unmoved:.1%} "
                f"| {result.step_length:.2e} | {result.second_moment:.2e} |"
            )
            print(lines[-1], flush=True)
    return "\n".join(lines)


def figure(path: Path) -> None:
    """Radius, unmoved rows, step length and second moment of all dead rows in the three real runs."""
    canvas = new_figure(10, 6.6)
    radius, unmoved, length, second = canvas.subplots(2, 2).ravel()
    for (name, label), colour in zip(NAMES.items(), SERIES, strict=False):
        line = {"color": colour, "label": label, "linewidth": 1.6}
        with Trajectory(RECORDINGS / f"{name}.h5") as opened:
            seen = {what: opened.observable(f"dead/{what}") for what in OBSERVED}
        radius.plot(seen["radius"].steps, seen["radius"].values, **line)
        unmoved.plot(seen["unmoved"].steps, seen["unmoved"].values, **line)
        length.semilogy(seen["step_length"].steps, seen["step_length"].values, **line)
        second.semilogy(seen["second_moment"].steps, seen["second_moment"].values.mean(axis=1), **line)
    dress(radius, "Cloud radius", "training step", "mean distance to the centroid [length]")
    dress(unmoved, "Rows that do not move in a step", "training step", "fraction of all dead rows")
    dress(length, "Step length", "training step", "mean over all dead rows [length]")
    dress(second, "Second moment of AdamW", "training step", "mean of v [(energy/length)\u00b2]")
    legend(radius)
    headline(canvas, "Three trainings that differ in rounding only: all dead rows")
    canvas.savefig(path)


if __name__ == "__main__":
    figure(ROOT / "docs" / "figures" / "three-recordings.png")
    (ROOT / "docs" / "studies" / "rounding.md").write_text(table() + "\n", encoding="utf-8")
