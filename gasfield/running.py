"""A run from scenario to run directory: simulate, diagnose, compare, plot, sum up."""

from __future__ import annotations

import json
import shutil
import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gasfield.catalogue import next_free
from gasfield.comparison import Comparison, compare
from gasfield.diagnostics import DIAGNOSTICS, Diagnosis, diagnose
from gasfield.errors import InputError
from gasfield.quantity import Quantity
from gasfield.scenario import Scenario, load_scenario
from gasfield.simulation import Progress, Simulation
from gasfield.trajectory import Trajectory

OUTPUTS = Path("outputs")


@dataclass(frozen=True)
class RunResult:
    """What a run left behind.

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
        data: dict[str, Any] = json.loads((self.directory / "summary.json").read_text())
        return data

    def open(self) -> Trajectory:
        """The simulated trajectory."""
        return Trajectory(self.directory / "trajectory.h5")


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
        progress: given the simulation, gives back what hears of the steps done.

    Raises:
        InputError: if the scenario cannot be run; nothing is written then. If only the comparison is impossible, the
            run is kept, and the message says where.
        BlowUp: if the physics leaves the numbers; the run directory keeps the good frames.
    """
    resolved = scenario if isinstance(scenario, Scenario) else load_scenario(scenario, overrides or ())
    for name in resolved.diagnostics or ():
        if name not in DIAGNOSTICS:
            raise resolved.fault(name, f"there is no diagnostic '{name}'; there are {', '.join(DIAGNOSTICS)}.")
    reference = _open_reference(resolved)
    simulation = Simulation(resolved)
    explicit = None if output is None else Path(output)
    _check_output(explicit, overwrite)
    with _run_directory(resolved.name, explicit) as directory:
        (directory / "scenario.yaml").write_text(resolved.yaml(), encoding="utf-8")
        listen = progress(simulation) if progress else (lambda steps: None)
        start = clock.perf_counter()
        simulation.run(directory / "trajectory.h5", listen)
        seconds = clock.perf_counter() - start
    return _sum_up(resolved, directory, seconds, reference)


def _check_output(output: Path | None, overwrite: bool) -> None:
    """Only what a run has written is ever replaced."""
    if output is None or not output.exists():
        return
    if not overwrite:
        raise InputError(f"--output {output}: exists already; choose another, or give --overwrite to replace it.")
    if not output.is_dir() or (any(output.iterdir()) and not (output / "scenario.yaml").is_file()):
        raise InputError(f"--output {output}: is no run directory, so it is not replaced; choose another.")


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
    plots.mkdir()
    with Trajectory(directory / "trajectory.h5") as trajectory:
        diagnosis = diagnose(trajectory, scenario.diagnostics)
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
        write_json(directory / "summary.json", summary)
        comparison = _compare(reference, trajectory, directory) if reference else None
        pictures = comparison.plot_all(plots) if comparison else diagnosis.plot_all(plots)
    if comparison:
        write_json(directory / "summary.json", summary | {"comparison": comparison.as_json()})
    return RunResult(directory, diagnosis, comparison, seconds, pictures)


def _compare(reference: Trajectory, trajectory: Trajectory, directory: Path) -> Comparison:
    try:
        with reference:
            return compare(reference, trajectory)
    except InputError as error:
        raise InputError(f"{error} The run itself is kept in {directory}.") from None


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Writes JSON whole or not at all."""
    draft = path.with_suffix(".json.part")
    draft.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)


@contextmanager
def _run_directory(name: str, explicit: Path | None) -> Iterator[Path]:
    """A new directory; taken away again if the input turns out to be wrong after all."""
    directory = explicit or next_free(OUTPUTS / name)
    if explicit and explicit.exists():
        shutil.rmtree(explicit)
    directory.mkdir(parents=True)
    try:
        yield directory
    except InputError:
        shutil.rmtree(directory)
        raise
    if explicit is None:
        _point_latest(directory)


def _point_latest(directory: Path) -> None:
    link = directory.parent / "latest"
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(directory.name)
    except OSError:
        pass  # a convenience: some file systems have no links
