"""The tables of the precision study, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from precision_effects import (
    CAUSES,
    OverSeeds,
    collapsed,
    contraction,
    deepest_thaw,
    frozen,
    half_cell,
    standing,
    thawed,
)
from precision_kinds import KINDS, kinds_once
from precision_replays import CASES, Case, Cloud, kept_file, load, real, strength

from gasfield.trajectory import Trajectory

QUIET = (50, 250, 500, 1000)
"""W: a row counts as frozen if no bit of it changes in the last W steps."""
LONG_QUIET = 500
"""The W of the tables that have room for one."""
EARLY = 500
"""Where the shipped recordings end."""
LABELS = {"bf16": "bf16", "bf16-fp32state": "bf16, fp32 state", "fp32": "fp32"}
SHORT = {"bfloat16": "bf16", "float32": "fp32"}


@dataclass(frozen=True)
class Run:
    """A recorded training with its replays, which are read when they are asked for."""

    precision: str
    seed: int
    path: Path
    fingerprint: str
    _clouds: dict[Case, Cloud] = field(default_factory=dict, repr=False, compare=False)

    @property
    def label(self) -> str:
        """What tables call it."""
        return f"{LABELS[self.precision]}, seed {self.seed}"

    def replayed(self, case: Case) -> Cloud:
        """What became of its rows in a replay; kept, without the places of the rows."""
        if case not in self._clouds:
            cloud = load(kept_file(self.path, self.fingerprint, case))
            self._clouds[case] = {key: value for key, value in cloud.items() if key not in ("start", "end")}
        return self._clouds[case]

    @cached_property
    def real(self) -> Cloud:
        """What became of its rows in training."""
        return real(self.path)

    @cached_property
    def strength(self) -> NDArray[np.float64]:
        """(T,) |g(c)|, averaged over some steps."""
        with Trajectory(self.path) as opened:
            return strength(opened.affine_field())

    @cached_property
    def loss(self) -> float:
        """Mean of the last 50 steps."""
        with Trajectory(self.path) as opened:
            return float(opened.observable("loss").values[-50:].mean())

    def outcomes(self, measure: Callable[[Cloud], float]) -> dict[Case, float]:
        """A number of each replay."""
        return {case: measure(self.replayed(case)) for case in CASES}


def by_precision(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Runs of each precision of training, those without any left out."""
    there = {precision: [run for run in runs if run.precision == precision] for precision in LABELS}
    return {precision: found for precision, found in there.items() if found}


def over_seeds(runs: Iterable[Run], number: Callable[[Run], float]) -> OverSeeds:
    """A number of each of some runs."""
    return OverSeeds(tuple(number(run) for run in runs))


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def small(number: float) -> str:
    """A small number with two digits."""
    return f"{number:.1e}"


# The tables.


def table_of_runs(runs: Sequence[Run]) -> str:
    """What became of the rows in training."""
    head = ["run", f"radius at 0, {EARLY}, end", *(f"frozen, W = {quiet}" for quiet in QUIET)]
    head += [
        "unmoved a step",
        "stood for good by 500",
        "median last motion",
        "on a power of two",
        "coordinates collapsed",
        "mean v",
    ]
    head += [f"\\|g(c)\\| at {EARLY}, end", "loss"]
    rows = []
    for run in runs:
        cloud, last = run.real, run.real["last_motion"][-1]
        radius = ", ".join(f"{cloud['radius'][step]:.4f}" for step in (0, EARLY, -1))
        cells = [run.label, radius, *(f"{frozen(cloud, quiet):.1f}%" for quiet in QUIET)]
        cells += [f"{standing(cloud):.1f}%", f"{100 * np.mean(last <= EARLY):.1f}%", f"{np.median(last):.0f}"]
        cells += [f"{100 * cloud['on_powers'][-1]:.1f}%", str(collapsed(cloud)), small(cloud["second_moment"][-1])]
        rows.append([*cells, f"{small(run.strength[EARLY])}, {small(run.strength[-1])}", f"{run.loss:.3f}"])
    return markdown(head, rows)


def table_of_waiting(runs: Sequence[Run]) -> str:
    """Frozen by last motion, as a recording that ended earlier would have told it."""
    late = [at for at, step in enumerate(runs[0].real["survey"]) if step >= 450]
    head = ["run", "W", *(f"{runs[0].real['survey'][at]}" for at in late)]
    rows = []
    for run in runs:
        for quiet in QUIET:
            found = [frozen(run.real, quiet, at) for at in late]
            rows.append([run.label, str(quiet), *("" if np.isnan(one) else f"{one:.1f}%" for one in found)])
    return markdown(head, rows)


def table_of_thaws(runs: Sequence[Run]) -> str:
    """Whether rows that stood still moved again."""
    head = ["run", "unmoved a step falls from (steps)", "to (steps)"]
    head += [f"still for {quiet}, of those moved again" for quiet in QUIET]
    rows = []
    for run in runs:
        top, high, bottom, low = deepest_thaw(run.real["unmoved"])
        cells = [run.label, f"{high:.1f}% ({top - 49} to {top})", f"{low:.1f}% ({bottom - 49} to {bottom})"]
        for quiet in QUIET:
            still, again = thawed(run.real, quiet)
            cells.append(f"{still:.1f}%, {again:.1f}%")
        rows.append(cells)
    return markdown(head, rows)


def table_of_hindcasts(runs: Sequence[Run]) -> str:
    """The replay that does as the training did, against the training."""
    head = ["run", "radius at the end: real, replay", "error of the contraction"]
    head += [f"frozen, W = {LONG_QUIET}: real, replay", "median last motion: real, replay", "rows end apart"]
    rows = []
    for run in runs:
        mine, theirs = load(kept_file(run.path, run.fingerprint, Case.as_trained(run.precision))), run.real
        fell = theirs["radius"][0] - theirs["radius"][-1]
        error = (mine["radius"][-1] - theirs["radius"][-1]) / fell
        apart, moved = (
            np.linalg.norm(theirs["end"] - other, axis=1).mean() for other in (mine["end"], theirs["start"])
        )
        median = ", ".join(f"{np.median(cloud['last_motion'][-1]):.0f}" for cloud in (theirs, mine))
        cells = [run.label, f"{theirs['radius'][-1]:.5f}, {mine['radius'][-1]:.5f}", f"{100 * abs(error):.2f}%"]
        cells += [f"{frozen(theirs, LONG_QUIET):.1f}%, {frozen(mine, LONG_QUIET):.1f}%", median]
        rows.append([*cells, f"{apart:.4f} of {moved:.3f}"])
    return markdown(head, rows)


def case_cells(case: Case) -> list[str]:
    """Weights, m, v and what else is special about a replay."""
    special = ["each operation" if case.each_operation else "", "field held" if case.held else ""]
    return [SHORT[case.weights], SHORT[case.first], SHORT[case.second], ", ".join(filter(None, special))]


def table_of_replays(runs: Sequence[Run]) -> str:
    """All replays, means over seeds."""
    head = ["field of", "weights", "m", "v", "", "contraction [%]", f"radius at {EARLY}", "radius at the end"]
    head += [*(f"frozen, W = {quiet} [%]" for quiet in QUIET), "median last motion", "unmoved a step [%]"]
    head += ["on a power of two [%]", "mean v", "median update"]
    rows = []
    for precision, group in by_precision(runs).items():
        for case in CASES:

            def mean(number: Callable[[Cloud], float], digits: int, group: list[Run] = group, case: Case = case) -> str:
                return over_seeds(group, lambda run: number(run.replayed(case))).text(digits, effect=False)

            def level(name: str, group: list[Run] = group, case: Case = case) -> str:
                return small(over_seeds(group, lambda run: float(run.replayed(case)[name][-1])).mean)

            cells = [mean(contraction, 1)]
            cells += [mean(lambda c: float(c["radius"][EARLY]), 4), mean(lambda c: float(c["radius"][-1]), 4)]
            cells += [mean(partial(frozen, quiet=quiet), 1) for quiet in QUIET]
            cells += [mean(lambda c: float(np.median(c["last_motion"][-1])), 0), mean(standing, 1)]
            cells += [mean(lambda c: 100 * float(c["on_powers"][-1]), 1), level("second_moment"), level("update")]
            rows.append([LABELS[precision], *case_cells(case), *cells])
    return markdown(head, rows)


def table_of_effects(
    runs: Sequence[Run], measure: Callable[[Cloud], float], causes: Iterable[str] = tuple(CAUSES)
) -> str:
    """What each cause changes, in fields of each precision."""
    groups = by_precision(runs)
    head = ["cause", *(f"field of {LABELS[precision]}" for precision in groups)]
    found = [(run, run.outcomes(measure)) for run in runs]
    rows = []
    for cause in causes:
        cells, effect = [], CAUSES[cause]
        for precision in groups:
            values = tuple(effect(numbers) for run, numbers in found if run.precision == precision)
            cells.append(OverSeeds(values).text())
        rows.append([cause, *cells])
    return markdown(head, rows)


def table_of_race(runs: Sequence[Run]) -> str:
    """How far field, second moment and update fell, on bfloat16 weights with m in float32."""
    at = int(np.searchsorted(runs[0].real["survey"], EARLY, "right")) - 1
    step = int(runs[0].real["survey"][at])
    head = ["field of", "v", f"\\|g(c)\\|, end / step {step}", f"root of mean v, end / step {step}"]
    head += [
        f"median update at {step}",
        "median update at the end",
        "half a cell at the end",
        f"frozen, W = {LONG_QUIET} [%]",
    ]
    rows = []
    for precision, group in by_precision(runs).items():
        for second in ("bfloat16", "float32"):
            case = Case("bfloat16", "float32", second)
            clouds = [run.replayed(case) for run in group]
            ends = [load(kept_file(run.path, run.fingerprint, case))["end"] for run in group]
            fading = OverSeeds(tuple(float(run.strength[-1] / run.strength[step]) for run in group))
            decay = OverSeeds(tuple(float(np.sqrt(c["second_moment"][-1] / c["second_moment"][at])) for c in clouds))
            early, late = (small(OverSeeds(tuple(float(c["update"][i]) for c in clouds)).mean) for i in (at, -1))
            cell = small(OverSeeds(tuple(half_cell(end) for end in ends)).mean)
            still = OverSeeds(tuple(frozen(c, LONG_QUIET) for c in clouds)).text(effect=False)
            cells = [fading.text(3, effect=False), decay.text(3, effect=False), early, late, cell, still]
            rows.append([LABELS[precision], SHORT[second], *cells])
    return markdown(head, rows)


def table_of_contrasts(runs: Sequence[Run], sides: dict[str, Callable[[Run], Cloud]]) -> str:
    """Differences between fields (or trainings) of different precision, paired by seed."""
    pairs = [
        pair
        for pair in (("bf16", "bf16-fp32state"), ("bf16-fp32state", "fp32"))
        if set(pair) <= by_precision(runs).keys()
    ]
    head = ["rows moved", "", *(f"{LABELS[one]} less {LABELS[other]}" for one, other in pairs)]
    measures: dict[str, Callable[[Cloud], float]] = {"contraction": contraction}
    measures |= {f"frozen, W = {quiet}": partial(frozen, quiet=quiet) for quiet in QUIET} | {"unmoved a step": standing}
    at = {(run.precision, run.seed): run for run in runs}
    rows = []
    for name, cloud in sides.items():
        for what, measure in measures.items():
            cells = []
            for one, other in pairs:
                seeds = [run.seed for run in runs if run.precision == one and (other, run.seed) in at]
                found = [measure(cloud(at[one, seed])) - measure(cloud(at[other, seed])) for seed in seeds]
                cells.append(OverSeeds(tuple(found)).text() if found else "")
            rows.append([name, what, *cells])
    return markdown(head, rows)


def in_training(run: Run) -> Cloud:
    """The real rows of a run."""
    return run.real


def as_if(precision: str) -> Callable[[Run], Cloud]:
    """The rows of a run, replayed in its field with the rounding of another training."""
    return lambda run: run.replayed(Case.as_trained(precision))


def determined(values: Sequence[float]) -> str:
    """The mean of those that are not NaN, and how many they are where some are."""
    there = tuple(value for value in values if not np.isnan(value))
    if not there:
        return "–"
    return OverSeeds(there).text(effect=False) + (
        "" if len(there) == len(values) else f" ({len(there)} of {len(values)})"
    )


def table_of_kinds(runs: Sequence[Run]) -> str:
    """Kinds of motion from the first step to the last."""
    head = ["field of", "rows moved", "translation [%]", *(f"{kind} [%]" for kind in KINDS[1:])]
    head.insert(3, "all linear [%]")
    rows = []
    cases = {"all in bf16": Case.as_trained("bf16"), "all in fp32": Case.as_trained("fp32")}
    sides: dict[str, Case | None] = {"in training": None} | {f"replay, {name}": case for name, case in cases.items()}
    for precision, group in by_precision(runs).items():
        for name, case in sides.items():
            found = [kinds_once(run.path, run.fingerprint, case) for run in group]
            shares = [[100 * float(one[place]) for one in found] for place in range(len(KINDS))]
            linear = [100 - sum(rest) for rest in zip(*shares[4:], strict=True)]
            rows.append([LABELS[precision], name, *(determined(one) for one in (shares[0], linear, *shares[1:]))])
    return markdown(head, rows)
