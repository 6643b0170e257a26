"""What is made of a trajectory after a run: diagnostics, comparison, summary and pictures. All can be made again."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from gasfield.comparison import Comparison, compare
from gasfield.diagnostics import Diagnosis, Headline, RunContext, diagnose
from gasfield.errors import InputError, Note
from gasfield.files import make_folder, remove, write_json
from gasfield.names import picture_name
from gasfield.profiling import PICTURE, Profile
from gasfield.quantity import Quantity
from gasfield.resources import ARRAYS, TRAJECTORY
from gasfield.runs.directory import PLOTS, erase_pictures
from gasfield.runs.former import FILES, SUMMARY
from gasfield.runs.manifest import Manifest
from gasfield.runs.stages import Stages
from gasfield.scenario import Scenario
from gasfield.shown import Shown
from gasfield.trajectory import Checkpoint, Trajectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

Pictures = Literal["headline", "all", "none"]
"""Which pictures of a run are drawn: those of the diagnostics that give its headline, all, or none."""


def require_pictures(pictures: str) -> None:
    """Checks which pictures are asked for.

    Raises:
        InputError: if that is none of `Pictures`.
    """
    if pictures not in get_args(Pictures):
        raise InputError(f"is one of {', '.join(get_args(Pictures))}.", parameter="pictures", value=pictures)


@dataclass(frozen=True)
class RunResult(Shown):
    """What a run has produced.

    Attributes:
        directory: holds scenario.yaml, run.json, trajectory.h5, the last checkpoint, summary.json, plots/,
            and arrays.h5 where diagnostics have arrays.
        diagnosis: the diagnostics of the simulated trajectory.
        question: of the scenario.
        headline: the results that answer it.
        comparison: with the trajectory named under `compare`, if any.
        seconds: wall time of the simulation itself.
        plots: the pictures.
        profile: where the time went, if that was measured.
    """

    directory: Path
    diagnosis: Diagnosis
    question: str
    headline: Headline
    comparison: Comparison | None
    seconds: float
    plots: list[Path]
    profile: Profile | None = None

    @property
    def shown_title(self) -> str:
        """Its question, and where it is."""
        return f"{self.question or 'Run'} ({self.directory})"

    def shown_numbers(self) -> dict[str, Quantity]:
        """The results that answer the question."""
        if self.comparison is None:
            return self.headline.numbers()
        return self.comparison.shown_numbers() | self.headline.of_groups(self.uncompared).numbers()

    @property
    def uncompared(self) -> tuple[str, ...]:
        """Groups that the trajectory under `compare` does not have; none if there is no comparison."""
        return _uncompared(self.diagnosis, self.comparison)

    @property
    def summary(self) -> dict[str, Any]:
        """summary.json."""
        data: dict[str, Any] = json.loads((self.directory / SUMMARY).read_text(encoding="utf-8"))
        return data

    def open(self) -> Trajectory:
        """The simulated trajectory."""
        return Trajectory(self.directory / TRAJECTORY)


def sum_up(
    scenario: Scenario,
    directory: Path,
    manifest: Manifest,
    reference: Trajectory | None,
    stage: Callable[[str], None] | None = None,
    *,
    pictures: Pictures = "headline",
) -> RunResult:
    """Makes all results of a trajectory that is complete. What fails is left out, and named in `left_out` or a note.
    `stage` is called with what comes next; `pictures` says which are drawn.

    Raises:
        InputError: if the comparison is impossible; everything else is there then.
        WriteError: if a file cannot be written; `resume` makes the results again.
    """
    with Trajectory(directory / TRAJECTORY) as trajectory:
        freedom = trajectory.attributes.get("degrees_of_freedom")
        context = RunContext.of(scenario, None if freedom is None else int(freedom), last=int(trajectory.steps[-1]))
        stages = Stages(stage)
        diagnosis = diagnose(trajectory, scenario.diagnostics, context=context, keep_going=True, stage=stages.begin)
        stages.end()
        if scenario.diagnostics is None:
            stages.note_slow(manifest.seconds)
        comparison, fault = _compare(reference, trajectory)
        run = {
            "steps": Quantity(scenario.run.steps, "steps").leaf(),
            "particles": Quantity(trajectory.count, "1").leaf(),
            "seconds": Quantity(manifest.seconds, "s").leaf(),
        }
        headline = diagnosis.headline(scenario.headline)
        summary = {
            "title": scenario.title,
            "question": scenario.question,
            "headline": list(headline.keys),
            "run": run,
            **diagnosis.as_json(),
        }
        if comparison is not None:
            summary["comparison"] = comparison.as_json()
        write_json(directory / SUMMARY, summary)
        if not diagnosis.write_arrays(directory / ARRAYS):
            remove(directory / ARRAYS)
        figures = _figures(trajectory, context, diagnosis, headline, comparison, pictures)
        names = tuple(map(picture_name, figures))
        erase_pictures(directory, tuple(name for name in manifest.pictures if name not in names))
        manifest = manifest.write(directory, pictures=names)
        drawn: list[Path] = []
        if figures:
            from gasfield.plots.style import save_all

            drawn = save_all(_announced(figures, stage), make_folder(directory / PLOTS), _note_missing)
    remove(directory / FILES)
    Checkpoint.keep_newest(directory)
    manifest.write(directory, finished=True)
    if fault is not None:
        raise InputError(f"{fault} The run itself is kept in {directory}.") from None
    return RunResult(directory, diagnosis, scenario.question, headline, comparison, manifest.seconds, drawn)


def _figures(
    trajectory: Trajectory,
    context: RunContext,
    diagnosis: Diagnosis,
    headline: Headline,
    comparison: Comparison | None,
    pictures: Pictures,
) -> dict[str, Callable[[], Figure | SubFigure]]:
    """The pictures to draw: the gas itself, then those of the comparison, if there is one, and of the diagnostics of
    the groups that are not compared."""
    if pictures == "none":
        return {}
    first = diagnose(trajectory, ["snapshots"], context=context, groups=(), keep_going=True).figures()
    compared: Mapping[str, Callable[[], Figure | SubFigure]] = {}
    if comparison is not None:
        compared, diagnosis = comparison.figures(), diagnosis.of_groups(_uncompared(diagnosis, comparison))
    return {**first, **compared, **diagnosis.figures(None if pictures == "all" else headline.diagnostics)}


def _uncompared(diagnosis: Diagnosis, comparison: Comparison | None) -> tuple[str, ...]:
    return () if comparison is None else tuple(name for name in diagnosis.results if name not in comparison.groups)


def _announced(
    figures: dict[str, Callable[[], Figure | SubFigure]], stage: Callable[[str], None] | None
) -> dict[str, Callable[[], Figure | SubFigure]]:
    """The same pictures; before each is drawn, it is said which of how many it is."""
    if stage is None:
        return figures

    def announced(place: int, draw: Callable[[], Figure | SubFigure]) -> Callable[[], Figure | SubFigure]:
        def drawn() -> Figure | SubFigure:
            stage(f"{PICTURE} {place} of {len(figures)}")
            return draw()

        return drawn

    return {name: announced(place, draw) for place, (name, draw) in enumerate(figures.items(), 1)}


def _compare(reference: Trajectory | None, trajectory: Trajectory) -> tuple[Comparison | None, InputError | None]:
    """The comparison, or why it is impossible."""
    if reference is None:
        return None, None
    try:
        with reference:
            return compare(reference, trajectory), None
    except InputError as fault:
        return None, fault
    except Exception as fault:
        warnings.warn(Note(f"there is no comparison: {type(fault).__name__}: {fault}"), stacklevel=3)
        return None, None


def _note_missing(name: str, fault: Exception) -> None:
    warnings.warn(Note(f"there is no picture {name}.png: {type(fault).__name__}: {fault}"), stacklevel=3)
