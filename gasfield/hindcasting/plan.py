"""The scenario of a hindcast, built from a recording: its rows, its field, its law, and the comparison with itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from gasfield.dynamics import DYNAMICS
from gasfield.dynamics.over_steps import LawOverSteps
from gasfield.errors import InputError
from gasfield.faults import explain
from gasfield.hindcasting.rows import steps_of
from gasfield.learning.recorded import are_dead
from gasfield.learning.recorded.gradients import LIVE
from gasfield.scenario import Scenario
from gasfield.trajectory import SURVEYED, Trajectory, schema

Form = Literal["affine", "full"]
Steps = NDArray[np.int64]
_GIVE_LAW = "law: {kind: adamw, learning_rate: 1.0e-3}"


@dataclass(frozen=True)
class Plan:
    """How a recording is simulated again.

    Attributes:
        recording: the file.
        scenario: the whole run, with the recording as what it is compared with.
        groups: the groups that are simulated.
        field: the form of the field.
        start: the first step.
        steps: number of steps.
        notes: what was decided, and why, where that is not obvious.
    """

    recording: Path
    scenario: Scenario
    groups: tuple[str, ...]
    field: Form
    start: int
    steps: int
    notes: tuple[str, ...]


def plan_hindcast(
    recording: Trajectory,
    *,
    name: str | None = None,
    rows: Sequence[str] | None = None,
    field: Form | None = None,
    steps: int | None = None,
    law: Mapping[str, Any] | None = None,
    pull: bool = True,
) -> Plan:
    """Builds the scenario of a hindcast.

    Args:
        recording: a recorded training, open.
        name: how the scenario names the file; its absolute path by default.
        rows: groups of the recording; by default those whose rows are dead or tracers.
        field: form of the field; by default the exact one if it is stored for as long as the affine one.
        steps: number of steps; as many as frames and field cover by default.
        law: keys of `dynamics` that replace those of the recording; with another `kind`, all of them.
        pull: whether live rows feel their recorded pull; without it they are moved in the field alone, as dead ones.

    Raises:
        InputError: if the recording lacks what is needed; the message names it, and what can be done.
    """
    path = recording.path
    if recording.attributes.get("source") == "simulation":
        raise InputError(f"{path} is a simulation; a hindcast is made from the recording of a training.")
    file = name or str(path.absolute())
    groups, live = _groups(recording, rows)
    notes = ["survey: compared at its own steps, at which all dead rows were kept"] if SURVEYED in groups else []
    start = int(_frames_of(recording, groups)[0])
    form, length = _field(recording, field, groups, start, notes)
    frames = _frames_of(recording, groups)
    length = _length(recording, steps, int(frames[1]) - start, length)
    shown = frames[frames <= start + length]
    dynamics = _dynamics(recording, file, law)
    besides = _besides(recording, file, form, live, range(start, start + length), notes, pull=pull)
    data = {
        "format": 1,
        "title": f"Hindcast of {path.name}",
        "question": f"Does the recorded {form} field, with the law of the training, take {', '.join(groups)} where "
        "the training took them?",
        "space": {"kind": "free", "dimensions": recording.dimensions},
        "gas": [
            {"name": group, "from": {"kind": "recording", "file": file, "group": group, "step": start}}
            for group in groups
        ],
        "forces": [{"kind": "recorded_gradient", "file": file, "field": form}, *besides],
        "dynamics": dynamics,
        "run": {"steps": length, "record_every": int(np.gcd.reduce(np.diff(shown)))},
        "diagnostics": [],
        "compare": {"with": file},
    }
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise explain(error, data) from None
    if not scenario.dynamics.is_optimiser:
        raise InputError("is no optimiser: a training moved these rows.", parameter="law", value=dynamics["kind"])
    return Plan(path, scenario.named(f"hindcast-{path.stem}"), groups, form, start, length, tuple(notes))


def _groups(recording: Trajectory, rows: Sequence[str] | None) -> tuple[tuple[str, ...], list[str]]:
    """The groups to simulate, and those among them that are not known to be dead.

    Raises:
        InputError: if a group is not there, or none is known to be dead.
    """
    dead = are_dead(recording)
    members = {name: recording.members(name) for name in recording.names}
    is_dead = {name: bool(len(own) and dead[own].all()) for name, own in members.items()}
    surveyed = {SURVEYED} if recording.has_survey else set[str]()
    known = {name for name, own in members.items() if len(own)} | surveyed
    if rows is not None:
        for name in rows:
            if name not in known:
                raise InputError(f"the groups of {recording.path} are {', '.join(sorted(known))}.",
                                 parameter="rows", value=name)  # fmt: skip
        chosen = tuple(dict.fromkeys(rows))
        return chosen, [name for name in chosen if not is_dead.get(name, name in surveyed)]
    found = [name for name, whole in is_dead.items() if whole and name != SURVEYED]
    if found:
        return tuple(found), []
    if surveyed:
        return (SURVEYED,), []
    raise InputError(
        f"{recording.path}: no group is known to hold rows that never occur (groups: {', '.join(sorted(known))}); name "
        "those to be simulated, or record them as a group 'dead'.",
        parameter="rows",
    )


def _frames_of(recording: Trajectory, groups: tuple[str, ...]) -> Steps:
    """The steps at which the rows of all groups are recorded.

    Raises:
        InputError: if there are fewer than two.
    """
    steps = steps_of(recording, groups)
    if len(steps) < 2:
        raise InputError(f"{recording.path}: {len(steps)} recorded frame: a hindcast compares at least two.")
    return steps


def _besides(
    recording: Trajectory, file: str, form: Form, live: list[str], steps: range, notes: list[str], *, pull: bool
) -> list[dict[str, Any]]:
    """The forces on rows that are not known to be dead, besides the field: what they change of it, and their pull."""
    forces: list[dict[str, Any]] = []
    placed = [name for name in live if name != SURVEYED and np.isin(steps, recording.steps).all()]
    if form == "full" and placed:
        forces.append({"kind": "recorded_own_term", "file": file, "groups": placed})
        notes.append(f"{', '.join(placed)}: away from the recorded path each Z has the row's own term where it is")
    elif live:
        notes.append(f"{', '.join(live)}: away from the recorded path each Z keeps the row's own term as it was")
    of = _pull_of(recording, steps) if pull and LIVE in placed else None
    if of is not None:
        forces.append({"kind": "recorded_pull", "file": file, "field": form, "of": of, "groups": [LIVE]})
        notes.append(
            f"{LIVE}: moved in the field and by the recorded pull and input side"
            if of == "parts"
            else f"{LIVE}: on the recorded path field and recorded pull add up to the recorded gradient, whatever the "
            "field is: this tests the law, and how errors grow away from that path"
        )
    notes += [
        f"{name}: not known to be dead; it is moved in the field alone, which is not all that moves a live row"
        for name in live
        if of is None or name != LIVE
    ]
    return forces


def _pull_of(recording: Trajectory, steps: range) -> Literal["parts", "gradient"] | None:
    """What is recorded at every step besides the field of what live rows received."""
    if recording.has_parts and np.isin(steps, recording.live_part("pull").steps).all():
        return "parts"
    try:
        return "gradient" if np.isin(steps, recording.live_gradients().steps).all() else None
    except InputError:
        return None


def _field(
    recording: Trajectory, field: Form | None, groups: tuple[str, ...], start: int, notes: list[str]
) -> tuple[Form, int]:
    """The form of the field, and for how many steps from the start it and the frames are there without a gap.

    Raises:
        InputError: if there is no field, or none for long enough.
    """
    path, stored = recording.path, {form: recording.field_steps(form) for form in ("affine", "full")}
    again = 'record again with field="affine" and field_every=1 (the default of `gasfield record`).'
    if field is not None and not len(stored[field]):
        others = ", ".join(form for form, steps in stored.items() if len(steps)) or "none"
        raise InputError(f"{path} holds no {field} field (fields here: {others}).", parameter="field", value=field)
    if not any(map(len, stored.values())):
        raise InputError(f"{path}: no field is recorded, and nothing moves the rows without one; {again}")
    frames = _frames_of(recording, groups)
    last = int(frames[-1])
    covered = {form: min(_unbroken(steps, start), last - start) for form, steps in stored.items()}
    form: Form = field or ("full" if covered["full"] >= covered["affine"] else "affine")
    reach = frames[(frames > start) & (frames <= start + covered[form])]
    if not len(reach):
        text = f"{path}: a simulation needs the field at every step; the {form} field is stored at {len(stored[form])} "
        text += (
            f"steps, and from step {start} at {covered[form]} in a row, while the next frame is at step {frames[1]}; "
        )
        raise InputError(text + again)
    length = int(reach[-1]) - start
    if start + length < last:
        notes.append(
            f"the {form} field is stored at every step up to {start + covered[form] - 1}: the hindcast ends at step "
            f"{start + length}, the recording at {last}"
        )
    return form, length


def _unbroken(steps: Steps, start: int) -> int:
    """How many of start, start + 1, ... are among ascending steps before the first that is not."""
    later = steps[steps >= start]
    return int(np.cumprod(later == start + np.arange(len(later))).sum())


def _length(recording: Trajectory, steps: int | None, least: int, covered: int) -> int:
    if steps is None:
        return covered
    if not least <= steps <= covered:
        text = f"field and frames of {recording.path} allow {least} to {covered} steps."
        raise InputError(text, parameter="steps", value=steps)
    return steps


def _dynamics(recording: Trajectory, file: str, law: Mapping[str, Any] | None) -> dict[str, Any]:
    """The law as in a scenario: that of the recording, with what is given in its place.

    Raises:
        InputError: if the optimiser of the recording is not known, or has no law here.
    """
    given = dict(law or {})
    name = str(recording.attributes.get("optimiser", schema.UNKNOWN))
    kind = _kind_of(name)
    if "kind" in given and given["kind"] != kind:
        return given
    if kind is not None:
        return {"kind": kind, "from": file, **given}
    if given:
        raise InputError("give its kind, too: the recording does not say which law this is.", parameter="law")
    if name == schema.UNKNOWN:
        raise InputError(
            f"{recording.path}: the optimiser of the training is not recorded, so that its law is not known; record "
            f"with Recorder(..., optimizer=...), or give it ({_GIVE_LAW})."
        )
    theirs = recording.attributes.get("optimiser_class", name)
    raise InputError(
        f"{recording.path}: the training used {theirs}, whose law is not modelled (these are: "
        f"{', '.join(_modelled())}); give another law to see how far it goes ({_GIVE_LAW}), or register its own "
        "(docs/extending.md)."
    )


def _kind_of(name: str) -> str | None:
    """The kind of dynamics with the law of a recorded optimiser."""
    return next((kind for kind, spec in _laws().items() if name in spec.recorded_as), None)


def _modelled() -> list[str]:
    return sorted({name for spec in _laws().values() for name in spec.recorded_as})


def _laws() -> dict[str, type[LawOverSteps]]:
    return {kind: spec for kind, spec in DYNAMICS.items() if issubclass(spec, LawOverSteps)}
