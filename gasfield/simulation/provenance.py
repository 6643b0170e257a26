"""What a trajectory says of the simulation that wrote it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from gasfield.forces import ForceSpec
from gasfield.operations import OperationSpec, SimulationLike
from gasfield.provenance import versions
from gasfield.scenario import Scenario
from gasfield.scenario.events import Event
from gasfield.schedules import ByGroup, Schedule
from gasfield.trajectory import schema


def attributes(
    simulation: SimulationLike, scenario: Scenario | None, plugins: str, events: Sequence[Event] = ()
) -> dict[str, Any]:
    """Attributes of the file: the scenario where there is one, its data files, events, plug-ins and versions."""
    freedom = simulation.dynamics.degrees_of_freedom(simulation.gas)
    laws = (
        {}
        if scenario is None
        else {"title": scenario.title, "scenario": scenario.yaml(), "scenario_sha256": scenario.digest()}
    )
    return {
        "source": "simulation",
        **laws,
        "seed": simulation.seed,
        **({} if freedom is None else {"degrees_of_freedom": freedom}),
        **({schema.EVENTS: json.dumps([event.data() for event in events])} if events else {}),
        **({"plugins": plugins} if plugins else {}),
        **({} if scenario is None else scenario.provenance()),
        **versions(),
    }


def described(
    simulation: SimulationLike,
    forces: Sequence[ForceSpec],
    temperature: Schedule | ByGroup | None,
    training: Sequence[OperationSpec] = (),
    events: Sequence[Event] = (),
) -> Scenario:
    """A scenario with the physics of a simulation that was built in Python, training included, so that its trajectory
    can be diagnosed like any other. It has no initial state: that is the first frame."""
    planted = {event.plant.name for event in events if event.plant is not None}
    groups = [
        {"name": name, "from": {"kind": "array", "count": int(np.sum(simulation.everyone.species == number))}}
        for number, name in enumerate(simulation.gas.names)
        if name not in planted
    ]
    return Scenario.model_validate(
        {
            "title": "a simulation built in Python",
            "question": "",
            "seed": simulation.seed,
            "space": simulation.space,
            "gas": groups,
            "forces": tuple(forces),
            "dynamics": simulation.law,
            "temperature": temperature,
            "operations": tuple(training),
            "events": tuple(events),
            "run": {"steps": 1},
        }
    )
