"""What a law of motion is: it moves a gas by one step, and can say and take back its own state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.bath import Bath
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.registry import Registry
from gasfield.spaces import Space
from gasfield.spec import Spec

Array = NDArray[np.float64]


class ForceField(Protocol):
    """The sum of all forces of a run."""

    @property
    def conservative(self) -> bool:
        """Whether the force is minus the gradient of `energy` at each step."""
        ...

    @property
    def interacting(self) -> bool:
        """Whether particles feel each other."""
        ...

    @property
    def mutual(self) -> bool:
        """Whether all forces act between particles, action being reaction."""
        ...

    @property
    def steady(self) -> bool:
        """Whether all forces are the same at every time."""
        ...

    @property
    def turns(self) -> bool:
        """Whether any force acts on velocities too, without doing work."""
        ...

    def turn(self, gas: Gas, span: float) -> None:
        """Changes velocities in place by what such forces do over a time."""
        ...

    def force(self, gas: Gas) -> Array:
        """A new array (N, D): the force on each particle at the gas's positions and step [energy/length]."""
        ...

    def energy(self, gas: Gas) -> Array:
        """(N,) potential energy of each particle."""
        ...


@dataclass(frozen=True)
class Conditions:
    """What a law of motion is built for, besides the gas.

    Attributes:
        space: where the particles live.
        field: the forces on them.
        bath: the temperature; None where the run has none.
        seed: of the run.
    """

    space: Space
    field: ForceField
    bath: Bath | None = None
    seed: int = 0


class Law(Spec):
    """The specification of a law of motion."""

    thermal: ClassVar[bool] = False
    """Whether it needs the temperature of a bath."""
    has_velocities: ClassVar[bool] = False
    """Whether particles have velocities under it."""
    turns: ClassVar[bool] = False
    """Whether it lets forces act on velocities (a magnetic field)."""
    looks_ahead: ClassVar[bool] = True
    """Whether it needs the force at the step that it arrives at."""
    is_optimiser: ClassVar[bool] = False
    """Whether it trains weights, which take their own way down a gradient, and is no law of physics."""
    force_is_velocity: ClassVar[bool] = False
    """Whether the force is taken for a velocity [length/time], so that its potential is no energy."""
    remedy: ClassVar[str] = "Try a smaller time_step."
    """What to try when the gas blows up."""

    kind: str

    @property
    def precision(self) -> Literal["float64", "float32", "bfloat16"]:
        """The lattice on which positions live."""
        return "float64"

    def drag(self, mass: float) -> float | None:
        """Force for each unit of drift velocity of a particle of that mass; None without friction [mass/time]."""
        return None

    @abstractmethod
    def build(self, gas: Gas, conditions: Conditions) -> Dynamics:
        """The law at work on a gas.

        Raises:
            InputError: if the law has no meaning under these conditions; the message says why.
        """

    def require(self, conditions: Conditions) -> None:
        """Refuses a missing temperature, or one that nothing would use, and forces on velocities where it has none.

        Raises:
            InputError: if it does not fit.
        """
        if self.thermal and conditions.bath is None:
            raise InputError(
                f"{self.kind} needs the temperature of its bath; add the key 'temperature' to the scenario."
            )
        if not self.thermal and conditions.bath is not None:
            hint = " The velocities at the start are given by gas.N.velocities." if self.has_velocities else ""
            raise InputError(f"{self.kind} has no bath, so 'temperature' would change nothing; take it out.{hint}")
        if conditions.field.turns and not self.turns:
            raise InputError(
                f"{self.kind} does not know what a force on velocities (lorentz) does; "
                "use newton, langevin, andersen or nose_hoover."
            )


DYNAMICS = Registry("law of motion", Law, package="gasfield.dynamics")
"""`kind` -> specification of every law of motion."""

DynamicsSpec = Annotated[Law, DYNAMICS.by_kind]
"""The specification of any registered law of motion."""


class Dynamics(ABC):
    """One law of motion at work on one gas."""

    keeps_momentum: bool = False
    """Whether the total momentum stays what it is at the start, so that a run begins with none."""

    @abstractmethod
    def advance(self, gas: Gas) -> None:
        """Moves `gas` by one step in place and counts the step; time grows by the law's own time step."""

    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """What the law remembers between steps besides the gas (moments, thermostats, tallies), as copies."""

    @abstractmethod
    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes back what `state` gave.

        Raises:
            ValueError: if it is the state of another law, or of a gas of another size.
        """

    @abstractmethod
    def join(self, gas: Gas, newcomers: int) -> None:
        """Hears that `gas` has grown by some particles at its end, and what they start with is settled here."""

    def begin(self, gas: Gas) -> None:
        """Hears of the gas as it is before the first step; default: takes it as it is."""
        return None

    def project(self, gas: Gas) -> None:
        """Brings positions to where this law lets them live (a floating-point lattice); default: leaves them."""
        return None

    def tallies(self) -> dict[str, Array]:
        """(N,) numbers that were added up for each particle since the start: `heat` given to the bath [energy]."""
        return {}

    def measures(self, gas: Gas) -> dict[str, float]:
        """What the law can say of the gas as a whole now: `conserved` [energy], `wall_impulse`, ..."""
        return {}

    def degrees_of_freedom(self, gas: Gas) -> int | None:
        """How many velocity components are free under this law; None where there are no velocities."""
        return None


def require_free(space: Space, kind: str) -> None:
    """Refuses a bounded or curved space.

    Raises:
        InputError: if the space is not all of R^D.
    """
    if space.bounded or space.wall_area > 0.0:
        raise InputError(f"{kind} moves weights in all of R^D; space.kind must be free.")


def take_back(mine: dict[str, NDArray[Any]], state: Mapping[str, NDArray[Any]]) -> None:
    """Copies a saved state into arrays in place, after everything was seen to fit.

    Raises:
        ValueError: if names or shapes differ.
    """
    if set(state) != set(mine):
        raise ValueError(f"the state of this law has {sorted(mine)}, not {sorted(state)}")
    for name, array in mine.items():
        if state[name].shape != array.shape:
            raise ValueError(f"{name} has shape {state[name].shape}, here it is {array.shape}")
    for name, array in mine.items():
        array[...] = state[name]
