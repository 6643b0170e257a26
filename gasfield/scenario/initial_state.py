"""The initial state of a run: groups from their sources, tracers planted among them now, and those planted later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError, about
from gasfield.forces.base import Finite, of_dimension
from gasfield.gas import Gas, are_finite, require_finite
from gasfield.memory import require_memory
from gasfield.names import NAME, require_name
from gasfield.scenario.sources import AnySource, SourceContext
from gasfield.scenario.velocities import GivenVelocity, Velocities, initial_velocities
from gasfield.spaces import Space
from gasfield.spec import Spec
from gasfield.tracers import GroupSnapshot, PlacedStructure, PlacementContext, Tracer, plant

Values = NDArray[np.float64]
_COPIES = 6
"""Of the coordinates of a structure that exist at the same time when it is planted."""


class GroupSource(Spec):
    """A named group of particles and where it comes from."""

    name: Annotated[str, Field(pattern=f"^{NAME}$")]
    """By which other keys, results and pictures call the group."""
    source: Annotated[AnySource, Field(alias="from")]
    mass: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Mass of each particle; optimisers ignore it."""
    charge: Finite = 0.0
    """Charge of each particle; coulomb, yukawa and lorentz act on it."""
    velocities: Annotated[Velocities | None, Field(discriminator="kind")] = None
    """Initial velocities, where the dynamics have velocities: thermal at the temperature of the bath if left out, at
    rest without a bath."""

    def gas(self, space: Space, seed: int, number: int, find: Callable[[str], Path]) -> Gas:
        """The particles of the group, which is the `number`-th.

        Raises:
            InputError: if its source has no such particles.
        """
        with about("from"):
            gas = self.source.gas(SourceContext(self.name, space, seed, number, find))
            require_finite(gas.positions)
        gas.masses[:], gas.charges[:] = self.mass, self.charge
        return gas


@dataclass(frozen=True)
class ScheduledTracer:
    """A tracer that is to be planted at a later step.

    Attributes:
        tracer: what and where.
        number: place in the scenario's list of tracers.
        species: index of its name in `Gas.names`.
        ids: (M,) ids of its particles.
    """

    tracer: Tracer
    number: int
    species: int
    ids: NDArray[np.int64]

    def add_to(self, gas: Gas, positions: Values) -> None:
        """Adds the structure at positions (M, D) to the end of a gas, at rest where the gas has velocities."""
        count = len(positions)
        gas.positions = np.concatenate([gas.positions, positions.astype(gas.positions.dtype)])
        if gas.velocities is not None:
            gas.velocities = np.concatenate([gas.velocities, np.zeros(positions.shape)])
        if gas.images is not None:
            gas.images = np.concatenate([gas.images, np.zeros(positions.shape, np.int64)])
        gas.species = np.concatenate([gas.species, np.full(count, self.species)])
        gas.token_ids = np.concatenate([gas.token_ids, np.full(count, -1)])
        gas.tokens = [*gas.tokens, *[""] * count]
        gas.masses = np.concatenate([gas.masses, np.full(count, self.tracer.mass)])
        gas.charges = np.concatenate([gas.charges, np.full(count, self.tracer.charge)])
        gas.is_source = np.concatenate([gas.is_source, np.full(count, self.tracer.active)])
        gas.ids = np.concatenate([gas.ids, self.ids])
        gas.appears = np.concatenate([gas.appears, np.full(count, self.tracer.plant_at)])


@dataclass(frozen=True)
class InitialState:
    """All particles that take part in a run.

    Attributes:
        everyone: all particles, in the order of the trajectory. `Gas.appears` says from which step each is there; those
            not yet planted have no position (NaN), and all others a finite one.
        space: where they live.
        seed: of the run.
        find: resolves the names of data files.
        later: the tracers that are planted later, by step.
        velocities: what each species starts with; see `initial_velocities`.
        structures: how many tracers there are; the number of the next one.
    """

    everyone: Gas
    space: Space
    seed: int
    find: Callable[[str], Path]
    later: tuple[ScheduledTracer, ...] = ()
    velocities: tuple[Velocities | None, ...] = field(default=())
    structures: int = 0

    @classmethod
    def of_sources(
        cls,
        sources: Sequence[GroupSource],
        tracers: Sequence[Tracer],
        space: Space,
        seed: int,
        find: Callable[[str], Path],
    ) -> InitialState:
        """Groups in order, then tracers planted among them.

        Raises:
            InputError: if a source has no such particles, groups start at different steps, a particle starts outside
                the space, or a tracer fits nowhere.
        """
        parts: list[Gas] = []
        for number, source in enumerate(sources):
            with about("gas", number):
                parts.append(source.gas(space, seed, number, find))
        with about("gas"):
            steps = {part.step for part in parts}
            if len(steps) > 1:
                known = ", ".join(map(str, sorted(steps)))
                raise InputError(f"groups start at different steps ({known}); a run has one clock.")
        names = [source.name for source in sources]
        gas = _joined(parts, names) if parts else Gas(np.empty((0, space.dimensions)), names=names)
        return cls.of_gas(gas, tracers, space, seed, find, tuple(source.velocities for source in sources))

    @classmethod
    def of_gas(
        cls,
        gas: Gas,
        tracers: Sequence[Tracer],
        space: Space,
        seed: int,
        find: Callable[[str], Path],
        velocities: tuple[Velocities | None, ...] = (),
    ) -> InitialState:
        """A gas, and tracers planted among its groups.

        Raises:
            InputError: if the dimensions are not those of the space, a particle starts outside it or nowhere (NaN), a
                name is given twice, or a tracer fits nowhere.
        """
        if gas.dimensions != space.dimensions:
            raise InputError(f"the gas has {gas.dimensions} dimensions; the space has {space.dimensions}.")
        with about("gas"):
            gas.require_shapes(space.dimensions)
            _require_finite_gas(gas)
        names = [*gas.names, *(tracer.name for tracer in tracers)]
        for name in gas.names:
            require_name(name)
        for index, name in enumerate(names):
            if name in names[:index]:
                raise InputError(f"the name '{name}' is given twice; groups and tracers need names of their own.")
        present = _at_the_start(gas, velocities)
        # What is planted later is tried out as if everything drifted already.
        drifting = {name: replace(group, velocity=np.ones(space.dimensions)) for name, group in present.items()}
        parts = [gas]
        for number, tracer in enumerate(tracers):
            later = tracer.plant_at > gas.step
            with about("tracers", number):
                groups = drifting if later else present
                parts.append(
                    _planted(tracer, PlacementContext(groups, space.dimensions, seed, find), number, space, later, gas)
                )
        everyone = _joined(parts, names)
        with about("gas"):
            _require_inside(everyone, space)
        later_ones = [
            ScheduledTracer(tracer, number, len(gas.names) + number, everyone.members(tracer.name))
            for number, tracer in enumerate(tracers)
            if tracer.plant_at > gas.step
        ]
        later_ones.sort(key=lambda planting: planting.tracer.plant_at)
        return cls(everyone, space, seed, find, tuple(later_ones), velocities, len(tracers))

    def with_plants(self, plants: Sequence[Tracer]) -> InitialState:
        """The same with structures that events plant, after all others in their order: they have the next ids and
        numbers, whatever the step at which they are planted.

        Raises:
            InputError: as `of_gas`; the parameter is "plants.N" for the N-th.
        """
        if not plants:
            return self
        everyone, first = self.everyone, len(self.everyone.names)
        drifting = {
            name: _drifting(everyone.positions[rows], everyone.token_ids[rows])
            for name in everyone.names
            if len(rows := everyone.members(name))
        }
        parts, later = [everyone], list(self.later)
        count = everyone.count
        for place, tracer in enumerate(plants):
            with about("plants", place):
                if tracer.name in (names := [*everyone.names, *(plant.name for plant in plants[:place])]):
                    text = f"the name '{tracer.name}' is taken; the groups are {', '.join(names)}."
                    raise InputError(text, parameter="name")
                _require_room(tracer, self.space)
                soil = PlacementContext(drifting, self.space.dimensions, self.seed, self.find)
                part = _planted(tracer, soil, self.structures + place, self.space, True, everyone)
            ids = np.arange(count, count + part.count)
            later.append(ScheduledTracer(tracer, self.structures + place, first + place, ids))
            drifting[tracer.name] = _drifting(part.positions, part.token_ids)
            parts.append(part)
            count += part.count
        whole = _joined(parts, [*everyone.names, *(plant.name for plant in plants)])
        return replace(self, everyone=whole, later=tuple(later), structures=self.structures + len(plants))

    def gas(self) -> Gas:
        """The particles that are there at the start; arrays of its own."""
        return self.everyone.select(np.flatnonzero(np.isfinite(self.everyone.positions[:, 0])))

    def draw_velocities(self, gas: Gas, temperatures: Values | None) -> Values:
        """(N, D) velocities for a gas at the start; temperatures (S,) of the bath, None without one.

        Raises:
            InputError: if a velocity does not fit the space, or is not finite.
        """
        velocities = initial_velocities(gas, self.velocities, temperatures, self.space, self.seed)
        if not (fine := are_finite(velocities)).all():
            worst = int(gas.species[np.argmin(fine)])
            with about(worst, "velocities"):
                require_finite(velocities[gas.species == worst], "velocities")
        return velocities

    def place_of(self, planting: ScheduledTracer, gas: Gas) -> Values:
        """(M, D) where a tracer is to be planted in a gas as it is now.

        Raises:
            InputError: if the place is outside the space, that of a group that is not there yet, or ahead of one that
                has not moved.
        """
        groups = {gas.names[number]: self._present(gas, number) for number in np.unique(gas.species)}
        soil = PlacementContext(groups, self.space.dimensions, self.seed, self.find)
        positions = _planted_at(planting.tracer, soil, planting.number, self.space).positions
        if not self.space.curved and not self.space.contains(positions).all():
            raise InputError(f"at step {gas.step} its place is outside the space.", parameter="place")
        return positions

    def in_rows(self, gas: Gas, values: NDArray[Any]) -> NDArray[Any]:
        """Values (n, ...) of the particles of a gas, each in its own row (N, ...); NaN in the rows of those that are
        not there yet."""
        if np.array_equal(gas.ids, self.everyone.ids):
            return values
        rows = np.full((self.everyone.count, *values.shape[1:]), np.nan, values.dtype)
        rows[gas.ids] = values
        return rows

    def _present(self, gas: Gas, number: int) -> GroupSnapshot:
        rows = gas.species == number
        began = _centroid(self.everyone.positions[self.everyone.species == number])
        velocity = None if gas.velocities is None else _centroid(gas.velocities[rows])
        known = began if np.isfinite(began).all() else None
        return GroupSnapshot(gas.unwrapped[rows], gas.token_ids[rows], known, velocity)


def _drifting(positions: NDArray[np.floating[Any]], token_ids: NDArray[np.int64]) -> GroupSnapshot:
    """A group as if it were there, anywhere, and drifted: what is planted later is tried out among such."""
    anywhere = np.cos(np.arange(1.0, positions.size + 1.0) ** 2).reshape(positions.shape)
    found: Values = np.where(np.isfinite(positions), positions, anywhere)
    return GroupSnapshot(found, token_ids, velocity=np.ones(positions.shape[1]))


def _require_room(tracer: Tracer, space: Space) -> None:
    """Refuses a structure that cannot fit into memory."""
    size = tracer.shape.size or 0
    what = f"a structure of {size:,} particles in {space.dimensions} dimensions"
    require_memory(_COPIES * size * space.dimensions * 8, what, "shape")


def _at_the_start(gas: Gas, velocities: Sequence[Velocities | None]) -> dict[str, GroupSnapshot]:
    """Every group of a gas, with its mean velocity where one is given."""
    present: dict[str, GroupSnapshot] = {}
    for number, name in enumerate(gas.names):
        rows = gas.species == number
        given = velocities[number] if number < len(velocities) else None
        mean = None if gas.velocities is None else _centroid(gas.velocities[rows])
        if isinstance(given, GivenVelocity):
            mean = of_dimension(given.velocity, gas.dimensions, f"gas.{number}.velocities.velocity")
        present[name] = GroupSnapshot(gas.positions[rows], gas.token_ids[rows], velocity=mean)
    return present


def _planted(tracer: Tracer, soil: PlacementContext, number: int, space: Space, later: bool, gas: Gas) -> Gas:
    """The particles of a tracer; without positions if they are planted later."""
    structure = _planted_at(tracer, soil, number, space)
    part = Gas(structure.positions, names=[tracer.name], step=gas.step, time=gas.time)
    part.bonds = {structure.name: structure.bonds}
    part.velocities = None if gas.velocities is None else np.zeros(structure.positions.shape)
    part.is_source[:], part.masses[:], part.charges[:] = tracer.active, tracer.mass, tracer.charge
    if later:
        part.positions = np.full(structure.positions.shape, np.nan)
        part.appears[:] = tracer.plant_at
    return part


def _planted_at(tracer: Tracer, soil: PlacementContext, number: int, space: Space) -> PlacedStructure:
    """The structure of a tracer at finite positions, on the surface of a curved space."""
    structure = plant(tracer, soil, number)
    if space.curved:
        space.settle(structure.positions)
    require_finite(structure.positions, key="place")
    return structure


def _centroid(positions: NDArray[np.floating]) -> Values:
    centroid: Values = np.asarray(positions, np.float64).mean(axis=0)
    return centroid


def _joined(parts: Sequence[Gas], names: list[str]) -> Gas:
    """Gases one after the other, as one; species are counted on from one to the next."""
    starts = np.cumsum([0, *(part.count for part in parts)])
    species = np.cumsum([0, *(len(part.names) for part in parts)])
    moving = all(part.velocities is not None for part in parts)
    return Gas(
        positions=np.concatenate([np.asarray(part.positions, np.float64) for part in parts]),
        species=np.concatenate([part.species + first for part, first in zip(parts, species, strict=False)]),
        names=names,
        token_ids=np.concatenate([part.token_ids for part in parts]),
        tokens=[token for part in parts for token in part.tokens],
        bonds={
            name: pairs + start
            for part, start in zip(parts, starts, strict=False)
            for name, pairs in part.bonds.items()
        },
        step=parts[0].step,
        time=parts[0].time,
        velocities=np.concatenate([part.velocities for part in parts]) if moving else None,  # type: ignore[arg-type]
        masses=np.concatenate([part.masses for part in parts]),
        charges=np.concatenate([part.charges for part in parts]),
        is_source=np.concatenate([part.is_source for part in parts]),
        appears=np.concatenate([part.appears for part in parts]),
    )


def _require_finite_gas(gas: Gas) -> None:
    """Refuses a gas with a number that is not finite; the parameter is the group and what is wrong with it."""
    parts = {"positions": gas.positions, "velocities": gas.velocities, "masses": gas.masses, "charges": gas.charges}
    for what, values in parts.items():
        if values is not None and not (fine := are_finite(values)).all():
            worst = int(gas.species[np.argmin(fine)])
            with about(worst):
                require_finite(values[gas.species == worst], what, what)


def _require_inside(everyone: Gas, space: Space) -> None:
    outside = np.flatnonzero(everyone.present(everyone.step) & ~space.contains(everyone.positions))
    if len(outside):
        first = int(outside[0])
        name = everyone.names[int(everyone.species[first])]
        raise InputError(
            f"particle {first} (group '{name}') starts outside the space, and {len(outside) - 1} others with it; "
            "narrow the cloud or widen the walls."
        )
