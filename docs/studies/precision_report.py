"""The page of the precision study: its tables in order, with what a reader must know to read them; and the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from precision_effects import NOT_FADING, contraction, frozen, standing
from precision_pictures import draw_effects, draw_freezing
from precision_tables import (
    EARLY,
    LABELS,
    LONG_QUIET,
    QUIET,
    Run,
    as_if,
    by_precision,
    in_training,
    table_of_contrasts,
    table_of_effects,
    table_of_hindcasts,
    table_of_kinds,
    table_of_race,
    table_of_replays,
    table_of_runs,
    table_of_thaws,
    table_of_waiting,
)


def write_report(runs: Sequence[Run], docs: Path, *, complete: bool) -> None:
    """Tables to docs/studies/precision.md and the screen, pictures to docs/figures."""
    length = int(runs[0].real["survey"][-1])
    seeds = {LABELS[precision]: len(found) for precision, found in by_precision(runs).items()}
    rounded = [run for run in runs if run.precision != "fp32"]  # on float32 weights every row moves in every step
    parts = [
        "# Rounding, contraction and freezing: three precisions, several seeds",
        f"Made by `docs/studies/precision.py`. Trainings of {length} steps: "
        + "; ".join(f"{count} seeds of {name}" if count != 1 else f"1 seed of {name}" for name, count in seeds.items())
        + "."
        + ("" if complete else " **Not all recordings were there when this page was made.**"),
        "*Frozen* is meant by last motion: no bit of the row changes in the last W steps of the recording. *Unmoved a "
        "step*: fraction of rows of which no bit changes in one step, mean over the last 50. ± is the standard error "
        "of the mean over seeds; *in each* says that all seeds agree to the digits shown. ● stands where the 95% "
        "interval of an effect (Student's t with as many seeds: with three, 4.3 standard errors) leaves 0 out; of "
        "twenty numbers without any effect about one would be marked all the same.",
        "## The trainings",
        "Coordinates collapsed: of the 64, those along which the rows spread less than a twentieth of what they did.",
        table_of_runs(runs),
        "## What a shorter recording would have said",
        "Frozen rows, if the recording had ended at the step that heads the column.",
        table_of_waiting(rounded) if rounded else "",
        "## Does freezing revert?",
        "The deepest fall of the fraction unmoved in a step (mean of 50 steps); rows that stood still for W steps at "
        "some step of the survey, and how many of all rows did so and moved again before the end.",
        table_of_thaws(rounded) if rounded else "",
        "## Hindcasts: the replay that does as the training did",
        "The error of the contraction is relative to the fall of the radius. Rows end apart: mean distance between a "
        "row and its replay at the end, of the mean distance that it went.",
        table_of_hindcasts(runs),
        "## All replays",
        "What is kept in bf16 is rounded as it is stored, and with *each operation* every intermediate result too, as "
        f"PyTorch does if all is in bf16. *Field held*: from step {EARLY} on multiplied so that its strength stays "
        "what it is there. The update is that of AdamW at the last step, before any rounding.",
        table_of_replays(runs),
        f"## Effects on the contraction by step {EARLY}, in points of per cent of the first radius",
        table_of_effects(runs, lambda cloud: contraction(cloud, EARLY), NOT_FADING),
        f"## Effects on the contraction by step {length}, in points of per cent of the first radius",
        table_of_effects(runs, contraction),
        f"## Effects on freezing (W = {LONG_QUIET} of {length} steps), in points of per cent of the rows",
        table_of_effects(runs, lambda cloud: frozen(cloud, LONG_QUIET)),
        "## Effects on rows unmoved a step, in points of per cent of the rows",
        table_of_effects(runs, standing),
        f"## Effects on freezing for W = {QUIET[0]}, in points of per cent of the rows",
        table_of_effects(runs, lambda cloud: frozen(cloud, QUIET[0])),
        "## Why: the field fades, and the second moment follows or does not",
        "Replays on bf16 weights with m in fp32. A coordinate whose update is less than half a cell does not move; a "
        "row stands still if none of its 64 does. An "
        "exact second moment that gets nothing new falls by half in 693 steps, and its root to "
        f"{np.exp(-(length - 472) / 2000):.3f} from step 472 to {length}.",
        table_of_race(runs),
        "## Trainings and fields of different precision, paired by seed",
        "Differences in points of per cent. In training, rounding and field differ at once; replays with one rounding "
        "tell what the field alone does.",
        table_of_contrasts(runs, {"in training": in_training} | {f"replay, {LABELS[p]}": as_if(p) for p in LABELS}),
        "## Kinds of motion, from the first step to the last",
        "Translation as a share of all motion, the rest as shares of the thermal motion; corrected for noise. "
        "All linear: rotation, dilation and shear together. A dash, or some of the runs only: they cannot be told "
        "apart, since the rows collapsed along an axis.",
        table_of_kinds(runs),
    ]
    text = "\n\n".join(part.strip("\n") for part in parts) + "\n"
    print(text)
    (docs / "studies" / "precision.md").write_text(text, encoding="utf-8")
    draw_freezing(runs, docs / "figures" / "precision-freezing.png")
    draw_effects(runs, docs / "figures" / "precision-effects.png")
