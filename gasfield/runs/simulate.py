"""The simulation part of a run: a scenario's simulation from its start, or from a checkpoint, to its end."""

from __future__ import annotations

from pathlib import Path

from gasfield.errors import InputError, Interrupted
from gasfield.operations import Checkpointer, Progress, ProgressReporter, TrajectoryRecorder
from gasfield.profiling import Profile
from gasfield.signals import interruptible
from gasfield.simulation import Simulation
from gasfield.trajectory import Checkpoint


def simulate(
    simulation: Simulation,
    path: Path | str,
    *,
    keeper: Checkpointer | None = None,
    checkpoint: Checkpoint | None = None,
    complete: bool = False,
    progress: Progress | None = None,
    profile: Profile | None = None,
) -> None:
    """Runs the simulation of a scenario to its end and writes its trajectory.

    The frame of the last step is written after the last checkpoint, unless it is due at this step anyway: a run that
    is extended from there does not contain it.

    Args:
        simulation: made by `Simulation.from_scenario`; left at its last step.
        path: the trajectory to write.
        keeper: writes the checkpoints; none are written if left out.
        checkpoint: where to go on, with the trajectory that was written with it.
        complete: whether the trajectory of the checkpoint ends with the frame of the last step of the run.
        progress: called with the number of steps done.
        profile: measures where the time goes.

    Raises:
        BlowUp: if the state becomes non-finite, or the energy jumps; the file keeps the frames before.
        InputError: if a tracer is to be planted outside the space, or the checkpoint does not fit; the file keeps the
            frames before.
        Interrupted: after INT or TERM, when a checkpoint was written.
    """
    scenario = simulation.scenario
    if scenario is None:
        raise InputError("a simulation without a scenario has no end; use its own `step`.", parameter="simulation")
    run = scenario.run
    recorder = TrajectoryRecorder(path, run.record_every, run.observe_every or run.record_every)
    simulation.add_operation(recorder, first=True)
    if checkpoint is not None:
        try:
            simulation.restore(checkpoint.state, further=True)
        except InputError as error:
            raise InputError(f"the checkpoint does not fit its scenario: {error.message}") from None
    if keeper is not None:
        simulation.add_operation(keeper)
    if progress is not None:
        simulation.add_operation(ProgressReporter(progress, *(o.trigger for o in simulation.operations)))
    if profile is not None:
        profile.attach(simulation)
    begun = simulation.gas.step
    try:
        with (
            scenario.faults_at(),
            interruptible(simulation.stop, lambda: simulation.gas.step > begun) as interruption,
        ):
            simulation.step(run.steps - simulation.steps_done)
            if keeper is not None and not complete:  # what comes after the run may be killed too
                keeper.save(simulation)
            if not complete and interruption.signal is None:
                recorder.complete(simulation)
        if interruption.signal is not None:
            raise Interrupted(_how_to_go_on(simulation, run.steps, keeper), signal=interruption.signal)
    except Interrupted:  # the files are as a kill leaves them, but flushed
        for operation in simulation.operations:
            operation.flush()
            operation.abandon()
        raise
    except BaseException:
        simulation.close()
        raise
    simulation.close()


def _how_to_go_on(simulation: Simulation, steps: int, keeper: Checkpointer | None) -> str:
    where = f"interrupted after {simulation.steps_done} of {steps} steps"
    return where if keeper is None else f"{where}; go on with `gasfield resume {keeper.folder}`"
