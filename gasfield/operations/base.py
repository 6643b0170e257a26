"""What an operation is: something that a simulation does at the steps at which a trigger fires.

An `Operation` is at work in one simulation. Those that can be written in YAML have a specification, an `OperationSpec`,
which is registered and builds it. A function becomes an operation by `Callback`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol

from numpy.typing import NDArray

from gasfield.dynamics import Bath, Dynamics, DynamicsSpec
from gasfield.forces import TotalForce
from gasfield.gas import Gas
from gasfield.operations.triggers import AnyTrigger, Every, Trigger, trigger_of
from gasfield.registry import Registry
from gasfield.spaces import Space
from gasfield.spec import Spec


class SimulationLike(Protocol):
    """What operations use of a simulation."""

    @property
    def gas(self) -> Gas:
        """The state."""
        ...

    @property
    def everyone(self) -> Gas:
        """All particles in the order of a trajectory; NaN where one is not there yet."""
        ...

    @property
    def space(self) -> Space:
        """Where the particles live."""
        ...

    @property
    def forces(self) -> TotalForce:
        """The sum of all forces."""
        ...

    @property
    def law(self) -> DynamicsSpec:
        """The specification of the dynamics."""
        ...

    @property
    def dynamics(self) -> Dynamics:
        """The dynamics at work."""
        ...

    @property
    def bath(self) -> Bath | None:
        """The temperatures; None where there is no bath."""
        ...

    @property
    def seed(self) -> int:
        """Of all random numbers."""
        ...

    @property
    def start(self) -> int:
        """The step at which it began."""
        ...

    @property
    def directory(self) -> Path:
        """Where operations write their files."""
        ...

    def in_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values (n, ...) of the particles of the gas, each in its row of `everyone`."""
        ...

    def forces_known(self) -> bool:
        """Whether the forces are known at the present step; a recorded field ends somewhere."""
        ...

    def observe(self) -> dict[str, float]:
        """All observables that are defined now."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that it needs to go on, as copies."""
        ...

    def provenance(self) -> dict[str, Any]:
        """What made the trajectory: attributes of its file."""
        ...


class TrainingPair(NamedTuple):
    """Names of the group whose field is trained and of the group whose density it learns."""

    student: str
    teacher: str


class Operation(ABC):
    """Something that a simulation does along the way. A subclass sets `trigger` and defines `fire`; all else may stay.

    Attributes:
        trigger: when it fires.
    """

    trigger: Trigger
    rewinds: ClassVar[bool] = False
    """Whether `restore` may also be called while it is at work, when the simulation is set back; files cannot be."""

    @abstractmethod
    def fire(self, simulation: SimulationLike) -> None:
        """Called at each step at which the trigger fires, the start included."""

    def begin(self, simulation: SimulationLike) -> None:
        """Called once, before the first step and before anything fires; default: nothing."""
        return None

    def touched(self, simulation: SimulationLike) -> None:
        """Called after an event has changed the gas, or what acts on it; default: nothing.

        Raises:
            InputError: if it cannot go on with it; the simulation is then set back to before the event.
        """
        return None

    def set_back(self, simulation: SimulationLike, *, waiting: bool) -> None:
        """Called after the simulation was set back, or on, while this is at work; default: nothing.

        Args:
            simulation: as it is now.
            waiting: whether this has yet to fire at the present step, if it is due.
        """
        return None

    def prepare(self, simulation: SimulationLike) -> None:
        """Called before steps are taken to the next event; default: nothing."""
        return None

    def guard(self, simulation: SimulationLike) -> None:
        """Called at every event before any operation fires, so that none acts on a bad state; default: nothing.

        Raises:
            BlowUp: if the simulation must not go on.
        """
        return None

    def tick(self, simulation: SimulationLike) -> None:
        """Called about once a second while steps are taken, between two events; default: nothing. What it does must
        not change the state of the simulation, nor depend on it in a way that matters to results."""
        return None

    def measures(self, simulation: SimulationLike) -> dict[str, float]:
        """Numbers that it adds to the observables, those of a group as `GROUP/name`; default: none."""
        return {}

    def flush(self) -> Path | None:
        """Brings to the disk what was written, as when a simulation ends early; the file, for the error message.
        Default: nothing."""
        return None

    def close(self) -> None:
        """Called once at the end; default: nothing."""
        return None

    def abandon(self) -> None:
        """Called once instead of `close` if the simulation is to be continued later: closes files as they were after
        the last flush; default: nothing."""
        return None

    def state(self) -> dict[str, NDArray[Any]]:
        """What it needs to go on after a kill; default: nothing."""
        return {}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes back what `state` gave; called before `begin`."""
        return None


class Callback(Operation):
    """A function of one's own: `Callback(lambda simulation: print(simulation.gas.step), every=100)`."""

    def __init__(
        self,
        function: Callable[[Any], object],
        *,
        every: int | None = None,
        trigger: Trigger | int | Sequence[int] | dict[str, Any] | None = None,
    ) -> None:
        """Fires every so many steps, or by a trigger; at every step if neither is given."""
        self._function = function
        self.trigger = Every(steps=every or 1) if trigger is None else trigger_of(trigger)

    def fire(self, simulation: SimulationLike) -> None:
        """Calls the function with the simulation."""
        self._function(simulation)


class OperationSpec(Spec):
    """The specification of an operation."""

    kind: str
    trigger: AnyTrigger = Every(steps=1)
    """When it fires: every so many steps (a number), at given steps (a list), or a mapping with `kind`."""

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files that it writes in the run directory; they are deleted when the run is replaced. Default:
        the value of its key `file`, if it has one."""
        name = getattr(self, "file", None)
        return (name,) if isinstance(name, str) else ()

    @property
    def trains(self) -> TrainingPair | None:
        """Which group it trains on which other one; None, by default, where it trains nothing."""
        return None

    @property
    def settles(self) -> int:
        """Steps from the start that are not meant to be in equilibrium, because it changes the model; 0 by default."""
        return 0

    def replicas(self, groups: Sequence[str]) -> tuple[str, ...]:
        """Which of all groups are copies of one gas at different temperatures; none by default."""
        return ()

    @abstractmethod
    def build(self, simulation: SimulationLike) -> Operation:
        """The operation at work in a simulation.

        Raises:
            InputError: if it does not fit the simulation.
        """


OPERATIONS = Registry("operation", OperationSpec, package="gasfield.operations")
"""`kind` -> specification of every operation."""

AnyOperation = Annotated[OperationSpec, OPERATIONS.by_kind]
"""The specification of any registered operation."""
