"""The key `replicas` of a scenario: shorthand for a gas that is simulated at several temperatures at once.

    replicas: {temperatures: {from: 0.1, to: 1.5, count: 8}, every: 20}

becomes one group for each temperature, NAME-0 (the coldest), NAME-1, ..., their temperatures, and the operation
`replica_exchange`. A run directory holds what it stands for, which can be written by hand as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gasfield.dynamics import AnyDynamics
from gasfield.forces import ForceSpec
from gasfield.operations.ladder import geometric
from gasfield.operations.replica_exchange import Adaptation
from gasfield.scenario.initial_state import GroupSource
from gasfield.spec import Spec, fault_within

Temperature = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
MOST = 1000
"""Replicas of a gas."""


class Geometric(Spec):
    """Temperatures with one ratio between neighbours."""

    first: Annotated[Temperature, Field(alias="from")]
    """The lowest [energy]."""
    last: Annotated[Temperature, Field(alias="to")]
    """The highest [energy]."""
    count: Annotated[int, Field(ge=2, le=MOST)]
    """How many temperatures."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.first < self.last:
            raise PydanticCustomError("ladder", "goes from a lower temperature to a higher one")
        return self


class Replicas(Spec):
    """Copies of the gas at different temperatures, which exchange configurations."""

    temperatures: Geometric | Annotated[tuple[Temperature, ...], Field(min_length=2, max_length=MOST)]
    """Of the replicas [energy]: a list, or a geometric ladder."""
    every: Annotated[int, Field(ge=1)] = 10
    """Steps between attempts to exchange."""
    of: Literal["particles", "configurations"] | None = None
    """What is exchanged; see the operation `replica_exchange`."""
    adapt: Adaptation | None = None
    """Temperatures that adapt in the first steps; see the operation `replica_exchange`."""

    @model_validator(mode="after")
    def _different(self) -> Self:
        if len(set(self.ladder)) < len(self.ladder):
            raise PydanticCustomError("ladder", "two replicas would have the same temperature")
        return self

    @property
    def ladder(self) -> list[float]:
        """All temperatures, ascending [energy]."""
        given = self.temperatures
        if isinstance(given, Geometric):
            return [float(value) for value in geometric(given.first, given.last, given.count)]
        return sorted(given)


def written_out(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a scenario without `replicas`, with what it stands for.

    Raises:
        ValidationError: if the replicas or the gas are not valid, or do not fit; its place is a key of the data.
    """
    replicas = _Replicas.model_validate({"replicas": data["replicas"]}).replicas
    if data.get("temperature") is not None:
        raise fault_within(("temperature",), "is given by replicas.temperatures; remove it", data["temperature"])
    group = _only_group(data)
    _require_bath(data)
    digits = len(str(len(replicas.ladder) - 1))
    names = [f"{group.name}-{number:0{digits}d}" for number in range(len(replicas.ladder))]
    exchange = {"kind": "replica_exchange", "trigger": replicas.every, "of": replicas.of, "adapt": replicas.adapt}
    rest = {key: value for key, value in data.items() if key != "replicas"}
    return rest | {
        "gas": [group.model_copy(update={"name": name}) for name in names],
        "forces": [_within_each(force, group.name) for force in data.get("forces") or ()],
        "temperature": {"kind": "by_group", "groups": dict(zip(names, replicas.ladder, strict=True))},
        "operations": [*(data.get("operations") or ()), exchange],
    }


class _Replicas(Spec):
    """One key, for the place of faults."""

    replicas: Replicas


class _Gas(Spec):
    """One key, for the place of faults."""

    gas: Annotated[tuple[GroupSource, ...], Field(min_length=1)]


def _only_group(data: Mapping[str, Any]) -> GroupSource:
    """The group that is copied.

    Raises:
        ValidationError: if there is not exactly one, or it is not valid.
    """
    groups = _Gas.model_validate({key: value for key, value in data.items() if key == "gas"}).gas
    if len(groups) > 1 or data.get("tracers"):
        text = (
            "are copies of a gas of one group, without tracers; for others, write a group for each temperature and the "
            "operation replica_exchange"
        )
        raise fault_within(("replicas",), text, data["replicas"])
    return groups[0]


class _Dynamics(Spec):
    """One key, for the place of faults."""

    dynamics: AnyDynamics


def _require_bath(data: Mapping[str, Any]) -> None:
    """Refuses dynamics without a bath.

    Raises:
        ValidationError: if they have none, or are not valid.
    """
    law = _Dynamics.model_validate({key: value for key, value in data.items() if key == "dynamics"}).dynamics
    if not law.thermal:
        text = f"exchange by the temperature of a bath; {law.kind} has none: use langevin, brownian, hmc or metropolis"
        raise fault_within(("replicas",), text, data["replicas"])


def _within_each(force: Any, name: str) -> Any:
    """A force on the one group, as a force within each of its copies."""
    if isinstance(force, Mapping) and force.get("groups") == [name]:
        return {**force, "groups": "each"}
    if isinstance(force, ForceSpec) and force.groups == (name,):
        return force.model_copy(update={"groups": "each"})
    return force
