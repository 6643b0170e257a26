"""Replica exchange: copies of a gas at different temperatures exchange their configurations.

The replicas are groups of the gas, one for each temperature of a ladder; no force acts between them, so that the law of
all is the product of Boltzmann's laws. An exchange of the configurations at T_i and T_j is accepted with probability

    min(1, exp((1/T_i - 1/T_j)(U_i - U_j))),

which leaves that product invariant; velocities are multiplied by sqrt(T_new/T_old) (Sugita and Okamoto 1999, Chemical
Physics Letters 314:141). Neighbours on the ladder are tried, pairs (0, 1), (2, 3), ... and (1, 2), (3, 4), ... in turn.

If particles do not interact, the law of a replica is itself a product over its particles, and each exchanges by itself,
by its own energy: N particles are N ladders. The exchange of a whole configuration is the only one that interacting
particles permit; its acceptance falls with N, as the energies of neighbours overlap less: with a heat capacity C per
particle, ln(T_j/T_i) has to shrink like 1/sqrt(N C) (Kofke 2002, Journal of Chemical Physics 117:6911).

A group is what is at one temperature at any time, so that every result of a group is a result at its temperature. Its
particles are not paths: at an exchange they are replaced. What moves through the ladder is a *walker*; a round trip is
its way from the lowest temperature to the highest and back.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError, Note
from gasfield.kernels.philox import uniforms
from gasfield.operations.base import Operation, OperationSpec, SimulationLike
from gasfield.operations.ladder import Ladder, spread_out
from gasfield.operations.walkers import Walkers
from gasfield.registry import register
from gasfield.spec import Spec
from gasfield.streams import Stream

Values = NDArray[np.float64]
Rows = NDArray[np.int64]

POOR = 0.05
"""Acceptance of a pair below which a ladder is said not to mix."""
_ENOUGH = 20
"""Attempts of a pair, times its particles, from which its acceptance is judged."""


class Adaptation(Spec):
    """Moves the temperatures of a ladder at the beginning of a run; after that they stay."""

    steps: Annotated[int, Field(ge=1)]
    """Steps from the start during which they move. Nothing before the end of them is equilibrium."""
    acceptance: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """The acceptance that every pair is to have: the lowest temperature stays, and the highest becomes what it takes.
    Left out, both ends stay, and all pairs are to have the same."""


@register
class ReplicaExchange(OperationSpec):
    """Groups at different temperatures exchange configurations. The key `replicas` of a scenario writes it."""

    kind: Literal["replica_exchange"] = "replica_exchange"
    groups: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    """The replicas; all groups if left out."""
    of: Literal["particles", "configurations"] | None = None
    """What is exchanged: single particles, where they do not interact, or all of a replica at once. Left out, particles
    where possible."""
    adapt: Adaptation | None = None
    """Temperatures that adapt first; as given in `temperature` if left out."""

    @property
    def settles(self) -> int:
        """While the ladder adapts."""
        return 0 if self.adapt is None else self.adapt.steps

    def replicas(self, groups: Sequence[str]) -> tuple[str, ...]:
        """Its groups."""
        return tuple(groups) if self.groups is None else self.groups

    def build(self, simulation: SimulationLike) -> ReplicaExchanger:
        """The operation at work.

        Raises:
            InputError: if the product of Boltzmann's laws is not what the dynamics sample, or replicas are not alike.
        """
        return ReplicaExchanger(self, simulation)


class ReplicaExchanger(Operation):
    """Replica exchange at work.

    Its state: the walkers, the exchanges tried and accepted of each pair, and the ladder.
    """

    rewinds: ClassVar[bool] = True

    def __init__(self, spec: ReplicaExchange, simulation: SimulationLike) -> None:
        """Starts with every walker at its own temperature; see `ReplicaExchange.build`."""
        self.trigger, self._simulation, self._adapt = spec.trigger, simulation, spec.adapt
        require_boltzmann(simulation)
        names = simulation.gas.names if spec.groups is None else spec.groups
        self.ladder = Ladder.of(simulation, names)
        self._one_by_one = self._by_particle(spec.of)
        self._walkers = Walkers(len(self.ladder.names), self.ladder.rows.shape[1] if self._one_by_one else 1)
        self._tried, self._accepted = np.zeros(len(names) - 1), np.zeros(len(names) - 1)
        self._rounds = 0

    def _by_particle(self, of: str | None) -> bool:
        """Whether particles exchange one by one.

        Raises:
            InputError: if they are to, and interact.
        """
        interacting = self._simulation.forces.interacting
        if of == "particles" and interacting:
            raise InputError(
                "particles that interact have no energies of their own to exchange by; use configurations.",
                parameter="of",
            )
        return not interacting if of is None else of == "particles"

    def fire(self, simulation: SimulationLike) -> None:
        """Tries one exchange of each second pair of neighbours; not at the very start."""
        if simulation.gas.step == simulation.start:
            return
        energies = simulation.forces.energy(simulation.gas)
        pairs = len(self.ladder.names) - 1
        for low in range(self._rounds % min(2, pairs), pairs, 2):
            self._try(low, energies)
        self._rounds += 1
        if self._adapt is not None:
            self._move_ladder(self._adapt)

    def _try(self, low: int, energies: Values) -> None:
        """Exchanges what is accepted between the temperatures `low` and `low` + 1."""
        simulation, rows = self._simulation, self.ladder.rows
        cold, hot = rows[low], rows[low + 1]
        below, above = self.ladder.temperatures[low : low + 2]
        gain = energies[cold] - energies[hot]
        drawn = np.empty(len(cold) if self._one_by_one else 1)
        gain = gain if self._one_by_one else gain.sum(keepdims=True)
        uniforms(drawn, cold[: len(drawn)], simulation.seed, int(Stream.EXCHANGES), simulation.gas.step)
        with np.errstate(invalid="ignore"):  # energies that are not finite are not exchanged
            accepted = np.log(drawn) < (1.0 / below - 1.0 / above) * gain
        self._tried[low] += 1.0
        self._accepted[low] += accepted.mean()
        if accepted.any():
            self._walkers.exchange(low, accepted)
            chosen = np.broadcast_to(accepted, len(cold))
            exchange(simulation, cold[chosen], hot[chosen], float(np.sqrt(below / above)), energies)

    def _move_ladder(self, adapt: Adaptation) -> None:
        """Moves the temperatures after every two rounds of the first steps; then forgets what was counted."""
        left = self._simulation.start + adapt.steps - self._simulation.gas.step
        if self._rounds == 0 or self._rounds % 2 or left < 0:
            return
        last = np.divide(self._accepted, self._tried, out=np.zeros_like(self._tried), where=self._tried > 0)
        moved = spread_out(self.ladder.temperatures, last, adapt.acceptance, self._rounds // 2)
        self._set_ladder(moved)
        self._tried[:] = self._accepted[:] = 0.0
        self._walkers.trips[:] = 0

    def _set_ladder(self, temperatures: Values) -> None:
        bath = self._simulation.bath
        assert bath is not None
        self.ladder = self.ladder.at(temperatures)
        of_groups = bath.at(self._simulation.gas.step)
        of_groups[self.ladder.species] = temperatures
        bath.hold(of_groups)

    @property
    def acceptance(self) -> Values:
        """(K - 1,) accepted share of the exchanges of each pair, the coldest first; NaN before the first one."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self._accepted / self._tried)

    @property
    def round_trips(self) -> int:
        """Ways of walkers from the lowest temperature to the highest and back."""
        return int(self._walkers.trips.sum())

    @property
    def walkers(self) -> Rows:
        """(K, M) which walker is at each temperature, the lowest first, in each of the M ladders."""
        return self._walkers.at.copy()

    def measures(self, simulation: SimulationLike) -> dict[str, float]:
        """`round_trips` so far; of each group but the hottest `exchanged`, the share of its exchanges with the next
        warmer one that was accepted, and of each group `walker`, where whole configurations are exchanged."""
        names = self.ladder.names
        found = {"round_trips": float(self.round_trips), "walkers": float(self._walkers.at.size)}
        tried = np.flatnonzero(self._tried)
        found |= {f"{names[pair]}/exchanged": float(self.acceptance[pair]) for pair in tried}
        if not self._one_by_one:
            found |= {f"{name}/walker": float(at[0]) for name, at in zip(names, self._walkers.at, strict=True)}
        return found

    def close(self) -> None:
        """Says which pairs hardly exchange."""
        if (warning := self.poor_mixing()) is not None:
            warnings.warn(Note(warning), stacklevel=2)

    def poor_mixing(self) -> str | None:
        """What keeps walkers from moving through the ladder, in words with numbers; None if nothing does."""
        judged = np.flatnonzero(self._tried * self._walkers.at.shape[1] >= _ENOUGH)
        poor = [pair for pair in judged if self.acceptance[pair] < POOR]
        if not poor:
            return None
        worst = min(poor, key=lambda pair: self.acceptance[pair])
        below, above = self.ladder.temperatures[worst : worst + 2]
        particles = self.ladder.rows.shape[1]
        reason = (
            "" if self._one_by_one else f" All {particles} particles exchange at once; fewer would be accepted more."
        )
        return (
            f"the ladder of temperatures hardly mixes: {self.ladder.names[worst]} and {self.ladder.names[worst + 1]} "
            f"(T = {below:.4g} and {above:.4g}) exchange in {self.acceptance[worst]:.2g} of the attempts; below "
            f"{POOR:g} the replicas are nearly separate. Put temperatures between these, or let the ladder adapt."
            f"{reason}"
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """Walkers, counts, and the temperatures as they are."""
        counts = {"tried": self._tried, "accepted": self._accepted, "rounds": np.array(self._rounds)}
        return {name: array.copy() for name, array in counts.items()} | {
            "temperatures": self.ladder.temperatures.copy(), **self._walkers.state()
        }  # fmt: skip

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes back what `state` gave."""
        self._tried, self._accepted = state["tried"].copy(), state["accepted"].copy()
        self._rounds = int(state["rounds"])
        self._walkers.restore(state)
        if self._adapt is not None:
            self._set_ladder(state["temperatures"].copy())


def exchange(simulation: SimulationLike, first: Rows, second: Rows, scale: float, energies: Values) -> None:
    """Particles exchange their places.

    Args:
        simulation: whose gas and dynamics take note.
        first, second: (M,) the particles of each pair.
        scale: by which velocities of the second are multiplied when the first takes them over, and divided the other
            way.
        energies: (N,) potential energies, which are exchanged too [energy].
    """
    gas = simulation.gas
    sources, scales = np.arange(gas.count), np.ones(gas.count)
    sources[first], sources[second] = second, first
    scales[first], scales[second] = scale, 1.0 / scale
    before = energies + (0.0 if gas.velocities is None else gas.kinetic_energies())
    gas.positions[:] = gas.positions[sources]
    if gas.images is not None:
        gas.images[:] = gas.images[sources]
    if gas.velocities is not None:
        gas.velocities[:] = gas.velocities[sources] * scales[:, None]
    energies[:] = energies[sources]
    after = energies + (0.0 if gas.velocities is None else gas.kinetic_energies())
    simulation.dynamics.exchange(sources, scales, before - after)


def require_boltzmann(simulation: SimulationLike) -> None:
    """Refuses a simulation that does not sample Boltzmann's law of constant forces at constant temperatures, separately
    in each group.

    Raises:
        InputError: it says what is in the way.
    """
    law, forces, bath = simulation.law, simulation.forces, simulation.bath
    if not law.thermal or bath is None:
        raise InputError(
            f"replicas exchange by the temperature of a bath, which {law.kind} has not; use langevin, brownian, "
            "andersen, hmc, mala or metropolis."
        )
    if not law.exchanges:
        raise InputError(
            f"{law.kind} keeps an account of the energy of its thermostats, which exchanges would break; use langevin, "
            "andersen, brownian, hmc, mala or metropolis."
        )
    if not forces.conservative:
        raise InputError("one of the forces is not a gradient, so there is no energy by which replicas could exchange.")
    if not forces.steady or any(force.trained is not None for force in forces):
        raise InputError("one of the forces changes with time; replicas exchange in a law that stays the same.")
    if bath.settled > simulation.start:
        raise InputError(
            "the temperature follows a schedule; replicas need constant ones: the ladder itself is the schedule."
        )
    if any(force.interacting and not force.separate for force in forces):
        raise InputError(
            "one of the forces acts between the replicas; with `groups: each` it acts within each of them separately."
        )
