"""Terminal output of the command line: progress and results."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from gasfield.errors import Note
from gasfield.files import make_folder
from gasfield.kernels.cache import is_warm

if TYPE_CHECKING:
    from gasfield.comparison import Comparison
    from gasfield.cost import Calibration, Cost
    from gasfield.hindcasting import HindcastResult
    from gasfield.inspection import DeadRows, Inspection
    from gasfield.learning.fit import Fit
    from gasfield.learning.forecasting import Forecast
    from gasfield.profiling import Profile
    from gasfield.runs import RunResult
    from gasfield.simulation import Simulation


StepListener = Callable[["Simulation"], Callable[[int], None]]
Stage = Callable[[str], None]


@contextmanager
def steps_bar(quiet: bool) -> Iterator[tuple[StepListener, Stage]]:
    """A progress bar over simulated steps, and a line with what is computed after them; nothing if stderr is not a
    terminal."""
    with _bar(quiet) as bar:

        def listen(simulation: Simulation) -> Callable[[int], None]:
            if not quiet and not is_warm():
                print("compiling kernels (once; cached for later runs)", file=sys.stderr)
            total = simulation.scenario.run.steps if simulation.scenario else None
            task = bar.add_task("simulating", total=total, completed=simulation.steps_done, note="")
            return lambda steps: bar.advance(task, steps)

        def stage(name: str) -> None:
            for task in bar.task_ids[1:]:
                bar.remove_task(task)
            bar.add_task(name, total=None, note="")

        yield listen, stage


def show_run(start: Callable[[StepListener, Stage], RunResult], *, quiet: bool) -> None:
    """Starts a run with a progress bar, and prints its results."""
    with steps_bar(quiet) as (listen, stage):
        result = start(listen, stage)
    if not quiet:
        print_run(result)


@contextmanager
def frames_bar(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar over frames; nothing if stderr is not a terminal."""
    with _bar(quiet) as bar:
        task = bar.add_task("importing", total=None, note="")
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def training_bar(steps: int, quiet: bool) -> Iterator[Callable[[int, float], None]]:
    """A progress bar with loss and steps/s; a plain line every 50 steps if stderr is not a terminal."""
    with _bar(quiet) as bar:
        task = bar.add_task("training", total=steps, note="")

        def listen(step: int, loss: float) -> None:
            speed = bar.tasks[0].speed or 0.0
            bar.update(task, completed=step + 1, note=f"loss {loss:.3f}  {speed:.1f} steps/s")
            if not quiet and not bar.console.is_terminal and step % 50 == 0:
                print(f"step {step} loss {loss:.3f}", file=sys.stderr)

        yield listen


def _bar(quiet: bool) -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    disable = quiet or not console.is_terminal
    return Progress(*columns, TimeRemainingColumn(), console=console, disable=disable, transient=True)


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """A transient line with the current stage; nothing if stderr is not a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("reading") as line:
        yield line.update


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
    warnings.warn(Note(f"there is no picture {name}.png: {type(fault).__name__}: {fault}"), stacklevel=2)


def show_result(result: Reportable, print_table: Callable[[], None], *, as_json: bool, plots: Path | None) -> None:
    """Prints a result as JSON or as a table, and writes its figures if a folder is given."""
    if as_json:
        print(json.dumps(result.as_json(), indent=2, allow_nan=False))
    else:
        print_table()
    if plots:
        make_folder(plots)
        result.plot_all(plots, note_missing_picture)


def print_run(result: RunResult) -> None:
    """Prints the results of a run and the path of its directory."""
    if result.comparison:
        print_comparison(result.comparison)
    else:
        print_diagnosis(result.diagnosis.as_json())
    print(
        f"simulated in {result.seconds:.1f} s; {len(result.plots)} plots, summary and trajectory in {result.directory}"
    )
    if result.profile is not None:
        print_profile(result.profile)


def print_profile(profile: Profile) -> None:
    """Prints where the time went: lines of at least a thousandth of it, the longest first."""
    lines = profile.lines()
    total = sum(line.seconds for line in lines)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("where the time went", no_wrap=True)
    table.add_column("part", no_wrap=True)
    for column in ("seconds", "share", "calls", "a call"):
        table.add_column(column, justify="right", no_wrap=True)
    for line in lines:
        if line.seconds >= 1e-3 * total:
            each = _duration(line.seconds / max(line.calls, 1))
            share = f"{line.seconds / total:.1%}"
            table.add_row(line.name, line.part, f"{line.seconds:.3f}", share, f"{line.calls:,}", each)
    table.add_row("in all", "", f"{total:.3f}", "", "", "", style="bold")
    Console().print(table)


def print_cost(cost: Cost) -> None:
    """Prints a prediction: time, memory and file, the parts of the time, what takes most of it, and the notes."""
    for name, quantity in (("time", cost.time), ("peak memory", cost.memory), ("trajectory", cost.file)):
        show = _duration if quantity.unit == "s" else _bytes
        print(f"  {name} = {show(_float(quantity.value))} ± {show(_float(quantity.error))}")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("part", "time", "share", "of which"):
        table.add_column(column, no_wrap=column != "of which")
    total = max(_float(cost.time.value), 1e-12)
    for part, quantity in cost.parts.items():
        seconds = _float(quantity.value)
        if seconds >= 1e-3 * total:
            largest = [f"{name} {_duration(own)}" for of, name, own in cost.lines if of == part and own > 0.01 * total]
            table.add_row(part, _duration(seconds), f"{seconds / total:.1%}", ", ".join(largest[:3]))
    Console().print(table)
    for note in cost.notes:
        print(f"note: {note}")


def print_calibration(found: Calibration) -> None:
    """Prints the numbers of a calibration, and where it is kept."""
    print(f"{found.machine}; fitted to {found.trials} runs")
    print(f"  every run = {_duration(found.start)} and {_bytes(found.memory)} besides its miniature")
    print(f"  start-up and pictures = {found.fixed:.3g}, all else = {found.counted:.3g} times those of the miniature")
    print(f"  error of a prediction = {found.time_error:.0%} of the time, {found.memory_error:.0%} of the memory")
    print(f"kept in {found.as_json()['file']}")


def _float(value: Any) -> float:
    return float(value or 0.0)


def _bytes(size: float) -> str:
    """A size with three digits and its unit."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(size) >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} bytes"


def _duration(seconds: float) -> str:
    """A time with three digits and its unit."""
    for factor, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2.0 * factor:
            return f"{seconds / factor:.3g} {unit}"
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1.0:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def print_comparison(comparison: Comparison) -> None:
    """Prints a comparison as a table: real, simulated, difference; sections for all rows and for each group."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    for column in ("real", "simulated", "difference", "unit"):
        table.add_column(column)
    section = ""
    for row in comparison.table():
        if row.group != section:
            section = row.group
            table.add_row(section, style="bold")
        table.add_row(f"  {row.name}", row.real, row.simulated, row.difference, row.unit)
    console = Console()
    console.print(table)
    for difference in comparison.law:
        console.print(f"not the same law: {difference}", style="bold", highlight=False, markup=False)
    console.print("0.1594(14) means 0.1594 ± 0.0014, one standard error.", style="dim")


def print_hindcast(result: HindcastResult) -> None:
    """Prints how far a hindcast departs from its recording, where and why, group by group; then what is not the same
    law, the notes, and where everything is kept."""
    plan = result.plan
    print(
        f"{plan.recording}: {', '.join(plan.groups)}; {plan.steps} steps in the {plan.field} field, {result.law_text}"
    )
    for name, group in result.groups.items():
        print(name)
        _print_leaves({key: quantity.leaf() for key, quantity in group.errors().items()})
        for line in group.sentences():
            print(f"  {line}")
    for difference in result.law_differences:
        print(f"not the same law: {difference}")
    for note in result.notes:
        print(f"note: {note}")
    print(
        f"scenario, trajectory and plots in {result.run.directory}; gasfield run {result.scenario_file} runs it again"
    )


def print_diagnosis(data: dict[str, Any]) -> None:
    """Prints results of diagnostics by group, one per line; then omitted or undefined ones, with reasons."""
    sections = {**data["groups"], **({"gas as a whole": data["gas"]} if "gas" in data else {})}
    for section, results in sections.items():
        print(section)
        _print_leaves(results)
    for entry in data["left_out"]:
        print(f"{entry['group']}: {entry['diagnostic']} omitted: {entry['reason']}")
    for entry in data["notes"]:
        print(f"{entry['group']}: {entry['diagnostic']}: {entry['note']}")


def print_fit(fit: Fit) -> None:
    """Prints the numbers of a fit, one per line; then its notes and its file."""
    data = fit.as_json()
    terms = ", ".join(f"{name} ({kind})" if name != kind else name for name, kind in data["terms"].items())
    source = f"steps {data['span'][0]} to {data['span'][1]}" if fit.model.needs_data else "its specification"
    print(f"{terms}: {data['target']}, learned from {source}")
    _print_leaves(data["results"])
    for note in data["notes"]:
        print(f"note: {note}")
    if fit.path is not None:
        print(f"{fit.path}: {fit.path.stat().st_size / 1e3:,.0f} kB")


def print_forecast(forecast: Forecast) -> None:
    """Prints the verdict, the skills by horizon, what is not available, and the notes."""
    for line in forecast.verdict:
        print(line)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("skill", no_wrap=True)
    for horizon in forecast.horizons:
        shortest, longest = forecast.steps_ahead[horizon]
        steps = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
        table.add_column(f"{horizon} frames ahead" + ("" if steps == str(horizon) else f" ({steps} steps)"))
    for model in forecast.skill[forecast.horizons[0]]:
        table.add_row(model, *(forecast.skill[horizon][model].text() for horizon in forecast.horizons))
    mse = (forecast.mse[horizon]["persistence"].text() for horizon in forecast.horizons)
    table.add_row("mean squared error of persistence", *mse, style="dim")
    for model, terms in forecast.terms.items():
        for term, left in terms.items():
            losses = (left.loss[horizon].text() for horizon in forecast.horizons)
            table.add_row(f"skill that {model} gains by its {term}", *losses, style="dim")
    Console().print(table)
    for model, reason in forecast.reasons.items():
        print(f"{model}: not computed: {reason}")
    start, stop = forecast.train
    print(f"{forecast.count} rows ({forecast.rows}); fitted to frames {start} to {stop - 1}, tested up to frame "
          f"{forecast.frames - 1}")  # fmt: skip
    for note in forecast.notes:
        print(f"note: {note}")


def print_inspection(inspection: Inspection) -> None:
    """Prints results of an inspection, one per line, with long lists truncated; then the notes."""
    name = f" {inspection.group}" if inspection.group else ""
    leaves = {key: quantity.leaf() for key, quantity in inspection.quantities().items()}
    shape = f"{leaves['rows']['value']} x {leaves['dimensions']['value']}"
    print(f"{inspection.source}{name}: {shape}, {inspection.precision}")
    del leaves["rows"], leaves["dimensions"]
    _print_leaves({key: leaf for key, leaf in leaves.items() if not isinstance(leaf["value"], list)})
    shortened = False
    for key, leaf in leaves.items():
        if isinstance(leaf["value"], list) and leaf["value"]:
            text, cut = _some(leaf["value"])
            shortened = shortened or cut
            print(f"  {key} = {text} {leaf['unit']}")
    if shortened:
        print("  (long lists are truncated; --json prints all)")
    for note in inspection.notes:
        print(f"note: {note}")


def print_dead(found: DeadRows) -> None:
    """Prints the numbers of dead, nearly dead and padding rows, the first of them, and the notes."""
    _print_leaves(
        {key: leaf for key, q in found.quantities().items() if not isinstance((leaf := q.leaf())["value"], list)}
    )
    for name, ids in (("dead", found.dead), ("nearly dead", found.nearly)):
        if len(ids):
            text, cut = _some([found.tokens.get(int(row), str(row)) for row in ids])
            print(f"  {name}: {text}" + (" (-o writes all)" if cut else ""))
    for note in found.notes:
        print(f"note: {note}")


def _some(values: list[Any], most: int = 12) -> tuple[str, bool]:
    """The beginning of a list or nested list as text, and whether it is truncated."""
    parts, cut = [], len(values) > most
    for value in values[:most]:
        if isinstance(value, list):
            part, inner = _some(value, most=6)
            parts.append(part)
            cut = cut or inner
        else:
            parts.append(f"{value}" if isinstance(value, int | str) else _short(value))
    rest = f", ... {len(values) - most} more" if len(values) > most else ""
    return f"[{', '.join(parts)}{rest}]", cut


def _print_leaves(data: dict[str, Any], prefix: str = "") -> None:
    """Prints one line per number, with dependent numbers (its null, for example) in parentheses."""
    for key, value in data.items():
        if "value" not in value:
            _print_leaves(value, f"{prefix}{key}.")
            continue
        aside = ", ".join(f"{name} {_number(inner)}" for name, inner in value.items() if isinstance(inner, dict))
        print(f"  {prefix}{key} = {_number(value)}" + (f" ({aside})" if aside else ""))


def _number(leaf: dict[str, Any]) -> str:
    error = f" ± {_short(leaf['error'])}" if leaf["error"] is not None else ""
    unit = "" if leaf["unit"] == "1" else f" {leaf['unit']}"
    return f"{_short(leaf['value'])}{error}{unit}"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_short, value)) + "]"
    return "not determined" if value is None else f"{value:.6g}"
