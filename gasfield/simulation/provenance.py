"""What a trajectory says of the simulation that wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gasfield.forces import ForceSpec
from gasfield.operations import OperationSpec, SimulationLike
from gasfield.provenance import versions
from gasfield.scenario import Scenario
from gasfield.schedules import ByGroup, Schedule


def attributes(simulation: SimulationLike, scenario: Scenario | None, plugins: str) -> dict[str, Any]:
    """Attributes of the file: the scenario where there is one, its data files, plug-ins and versions."""
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
        **({"plugins": plugins} if plugins else {}),
        **({} if scenario is None else scenario.provenance()),
        **versions(),
    }


def described(
    simulation: SimulationLike,
    forces: Sequence[ForceSpec],
    temperature: Schedule | ByGroup | None,
    training: Sequence[OperationSpec] = (),
) -> Scenario:
    """A scenario with the physics of a simulation that was built in Python, training included, so that its trajectory
    can be diagnosed like any other. It has no initial state: that is the first frame."""
    groups = [
        {"name": name, "from": {"kind": "array", "count": int(np.sum(simulation.everyone.species == number))}}
        for number, name in enumerate(simulation.gas.names)
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
            "run": {"steps": 1},
        }
    )
