"""How far ahead can the motion of an embedding be foretold, and what is the best forecaster at each horizon?

Forecasts of the shipped recordings, of two more seeds, and of a training on another text (the reference pages that come
with Python), each fitted to its first half. Writes docs/studies/forecasts.md and docs/figures/forecasts.png. The
recordings that do not ship are made first, in outputs/forecasts, a minute each; the whole takes a quarter of an hour.
Needs the extra `record`. Run by `make forecasts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics
from typing import NamedTuple

import numpy as np

from gasfield.learning.forecasting import Forecast, forecast
from gasfield.plots.style import INITIAL, SERIES, SIMULATED, dress, headline, legend, new_figure, save
from gasfield.quantity import Quantity
from gasfield.recording.plan import Geometry, RecordingPlan, TrainingPlan
from gasfield.recording.record import record
from gasfield.trajectory import open_trajectory

ROOT = Path(__file__).parent.parent.parent
MADE = Path("outputs") / "forecasts"
PAGE, FIGURE = Path(__file__).with_suffix(".md"), ROOT / "docs" / "figures" / "forecasts.png"
SHIPPED = ("kjv-bf16", "kjv-bf16-fp32state", "kjv-fp32")
ROWS = ("dead", "live")
HORIZONS = (1, 3, 10, 30, 100)
MODELS = ({"kind": "linear"}, {"kind": "linear", "target": "gradient", "windows": 5}, {"kind": "koopman"})
"""Learned fields beside the baselines; the other kinds are slower, and no better (docs/learning.md)."""
SHOWN = ("persistence", "common_drift", "constant_displacement", "damped_trend", "optimiser_replay")
_LEAST = -0.6
"""Skills below are not drawn."""


class Case(NamedTuple):
    """A recording by name."""

    name: str
    path: Path


def cases() -> Iterator[Case]:
    """The recordings; those that do not ship are made."""
    for name in SHIPPED:
        yield Case(name, ROOT / "scenarios" / "recordings" / f"{name}.h5")
    MADE.mkdir(parents=True, exist_ok=True)
    for seed in (2, 3):
        yield _made(f"kjv-bf16, seed {seed}", TrainingPlan(seed=seed))
    text = MADE / "reference.txt"
    text.write_text("\n\n".join(topics[name] for name in sorted(topics)), encoding="utf-8")
    yield _made("reference", TrainingPlan(text=str(text), dead=2000, geometry=Geometry(vocabulary=6000)))


def _made(name: str, training: TrainingPlan) -> Case:
    path = MADE / f"{name.replace(', ', '-').replace(' ', '')}.h5"
    if not path.exists():
        record(training, RecordingPlan(), path)
    return Case(name, path)


def judged(case: Case, rows: str) -> Forecast:
    """Fitted to the first half of the frames."""
    with open_trajectory(case.path) as recording:
        half = len(recording.steps) // 2
        longest = len(recording.steps) - 2 - half
        print(f"{case.name}, {rows}", flush=True)
        ahead = [h for h in HORIZONS if h <= longest]
        return forecast(recording, f"0:{half}", ahead, rows=rows, models=MODELS)


def best(found: Forecast, horizon: int) -> tuple[str, Quantity]:
    """The best forecaster, and its skill."""
    known = {name: q for name, q in found.skill[horizon].items() if q.leaf()["value"] is not None}
    name = max(known, key=lambda each: float(known[each].leaf()["value"]))
    return name, known[name]


def table(found: dict[str, Forecast]) -> Iterator[str]:
    """Skill of every forecaster of every recording at each horizon."""
    for name, each in found.items():
        yield f"\n**{name}**, {each.count} rows, horizons in frames ({_steps(each)})\n"
        yield "| forecaster | " + " | ".join(f"{h}" for h in each.horizons) + " |"
        yield "|---" * (len(each.horizons) + 1) + "|"
        for forecaster in each.skill[each.horizons[0]]:
            cells = [each.skill[h][forecaster].text() for h in each.horizons]
            yield f"| {forecaster} | " + " | ".join(cells) + " |"
        named = each.skill[each.horizons[0]]
        yield from sorted(f"\n{who}: {why}\n" for who, why in each.reasons.items() if who in named)
        yield ""
        yield from (f"* {line}" for line in each.verdict)


def _steps(found: Forecast) -> str:
    first = found.horizons[0]
    low, high = found.steps_ahead[first]
    apart = low // first
    return "uneven" if low != high else f"{apart} step{'' if apart == 1 else 's'} apart"


def picture(found: dict[str, dict[str, Forecast]]) -> None:
    """Skill over horizon: a panel for dead and for live rows, a line for each recording and forecaster."""
    figure = new_figure(11.5, 4.6)
    colours = dict(zip(SHOWN[1:], (INITIAL, SERIES[3], SERIES[0], SIMULATED), strict=True))
    for number, rows in enumerate(ROWS, start=1):
        ax = figure.add_subplot(1, 2, number)
        for forecaster, colour in colours.items():
            for at, each in enumerate(found[rows].values()):
                ahead = [each.steps_ahead[h][0] for h in each.horizons]
                values = [each.skill[h][forecaster].leaf()["value"] for h in each.horizons]
                skill = np.array([np.nan if v is None or v < _LEAST else v for v in values], float)
                label = forecaster.replace("_", " ") if at == 0 else None
                ax.plot(ahead, skill, color=colour, marker="o", markersize=3, linewidth=1.2, alpha=0.75, label=label)
        ax.axhline(0.0, color="black", linewidth=1.0)
        ax.set_xscale("log")
        ax.set_ylim(_LEAST, 1.05)
        dress(ax, f"{rows} rows of six trainings", "steps ahead", "skill = 1 − MSE / MSE of persistence")
        legend(ax)
    headline(figure, "How far ahead the motion of an embedding can be foretold")
    save(figure, FIGURE)


def main() -> None:
    """Everything."""
    known = list(cases())
    found = {rows: {case.name: judged(case, rows) for case in known} for rows in ROWS}
    picture(found)
    lines = [
        "# Forecasts of six trainings",
        "",
        "Made by `python docs/studies/forecasts.py`; fitted to the first half.",
    ]
    for rows in ROWS:
        lines += ["", f"## Best forecaster, {rows} rows", ""]
        lines += ["| recording | " + " | ".join("1 frame" if h == 1 else f"{h} frames" for h in HORIZONS) + " |"]
        lines += ["|---" * (len(HORIZONS) + 1) + "|"]
        for name, each in found[rows].items():
            cells = [f"{w} {s.text()}" for w, s in (best(each, h) for h in each.horizons)]
            lines.append(f"| {name} | " + " | ".join(cells + ["–"] * (len(HORIZONS) - len(cells))) + " |")
    for rows in ROWS:
        lines += ["", f"## All forecasters, {rows} rows", *table(found[rows])]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
