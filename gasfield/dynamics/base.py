"""The interface of dynamics: advance a gas by one step; save and restore the integrator's state."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from gasfield.dynamics.bath import Bath
from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.kernels.lattices import Precision
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
        """Whether particles interact."""
        ...

    @property
    def mutual(self) -> bool:
        """Whether all forces act between particles and obey Newton's third law."""
        ...

    @property
    def steady(self) -> bool:
        """Whether no force depends on time."""
        ...

    @property
    def rotates_velocities(self) -> bool:
        """Whether any force also acts on velocities without doing work."""
        ...

    def rotate_velocities(self, gas: Gas, span: float) -> None:
        """Changes velocities in place by the flow of such forces over a time."""
        ...

    def force(self, gas: Gas) -> Array:
        """A new array (N, D): the force on each particle at the gas's positions and step [energy/length]."""
        ...

    def energy(self, gas: Gas) -> Array:
        """(N,) potential energy of each particle."""
        ...


@dataclass(frozen=True)
class Conditions:
    """What dynamics is built from, besides the gas.

    Attributes:
        space: where the particles live.
        field: the forces on them.
        bath: the temperature; None if the run has none.
        seed: of the run.
    """

    space: Space
    field: ForceField
    bath: Bath | None = None
    seed: int = 0


@dataclass(frozen=True)
class FreeDiffusion:
    """Diffusion of a free particle under discrete dynamics, exact at their time step: D = mobility T / m.

    Attributes:
        mobility: D m / T; 1/gamma in the limit of small steps [time].
        memory: time in which the autocorrelation of displacements falls by a factor e; 0 without inertia. At a lag t
            the slope of the mean square displacement is smaller by the fraction exp(-t / memory) [time].
    """

    mobility: float
    memory: float = 0.0

    @classmethod
    def of_velocities(cls, rate: float, time_step: float) -> Self | None:
        """Of flights h v with velocities of variance T/m and correlation exp(-rate h) from one flight to the next:
        (h/2)(1 + c)/(1 - c) = (h/2) coth(rate h/2) [time]. None at rate 0, where nothing diffuses."""
        if rate == 0.0:
            return None
        return cls(0.5 * time_step / math.tanh(0.5 * rate * time_step), 1.0 / rate)


class DynamicsSpec(Spec):
    """The specification of dynamics."""

    thermal: ClassVar[bool] = False
    """Whether it needs the temperature of a bath."""
    has_velocities: ClassVar[bool] = False
    """Whether particles have velocities."""
    rotates_velocities: ClassVar[bool] = False
    """Whether it supports forces on velocities (a magnetic field)."""
    looks_ahead: ClassVar[bool] = True
    """Whether a step needs the force at its end."""
    is_optimiser: ClassVar[bool] = False
    """Whether it is an optimiser of weights rather than physical dynamics."""
    force_is_velocity: ClassVar[bool] = False
    """Whether the force is used as a velocity [length/time], so that its potential is not an energy."""
    conserves_energy: ClassVar[bool] = False
    """Whether the total energy is conserved up to a bounded error, if forces are conservative and steady."""
    layered: ClassVar[bool] = False
    """Whether its steps are the sub-layers of a transformer, so that time is depth."""
    exchanges: ClassVar[bool] = False
    """Whether particles may take over the places of others between two steps: see `Dynamics.exchange`."""
    remedy: ClassVar[str] = "Try a smaller time_step."
    """What to try when the state becomes non-finite."""

    kind: str

    @property
    def lattice(self) -> Literal["float64"] | Precision:
        """The floating-point numbers that positions can be."""
        return "float64"

    @property
    def force_precision(self) -> Literal["float64", "float32"]:
        """In which forces between particles are computed."""
        return "float64"

    @property
    def descends(self) -> float | None:
        """The dynamics descend the potential energy plus this number times |x|^2 / 2; None if they need not descend."""
        return None

    @property
    def refuses_newcomers(self) -> str | None:
        """Why no particles can be added during a run; None (the default) if they can."""
        return None

    @property
    def free_diffusion(self) -> FreeDiffusion | None:
        """Diffusion of a free particle at this time step; None where it is not proportional to the temperature of the
        bath, or not known (the default)."""
        return None

    def stiffness_limit(self, mass: float) -> float | None:
        """Curvature of the potential of a particle of that mass from which on a step is unstable [energy/length^2];
        None if a step can follow any, as one that may be rejected, or if no limit is known."""
        return None

    def resolved(self, recordings: Sequence[str], find: Callable[[str], Path]) -> Self:
        """The same specification with what it takes from recordings; itself where it takes nothing (the default).

        Args:
            recordings: names of the recordings that the run uses otherwise: of its field first.
            find: the path of a data file; raises InputError.

        Raises:
            InputError: if a recording is missing, or does not hold what is taken from it.
        """
        return self

    @property
    def fixed(self) -> Self:
        """The same specification in plain numbers: those of the first step, where they change; itself (the default)."""
        return self

    @property
    def going_on(self) -> Self:
        """The same specification for a gas whose state will be restored, so that none is looked for at its start;
        itself (the default)."""
        return self

    @abstractmethod
    def build(self, gas: Gas, conditions: Conditions) -> Dynamics:
        """Builds the dynamics for a gas.

        Raises:
            InputError: if it is not defined under these conditions; the message gives the reason.
        """

    def require(self, conditions: Conditions) -> None:
        """Refuses a missing or unused temperature, and unsupported forces on velocities.

        Raises:
            InputError: if the conditions do not fit.
        """
        if self.thermal and conditions.bath is None:
            raise InputError(
                f"{self.kind} needs the temperature of its bath; add the key 'temperature' to the scenario."
            )
        if not self.thermal and conditions.bath is not None:
            hint = " The velocities at the start are given by gas.N.velocities." if self.has_velocities else ""
            raise InputError(f"{self.kind} has no bath, so 'temperature' would have no effect; remove it.{hint}")
        if conditions.field.rotates_velocities and not self.rotates_velocities:
            raise InputError(
                f"{self.kind} does not support a force on velocities (lorentz); "
                "use newton, langevin, andersen or nose_hoover."
            )


DYNAMICS = Registry("dynamics", DynamicsSpec, package="gasfield.dynamics")
"""`kind` -> specification of all dynamics."""

AnyDynamics = Annotated[DynamicsSpec, DYNAMICS.by_kind]
"""The specification of any registered dynamics."""


class Dynamics(ABC):
    """Equations of motion, discretised in time, of one gas."""

    keeps_momentum: bool = False
    """Whether total momentum is conserved; a run then starts with zero total momentum."""

    @property
    def least_steps(self) -> int:
        """Steps that a call of `run` should take at least, since the call itself costs as much as some of them."""
        return 1

    @abstractmethod
    def advance(self, gas: Gas) -> None:
        """Advances `gas` by one step in place; increments its step by 1 and its time by the time step."""

    def run(self, gas: Gas, steps: int, stopped: Callable[[], bool] = lambda: False) -> None:
        """Advances `gas` by several steps, or fewer if asked to stop: the same bits as so many calls of `advance`,
        which is the default."""
        for _ in range(steps):
            self.advance(gas)
            if stopped():
                return

    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """The state between steps besides the gas (moments, thermostats, accumulators), as copies."""

    @abstractmethod
    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restores what `state` returned.

        Raises:
            ValueError: if it is the state of other dynamics, or of a gas of another size.
        """

    @abstractmethod
    def add_particles(self, gas: Gas, added: int) -> None:
        """Extends the state after new particles were appended to `gas`, and initialises their part of it."""

    def displace(self, rows: NDArray[np.int64]) -> None:
        """Follows a gas in which the particles in some rows were set elsewhere between two steps; default: what was
        computed at their former places, and is no state, is computed anew."""
        self.restore(self.state())

    def exchange(self, sources: NDArray[np.int64], scales: Array, given: Array) -> None:
        """Follows a gas in which particle i has taken over the place of particle `sources[i]` between two steps, and
        its velocity times `scales[i]`: so do velocities that the dynamics keep. Only where the specification
        `exchanges`.

        Args:
            sources: (N,) a permutation of the particles; i itself where nothing has changed.
            scales: (N,).
            given: (N,) energy that each particle has lost by it, which counts as heat [energy].

        Raises:
            NotImplementedError: if the dynamics have no such exchange.
        """
        raise NotImplementedError(f"{type(self).__name__} does not let particles exchange their places")

    def begin(self, gas: Gas) -> None:
        """Prepares the gas before the first step; default: no change."""
        return None

    def project(self, gas: Gas) -> None:
        """Projects positions onto those allowed (a floating-point lattice); default: no change."""
        return None

    def check_steps(self, start: int, stop: int) -> None:
        """Refuses steps from `start` to before `stop` for which the law is not known; default: it always is.

        Raises:
            InputError: naming the first such step.
        """
        return None

    def accumulators(self) -> dict[str, Array]:
        """(N,) sums for each particle since the start: `heat` given to the bath [energy]."""
        return {}

    def measures(self, gas: Gas) -> dict[str, float]:
        """Scalars of the whole gas now: `conserved` [energy], `wall_impulse`, ..."""
        return {}

    def degrees_of_freedom(self, gas: Gas) -> int | None:
        """Number of independent velocity components; None without velocities."""
        return None


def require_free(space: Space, kind: str) -> None:
    """Refuses a bounded or curved space.

    Raises:
        InputError: if the space is not all of R^D.
    """
    if space.bounded or space.wall_area > 0.0:
        raise InputError(f"{kind} moves weights in R^D; space.kind must be free.")


def take_back(mine: dict[str, NDArray[Any]], state: Mapping[str, NDArray[Any]]) -> None:
    """Copies a saved state into arrays in place, after all names and shapes were checked.

    Raises:
        ValueError: if names or shapes differ.
    """
    if set(state) != set(mine):
        raise ValueError(f"the state of these dynamics has {sorted(mine)}, not {sorted(state)}")
    for name, array in mine.items():
        if state[name].shape != array.shape:
            raise ValueError(f"{name} has shape {state[name].shape}, not {array.shape}")
    for name, array in mine.items():
        array[...] = state[name]
