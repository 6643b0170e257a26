"""Learn the displacement, or the gradient and let the optimiser move?

A linear field is fitted to the dead rows of two shipped recordings over their first half, as a velocity and as the
gradient of training, and moved from there to the end: a velocity by one Euler step per training step, a gradient
through AdamW, whose moments are those of the recorded gradients up to that frame. Errors are relative: the mean over
rows of |x - x_real| / |x_real - x_start|, 1 for rows that stay. The recorded field itself, through the same AdamW, is
the best that a gradient could do. Writes docs/studies/linear-field.md and docs/figures/linear-field.png. Run by
`make study`; under a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

import gasfield
from gasfield.comparison.hindcast import relative_errors
from gasfield.dynamics import AdamW
from gasfield.forces import Surroundings
from gasfield.forces.learned import LearnedField
from gasfield.gas import Gas
from gasfield.plots.style import BESIDE, INITIAL, INK, SERIES, SIMULATED, dress, legend, new_figure, save
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory

ROOT = Path(__file__).parent.parent.parent
RECORDINGS = ("kjv-bf16", "kjv-bf16-fp32state")
ROWS = "lattice,dead"
SPLIT = 250
HORIZONS = (1, 10, 50, 100, 250)
Array = NDArray[np.float64]
Force = Callable[[Array, int], Array]

MODELS: dict[str, dict[str, Any]] = {
    "1 window": {"windows": 1},
    "5 windows": {"windows": 5},
    "25 windows": {"windows": 25},
    "5 windows, about the centroid": {"windows": 5, "centre": "centroid"},
    "trend over 5 windows": {"windows": 5, "profile": "trend"},
    "drift alone, 5 windows": {"windows": 5, "terms": ["drift"]},
}
DRAWN = {
    "constant displacement, mean of the last 50 steps": INITIAL,
    "velocity: 25 windows": SERIES[0],
    "velocity: trend over 5 windows": SERIES[3],
    "gradient: 1 window": SERIES[4],
    "gradient: trend over 5 windows": SIMULATED,
    "the recorded field through AdamW": INK,
}


def force_of(field: LearnedField) -> Force:
    """(N, D) the field at places (N, D) and a step."""
    parts = field.build(Surroundings(Free(dimensions=field.dimensions)))

    def force(places: Array, step: int) -> Array:
        count = len(places)
        gas = Gas(places, np.zeros(count, np.int64), ["rows"], np.arange(count), [""] * count, step=step, time=step)
        total = np.zeros(places.shape)
        for part in parts:
            part.add(gas, total)
        return total

    return force


def recorded(trajectory: Trajectory) -> Force:
    """Minus the recorded gradient of dead rows."""
    field = trajectory.affine_field()

    def force(places: Array, step: int) -> Array:
        at = field.at(step)
        return np.asarray(-(at.gradient + (places - at.reference) @ at.hessian))

    return force


def moved_by_velocity(start: Array, force: Force, steps: int) -> list[Array]:
    """Frames from the split on, by one Euler step per training step."""
    frames = [start]
    for step in range(SPLIT, SPLIT + steps):
        frames.append(frames[-1] + force(frames[-1], step))
    return frames


def moved_by_adamw(frames: Array, law: AdamW, known: Force, force: Force, steps: int) -> list[Array]:
    """Frames from the split on; the moments are those of the recorded gradients at the recorded places before."""
    weights = frames[0].astype(np.float32)
    moments = {name: np.zeros_like(weights) for name in law.moment_names}
    for step in range(SPLIT):
        weights = frames[step].astype(np.float32)
        law.update(weights, -known(frames[step], step), moments, step + 1)
    weights, found = frames[SPLIT].astype(np.float32), [frames[SPLIT]]
    for step in range(SPLIT, SPLIT + steps):
        law.update(weights, -force(weights.astype(np.float64), step), moments, step + 1)
        found.append(weights.astype(np.float64))
    return found


def row(name: str, found: list[Array], real: Array, curves: dict[str, list[float]]) -> str:
    """One line of the table; the error after every step goes to `curves`."""
    whole = [float(relative_errors(real[0], real[h], found[h]).mean()) for h in range(1, HORIZONS[-1] + 1)]
    curves[name.split(" |")[0]] = whole
    errors = [whole[h - 1] for h in HORIZONS]
    return f"| {name} | " + " | ".join(f"{error:.3f}" for error in errors) + " |"


def table(name: str, curves: dict[str, list[float]]) -> list[str]:
    """The lines of one recording, and its errors after every step."""
    with gasfield.open(f"recordings/{name}.h5") as trajectory:
        rows = np.concatenate([trajectory.members(group) for group in ROWS.split(",")])
        frames = np.asarray(trajectory.positions(np.sort(rows)), np.float64)
        known = recorded(trajectory)
        real, steps = frames[SPLIT:], HORIZONS[-1]
        lines = [
            f"## {name}",
            "",
            "| field | held-out error | " + " | ".join(f"{h} steps" for h in HORIZONS) + " |",
            "|---|---|" + "---|" * len(HORIZONS),
        ]
        for target in ("velocity", "gradient"):
            for about, model in MODELS.items():
                blocks = 2 * model["windows"] if model["windows"] > 5 else 10
                spec = {"kind": "linear", "target": target, "symmetric": target == "gradient"} | model
                fit = gasfield.fit(trajectory, spec, rows=ROWS, frames=f"0:{SPLIT + 1}", blocks=blocks)
                if target == "velocity":
                    found = moved_by_velocity(real[0], force_of(fit.field), steps)
                else:
                    law = AdamW(**{k: v for k, v in fit.field.moved.law.items() if k != "kind"})
                    found = moved_by_adamw(frames, law, known, force_of(fit.field), steps)
                lines.append(row(f"{target}: {about} | {fit.quantities['held_out'].text()}", found, real, curves))
        moved = moved_by_adamw(frames, law, known, known, steps)
        lines.append(row("the recorded field through AdamW | –", moved, real, curves))
        moved = moved_by_adamw(frames, law, known, lambda places, step: known(places, SPLIT - 1), steps)
        lines.append(row("the field of the last step before, through AdamW | –", moved, real, curves))
        constant = [real[0] + h * (frames[SPLIT] - frames[SPLIT - 50]) / 50 for h in range(steps + 1)]
        lines.append(row("constant displacement, mean of the last 50 steps | –", constant, real, curves))
    return [*lines, ""]


def draw(ax: Axes, name: str, curves: dict[str, list[float]]) -> None:
    """The error over the steps, of a few fields."""
    for what, colour in DRAWN.items():
        ax.plot(range(1, HORIZONS[-1] + 1), curves[what], color=colour, label=what)
    ax.axhline(1.0, color=INITIAL, linestyle=":", label="rows stay")
    ax.set(xscale="log", yscale="log")
    dress(ax, name, "steps after the training span", "relative error of the displacement")
    if name == RECORDINGS[-1]:
        legend(ax, fontsize=8, **BESIDE)


def main() -> None:
    head = (
        "# Linear fields of dead rows\n\n"
        f"Linear fields fitted to the dead rows over steps 0 to {SPLIT}, moved from there. Relative error of the "
        "displacement, mean over 128 rows; rows that stay have 1. The held-out error is of what is fitted, velocity or "
        "gradient, as a share of its mean square on blocks that were left out."
    )
    lines, figure = [head, ""], new_figure(13.0, 4.2)
    for name, ax in zip(RECORDINGS, figure.subplots(1, 2, sharey=True), strict=True):
        curves: dict[str, list[float]] = {}
        lines += table(name, curves)
        draw(ax, name, curves)
    save(figure, ROOT / "docs" / "figures" / "linear-field.png")
    (ROOT / "docs" / "studies" / "linear-field.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
