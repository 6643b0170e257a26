"""Of what kinds of motion is the early burst of dead tokens made, in training and in the recorded field?

Every dead row of the three shipped recordings, and its simulated twin in the recorded affine field, is taken apart into
translation, rotation, dilation, shear, breathing, convection and residual. Two more runs move the same rows in the same
field, by AdamW with the other rounding of weights and by plain gradient descent, to see what is the field's doing, what
the optimiser's and what that of rounding. Writes docs/studies/motion.md and docs/figures/kinds-of-motion.png. Run by
`make study`; about five minutes.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

import gasfield
from gasfield.diagnostics.grouping import group_of, survey_of
from gasfield.diagnostics.kinematics.motion import Motion, MotionResult
from gasfield.plots.kinds import COLOURS
from gasfield.plots.style import dress, headline, new_figure
from gasfield.statistics.motion_decomposition import KINDS
from gasfield.trajectory import Trajectory

ROOT = Path(__file__).parent.parent.parent
RECORDINGS = ROOT / "scenarios" / "recordings"
NAMES = {"kjv-bf16": "bf16", "kjv-bf16-fp32state": "bf16, fp32 state", "kjv-fp32": "fp32"}
ADAMW = "{{kind: adamw, learning_rate: 1.0e-3, parameters: {}, state: {}}}"
AS_TRAINED = {
    "kjv-bf16": ADAMW.format("bfloat16", "bfloat16"),
    "kjv-bf16-fp32state": ADAMW.format("bfloat16", "float32"),
    "kjv-fp32": ADAMW.format("float32", "float32"),
}
ALL_FLOAT32, ALL_BFLOAT16 = ADAMW.format("float32", "float32"), ADAMW.format("bfloat16", "bfloat16")
DESCENT = "{kind: sgd, learning_rate: 20.0, weight_dtype: float32}"
"""Gradient descent that takes the cloud about as far as AdamW did."""


def simulated(recording: Path, dynamics: str, folder: Path) -> Path:
    """The trajectory of all dead rows and the lattice in the field of a recording."""
    settings = [
        f"gas.0.from.file={recording}",
        f"gas.1.from.file={recording}",
        f"forces.0.file={recording}",
        f"dynamics={dynamics}",
        "diagnostics=[cloud]",
        "compare=null",
    ]
    result = gasfield.run("lattice-in-the-early-burst", overrides=settings, output=folder)
    return result.directory / "trajectory.h5"


def decomposed(path: Path, steps: NDArray[np.int64]) -> dict[str, MotionResult]:
    """Motion of all dead rows at the steps of the survey, and of the lattice at all."""
    with Trajectory(path) as opened:
        everyone = survey_of(opened)
        if everyone is None:
            frames = np.flatnonzero(np.isin(opened.steps, steps))
            everyone = group_of(opened, "survey", frames=frames)
        return {"survey": Motion().compute(everyone), "lattice": Motion().compute(group_of(opened, "lattice"))}


def line(label: str, side: str, result: MotionResult) -> str:
    """A row of the table: shares in per cent with errors, corrected for noise."""
    found = result.quantities()
    cells = [found["motion.translation.corrected"], *(found[f"motion.thermal.{k}.corrected"] for k in KINDS[1:])]
    return f"| {label} | {side} | " + " | ".join(cell.text() for cell in cells) + " |"


def null(label: str, result: MotionResult) -> str:
    """A row of the table: what permuted displacements give."""
    found = result.quantities()
    cells = [
        found["motion.translation.permutation_null"],
        *(found[f"motion.thermal.{kind}.permutation_null"] for kind in KINDS[1:]),
    ]
    return f"| {label} | *null* | " + " | ".join(f"*{cell.text()}*" for cell in cells) + " |"


def main() -> None:
    """Decomposes, writes the table and draws."""
    head = ["| recording | | translation | rotation | dilation | shear | breathing | convection | residual |"]
    head += ["|---" * 9 + "|"]
    tables: dict[str, list[str]] = {"survey": list(head), "lattice": list(head)}
    bands: list[tuple[str, MotionResult]] = []
    notes: list[str] = []
    with TemporaryDirectory() as folder:
        for name, label in NAMES.items():
            recording = RECORDINGS / f"{name}.h5"
            with Trajectory(recording) as opened:
                steps = opened.survey().steps
            other = ALL_BFLOAT16 if name == "kjv-fp32" else ALL_FLOAT32
            laws = {
                "AdamW": AS_TRAINED[name],
                f"AdamW in {'bf16' if other == ALL_BFLOAT16 else 'fp32'}": other,
                "gradient descent": DESCENT,
            }
            sides = {"real": recording}
            for number, (side, law) in enumerate(laws.items()):
                sides[side] = simulated(recording, law, Path(folder) / f"{name}-{number}")
            for side, path in sides.items():
                found = decomposed(path, steps)
                for group, result in found.items():
                    tables[group].append(line(label, side, result))
                    notes += [f"{label}, {side}, {group}: {note}" for note in result.notes]
                    if side == "real":
                        tables[group].append(null(label, result))
                bands.append((f"{label}: {side}", found["survey"]))
                print(tables["survey"][-1], flush=True)
    draw(bands, ROOT / "docs" / "figures" / "kinds-of-motion.png")
    text = (
        "# Kinds of motion in three trainings\n\n"
        "Share of translation in all motion, and shares of the rest in the thermal motion, from step 0 to step 500.\n\n"
    )
    text += (
        "## All dead rows\n\n" + "\n".join(tables["survey"]) + "\n\n## The lattice\n\n" + "\n".join(tables["lattice"])
    )
    text += "\n\n" + "\n".join(f"* {note}" for note in notes) + "\n"
    (ROOT / "docs" / "studies" / "motion.md").write_text(text, encoding="utf-8")


def draw(bands: list[tuple[str, MotionResult]], path: Path) -> None:
    """Thermal shares of all dead rows over the logarithm of the step; a row of panels for each recording."""
    figure = new_figure(14, 8.2)
    panels = figure.subplots(3, 4, sharex=True, sharey=True)
    for (title, result), ax in zip(bands, panels.ravel(), strict=True):
        shares = result.cumulated_thermal.T
        ax.stackplot(result.steps, np.maximum(shares, 0), colors=COLOURS[1:], labels=KINDS[1:], linewidth=0)
        ax.stackplot(result.steps, np.minimum(shares, 0), colors=COLOURS[1:], linewidth=0)
        ax.set_xscale("log")
        ax.set_xlim(1, 500)
        ax.set_ylim(-0.15, 1.15)
        dress(ax, title, "", "")
    for ax in panels[-1]:
        ax.set_xlabel("training step")
    for ax in panels[:, 0]:
        ax.set_ylabel("share of the thermal motion")
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles[::-1], names[::-1], loc="outside right center", fontsize=10, frameon=False)
    headline(figure, "What dead rows do besides drifting together, since the start")
    figure.savefig(path)


if __name__ == "__main__":
    main()
