"""What a force is: it adds to the force on each particle and, where it has one, gives its potential energy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.registry import Registry
from gasfield.spaces import Space
from gasfield.spec import Spec

Array = NDArray[np.float64]
Finite = Annotated[float, Field(allow_inf_nan=False)]
"""A number of a specification that is neither infinite nor NaN."""


@dataclass(frozen=True)
class Surroundings:
    """What a force may need to know of the run that it is built for.

    Attributes:
        space: where the particles live.
        find: a file named in the scenario -> its path; raises InputError where there is none.
    """

    space: Space
    find: Callable[[str], Path] = Path

    @property
    def dimensions(self) -> int:
        """D of the space."""
        return self.space.dimensions

    def require_no_period(self, what: str) -> None:
        """Refuses a field that depends on the absolute place in a space that repeats itself.

        Raises:
            InputError: if the space is periodic.
        """
        if self.space.periods.any():
            raise InputError(
                f"{what} depends on the absolute place, but a periodic space repeats itself: the force would jump at "
                "its sides. Use space.kind free, box or ball."
            )


class MeanField(NamedTuple):
    """Attention whose law for infinitely many particles is known: its beta, and how weights are normed."""

    beta: float
    form: Literal["softmax", "unnormalised"]


class Memory(NamedTuple):
    """Stored patterns (M, D) [length] that draw a state to themselves, with the sharpness beta [1/length^2]."""

    patterns: Array
    beta: float


class PairTable(NamedTuple):
    """Emissions (N, D), receptivities (N, D), and what every particle does to every other one (N, N, D)."""

    emissions: Array
    receptivities: Array
    forces: Array


class ForceLaw(Spec):
    """The specification of a force."""

    recorded: ClassVar[bool] = False
    """Whether it is the field of a recording, which is known near the recorded rows only."""
    uniform: ClassVar[bool] = False
    """Whether it is the same force at all places, which leaves the mobility as it is."""
    between_poles: ClassVar[bool] = False
    """Whether each particle has a pole that acts and one that is acted on; `table_of` tells who moves whom."""

    kind: str
    groups: tuple[str, ...] | Literal["each"] | None = None
    """Groups among whose particles it acts, as if there were no others; `each`: within each group for itself. All if
    left out."""

    @abstractmethod
    def build(self, surroundings: Surroundings) -> Force:
        """The force at work.

        Raises:
            InputError: if it has no meaning in this space; the message says why.
        """

    def acts_on(self, group: str) -> bool:
        """Whether particles of a group feel it."""
        return self.groups is None or self.groups == "each" or group in self.groups

    @property
    def named_groups(self) -> tuple[str, ...]:
        """The groups that `groups` names."""
        return self.groups if isinstance(self.groups, tuple) else ()

    @property
    def mean_field(self) -> MeanField | None:
        """The mean field of attention that is known; None for other forces."""
        return None

    def memory(self, dimensions: int) -> Memory | None:
        """The patterns that it stores, in D dimensions; None for other forces."""
        return None

    def table_of(self, gas: Gas) -> PairTable | None:
        """What every particle of a gas does to every other one, for a force between two poles of each; None for other
        forces."""
        return None


FORCES = Registry("force", ForceLaw, package="gasfield.forces")
"""`kind` -> specification of every force."""

ForceSpec = Annotated[ForceLaw, FORCES.by_kind]
"""The specification of any registered force."""


class Force(ABC):
    """One force, built from its specification. `gas.positions` comes as a C-contiguous float64 (N, D) array."""

    conservative: bool
    """Whether the force is minus the gradient of the total `energy` at each step. Where there are passive particles: on
    those that push, of the total energy of those that push; on a passive one, of its own energy."""
    interacting: bool = False
    """Whether particles feel each other."""
    mutual: bool = False
    """Whether it acts between particles only, action being reaction, so that it keeps the total momentum."""
    steady: bool = True
    """Whether it is the same at every time, as an equilibrium needs it."""
    turns: bool = False
    """Whether it also acts on velocities, without doing work: see `turn`."""

    @abstractmethod
    def add(self, gas: Gas, force: Array) -> None:
        """Adds the force (N, D) at the gas's step to `force` in place [energy/length]."""

    @abstractmethod
    def energy(self, gas: Gas) -> Array:
        """Potential energy (N,) of each particle; of a pair each partner has half, so that they add up to the total.
        A passive particle has the whole energy of its pairs with those that push, who have none of it.

        Raises:
            ValueError: if the force is not conservative.
        """

    @abstractmethod
    def laplacian(self, gas: Gas) -> Array:
        """(N,): sum over the coordinates of particle i of the second derivatives of the energy of which the force on it
        is minus the gradient; the configurational temperature needs it [energy/length^2].

        Raises:
            ValueError: if the force is not conservative.
        """

    def virial(self, gas: Gas) -> float:
        """Sum over particles of x_i . F_i [energy]. In a periodic space, where x_i is not one number, a force between
        pairs gives r_ij . F_ij / 2 to each particle that feels another, by nearest images, and any other force nothing.
        """
        force = np.zeros(gas.positions.shape)
        self.add(gas, force)
        return float(np.sum(gas.positions * force))

    def turn(self, gas: Gas, span: float) -> None:
        """Where `turns`: changes the velocities by the exact flow of the part of the force that they cause over a time
        (m dv/dt = q B v), which `add`, the force on a particle at rest, does not have. Default: nothing."""
        return None

    def check_gas(self, gas: Gas) -> None:
        """Says beforehand whether the force has a meaning for a gas as it starts; default: it always has.

        Raises:
            InputError: if it has not.
        """
        return None

    def check_steps(self, start: int, stop: int) -> None:
        """Says beforehand whether the force is known at every step in [start, stop); default: it always is.

        Raises:
            InputError: if it is not.
        """
        return None


def not_conservative(kind: str) -> ValueError:
    """What `energy` and `laplacian` of a force without potential raise."""
    return ValueError(f"{kind} is no gradient: it has no potential energy")


def of_dimension(numbers: Sequence[float] | None, dimensions: int, key: str) -> Array:
    """Numbers of a specification as an array (D,); zeros if they were left out.

    Raises:
        InputError: if there are not D of them.
    """
    if numbers is None:
        return np.zeros(dimensions)
    if len(numbers) != dimensions:
        raise InputError(f"{len(numbers)} numbers are given; the space has {dimensions} dimensions.", parameter=key)
    return np.array(numbers, np.float64)
