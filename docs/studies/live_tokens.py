"""When is a rare token dead enough to be a tracer?

The tiny model is trained in float32 on the shipped text, in two sizes and with several seeds. Live rows of all
frequencies are followed, and their gradients kept in parts (outputs/live-tokens; once). Each row is then simulated
again from its first place: in the field alone, as if its token never occurred, and with its recorded pull and input
side; in the exact field and in the affine one. The error of its displacement is held against how often the token has
occurred by then. Writes docs/studies/live-tokens.md and docs/figures/live-tokens.png. Run by `make live-tokens`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray

import gasfield
from gasfield.diagnostics.fields.live_work import KINDS, LiveWork
from gasfield.diagnostics.grouping import group_of
from gasfield.hindcasting import plan_hindcast
from gasfield.plots.style import INITIAL, SERIES, dress, headline, legend, new_figure
from gasfield.recording.plan import Geometry, RecordingPlan, TrainingPlan
from gasfield.recording.record import record
from gasfield.simulation import Simulation
from gasfield.statistics.estimate import mean, median
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


PLAN = TrainingPlan(precision="fp32", steps=300, batch=16, dead=1000, geometry=SMALL)
SIZES = (
    Size("small batches", PLAN, 400, 5),
    Size("large batches", PLAN.model_copy(update={"batch": 128, "steps": 120}), 400, 3),
    Size("larger model", TrainingPlan(precision="fp32"), 300, 1),
)
VARIANTS: dict[str, tuple[Literal["affine", "full"], bool, bool]] = {
    "alone, full": ("full", False, True),
    "alone, full, Z as it was": ("full", False, False),
    "alone, affine": ("affine", False, False),
    "pulled, full": ("full", True, True),
    "pulled, affine": ("affine", True, False),
}
"""Form of the field, whether the recorded pull acts, whether the row's own term of Z is where the row is."""


def recording(size: Size, seed: int) -> Path:
    """Trains, unless it was done before."""
    path = FOLDER / f"{size.name.replace(' ', '-')}-{seed}.h5"
    if not path.exists():
        draft = path.with_suffix(".part.h5")
        draft.parent.mkdir(parents=True, exist_ok=True)
        rows = RecordingPlan(live_rows=size.rows, dead_rows=size.rows // 5, field="full", parts=True, hidden_bits=23)
        record(size.plan.model_copy(update={"seed": seed}), rows, draft, overwrite=True)
        draft.replace(path)
    return path


def simulated(training: Trajectory, variant: str, looks: list[int]) -> Values:
    """(K, n, D) where the live rows are at some steps."""
    form, pull, own = VARIANTS[variant]
    plan = plan_hindcast(training, rows=["live"], field=form, pull=pull)
    forces = tuple(force for force in plan.scenario.forces if own or force.kind != "recorded_own_term")
    with Simulation.from_scenario(plan.scenario.model_copy(update={"forces": forces})) as simulation:
        return np.array([simulation.step(step - simulation.gas.step).gas.positions.copy() for step in looks])


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


def sums_of_parts(training: Trajectory) -> dict[str, Values]:
    """(S,) how far the parts are from the gradient in the worst row of a step: of it, and of the sizes of the parts."""
    whole = training.live_gradients().values.astype(np.float64)
    parts = [training.live_part(name).values.astype(np.float64) for name in ("push", "pull", "input")]
    off = np.linalg.norm(parts[0] + parts[1] + parts[2] - whole, axis=2)
    sizes = sum(np.linalg.norm(part, axis=2) for part in parts)
    return {"parts": (off / np.linalg.norm(whole, axis=2)).max(axis=1), "rounding": (off / sizes).max(axis=1)}


def measured(size: Size, seed: int) -> dict[str, Values]:
    """Counts and errors of one training; kept."""
    path = FOLDER / f"{size.name.replace(' ', '-')}-{seed}.npz"
    if not path.exists():
        with gasfield.open(recording(size, seed)) as training:
            at, rows = np.array(size.looks), training.members("live")
            counts = {name: np.cumsum(training.live_count(name).values, axis=0) for name in ("targets", "inputs")}
            found = {name: each[at - 1] for name, each in counts.items()} | sums_of_parts(training)
            found["push"] = push_errors(training)
            real = np.array([training.frame(step)[rows] for step in (0, *size.looks)], np.float64)
            way = np.linalg.norm(real[1:] - real[0], axis=2)
            ends = {variant: simulated(training, variant, size.looks) for variant in VARIANTS}
            found |= {name: np.linalg.norm(end - real[1:], axis=2) / way for name, end in ends.items()}
            apart = ends["alone, full"] - ends["alone, full, Z as it was"]
            found["own"] = np.linalg.norm(apart, axis=2) / way
        np.savez_compressed(path, **found)
        print(size.name, seed, {name: float(np.median(each)) for name, each in found.items()}, flush=True)
    with np.load(path) as kept:
        return dict(kept)


PREAMBLE = """# When is a rare token dead enough?

Made by `make live-tokens`; what it means is in [hindcasts](../hindcast.md#live-rows).

Each live row is simulated again from its first place. Error: distance from where the training took it, over the
distance that it went, median over the rows that occurred so often by the end; mean over seeds, with its standard
error. `own term of Z`: how far apart rows in the exact field alone are with the row's own term of each Z where the row
is, and where it was, over the same distance. `affine push`: error of the affine field against the push, where the rows
were.
"""
LAGS = (-5, 0, 1, 3, 10, 30, 100)
"""Steps after an occurrence."""
LEAST = 20
"""Rows whose steps are looked at, at least."""
CLASSES = ((0, 0), (1, 1), (2, 2), (3, 3), (4, 7), (8, 15), (16, 63), (64, 255), (256, 10**9))
"""Numbers of occurrences, first and last."""
TOLERANCES = (0.1, 0.5)


@dataclass(frozen=True)
class Trials:
    """All trainings of one size.

    Attributes:
        size: of what.
        found: what was measured, training by training.
    """

    size: Size
    found: list[dict[str, Values]]

    def of_class(self, key: str, first: int, last: int, look: int = -1) -> Values:
        """(seeds,) the median over the rows of a class; NaN where it has fewer than three."""
        return np.array([_median(each, key, first, last, look) for each in self.found])

    def rows(self, first: int, last: int, look: int = -1) -> int:
        """How many rows of all seeds belong to a class."""
        return sum(int(np.sum(_within(each, first, last, look))) for each in self.found)

    def threshold(self, tolerance: float, look: int) -> Values:
        """(seeds,) the number of occurrences at which the median error in the exact field alone passes a tolerance,
        interpolated between classes in logarithms; below 1 where one occurrence is too much: 0 then."""
        return np.array([_crossing(each, tolerance, look) for each in self.found])


def _within(found: dict[str, Values], first: int, last: int, look: int) -> NDArray[np.bool_]:
    """(n,) which rows occurred so often by a look: as targets, or as inputs if that is more."""
    count = np.maximum(found["targets"][look], found["inputs"][look])
    return np.asarray((count >= first) & (count <= last))


def _median(found: dict[str, Values], key: str, first: int, last: int, look: int) -> float:
    own = (found[key] if found[key].ndim == 1 else found[key][look])[_within(found, first, last, look)]
    return float(np.median(own)) if len(own) >= 3 else np.nan


def _crossing(found: dict[str, Values], tolerance: float, look: int) -> float:
    """Of one training."""
    before = (0.0, 0.0)
    for first, last in CLASSES[1:]:
        error = _median(found, "alone, full", first, last, look)
        if np.isnan(error):
            continue
        at = np.sqrt(first * min(last, 4 * first))
        if error > tolerance:
            if not before[0]:
                return 0.0
            part = np.log(tolerance / before[1]) / np.log(error / before[1])
            return float(before[0] * (at / before[0]) ** part)
        before = (at, error)
    return np.inf


def text_of(values: Values) -> str:
    """Mean over seeds, with its standard error in brackets."""
    known = values[np.isfinite(values)]
    return mean(known, "1").quantity().text() if len(known) else "–"


def table(trials: Trials) -> list[str]:
    """Errors by number of occurrences at the end."""
    lines = [
        "| occurrences | rows | exact field alone | affine field alone | exact, with pull | affine, with pull "
        "| affine push | own term of Z |",
        "|---" * 8 + "|",
    ]
    for first, last in CLASSES:
        columns = ("alone, full", "alone, affine", "pulled, full", "pulled, affine", "push", "own")
        values = [text_of(trials.of_class(key, first, last)) for key in columns]
        lines.append(f"| {words(first, last)} | {trials.rows(first, last)} | {' | '.join(values)} |")
    return lines


def words(first: int, last: int) -> str:
    """A class in words."""
    return str(first) if first == last else f"{first} to {last}" if last < 10**9 else f"{first} and more"


def over_time(every: list[Trials]) -> list[str]:
    """The error after one occurrence, and how many are too many, step by step."""
    lines = [
        "| training | step | after 1 occurrence | after 2 | after 3 | passes 10% at | passes 50% at |",
        "|---" * 7 + "|",
    ]
    for trials in every:
        for look, step in enumerate(trials.size.looks):
            errors = [text_of(trials.of_class("alone, full", count, count, look)) for count in (1, 2, 3)]
            limits = [trials.threshold(tolerance, look) for tolerance in TOLERANCES]
            passed = [f"{text_of(limit)}" if np.all(limit > 0) else "1 or less" for limit in limits]
            lines.append(f"| {trials.size.name} | {step} | {' | '.join(errors)} | {' | '.join(passed)} |")
    return lines


def draw(every: list[Trials], path: Path) -> None:
    """Errors against the number of occurrences: by what acts, by training, and by step."""
    figure = new_figure(13.5, 4.4)
    forces, trainings, steps = figure.subplots(1, 3)
    shown = {
        "field alone": "alone, full", "with the pull, affine field": "pulled, affine",
        "with the pull, exact field": "pulled, full",
    }  # fmt: skip
    for (label, key), colour in zip(shown.items(), SERIES, strict=False):
        curve(forces, every[0], key, -1, colour, label)
    dress(forces, f"By what acts ({every[0].size.name}, step {every[0].size.looks[-1]})", "occurrences so far", "")
    for trials, colour in zip(every, SERIES, strict=False):
        curve(trainings, trials, "alone, full", -1, colour, f"{trials.size.name}, step {trials.size.looks[-1]}", 1)
    dress(trainings, "Field alone, by training", "occurrences so far", "")
    for look, (step, colour) in enumerate(zip(every[0].size.looks, SERIES, strict=False)):
        curve(steps, every[0], "alone, full", look, colour, f"step {step}", 1)
    dress(steps, f"Field alone, by step ({every[0].size.name})", "occurrences so far", "")
    for panel in (forces, trainings, steps):
        panel.set_xscale("symlog", linthresh=1.0, linscale=0.4)
        panel.set_yscale("log")
        panel.set_xticks([0, 1, 10, 100, 1000], ["0", "1", "10", "100", "1000"])
        panel.axhline(0.1, color=INITIAL, linestyle=":", linewidth=1)
        legend(panel, loc="center right" if panel is forces else "lower right")
    for panel in (trainings, steps):  # 0 occurrences: 1e-7, in the first panel
        panel.set_xlim(0.8, 1000)
        panel.set_ylim(0.02, 20)
    forces.set_ylabel("error / displacement, median of rows", fontsize=10)
    headline(figure, "How wrong a live row is simulated, by how often its token has occurred")
    figure.savefig(path)


def curve(panel: Axes, trials: Trials, key: str, look: int, colour: str, label: str, least: int = 0) -> None:
    """Means over seeds, with standard errors where there are several, from a number of occurrences on."""
    at, middle, error = [], [], []
    for first, last in CLASSES:
        values = trials.of_class(key, first, last, look)
        known = values[np.isfinite(values)]
        if len(known) and first >= least:
            at.append(np.sqrt(first * min(last, 4 * first)))
            middle.append(known.mean())
            error.append(known.std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else 0.0)
    panel.errorbar(at, middle, error, fmt="o-", color=colour, markersize=4, linewidth=1.4, label=label)


def work(size: Size) -> list[str]:
    """Work of the parts by number of occurrences, means over seeds; and the picture of the first seed."""
    found: dict[str, dict[str, list[float]]] = {}
    for seed in range(1, size.seeds + 1):
        with gasfield.open(recording(size, seed)) as training:
            result = LiveWork().compute(group_of(training, "live"))
        for each in result.classes:
            for key in ("rows", "work", *KINDS):
                value = float(result.estimates[f"live_work.{each.name}.{key}"].value)
                found.setdefault(each.name, {}).setdefault(key, []).append(value)
        if seed == 1:
            savefig(result.plot(), ROOT / "docs" / "figures" / "live-work.png")
    lines = ["| occurrences | rows | work on a row [loss] | push | pull | input side | residual |", "|---" * 7 + "|"]
    for name, own in found.items():
        cells = [text_of(np.array(own[key])) for key in ("work", "push", "pull", "input")]
        rest = max(abs(value) for value in own["residual"])
        lines.append(f"| {name.replace('-', ' to ')} | {sum(own['rows']):.0f} | {' | '.join(cells)} | {rest:.0e} |")
    return lines


def savefig(ax: Axes, path: Path) -> None:
    """Writes the figure of a panel."""
    ax.figure.savefig(path)


def aftermath(size: Size) -> list[str]:
    """What one occurrence does to a row that had none before and has none after."""
    pulls, lengths = [], []
    for seed in range(1, size.seeds + 1):
        with gasfield.open(recording(size, seed)) as training:
            count = training.live_count("targets").values
            push, pull = (np.linalg.norm(training.live_part(name).values, axis=2) for name in ("push", "pull"))
            places = training.positions(training.members("live")).astype(np.float64)
        step = np.linalg.norm(np.diff(places, axis=0), axis=2)
        usual = np.median(step[:, count.sum(axis=0) == 0], axis=1)
        for row in np.flatnonzero(count.sum(axis=0) == 1):
            at = int(count[:, row].argmax())
            pulls.append(pull[at, row] / push[at, row])
            if LAGS[0] <= -at or at + LAGS[-1] >= size.plan.steps:
                continue
            lengths.append([step[at + lag, row] / usual[at + lag] for lag in LAGS])
    found = [
        f"{size.name}: the pull of one occurrence is {median(pulls, '1').quantity().text()} times the push of its step "
        f"({len(pulls)} rows with one occurrence as a target)."
    ]
    if len(lengths) < LEAST:
        return [*found, ""]
    cells = [median(each, "1").quantity().text() for each in zip(*lengths, strict=True)]
    return [
        f"{found[0]} Length of the steps around it, over those of tokens that never occur "
        f"(medians, {len(lengths)} rows):",
        "",
        f"| steps after | {' | '.join(map(str, LAGS))} |",
        "|---" * (len(LAGS) + 1) + "|",
        f"| length | {' | '.join(cells)} |",
        "",
    ]


def page(every: list[Trials]) -> str:
    """The page."""
    lines = [PREAMBLE]
    for trials in every:
        plan, parts = trials.size.plan, np.array([float(each["parts"].max()) for each in trials.found])
        rounding = max(float(each["rounding"].max()) for each in trials.found)
        middle = float(np.median([np.median(each["parts"]) for each in trials.found]))
        positions, seeds = plan.batch * plan.geometry.sequence, len(trials.found)
        lines += [
            f"## {trials.size.name}",
            "",
            f"V = {plan.geometry.vocabulary:,}, D = {plan.geometry.dimensions}, {positions:,} positions a step, "
            f"{plan.steps} steps, {seeds} seed{'s' * (seeds > 1)}, {trials.size.rows} live rows in each. Parts against "
            f"the gradient, worst row of a step: {middle:.1e} of it (median), {parts.max():.1e} at most; of the sizes "
            f"of the parts {rounding:.1e} at most.",
            "",
            *table(trials),
            "",
        ]
    lines += ["## Over the training, in the exact field alone", "", *over_time(every), ""]
    lines += ["## One occurrence", "", *(line for trials in every for line in aftermath(trials.size))]
    lines += [f"## Work of the parts ({every[0].size.name})", "", *work(every[0].size), ""]
    return "\n".join(lines)


def main() -> None:
    """Trains what is missing, measures, writes."""
    every = [Trials(size, [measured(size, seed) for seed in range(1, size.seeds + 1)]) for size in SIZES]
    (ROOT / "docs" / "studies" / "live-tokens.md").write_text(page(every), encoding="utf-8")
    draw(every, ROOT / "docs" / "figures" / "live-tokens.png")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
