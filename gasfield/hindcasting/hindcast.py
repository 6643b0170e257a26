"""A recorded training simulated again from its recording alone: planned, run, and compared update by update."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gasfield.comparison import align
from gasfield.dynamics.optimiser import Optimiser
from gasfield.errors import InputError, Note
from gasfield.files import write_json
from gasfield.hindcasting.departure import Departure
from gasfield.hindcasting.occurrences import errors_by_count
from gasfield.hindcasting.plan import Form, Plan, plan_hindcast
from gasfield.hindcasting.replay import Replay
from gasfield.hindcasting.result import GroupHindcast, HindcastResult
from gasfield.hindcasting.rows import RecordedRows
from gasfield.hindcasting.sums import TermSums
from gasfield.hindcasting.terms import Terms
from gasfield.runs import RunResult, run
from gasfield.runs.directory import HINDCAST
from gasfield.runs.run import Listener
from gasfield.simulation import Simulation
from gasfield.trajectory import Trajectory, open_trajectory


def hindcast(
    recording: Path | str,
    *,
    rows: str | Sequence[str] | None = None,
    field: Form | None = None,
    steps: int | None = None,
    law: Mapping[str, Any] | None = None,
    pull: bool = True,
    tolerance: float = 0.01,
    output: Path | str | None = None,
    overwrite: bool = False,
    progress: Listener | None = None,
    stage: Callable[[str], None] | None = None,
) -> HindcastResult:
    """Simulates a recorded training again, and says where and why the simulation departs from the recording.

    Args:
        recording: a recorded training, by path or by the name of a bundled one.
        rows: groups of the recording (a list, or names with commas); by default those that never occur.
        field: form of the field; by default the exact one if it is stored for as long as the affine one.
        steps: number of steps; as many as the recording covers by default.
        law: keys of `dynamics` that replace those of the recording ({"weight_decay": 0.1}); with another `kind`, all.
        pull: whether live rows feel their recorded pull; without it they are moved in the field alone, as dead ones.
        tolerance: displacement error, relative to the displacement, from which the simulation counts as departed.
        output: run directory; outputs/hindcast-NAME/NNN by default.
        overwrite: whether an existing run may be replaced.
        progress, stage: as for `gasfield.run`.

    Returns:
        The result; the run directory also holds it as hindcast.json, and the scenario that was built.

    Raises:
        InputError: if the recording lacks what is needed (field, law, moments, rows); nothing is written then.
        BlowUp, Interrupted, WriteError: as for `gasfield.run`.
    """
    if not tolerance > 0:
        raise InputError("must be above 0.", parameter="tolerance", value=tolerance)
    names = rows.split(",") if isinstance(rows, str) else rows
    with open_trajectory(recording) as opened:
        name = None if Path(recording).expanduser().exists() else str(recording)
        plan = plan_hindcast(opened, name=name, rows=names, field=field, steps=steps, law=law, pull=pull)
    result = run(plan.scenario, output=output, overwrite=overwrite, progress=progress, stage=stage)
    if stage is not None:
        stage("single updates")
    found = _explained(plan, result, tolerance)
    write_json(result.directory / HINDCAST, found.as_json())
    return found


def _explained(plan: Plan, result: RunResult, tolerance: float) -> HindcastResult:
    """Where and why a run departs from its recording."""
    notes = list(plan.notes)
    motion = plan.scenario.law
    assert isinstance(motion, Optimiser)
    comparison = result.comparison
    groups = {}
    with open_trajectory(plan.recording) as real, result.open() as simulated:
        pairs = {pair.name: pair for pair in align(real, simulated).pairs}
        terms = explain_updates(plan, real, notes)
        for name in plan.groups:
            compared = None if comparison is None else comparison.groups.get(name)
            if compared is None or name not in pairs:
                notes.append(f"{name}: no row has a counterpart in the recording")
                continue
            departure = Departure.of(pairs[name], compared.hindcast, tolerance)
            groups[name] = GroupHindcast(compared, departure, terms.get(name), errors_by_count(pairs[name]))
    constants = motion.fixed.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"recorded_from"})
    if comparison is not None:
        notes += comparison.alignment_notes
        for name, group in groups.items():
            compared = group.comparison
            notes += [f"{name}: {note}" for note in (*compared.pair.notes, *compared.hindcast.notes)]
    return HindcastResult(plan, result, groups, constants, motion.varies, tuple(dict.fromkeys(notes)))


def explain_updates(plan: Plan, recording: Trajectory, notes: list[str]) -> dict[str, Terms]:
    """The errors of single updates of each group, and what explains them; no run is needed for it.

    Args:
        plan: of a hindcast.
        recording: the recording, open.
        notes: what cannot be explained is added.

    Raises:
        InputError: if the plan cannot be simulated.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)  # the run has said them
        simulation = Simulation.from_scenario(plan.scenario)
    with simulation:
        rows = RecordedRows.of(recording, plan.groups, plan.start, plan.start + plan.steps)
        replay = Replay(simulation, rows)
        if replay.objection is not None:
            notes.append(f"updates: not explained one by one: {replay.objection}")
            return {}
        sums = {}
        for name in plan.groups:
            members = simulation.gas.members(name)
            sums[name] = TermSums(slice(int(members[0]), int(members[-1]) + 1), recording.precision)
        for interval in replay.intervals():
            for each in sums.values():
                each.add(interval)
        return {name: each.terms() for name, each in sums.items()}
