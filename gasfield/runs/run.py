"""A run, from a scenario to a run directory: simulate, diagnose, compare, plot, summarise."""

from __future__ import annotations

import json
import shutil
import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gasfield.comparison import Comparison, compare
from gasfield.diagnostics import Diagnosis, RunContext, diagnose
from gasfield.errors import InputError
from gasfield.operations import Progress
from gasfield.quantity import Quantity
from gasfield.renames import former_names
from gasfield.resources import TRAJECTORY, next_free
from gasfield.runs.simulate import simulate
from gasfield.scenario import Scenario, load_scenario
from gasfield.simulation import Simulation
from gasfield.trajectory import Checkpoint, Trajectory

OUTPUTS = Path("outputs")
SCENARIO, FILES = "scenario.yaml", "files.json"
SUMMARY = "summary.json"


@dataclass(frozen=True)
class RunResult:
    """What a run has produced.

    Attributes:
        directory: holds scenario.yaml, trajectory.h5, summary.json and plots/.
        diagnosis: the diagnostics of the simulated trajectory.
        comparison: with the trajectory named under `compare`, if any.
        seconds: wall time of the simulation itself.
        plots: the pictures.
    """

    directory: Path
    diagnosis: Diagnosis
    comparison: Comparison | None
    seconds: float
    plots: list[Path]

    @property
    def summary(self) -> dict[str, Any]:
        """summary.json."""
        data: dict[str, Any] = json.loads((self.directory / SUMMARY).read_text())
        return data

    def open(self) -> Trajectory:
        """The simulated trajectory."""
        return Trajectory(self.directory / TRAJECTORY)


def run(
    scenario: Scenario | str | Path,
    *,
    overrides: list[str] | None = None,
    output: Path | str | None = None,
    overwrite: bool = False,
    progress: Callable[[Simulation], Progress] | None = None,
) -> RunResult:
    """Runs a scenario and writes its run directory.

    Args:
        scenario: a scenario, or its path or name.
        overrides: `a.b=value`, where a path or name was given.
        output: directory; outputs/NAME/NNN by default.
        overwrite: whether an existing output may be replaced.
        progress: called with the simulation; returns a function that is called with the number of steps done.

    Raises:
        InputError: if the scenario cannot be run; nothing is written then. If only the comparison is impossible, the
            run is kept, and the message says where.
        BlowUp: if the state becomes non-finite; the run directory keeps the good frames.
    """
    resolved = scenario if isinstance(scenario, Scenario) else load_scenario(scenario, overrides or ())
    reference = _open_reference(resolved)
    simulation = Simulation.from_scenario(resolved)
    explicit = None if output is None else Path(output)
    _check_output(explicit, overwrite)
    directory = simulation.directory = _new_directory(resolved.name, explicit)
    (directory / SCENARIO).write_text(resolved.yaml(), encoding="utf-8")
    with only_one(directory):
        with _taken_away_if_wrong(directory):
            write_json(directory / FILES, {name: str(path) for name, path in resolved.files.items()})
            seconds = _simulate(simulation, directory, progress)
        if explicit is None:
            _point_latest(directory)
        return _sum_up(resolved, directory, seconds, reference)


def resume(directory: Path | str, *, progress: Callable[[Simulation], Progress] | None = None) -> RunResult:
    """Continues a run that was killed; it ends with the same bits as an undisturbed run.

    Args:
        directory: of the run.
        progress: as for `run`.

    Raises:
        InputError: if there is nothing to go on with: no run directory, a run that is finished or still going on, a
            file that is gone, or a checkpoint that does not fit.
        BlowUp: as for `run`.
    """
    directory = Path(directory)
    if not (directory / SCENARIO).is_file():
        raise InputError(f"{directory}: is not a run directory; it holds no {SCENARIO}.")
    with only_one(directory):
        if (directory / SUMMARY).is_file():
            raise InputError(f"{directory}: this run is finished; its results are in {SUMMARY}.")
        with former_names("accept"):
            scenario = load_scenario(directory / SCENARIO, files=_read_files(directory / FILES))
        reference = _open_reference(scenario)
        simulation = Simulation.from_scenario(scenario, directory=directory)
        going_on = Checkpoint.load_newest(directory) is not None
        if not going_on:  # killed before the first checkpoint: nothing is lost by beginning again
            (directory / TRAJECTORY).unlink(missing_ok=True)
        seconds = _simulate(simulation, directory, progress, resume=going_on)
        return _sum_up(scenario, directory, seconds, reference)


def _simulate(
    simulation: Simulation,
    directory: Path,
    progress: Callable[[Simulation], Progress] | None,
    *,
    resume: bool = False,
) -> float:
    """Runs to the end and returns the wall time [s]."""
    report = progress(simulation) if progress else None
    start = clock.perf_counter()
    trajectory, checkpoint = directory / TRAJECTORY, directory
    simulate(simulation, trajectory, checkpoint=checkpoint, resume=resume, progress=report)
    return clock.perf_counter() - start


def _read_files(path: Path) -> dict[str, Path]:
    """Where the data files of a run were; missing ones are searched for again."""
    try:
        named = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): Path(place) for name, place in named.items() if Path(place).is_file()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Keeps a second process out of a run directory; the lock of a killed process is released by the system.

    Raises:
        InputError: if another process is at work there.
    """
    with open(directory / SCENARIO, encoding="utf-8") as lock:
        try:
            import fcntl  # not on every system; there nothing prevents a second process

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except OSError:
            raise InputError(f"{directory}: another process is running this run.") from None
        yield


def _check_output(output: Path | None, overwrite: bool) -> None:
    """Only run directories are ever replaced."""
    if output is None or not output.exists():
        return
    if not overwrite:
        raise InputError("exists already; choose another, or overwrite it.", parameter="output", value=output)
    if not output.is_dir() or (any(output.iterdir()) and not (output / SCENARIO).is_file()):
        message = "is not a run directory, so it is not replaced; choose another."
        raise InputError(message, parameter="output", value=output)
    if (output / SCENARIO).is_file():
        with only_one(output):  # not while another process is writing there
            pass


def _open_reference(scenario: Scenario) -> Trajectory | None:
    if scenario.compare is None:
        return None
    name = scenario.compare.trajectory
    try:
        return Trajectory(scenario.find(name))
    except InputError as error:
        raise scenario.fault_at(("compare", "with"), error) from None


def _sum_up(scenario: Scenario, directory: Path, seconds: float, reference: Trajectory | None) -> RunResult:
    """Diagnostics, comparison, pictures and summary.json of a finished run."""
    plots = directory / "plots"
    plots.mkdir(exist_ok=True)
    with Trajectory(directory / TRAJECTORY) as trajectory:
        freedom = trajectory.attributes.get("degrees_of_freedom")
        context = RunContext.of(scenario, None if freedom is None else int(freedom))
        diagnosis = diagnose(trajectory, scenario.diagnostics, context=context)
        summary: dict[str, Any] = {
            "title": scenario.title,
            "question": scenario.question,
            "run": {
                "steps": Quantity(scenario.run.steps, "steps").leaf(),
                "particles": Quantity(trajectory.count, "1").leaf(),
                "seconds": Quantity(seconds, "s").leaf(),
            },
            **diagnosis.as_json(),
        }
        comparison = None
        try:
            if reference:
                with reference:
                    comparison = compare(reference, trajectory)
                summary["comparison"] = comparison.as_json()
        except InputError as error:
            raise InputError(f"{error} The run itself is kept in {directory}.") from None
        finally:
            write_json(directory / SUMMARY, summary)
            Checkpoint.delete_all(directory)  # a finished run is not resumed
            (directory / FILES).unlink(missing_ok=True)
        pictures = comparison.plot_all(plots) if comparison else diagnosis.plot_all(plots)
    return RunResult(directory, diagnosis, comparison, seconds, pictures)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Writes JSON whole or not at all."""
    draft = path.with_suffix(".json.part")
    draft.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)


def _new_directory(name: str, explicit: Path | None) -> Path:
    """Creates an empty directory, after removing the one that may be replaced."""
    directory = explicit or next_free(OUTPUTS / name)
    if explicit and explicit.exists():
        shutil.rmtree(explicit)
    directory.mkdir(parents=True)
    return directory


@contextmanager
def _taken_away_if_wrong(directory: Path) -> Iterator[None]:
    """Removes the directory if the input turns out to be wrong after all."""
    try:
        yield
    except InputError:
        shutil.rmtree(directory)
        raise


def _point_latest(directory: Path) -> None:
    link = directory.parent / "latest"
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(directory.name)
    except OSError:
        pass  # a convenience: some file systems have no links
