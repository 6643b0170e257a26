"""The interface of a force: it adds to the force on each particle and, if it has one, gives its potential energy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.moved import Moved
from gasfield.gas import Gas
from gasfield.kernels.pointwise import PointwiseKernel
from gasfield.neighbours.neighbour_list import NeighbourList
from gasfield.registry import Registry
from gasfield.schedules import Schedule, fixed_at, schedules_in
from gasfield.spaces import Space
from gasfield.spec import Spec

if TYPE_CHECKING:
    from gasfield.forces.trainable import Trainable, TrainedForce

Array = NDArray[np.float64]
Finite = Annotated[float, Field(allow_inf_nan=False)]
"""A number of a specification that is neither infinite nor NaN."""


@dataclass(frozen=True)
class Surroundings:
    """The parts of a run on which a force may depend when it is built.

    Attributes:
        space: where the particles live.
        find: a file named in the scenario -> its path; raises InputError if there is no such file.
    """

    space: Space
    find: Callable[[str], Path] = Path

    @property
    def dimensions(self) -> int:
        """D of the space."""
        return self.space.dimensions

    def require_no_period(self, what: str) -> None:
        """Refuses a field that depends on absolute positions in a periodic space.

        Raises:
            InputError: if the space is periodic.
        """
        if self.space.periods.any():
            raise InputError(
                f"{what} depends on absolute positions, so in a periodic space the force would be discontinuous at "
                "the sides. Use space.kind free, box or ball."
            )


class MeanField(NamedTuple):
    """Attention with a known mean-field limit: its beta, and how its weights are normalised."""

    beta: float
    form: Literal["softmax", "unnormalised"]


class Memory(NamedTuple):
    """Stored patterns (M, D) [length], which attract the state, and the inverse temperature beta [1/length^2]."""

    patterns: Array
    beta: float


class PairTable(NamedTuple):
    """Emissions (N, D), receptivities (N, D), and the force of every particle on every other one (N, N, D)."""

    emissions: Array
    receptivities: Array
    forces: Array


class PairTerm(NamedTuple):
    """A law of pairs, its parameters, how it is evaluated for lanes, the strengths (N,) of the particles, and the list
    of neighbours."""

    law: PointwiseKernel
    parameters: tuple[Any, ...]
    evaluate: PointwiseKernel
    strengths: Array
    neighbours: NeighbourList


class Pointwise(NamedTuple):
    """A law `law(x, p, force)`, which adds the force at a place x (D,) to `force` (D,), and its parameters p."""

    law: PointwiseKernel
    parameters: tuple[Any, ...]


ForcePrecision = Literal["float64", "float32"]
"""In which pairs of particles are computed."""


class ForceSpec(Spec):
    """The specification of a force."""

    recorded: ClassVar[bool] = False
    """Whether it is the field of a recording, which is defined near the recorded rows only."""
    uniform: ClassVar[bool] = False
    """Whether the force is the same everywhere, so that it does not change the mobility."""
    between_poles: ClassVar[bool] = False
    """Whether each particle has a pole that acts and one that is acted on; `table_of` gives the forces between them."""

    kind: str
    groups: tuple[str, ...] | Literal["each"] | None = None
    """Groups among whose particles it acts, as if there were no others; `each`: within each group separately. All
    groups if left out."""

    @property
    def trained(self) -> Trainable | None:
        """Itself, if an operation moves its numbers during a run, so that it gives their start only; else None."""
        return None

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The strengths that change over the steps."""
        return tuple(schedules_in(self))

    def at(self, step: int) -> Self:
        """The same specification with the number of each schedule at a step."""
        fixed: Self = fixed_at(self, step)
        return fixed

    @property
    def transformer_file(self) -> str | None:
        """The name of the file or folder of the transformer whose part it is; None (the default) for other forces."""
        return None

    def storage(self, particles: int, dimensions: int) -> int:
        """Bytes that the built force holds besides the gas, where they grow with the dimensions or with a count in the
        specification."""
        return 0

    @abstractmethod
    def build(self, surroundings: Surroundings) -> Force:
        """Builds the force. Schedules were replaced by their numbers before, by `at`.

        Raises:
            InputError: if it is not defined in this space; the message gives the reason.
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
        """The mean-field limit of attention; None if unknown, and for other forces."""
        return None

    def memory(self, dimensions: int) -> Memory | None:
        """The stored patterns in D dimensions; None for other forces."""
        return None

    def table_of(self, gas: Gas) -> PairTable | None:
        """The pairwise forces of a gas, for a force between the two poles of each particle; None for other forces."""
        return None


FORCES = Registry("force", ForceSpec, package="gasfield.forces")
"""`kind` -> specification of every force."""

AnyForce = Annotated[ForceSpec, FORCES.by_kind]
"""The specification of any registered force."""


class Force(ABC):
    """A force, built from its specification. `gas.positions` is a C-contiguous float64 (N, D) array."""

    conservative: bool
    """Whether the force is minus the gradient of the total `energy` at each step. With passive particles: on a source,
    of the total energy of the sources; on a passive particle, of its own energy."""
    interacting: bool = False
    """Whether particles interact."""
    separate: bool = False
    """Whether it acts within each group separately, so that no group feels another one."""
    mutual: bool = False
    """Whether it acts between particles only and obeys Newton's third law, so that it conserves total momentum."""
    steady: bool = True
    """Whether it does not depend on time, as equilibrium requires."""
    moved: Moved | None = None
    """The motion that a learned field belongs to; None for other forces."""
    rotates_velocities: bool = False
    """Whether it also acts on velocities without doing work: see `rotate_velocities`."""

    @property
    def trained(self) -> TrainedForce | None:
        """The same force, if its numbers can be moved during a run; None, by default, if they cannot."""
        return None

    def with_precision(self, precision: ForcePrecision) -> Force:
        """The same force with pairs computed in a precision, and energies in float64; by default itself.

        Raises:
            InputError: if its numbers are out of the range of float32.
        """
        return self

    def for_another_gas(self) -> Force:
        """The same force for another gas, where it keeps what it has found out about one (such as a neighbour list) to
        be fast; by default itself."""
        return self

    def list_builders(self) -> Sequence[tuple[object, str]]:
        """(object, name of its method) of what keeps lists of neighbours, whose time a profile shows by itself; none by
        default."""
        return ()

    def acts_on(self, group: str) -> bool:
        """Whether particles of a group feel it; by default all do."""
        return True

    @abstractmethod
    def add(self, gas: Gas, force: Array) -> None:
        """Adds the force (N, D) at the gas's step to `force` in place [energy/length]."""

    @abstractmethod
    def energy(self, gas: Gas) -> Array:
        """Potential energy (N,) of each particle. A pair's energy is split evenly between its two particles, so that
        the sum is the total; the energy of a pair of a source and a passive particle belongs to the passive one.

        Raises:
            ValueError: if the force is not conservative.
        """

    @abstractmethod
    def laplacian(self, gas: Gas) -> Array:
        """(N,): Laplacian, by the coordinates of particle i, of the energy of which the force on it is minus the
        gradient; the configurational temperature needs it [energy/length^2].

        Raises:
            ValueError: if the force is not conservative.
        """

    def paired(self, gas: Gas) -> PairTerm | None:
        """The law of a pair of which the force consists, where its sums run over a neighbour list; None, by default,
        for any other force. Steps compiled with it have the bits of `add`."""
        return None

    def pointwise(self, gas: Gas) -> Pointwise | None:
        """The law of one particle of which the force consists, and its parameters for a gas; None, by default, for any
        other force. Steps compiled with it have the bits of `add`."""
        return None

    def virial(self, gas: Gas) -> float:
        """Sum over particles of x_i . F_i [energy]. In a periodic space, where x_i is not unique, a pair force adds
        r_ij . F_ij / 2, by nearest images, for each particle that feels another; any other force adds zero."""
        force = np.zeros(gas.positions.shape)
        self.add(gas, force)
        return float(np.sum(gas.positions * force))

    def rotate_velocities(self, gas: Gas, span: float) -> None:
        """If `rotates_velocities`: changes the velocities by the exact flow over a time of the velocity-dependent part
        of the force (m dv/dt = q B v). `add` excludes this part: it gives the force on a particle at rest. Default: no
        change."""
        return None

    def check_gas(self, gas: Gas) -> None:
        """Checks before the run that the force is defined for the initial gas; by default it always is.

        Raises:
            InputError: if it is not.
        """
        return None

    def routing(self, gas: Gas) -> Array | None:
        """(N, M) weights that each particle gives to the M experts of a router, with sum 1 in each row; None, by
        default, for other forces."""
        return None

    def outside(self, gas: Gas) -> NDArray[np.bool_] | None:
        """(N,) which particles are outside the region in which the force is known; None, by default, where it is known
        everywhere. A learned field is an extrapolation there."""
        return None

    def measures(self, gas: Gas) -> dict[str, float]:
        """Numbers about the force itself, recorded with the observables; none by default."""
        return {}

    def data_digest(self) -> str | None:
        """SHA-256 of recorded data that it has read completely, so that a run is not resumed with others; None, by
        default, where there are none, or where they are read step by step."""
        return None

    def check_steps(self, start: int, stop: int) -> None:
        """Checks before the run that the force is defined at every step in [start, stop); by default it always is.

        Raises:
            InputError: if it is not.
        """
        return None


def not_conservative(kind: str) -> ValueError:
    """The error that `energy` and `laplacian` of a force without a potential raise."""
    return ValueError(f"{kind} is not a gradient: it has no potential energy")


def of_dimension(numbers: Sequence[float] | None, dimensions: int, key: str) -> Array:
    """Numbers of a specification as an array (D,); zeros if left out.

    Raises:
        InputError: if there are not D of them.
    """
    if numbers is None:
        return np.zeros(dimensions)
    if len(numbers) != dimensions:
        raise InputError(f"{len(numbers)} numbers are given; the space has {dimensions} dimensions.", parameter=key)
    return np.array(numbers, np.float64)
