"""What was simulated: the scenario that a trajectory carries, built again as far as a diagnostic needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import yaml

from gasfield.errors import InputError
from gasfield.forces import ForceLaw, Surroundings, TotalForce, build_force
from gasfield.forces.fields.recorded_gradient import RecordedGradient
from gasfield.scenario import Scenario
from gasfield.trajectory import Trajectory

WHOLE = "gas"
"""The name under which results of the gas as a whole stand."""


@dataclass(frozen=True)
class Experiment:
    """The laws behind a simulated trajectory.

    Attributes:
        scenario: as it was resolved for the run.
        degrees_of_freedom: of the whole gas, as the law of motion counts them; None where it has no velocities.
        _fields: what `fields` has built, by group.
    """

    scenario: Scenario
    degrees_of_freedom: int | None
    _fields: dict[str, tuple[tuple[ForceLaw, ...], TotalForce]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, trajectory: Trajectory) -> Self | None:
        """What the provenance of a trajectory says; None for a recording, or if it was written by another version."""
        text = trajectory.attributes.get("scenario")
        if trajectory.attributes.get("source") != "simulation" or text is None:
            return None
        try:
            scenario = Scenario.model_validate(yaml.safe_load(str(text)))
        except (ValueError, yaml.YAMLError):  # pydantic's ValidationError is a ValueError
            return None
        freedom = trajectory.attributes.get("degrees_of_freedom")
        return cls(scenario, None if freedom is None else int(freedom))

    def forces(self, group: str) -> TotalForce | None:
        """The forces that a group feels, or all those of the gas as a whole; None if a file that they need is gone."""
        scenario = self.scenario
        surroundings = Surroundings(scenario.space, scenario.find)
        try:
            if group == WHOLE:
                return TotalForce([build_force(law, surroundings) for law in scenario.forces])
            return TotalForce([law.build(surroundings) for law in scenario.forces if law.acts_on(group)])
        except InputError:
            return None

    def fields(self, group: str) -> tuple[tuple[ForceLaw, ...], TotalForce]:
        """The fields that act on a group, as they were written down and at work: no forces between particles, and none
        that were recorded; none at all if a file that they need is gone."""
        if group not in self._fields:
            self._fields[group] = self._build_fields(group)
        return self._fields[group]

    def _build_fields(self, group: str) -> tuple[tuple[ForceLaw, ...], TotalForce]:
        surroundings = Surroundings(self.scenario.space, self.scenario.find)
        laws = [law for law in self.scenario.forces if law.acts_on(group) and not isinstance(law, RecordedGradient)]
        try:
            built = [(law, law.build(surroundings)) for law in laws]
        except InputError:
            return (), TotalForce([])
        kept = [(law, force) for law, force in built if not force.interacting and not force.turns]
        return tuple(law for law, _ in kept), TotalForce([force for _, force in kept])
