"""What a run opens before it writes anything; `gasfield check` opens the same."""

from __future__ import annotations

from pathlib import Path

from gasfield.errors import InputError
from gasfield.runs.directory import OWN
from gasfield.scenario import Scenario
from gasfield.simulation import Simulation
from gasfield.simulation.room import require_room_for_run
from gasfield.trajectory import Trajectory


def open_start(scenario: Scenario, folder: Path) -> tuple[Simulation, Trajectory | None]:
    """The simulation of a scenario at its start, and the open trajectory named under `compare`, if any.

    Args:
        scenario: to be run.
        folder: where its directory will be.

    Raises:
        InputError: if the scenario cannot be run, a file that it names is missing or not what it should be, two would
            write the same file, or there is no room in memory or on the disk.
    """
    _require_files_of_their_own(scenario)
    reference = open_reference(scenario)
    simulation = Simulation.from_scenario(scenario)
    simulation.require_start()
    require_room_for_run(scenario, simulation.everyone.count, folder)
    return simulation, reference


def open_reference(scenario: Scenario) -> Trajectory | None:
    """The trajectory named under `compare`, if any.

    Raises:
        InputError: if there is no such file, or it is no trajectory.
    """
    if scenario.compare is None:
        return None
    name = scenario.compare.trajectory
    try:
        return Trajectory(scenario.find(name))
    except InputError as error:
        raise scenario.fault_at(("compare", "with"), error) from None


def _require_files_of_their_own(scenario: Scenario) -> None:
    """Refuses an operation that would write a file of the run, or of another operation."""
    taken = dict.fromkeys(OWN, "the run itself")
    for number, operation in enumerate(scenario.operations):
        for name in operation.files:
            if name in taken:
                error = InputError(f"{taken[name]} writes a file '{name}'; choose another name.")
                raise scenario.fault_at(("operations", number, "file"), error)
            taken[name] = f"operation {number}"
