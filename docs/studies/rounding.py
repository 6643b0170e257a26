"""Which rounding contracts the dead-token cloud, and which one freezes it?

All dead rows of the shipped recordings (as surveyed at step 0) are replayed in the recorded affine field of each
recording, under every precision of weights, first and second moment. Writes docs/studies/rounding.md and, to
docs/figures, the pictures of the real runs and of the flagship that the documentation shows. Run by `make study`; about
three minutes.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter
from numpy.typing import NDArray
from scipy.stats import spearmanr

import gasfield
from gasfield.dynamics import AdamW, Conditions
from gasfield.forces import Surroundings, TotalForce
from gasfield.forces.fields.recorded_gradient import RecordedGradient
from gasfield.gas import Gas
from gasfield.plots.style import SERIES, dress, headline, legend, new_figure
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory

ROOT = Path(__file__).parent.parent.parent
FIGURES = ROOT / "docs" / "figures"
RECORDINGS = ROOT / "scenarios" / "recordings"
NAMES = {"kjv-bf16": "bf16", "kjv-bf16-fp32state": "bf16, fp32 state", "kjv-fp32": "fp32"}
OBSERVED = ("radius", "unmoved", "step_length", "second_moment")
SHORT = {"bfloat16": "bf16", "float32": "fp32"}
STEPS = 500
QUIET = 50
"""A row counts as frozen if no bit of it changes in the last 50 of the 500 steps."""


@dataclass(frozen=True)
class Replay:
    """What became of a cloud.

    Attributes:
        radius: mean distance to the centroid at the end, and its standard error [length].
        frozen: fraction of rows without motion in the last `QUIET` steps.
        unmoved: mean fraction of rows that stand still in one of those steps.
        on_powers: fraction of coordinates that end exactly on a power of two.
        second_moment: mean of v at the end [(energy/length)^2].
    """

    radius: tuple[float, float]
    frozen: float
    unmoved: float
    on_powers: float
    second_moment: float


def replay(recording: Path, weights: str, first: str, second: str) -> Replay:
    """Moves all dead rows from where they started through the recorded field, under chosen precisions."""
    with Trajectory(recording) as opened:
        start = opened.survey().values[0]
    count = len(start)
    gas = Gas(start.copy(), np.zeros(count, np.int64), ["dead"], np.arange(count), [""] * count)
    moments = {"first": first, "second": second}
    law = AdamW.model_validate({"weight_dtype": weights, "moment_dtype": moments, "learning_rate": 1e-3})
    space = Free(dimensions=gas.dimensions)
    field = TotalForce([RecordedGradient(file=str(recording)).build(Surroundings(space))])
    dynamics = law.build(gas, Conditions(space, field))
    dynamics.project(gas)
    last_motion, unmoved = np.zeros(count, np.int64), []
    for step in range(1, STEPS + 1):
        before = gas.positions.view(np.uint32).copy()
        dynamics.advance(gas)
        moved = np.any(gas.positions.view(np.uint32) != before, axis=1)
        last_motion[moved] = step
        unmoved.append(1 - moved.mean())
    away = np.linalg.norm(gas.positions - gas.positions.mean(axis=0, dtype=np.float64), axis=1)
    return Replay(
        radius=(float(away.mean()), float(away.std() / np.sqrt(count))),
        frozen=float(np.mean(last_motion <= STEPS - QUIET)),
        unmoved=float(np.mean(unmoved[-QUIET:])),
        on_powers=share_on_powers(gas.positions),
        second_moment=float(np.mean(dynamics.state()["second_moment"])),
    )


def on_powers(positions: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which coordinates are exactly plus or minus a power of two: all mantissa bits are zero."""
    return (positions.astype(np.float32).view(np.uint32) & 0x7FFFFF) == 0


def share_on_powers(positions: NDArray[np.floating]) -> float:
    """Fraction of coordinates on a power of two."""
    return float(np.mean(on_powers(positions)))


def narrowing(frames: NDArray[np.floating]) -> NDArray[np.float64]:
    """(D,) spread of the rows along each coordinate, last frame / first frame."""
    first, last = frames[0].astype(np.float64), frames[-1].astype(np.float64)
    return last.std(axis=0) / first.std(axis=0)


def table() -> str:
    """Markdown: one row for each field and combination of precisions."""
    lines = [
        "# Rounding of weights and moments, apart",
        "",
        "| field of | weights | m | v | radius | frozen | unmoved a step | on a power of two | mean v |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, label in NAMES.items():
        for weights, first, second in product(("bfloat16", "float32"), repeat=3):
            result = replay(RECORDINGS / f"{name}.h5", weights, first, second)
            radius, error = result.radius
            lines.append(
                f"| {label} | {SHORT[weights]} | {SHORT[first]} | {SHORT[second]} | {radius:.5f} ± {error:.5f} "
                f"| {result.frozen:.1%} | {result.unmoved:.1%} | {result.on_powers:.1%} | {result.second_moment:.2e} |"
            )
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def draw_three_recordings(path: Path) -> None:
    """Radius, unmoved rows, step length and second moment of all dead rows in the three real runs."""
    figure = new_figure(10, 6.6)
    panels = figure.subplots(2, 2).ravel()
    for (name, label), colour in zip(NAMES.items(), SERIES, strict=False):
        with Trajectory(RECORDINGS / f"{name}.h5") as opened:
            for axes, what in zip(panels, OBSERVED, strict=True):
                seen = opened.observable(f"dead/{what}")
                values = seen.values.mean(axis=1) if seen.values.ndim > 1 else seen.values
                axes.plot(seen.steps, values, color=colour, label=label, linewidth=1.6)
    dress(panels[0], "The cloud contracts on bfloat16 weights", "training step", "mean radius [length]")
    dress(panels[1], "Rows stand still for a while, and thaw", "training step", "rows unmoved in a step")
    dress(panels[2], "Steps shorten, then jump from cell to cell", "training step", "mean step length [length]")
    dress(panels[3], "A bfloat16 second moment cannot decay", "training step", "mean v [(energy/length)²]")
    panels[1].yaxis.set_major_formatter(PercentFormatter(1.0))
    panels[2].set_yscale("log")
    panels[2].set_yticks(ticks := [2e-4, 5e-4, 1e-3, 2e-3, 5e-3], [f"{tick:g}" for tick in ticks], minor=False)
    panels[2].yaxis.set_minor_formatter(NullFormatter())
    panels[3].set_ylim(bottom=0)
    legend(panels[0])
    headline(figure, "Three trainings that differ in rounding only: all dead rows")
    figure.savefig(path)


def draw_pile_up(path: Path) -> None:
    """Where the coordinates of all dead rows are, spread at first, on powers of two at last; and what that does."""
    figure = new_figure(13, 4)
    spread, share, effect = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
    for name, colour in zip(NAMES, SERIES, strict=False):
        with Trajectory(RECORDINGS / f"{name}.h5") as opened:
            survey = opened.survey()
        if name != "kjv-bf16-fp32state":
            _histogram(spread, survey.values[-1], color=colour, label=f"{NAMES[name]}, step {survey.steps[-1]}")
        shares = [share_on_powers(frame) for frame in survey.values]
        piled, narrowed = np.mean(on_powers(survey.values[-1]), axis=0), narrowing(survey.values)
        effect.plot(piled, narrowed, "o", color=colour, markersize=4, alpha=0.7)
        print(f"{NAMES[name]}: rank correlation over coordinates {spearmanr(piled, narrowed)[0]:.2f}")
        share.plot(survey.steps, shares, "o-", color=colour, label=NAMES[name], markersize=4, linewidth=1.6)
    _histogram(spread, survey.values[0], color="#8d8d99", label="step 0", linestyle=":")
    ticks = range(-8, -1)
    spread.set_xticks(list(ticks), [f"1/{2**-k}" for k in ticks])
    spread.set_yscale("log")
    dress(spread, "bfloat16 coordinates pile up where the cell doubles", "|coordinate| [length]", "share a bin")
    dress(share, "Coordinates on a power of two", "training step", "share of all coordinates")
    spread.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    spread.set_ylim(bottom=1e-5)
    share.yaxis.set_major_formatter(PercentFormatter(1.0))
    dress(effect, "Where it piles up, it narrows", "share of rows on a power of two", "spread, end / start")
    effect.xaxis.set_major_formatter(PercentFormatter(1.0))
    effect.set_ylim(bottom=0)
    for axes in (spread, share):
        legend(axes, loc="upper left")
    figure.savefig(path)


def _histogram(axes: Axes, rows: NDArray[np.floating], **style: str) -> None:
    """Share of coordinates in bins of a thirty-second of an octave, a power of two in the middle of its bin."""
    octave = np.log2(np.maximum(np.abs(rows.ravel().astype(np.float64)), 1e-9))
    edges = (np.arange(-8 * 32, -1 * 32 + 1) - 0.5) / 32
    counts, _ = np.histogram(octave, edges)
    axes.step(edges[:-1], counts / len(octave), where="post", linewidth=1.2, **style)


def draw_hindcast() -> None:
    """The pictures of the flagship that the documentation shows."""
    with TemporaryDirectory() as folder:
        result = gasfield.run("dead-token-drift", output=Path(folder) / "run")
        for source, target in (("structure-lattice", "lattice"), ("hindcast", "hindcast")):
            shutil.copy(result.directory / "plots" / f"{source}.png", FIGURES / f"{target}.png")


if __name__ == "__main__":
    draw_hindcast()
    draw_three_recordings(FIGURES / "three-recordings.png")
    draw_pile_up(FIGURES / "pile-up.png")
    (ROOT / "docs" / "studies" / "rounding.md").write_text(table(), encoding="utf-8")
