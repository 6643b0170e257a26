"""The simulation part of a run: a scenario's simulation from its start, or from a checkpoint, to its end."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gasfield.errors import InputError
from gasfield.operations import At, Checkpointer, Every, Progress, ProgressReporter, TrajectoryRecorder, Trigger, any_of
from gasfield.plugins import plugins_in_use
from gasfield.scenario import Scenario
from gasfield.simulation import Simulation
from gasfield.trajectory import Checkpoint


def simulate(
    simulation: Simulation,
    path: Path | str,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> None:
    """Runs the simulation of a scenario to its end and writes its trajectory.

    Args:
        simulation: made by `Simulation.from_scenario`; left at its last step.
        path: the trajectory to write.
        checkpoint: file for checkpoints; none are written if left out.
        resume: whether to go on from that checkpoint, with the trajectory that was written beside it.
        progress: called with the number of steps done.

    Raises:
        BlowUp: if the state becomes non-finite, or the energy jumps; the file keeps the frames before.
        InputError: if a tracer is to be planted outside the space, or the checkpoint is that of another scenario.
    """
    scenario = simulation.scenario
    if scenario is None:
        raise InputError("a simulation without a scenario has no end; use its own `step`.", parameter="simulation")
    run, start = scenario.run, simulation.start
    frames = _until(run.record_every, start + run.steps)
    observables = _until(run.observe_every or run.record_every, start + run.steps)
    simulation.add_operation(TrajectoryRecorder(path, frames, observables), first=True)
    if resume and checkpoint is not None:
        _restore(simulation, scenario, _newest(checkpoint))
    keeper = None
    if checkpoint is not None:
        keeper = Checkpointer(checkpoint, identity(scenario), run.checkpoint_every)
        simulation.add_operation(keeper)
    if progress is not None:
        simulation.add_operation(ProgressReporter(progress, *(o.trigger for o in simulation.operations)))
    with simulation, scenario.faults_at():
        simulation.step(run.steps - simulation.steps_done)
        if keeper is not None:  # what comes after the run may be killed too
            keeper.save(simulation)


def _newest(folder: Path) -> Checkpoint:
    found = Checkpoint.load_newest(folder)
    assert found is not None
    return found


def identity(scenario: Scenario) -> str:
    """SHA-256 of what a run is made of: the scenario, and the plug-ins if there are any."""
    return _identity(scenario, scenario.digest())


def _identity(scenario: Scenario, digest: str) -> str:
    return hashlib.sha256((digest + plugins_in_use(scenario)).encode()).hexdigest()


def _restore(simulation: Simulation, scenario: Scenario, checkpoint: Checkpoint) -> None:
    # Earlier versions wrote other defaults into scenario.yaml: there the text itself is what the checkpoint belongs to.
    if checkpoint.identity not in (identity(scenario), _identity(scenario, scenario.text_digest())):
        raise InputError(
            "the checkpoint belongs to another scenario; scenario.yaml or a plug-in was changed since the run."
        )
    try:
        simulation.restore(checkpoint.state)
    except InputError as error:
        raise InputError(f"the checkpoint does not fit its scenario: {error.message}") from None


def _until(every: int, end: int) -> Trigger:
    """Every so many steps, and at the end."""
    return any_of(Every(steps=every), At(steps=(end,)))
