"""Terminal output of the command line: progress, and a result as a table or as JSON."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from gasfield.cli.options import sides_of
from gasfield.cli.output import put, put_json
from gasfield.cli.result_tables import print_run
from gasfield.cli.tables import console
from gasfield.errors import InputError, Note
from gasfield.files import make_folder
from gasfield.kernels.cache import is_warm
from gasfield.printable import shortened

if TYPE_CHECKING:
    from gasfield.plots.look import Look
    from gasfield.runs import RunResult
    from gasfield.simulation import Simulation


StepListener = Callable[["Simulation"], Callable[[int], None]]
Stage = Callable[[str], None]


_LINE_EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""


@contextmanager
def steps_bar(quiet: bool) -> Iterator[tuple[StepListener, Stage]]:
    """A progress bar over simulated steps, and a line with what is computed after them; if stderr is not a terminal, a
    plain line every half minute with what is being computed."""
    with _bar(quiet) as bar:

        def listen(simulation: Simulation) -> Callable[[int], None]:
            if not quiet and not is_warm():
                put("compiling kernels (once; cached for later runs)", stream=sys.stderr)
            total = simulation.scenario.run.steps if simulation.scenario else None
            task = bar.add_task("simulating", total=total, completed=simulation.steps_done, note="")
            return lambda steps: bar.advance(task, steps)

        passed, due = 0, time.monotonic() + _LINE_EVERY

        def stage(name: str) -> None:
            nonlocal passed, due
            for task in bar.task_ids[1:]:
                bar.remove_task(task)
            bar.add_task(shortened(name), total=None, completed=passed, note="")
            passed += 1
            if not quiet and not bar.console.is_terminal and time.monotonic() >= due:
                due = time.monotonic() + _LINE_EVERY
                put(f"computing {name}", stream=sys.stderr)

        yield listen, stage


def show_run(
    start: Callable[[StepListener, Stage], RunResult], *, quiet: bool, verbose: bool = False, as_json: bool = False
) -> None:
    """Starts a run with a progress bar, and prints its results: those that answer its question, all, or as JSON."""
    with steps_bar(quiet) as (listen, stage):
        result = start(listen, stage)
    if as_json:
        put_json(result.summary)
    elif not quiet:
        print_run(result, verbose=verbose)


@contextmanager
def frames_bar(quiet: bool, doing: str = "importing") -> Iterator[Callable[[int, int], None]]:
    """A progress bar over frames; nothing if stderr is not a terminal."""
    with _bar(quiet) as bar:
        task = bar.add_task(doing, total=None, note="")
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def points_bar(quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar over the points of a sweep, with a note; a plain line every half minute, and the last one, if
    stderr is not a terminal."""
    with _bar(quiet, time_left=False) as bar:
        task, due = bar.add_task("points", total=None, note=""), time.monotonic()
        plain, unsaid = not quiet and not bar.console.is_terminal, ""

        def show(ended: int, total: int, note: str) -> None:
            nonlocal due, unsaid
            bar.update(task, completed=ended, total=total, note=note)
            unsaid = f"{ended} of {total} points{note and ', '}{note}"
            if plain and time.monotonic() >= due:
                due = time.monotonic() + _LINE_EVERY
                put(unsaid, stream=sys.stderr)
                unsaid = ""

        try:
            yield show
        finally:
            if plain and unsaid:
                put(unsaid, stream=sys.stderr)


@contextmanager
def layers_bar(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar over the layers of texts; nothing if stderr is not a terminal."""
    with _bar(quiet) as bar:
        task = bar.add_task("opening", total=None, note="")
        yield lambda done, total: bar.update(task, description="tracing", completed=done, total=total)


@contextmanager
def training_bar(steps: int, quiet: bool) -> Iterator[Callable[[int, float], None]]:
    """A progress bar with loss and steps/s; a plain line every 50 steps if stderr is not a terminal."""
    with _bar(quiet) as bar:
        task = bar.add_task("training", total=steps, note="")

        def listen(step: int, loss: float) -> None:
            speed = bar.tasks[0].speed or 0.0
            bar.update(task, completed=step + 1, note=f"loss {loss:.3f}  {speed:.1f} steps/s")
            if not quiet and not bar.console.is_terminal and step % 50 == 0:
                put(f"step {step} loss {loss:.3f}", stream=sys.stderr)

        yield listen


def _bar(quiet: bool, *, time_left: bool = True) -> Progress:
    screen = console(stderr=True)
    words, note = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[note]}", markup=False)
    columns = [words, BarColumn(), MofNCompleteColumn(), note]
    columns += [TimeRemainingColumn()] if time_left else []
    return Progress(*columns, console=screen, disable=quiet or not screen.is_terminal, transient=True)


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """A transient line with the current stage; nothing if stderr is not a terminal."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield lambda _: None
        return
    with screen.status("reading") as line:
        yield lambda stage: line.update(Text(shortened(stage)))


class Reportable(Protocol):
    """A result that a command can print and plot."""

    def as_json(self) -> dict[str, Any]:
        """All numbers, and the notes."""
        ...

    def plot_all(self, folder: Path, failed: Callable[[str, Exception], None] | None = None) -> list[Path]:
        """Writes all figures; returns their paths. `failed` is called for those that cannot be drawn."""
        ...


def note_missing_picture(name: str, fault: Exception) -> None:
    """Says which picture could not be drawn, and why; everything else is kept."""
    why = f"{type(fault).__name__}: {shortened(str(fault), 500)}"
    warnings.warn(Note(f"there is no picture {shortened(name)}.png: {why}"), stacklevel=2)


def show_result(
    result: Reportable,
    print_table: Callable[[], None],
    *,
    as_json: bool,
    plots: Path | None,
    look: Look | None = None,
) -> None:
    """Prints a result as JSON or as a table, and writes its figures if a folder is given."""
    if as_json:
        put_json(result.as_json())
    else:
        print_table()
    if plots:
        from gasfield.plots.look import Look, looking

        make_folder(plots)
        with looking(look or Look()):
            result.plot_all(plots, note_missing_picture)


def look_of(plots: Path | None, style: str | None, size: str | None, format: str | None) -> Look | None:
    """How figures are to look; None if nothing is said of it.

    Raises:
        InputError: if it is said without a folder for figures, or there is no such style, size or format.
    """
    given = {"style": style, "size": size, "picture_format": format}
    asked = next((name for name, value in given.items() if value is not None), None)
    if asked is None:
        return None
    if plots is None:
        raise InputError("is for figures, which need a folder (plots).", parameter=asked)
    from gasfield.plots.look import Look

    try:
        return Look(style, None if size is None else sides_of(size), format or "png")
    except InputError as fault:
        renamed = "picture_format" if fault.parameter == "format" else fault.parameter
        raise InputError(fault.message, parameter=renamed, value=fault.value) from None
