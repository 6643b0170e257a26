"""A run, from a scenario to a run directory: simulate, diagnose, compare, plot, summarise."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gasfield.errors import InputError
from gasfield.files import remove, remove_drafts, write_file, write_json
from gasfield.operations import Checkpointer, Progress
from gasfield.profiling import Profile
from gasfield.renames import former_names
from gasfield.resources import ARRAYS, TRAJECTORY
from gasfield.runs.directory import OUTPUTS, PROFILE, check_output, erase, new_directory, point_back, point_latest
from gasfield.runs.former import SUMMARY, former_identities, former_manifest
from gasfield.runs.lock import only_one, working_in
from gasfield.runs.manifest import SCENARIO, Manifest
from gasfield.runs.notebook import shows_progress
from gasfield.runs.results import Pictures, RunResult, require_pictures, sum_up
from gasfield.runs.simulate import simulate
from gasfield.runs.start import open_reference, open_start
from gasfield.scenario import Scenario, load_scenario
from gasfield.scenario.document import read_value
from gasfield.scenario.yaml_1_2 import write as write_yaml
from gasfield.simulation import Simulation
from gasfield.simulation.room import require_room_for_run
from gasfield.trajectory import Checkpoint

Listener = Callable[[Simulation], Progress]
"""Called with the simulation; returns a function that is called with the number of steps done."""


@shows_progress
def run(
    scenario: Scenario | str | Path,
    *,
    overrides: list[str] | None = None,
    output: Path | str | None = None,
    overwrite: bool = False,
    progress: Listener | None = None,
    stage: Callable[[str], None] | None = None,
    profile: bool = False,
    pictures: Pictures = "headline",
) -> RunResult:
    """Runs a scenario and writes its run directory.

    Args:
        scenario: a scenario, or its path or name.
        overrides: `a.b=value`, where a path or name was given.
        output: directory; outputs/NAME/NNN by default.
        overwrite: whether an existing run may be replaced; files that no run has written are kept.
        progress: see `Listener`; in a notebook a bar if left out.
        stage: called after the simulation with what is computed next: a group and a diagnostic, or a picture.
        profile: whether to measure where the time goes, for `RunResult.profile` and profile.json.
        pictures: which to draw: those of the headline, all, or none.

    Raises:
        InputError: if the scenario cannot be run; nothing is written then. If it fails after some steps, or only the
            comparison is impossible, the run is kept, and the message says where.
        BlowUp: if the state becomes non-finite; the run directory keeps the good frames.
        Interrupted: after INT or TERM; `resume` goes on.
        WriteError: if the system cannot write a file; what was written before is kept, and `resume` goes on.
    """
    require_pictures(pictures)
    watch = Profile() if profile else None
    resolved = scenario if isinstance(scenario, Scenario) else load_scenario(scenario, overrides or ())
    explicit = None if output is None else Path(output)
    check_output(explicit, overwrite=overwrite)
    simulation, reference = open_start(resolved, explicit or OUTPUTS)
    text = resolved.yaml()
    manifest = Manifest.of(simulation, resolved, text)
    with new_directory(resolved.name, explicit, text, manifest) as directory:
        former = point_latest(directory) if explicit is None else None
        try:
            manifest = _simulate(simulation, directory, manifest, progress, watch=watch)
        except InputError:
            if not simulation.steps_done:
                erase(directory, manifest)
            if explicit is None and not directory.exists():
                point_back(directory.parent, former)
            raise
        if watch is None:
            return sum_up(resolved, directory, manifest, reference, stage, pictures=pictures)
        try:
            result = sum_up(resolved, directory, manifest, reference, watch.stage(stage), pictures=pictures)
        finally:
            watch.end_stage()
            write_json(directory / PROFILE, watch.as_json())
        return replace(result, profile=watch)


@shows_progress
def resume(
    directory: Path | str,
    *,
    steps: int | None = None,
    progress: Listener | None = None,
    stage: Callable[[str], None] | None = None,
    pictures: Pictures = "headline",
) -> RunResult:
    """Continues a run that was interrupted, or extends one; it ends with the same bits as an undisturbed run. If only
    results are missing, they are made.

    Args:
        directory: of the run.
        steps: of the run in all, if that is to be changed; more than were done.
        progress, stage, pictures: as for `run`.

    Raises:
        InputError: if there is nothing to go on with: no run directory, a run that is finished or still going on, a
            file that is gone or was changed, or a checkpoint that does not fit.
        BlowUp, Interrupted, WriteError: as for `run`.
    """
    require_pictures(pictures)
    directory = Path(directory)
    with reopened(directory) as manifest:
        if manifest.finished and steps is None:
            message = f"{directory}: this run is finished; its results are in {SUMMARY}. "
            message += "Give the number of steps in all to extend it."
            raise InputError(message, parameter="steps")
        scenario = load_again(directory, manifest, steps)
        reference = open_reference(scenario)
        simulation, manifest = built_again(directory, manifest, scenario)
        if steps is not None or not manifest.simulated:
            manifest.require_arithmetic()
            checkpoint = newest_checkpoint(directory, manifest, simulation)
            if manifest.played and steps is None and _steps_done(checkpoint, simulation) > scenario.run.steps:
                scenario = _as_far_as(directory, manifest, scenario, _steps_done(checkpoint, simulation))
                simulation.scenario = scenario
            former = checkpoint is not None and _belongs(checkpoint, scenario, manifest)
            if steps is not None:
                manifest = _extend(directory, manifest, simulation, steps, checkpoint, former=former)
            manifest = _simulate(simulation, directory, manifest, progress, checkpoint, former=former)
        return sum_up(scenario, directory, manifest, reference, stage, pictures=pictures)


@contextmanager
def reopened(directory: Path) -> Iterator[Manifest]:
    """The manifest of a run directory that is this process's; drafts of a killed one are deleted.

    Raises:
        InputError: if it is none, or another process is at work there.
    """
    if not (directory / SCENARIO).is_file():
        raise InputError(f"{directory}: is not a run directory; it holds no {SCENARIO}.")
    with only_one(directory), working_in(directory):
        manifest = Manifest.read(directory) or former_manifest(directory)
        if manifest is None:
            raise InputError(f"{directory}: is not a run directory; no run has written what is in it.")
        remove_drafts(directory)
        yield manifest


def built_again(directory: Path, manifest: Manifest, scenario: Scenario) -> tuple[Simulation, Manifest]:
    """The simulation of a run directory, and its manifest after the check that nothing was changed.

    Raises:
        InputError: if something was changed, or there is no room for the rest.
    """
    simulation = Simulation.from_scenario(scenario, directory=directory)
    written = (directory / TRAJECTORY).stat().st_size if (directory / TRAJECTORY).is_file() else 0
    require_room_for_run(scenario, simulation.everyone.count, directory, written=written)
    text = (directory / manifest.scenario).read_text(encoding="utf-8")
    now = Manifest.of(simulation, scenario, text, played=manifest.played)
    return simulation, _same(manifest, now, directory)


def newest_checkpoint(directory: Path, manifest: Manifest, simulation: Simulation) -> Checkpoint | None:
    """The last checkpoint; of a session that was played, the last at which its events had taken effect and no others,
    which were undone since."""
    if not manifest.played:
        return Checkpoint.load_newest(directory)
    fitting = (each for each in Checkpoint.load_each(directory) if simulation.leads_on(each.state))
    return next(fitting, None)


def _simulate(
    simulation: Simulation,
    directory: Path,
    manifest: Manifest,
    progress: Listener | None,
    checkpoint: Checkpoint | None = None,
    *,
    former: bool = False,
    watch: Profile | None = None,
) -> Manifest:
    """Runs to the end, and notes that."""
    assert simulation.scenario is not None
    length = simulation.scenario.run
    simulation.directory = directory
    if checkpoint is None:  # killed before the first one: nothing is lost by beginning again
        for name in (TRAJECTORY, *manifest.operations):
            remove(directory / name)
    start, begun = clock.perf_counter(), _steps_done(checkpoint, simulation)
    try:
        simulate(
            simulation,
            directory / TRAJECTORY,
            keeper=Checkpointer(directory, manifest.identity, length.checkpoint_every),
            checkpoint=checkpoint,
            complete=former and begun == length.steps,
            progress=progress(simulation) if progress else None,
            profile=watch,
        )
    except InputError as error:
        raise _kept(error, directory) if simulation.steps_done > begun else error from None
    return manifest.write(directory, simulated=True, seconds=clock.perf_counter() - start)


def _same(manifest: Manifest, now: Manifest, directory: Path) -> Manifest:
    """The manifest, after the check that nothing was changed; a run of before gets one of its own."""
    if Manifest.read(directory) is not None:
        manifest.require_same(now)
        return manifest
    replace(manifest, plugins=now.plugins).require_same(now)  # its plug-ins are known to the checkpoint
    return now.write(directory, simulated=manifest.simulated, finished=manifest.finished)


def load_again(directory: Path, manifest: Manifest, steps: int | None) -> Scenario:
    """The scenario of a run, with another number of steps if given. Its data files are those that it began with, or
    are searched for if they are gone."""
    files = {name: Path(str(found["path"])) for name, found in manifest.files.items() if "path" in found}
    overrides = [] if steps is None else [f"run.steps={steps}"]
    with former_names("accept"):
        there = {name: path for name, path in files.items() if path.is_file()}
        return load_scenario(directory / manifest.scenario, overrides, files=there)


def _belongs(checkpoint: Checkpoint, scenario: Scenario, manifest: Manifest) -> bool:
    """Checks that a checkpoint belongs to the run; whether it was written by a release of before `run.json`, whose last
    checkpoint comes after the frame of the last step.

    Raises:
        InputError: if it is that of another scenario.
    """
    if checkpoint.identity == manifest.identity:
        return False
    if checkpoint.identity in former_identities(scenario):
        return True
    raise InputError(
        "the checkpoint belongs to another scenario; scenario.yaml or a plug-in was changed since the run."
    )


def _extend(
    directory: Path,
    manifest: Manifest,
    simulation: Simulation,
    steps: int,
    checkpoint: Checkpoint | None,
    *,
    former: bool,
) -> Manifest:
    """Sets the number of steps of a run, and takes back that it is finished."""
    if former or (checkpoint is None and manifest.simulated):
        message = "this run has no checkpoint from which it can be extended; it was written by a release of before."
        raise InputError(message, parameter="steps", value=steps)
    done = _steps_done(checkpoint, simulation)
    if steps <= done:
        raise InputError(f"{done} steps are done already; give more.", parameter="steps", value=steps)
    manifest = manifest.write(directory, simulated=False, finished=False)
    _write_steps(directory, manifest, steps)
    for results in (SUMMARY, ARRAYS):
        remove(directory / results)
    return manifest


def _as_far_as(directory: Path, manifest: Manifest, scenario: Scenario, steps: int) -> Scenario:
    """The scenario of a session that was played further than its last touch, where its last checkpoint is."""
    _write_steps(directory, manifest, steps)
    return scenario.model_copy(update={"run": scenario.run.model_copy(update={"steps": steps})})


def _write_steps(directory: Path, manifest: Manifest, steps: int) -> None:
    data = read_value((directory / manifest.scenario).read_text(encoding="utf-8"))
    data["run"]["steps"] = steps
    write_file(directory / manifest.scenario, write_yaml(data))


def _steps_done(checkpoint: Checkpoint | None, simulation: Simulation) -> int:
    return 0 if checkpoint is None else int(checkpoint.state["gas/step"]) - simulation.start


def _kept(error: InputError, directory: Path) -> InputError:
    """The same error, with where the frames are."""
    message = f"{error.message} The frames up to there are kept in {directory}."
    return InputError(message, location=error.location, parameter=error.parameter, value=error.value)
