"""Lists of events: what is wrong with one is said in one sentence, at its place, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from touches import SHEET, Touches, langevin_with_pairs, simulation

from gasfield.errors import InputError
from gasfield.scenario import load_scenario
from gasfield.scenario.acting import strengths, with_number
from gasfield.schedules import Constant, Exponential, Piecewise, Ramp, Schedule, Table, WarmupCosine
from gasfield.simulation import Simulation
from gasfield.spec import parse

PROBE = {"name": "probe", "shape": SHEET, "place": {"kind": "point", "at": [1.0, 1.0]}}
BOX = {"space": {"kind": "box", "dimensions": 2, "side": 4.0}}
BY_GROUP = {"temperature": {"kind": "by_group", "groups": {"gas": 0.4}}}
ADAMW = {
    "space": {"kind": "free", "dimensions": 2}, "temperature": None,
    "dynamics": {"kind": "adamw", "learning_rate": 0.01},
    "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 36, "spread": 1.0}}],
}  # fmt: skip
BROWNIAN = {"dynamics": {"kind": "brownian", "time_step": 0.01}}

WRONG: list[tuple[str, list[dict[str, Any]], dict[str, Any], str]] = [
    ("two things", [{"at": 1, "remove": "gas", "switch": {"forces.0": "off"}}], {}, "does one of"),
    ("nothing", [{"at": 1}], {}, "does one of"),
    ("an unknown key", [{"at": 1, "heat": 3}], {}, "unknown key 'heat'"),
    ("unsorted", [{"at": 5, "remove": "gas"}, {"at": 4, "remove": "gas"}], {}, "order of their steps"),
    ("after the end", [{"at": 21, "set": {"temperature": 1.0}}], {}, "after the last step"),
    ("a path", [{"at": 1, "set": {"dynamics.friction": 1.0}}], {}, "cannot be set"),
    ("no such force", [{"at": 1, "set": {"forces.2.strength": 1.0}}], {}, "there is no 'forces.2'"),
    ("no strength", [{"at": 1, "set": {"forces.0.cutoff": 1.0}}], {}, "is no strength that can be set"),
    ("no such strength", [{"at": 1, "set": {"forces.0.stiffness": 1.0}}], {}, "strength"),
    ("a strength below zero", [{"at": 1, "set": {"forces.0.strength": -1.0}}], {}, "greater than or equal to 0"),
    ("below zero", [{"at": 1, "set": {"temperature": -1.0}}], {}, "never below zero"),
    ("no bath", [{"at": 1, "set": {"temperature": 1.0}}], ADAMW, "no bath"),
    ("no velocities", [{"at": 1, "kick": {"group": "gas", "velocity": [1.0, 0.0]}}], ADAMW, "no velocities"),
    ("no velocities", [{"at": 1, "kick": {"group": "gas", "velocity": [1.0, 0.0]}}], BROWNIAN, "no velocities"),
    ("dimensions", [{"at": 1, "kick": {"group": "gas", "velocity": [1.0]}}], {}, "2 dimensions"),
    ("dimensions", [{"at": 1, "move": {"group": "gas", "by": [1.0, 0.0, 0.0]}}], {}, "2 dimensions"),
    ("both", [{"at": 1, "move": {"group": "gas", "ids": [1], "by": [1.0, 0.0]}}], {}, "either 'group' or 'ids'"),
    ("no such group", [{"at": 1, "remove": "probe"}], {}, "no group or tag 'probe'"),
    ("everyone", [{"at": 1, "remove": "gas"}], {}, "nobody would be left"),
    ("twice", [{"at": 1, "plant": PROBE}, {"at": 2, "plant": PROBE}], {}, "given twice"),
    ("a name of a group", [{"at": 1, "plant": PROBE | {"name": "gas"}}], {}, "given twice"),
    ("removed already", [{"at": 1, "plant": PROBE}, {"at": 2, "remove": "probe"}, {"at": 3, "remove": "probe"}], {},
     "nobody of 'probe' is there"),
    ("not yet", [{"at": 1, "remove": "probe"}, {"at": 2, "plant": PROBE}], {}, "nobody of 'probe' is there"),
    ("an id", [{"at": 1, "tag": {"name": "box", "ids": [36]}}], {}, "particle 36 is not there"),
    ("an id to come", [{"at": 1, "tag": {"name": "box", "ids": [36]}}, {"at": 2, "plant": PROBE}], {}, "particle 36"),
    ("a huge id", [{"at": 1, "kick": {"ids": [2**62], "velocity": [0.0, 0.0]}}], {}, "is not there"),
    ("a tag like a group", [{"at": 1, "tag": {"name": "gas", "ids": [1]}}], {}, "the name of a group"),
    ("beyond the walls", [{"at": 1, "plant": PROBE | {"place": {"kind": "point", "at": [9.0, 0.0]}}}], BOX,
     "outside the space"),
    ("plant_at", [{"at": 1, "plant": PROBE | {"plant_at": 3}}], {}, "planted at the step of its event"),
    ("a place", [{"at": 1, "plant": PROBE | {"place": {"kind": "centroid", "of": "x"}}}], {}, "no group 'x'"),
    ("no temperature of its own", [{"at": 1, "plant": PROBE}], BY_GROUP, "temperatures go by group"),
    ("a temperature of its own", [{"at": 1, "plant": PROBE | {"temperature": 1.0}}], {}, "leave it out"),
    ("a group without", [{"at": 1, "set": {"temperature.groups.x": 1.0}}], BY_GROUP, "temperature.groups.gas"),
    ("no such switch", [{"at": 1, "switch": {"forces.7": "off"}}], {}, "there is no 'forces.7'"),
    ("neither on nor off", [{"at": 1, "switch": {"forces.0": "dim"}}], {}, "on"),
    ("not finite", [{"at": 1, "set": {"temperature": 1e999}}], {}, ""),
    ("too large", [{"at": 1, "plant": PROBE | {"shape": {"kind": "sheet", "side": 10**6, "spacing": 0.1}}}], {}, "GB"),
]  # fmt: skip


def write(folder: Path, events: list[dict[str, Any]], changes: dict[str, Any]) -> Path:
    of = {
        "title": "t", "question": "q", **langevin_with_pairs(folder), "run": {"steps": 20}, "events": events, **changes
    }  # fmt: skip
    path = folder / "events.yaml"
    path.write_text(json.dumps({key: value for key, value in of.items() if value is not None}, indent=1))
    return path


@pytest.mark.parametrize(("what", "events", "changes", "text"), WRONG, ids=[f"{n}-{w[0]}" for n, w in enumerate(WRONG)])
def test_what_is_wrong_is_said_where_it_stands(
    what: str, events: list[dict[str, Any]], changes: dict[str, Any], text: str, tmp_path: Path
) -> None:
    path = write(tmp_path, events, changes)
    with pytest.raises(InputError) as caught:
        Simulation.from_scenario(load_scenario(path))
    fault = caught.value.faults[0]
    assert text in str(caught.value), what
    assert str(fault.location).startswith(f"{path}:"), f"{what}: {fault.location}"
    assert str(fault.parameter).startswith("events."), f"{what}: {fault.parameter}"


def test_lists_that_are_right_pass(tmp_path: Path) -> None:
    """The control of the test above: the same events where they fit."""
    events: list[dict[str, Any]] = [
        {"at": 0, "set": {"temperature": 0.3, "forces.0.strength": {"kind": "ramp", "from": 1, "to": 2, "steps": 5}}},
        {"at": 1, "plant": PROBE},
        {"at": 2, "tag": {"name": "box", "ids": [0, 36]}},
        {"at": 2, "kick": {"group": "box", "velocity": [1.0, 0.0]}},
        {"at": 3, "remove": "probe"},
        {"at": 20, "switch": {"forces.0": "off"}},
    ]
    Simulation.from_scenario(load_scenario(write(tmp_path, events, {}))).step(20)


def test_a_structure_brings_its_temperature_where_they_go_by_group(tmp_path: Path) -> None:
    ramp = {"kind": "ramp", "from": 2.0, "to": 1.0, "steps": 4}
    events = [{"at": 3, "plant": PROBE | {"temperature": ramp}}, {"at": 5, "set": {"temperature.groups.gas": 0.1}}]
    sim = Simulation.from_scenario(load_scenario(write(tmp_path, events, BY_GROUP)))
    seen = {3: (0.4, 2.0), 5: (0.1, 1.5), 9: (0.1, 1.0)}
    for step, expected in seen.items():
        sim.step(step - sim.gas.step)
        assert sim.bath is not None
        assert tuple(sim.bath.at(step)) == expected


def test_a_touch_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    """Also one that is refused only after particles have come: the structure is on top of a hard core."""
    of = langevin_with_pairs(tmp_path) | {
        "space": {"kind": "box", "dimensions": 2, "side": 6.0},
        "forces": [{"kind": "lennard_jones", "strength": 1.0, "diameter": 0.5}],
        "dynamics": {"kind": "langevin", "time_step": 0.001, "friction": 1.0},
    }
    sim, other = simulation(of).step(4), simulation(of).step(4)
    at = [float(x) + 1e-4 for x in sim.gas.positions[0]]
    on_top = {"name": "p", "shape": SHEET, "place": {"kind": "point", "at": at}, "active": True}
    touches: list[dict[str, Any]] = [
        {"plant": on_top},
        {"move": {"group": "gas", "by": [100.0, 0.0]}},
        {"switch": {"forces.1": "on"}},
        {"at": 7, "remove": "gas"},
        {"kick": {"group": "nobody", "velocity": [0.0, 0.0]}},
    ]
    for touch in touches:
        with pytest.raises(InputError):
            sim.apply(touch)
    assert sim.events == ()
    assert sim.everyone.count == 36
    a, b = sim.step(3).state(), other.step(3).state()
    assert set(a) == set(b)
    assert all((a[name] == b[name]).all() for name in a)


def test_strengths_are_the_numbers_that_take_a_schedule() -> None:
    from gasfield.forces import AnyForce

    force = parse(AnyForce, {"kind": "gaussian_wells", "wells": [{"at": [0.0, 0.0], "depth": 1.0, "width": 0.5}]})
    assert "wells.0.depth" in strengths(force)
    assert "wells.0.at.0" not in strengths(force)
    assert with_number(force, "wells.0.depth", Constant(value=2.5), "forces.0").wells[0].depth == 2.5  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="no strength that can be set"):
        with_number(force, "wells.-1.depth", Constant(value=2.5), "forces.0")


@pytest.mark.parametrize(
    "schedule",
    [
        Constant(value=2.0),
        Ramp.model_validate({"from": 1.0, "to": 3.0, "steps": 7}),
        Exponential.model_validate({"from": 1.0, "to": 3.0, "steps": 7, "start": 2}),
        Piecewise(points=((0, 1.0), (5, 2.0))),
        Table(points=((0, 1.0), (5, 2.0))),
        WarmupCosine(peak=1.0, warmup=3, steps=9),
    ],
    ids=lambda schedule: schedule.kind,
)
def test_a_schedule_that_begins_later_has_the_same_numbers_later(schedule: Schedule) -> None:
    assert [schedule.later(11).at(step + 11) for step in range(15)] == [schedule.at(step) for step in range(15)]


def test_random_touches_have_every_kind() -> None:
    """Of the helper: a kind that never comes would not be tested."""
    kinds = {name.removeprefix("_") for name in vars(Touches) if name[:1] == "_" and name[:2] != "__"}
    assert kinds >= {"plant", "remove", "move", "kick", "tag", "heat", "set", "switch"}
