"""The tables of docs/twin.md, below its heading "Tables": what stands above it is written by hand, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from twin_clouds import EARLY, NEAR_POWERS_BY_CHANCE, ROWS
from twin_forms import table_of_forms
from twin_laws import SGD_RATE
from twin_measures import LABELS, QUIET, Recorded
from twin_pictures import draw
from twin_tables import (
    BASE,
    of_law,
    table_of_checks,
    table_of_effects,
    table_of_kinds,
    table_of_laws,
    table_of_mixed,
    table_of_trainings,
)
from twin_training import CHECK_STEPS, LION_RATE, MIXED_BASE, MIXED_NAME, PLAN, rows_of

from gasfield.files import write_file

HEADING = "\n## Tables\n"


SHIPPED = Path(__file__).parent.parent.parent / "scenarios" / "recordings" / "kjv-bf16.h5"
"""A recording that keeps the exact field at some steps."""


def write_report(runs: Sequence[Recorded], docs: Path, *, complete: bool) -> None:
    """Tables to docs/twin.md, the picture to docs/figures."""
    page = docs / "twin.md"
    above = page.read_text(encoding="utf-8").partition(HEADING)[0] if page.exists() else "# The twin study\n"
    text = above + HEADING + "\n" + "\n\n".join(part.strip("\n") for part in _parts(runs, complete)) + "\n"
    write_file(page, text)
    draw(runs, docs / "figures" / "twin.png")


def _parts(runs: Sequence[Recorded], complete: bool) -> list[str]:
    count, dimensions = ROWS[1] - ROWS[0], PLAN.geometry.dimensions
    turns = dimensions * (dimensions - 1) / 2 / (count - 1) / dimensions
    parts = [
        "Made by `docs/studies/twin.py`."
        + ("" if complete else " **Some trainings were not there when this page was made.**"),
        "± is the standard error of the mean over seeds, each with weights and batches of its own; *in each* says that "
        "all seeds agree to the digits shown. ● stands where the 95% interval of a difference (Student's t; with three "
        f"seeds 4.3 standard errors) leaves 0 out. A cloud is {count} of the {PLAN.dead:,} dead rows, the same under "
        "every law. *Frozen*: no bit of the "
        f"row changes in the last {QUIET} steps; *half frozen*: the step in which half of the rows had moved for the "
        "last time, where half are frozen. *Unmoved a step*: mean over the last 50 steps. *Near a power of two*: at it "
        "or in the next cell, of the rows rounded to bfloat16; by chance (evenly spread logarithms) "
        f"{100 * NEAR_POWERS_BY_CHANCE:.1f}%. *Straightness*: distance of the last centroid from the first over its "
        "path between the steps of the survey.",
        "### The field away from the cloud",
        "Error of the gradient in the two forms that a recording of the field about the centroid has, beside the exact "
        f"field, for rows of the cloud shifted together along the force (`{SHIPPED.name}`).",
        table_of_forms(SHIPPED),
        "### What was trained",
        table_of_trainings(runs),
    ]
    for field, label in LABELS.items():
        if not (group := of_law(runs, field)):
            continue
        parts += [
            f"### Every law in the field of a training in {label}",
            "*Bytes*: of all that is kept for a weight from step to step, without its gradient. *Rows that differ*: "
            f"of {count} as they are, and as published in bfloat16. *Lost*: by how much rows went less far along the "
            "displacement that the same law makes without rounding; *from where it would be*: median distance from the "
            f"place without rounding. Lion has the learning rate {LION_RATE:g}, SGD (momentum .9) {SGD_RATE:g}.",
            table_of_laws(group),
        ]
    parts += [
        "### Kinds of motion",
        f"Shares, corrected for what a linear map fits to noise: in {count} rows about {100 * turns:.1f}% each of "
        "rotation and of shear, next to nothing of dilation. Translation as a share of all motion, the rest as shares "
        f"of the thermal motion (that about the centroid). Up to step {EARLY}, when no cloud has collapsed along an "
        "axis; and of the whole run, in which most have, so that rotation, dilation and shear cannot be told apart.",
    ]
    for field, label in LABELS.items():
        if group := of_law(runs, field):
            parts += [f"In the field of {label}:", table_of_kinds(group)]
    if of_law(runs, MIXED_NAME):
        parts += [
            "### Predictions and real trainings: other laws of dead rows alone",
            f"One training with {LABELS[MIXED_BASE]} a seed, in which each law moves {rows_of('bf16')[1]} of the dead "
            f"rows for {CHECK_STEPS} steps, by optimisers in PyTorch. Predicted from the recording of a training in "
            "which no row has another law.",
            table_of_mixed(runs),
        ]
    return [
        *parts,
        "### Predictions and real trainings: another law of all weights",
        f"From the recording of a training with {LABELS[BASE]}: what becomes of dead rows under another law, "
        "and what became of them when the whole model was trained under it, from the same weights on the same batches. "
        "The last column replays a training in its own field: what is off there is not due to another field.",
        table_of_checks(runs),
        "Contraction [points of per cent], from every field: how a law changes it in the field of another training, "
        "and what is due to the field that the law makes.",
        table_of_effects(runs),
    ]
