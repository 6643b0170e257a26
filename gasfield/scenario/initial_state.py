"""Where a gas starts: rows of a recording, or particles drawn or put somewhere; and what is planted in it later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.forces.base import Finite, of_dimension
from gasfield.gas import Gas
from gasfield.spaces import Space
from gasfield.spec import Spec
from gasfield.streams import Stream, generator
from gasfield.tracers import Present, Soil, Tracer, plant
from gasfield.trajectory import SURVEYED, Trajectory

Count = Annotated[int, Field(ge=1)]


class FromRecording(Spec):
    """The rows of one group of a recording, where they were at a step. Bonds come along."""

    kind: Literal["recording"] = "recording"
    file: str
    """A trajectory, recorded or simulated."""
    group: str
    """Name of the group in that file; `survey` for all dead rows, at one of the steps at which all were kept."""
    step: Annotated[int, Field(ge=0)] = 0


class FromGaussian(Spec):
    """An isotropic Gaussian cloud, as embeddings are initialised; on the sphere the uniform law."""

    kind: Literal["gaussian"] = "gaussian"
    count: Count
    spread: Annotated[float, Field(ge=0)] = 0.02
    """Standard deviation of each coordinate [length]."""
    centre: tuple[float, ...] | None = None
    """D coordinates; the origin if left out [length]."""


class FromUniform(Spec):
    """Spread evenly over a space that has a volume."""

    kind: Literal["uniform"] = "uniform"
    count: Count


class FromPlaces(Spec):
    """Each particle at a place of its own."""

    kind: Literal["places"] = "places"
    at: Annotated[tuple[tuple[Finite, ...], ...], Field(min_length=1)]
    """D coordinates of each [length]."""


class FromPoint(Spec):
    """All at one place."""

    kind: Literal["point"] = "point"
    count: Count = 1
    at: tuple[float, ...]
    """D coordinates [length]."""


Source = FromRecording | FromGaussian | FromUniform | FromPlaces | FromPoint


class ThermalVelocities(Spec):
    """Velocities drawn from Maxwell's law."""

    kind: Literal["thermal"] = "thermal"
    temperature: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """[energy]"""


class GivenVelocity(Spec):
    """One velocity for all."""

    kind: Literal["given"] = "given"
    velocity: tuple[float, ...]
    """D components [length/time]."""


class TurningVelocities(Spec):
    """Rigid rotation about the centre of the group."""

    kind: Literal["turning"] = "turning"
    rate: Finite
    """[1/time]; from the first axis of the plane towards the second where positive."""
    plane: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = (0, 1)
    """Two coordinates."""


Velocities = ThermalVelocities | GivenVelocity | TurningVelocities


class GroupSource(Spec):
    """A named group of particles and where it comes from."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    source: Annotated[Source, Field(alias="from", discriminator="kind")]
    mass: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Mass of each particle; an optimiser does not feel it."""
    charge: Finite = 0.0
    """Charge of each particle; coulomb, yukawa and lorentz act on it."""
    velocities: Annotated[Velocities | None, Field(discriminator="kind")] = None
    """How particles start to move, under laws of motion that know velocities: thermal at the temperature of the bath
    if left out, at rest where there is no bath."""


@dataclass(frozen=True)
class Planting:
    """A tracer that is to be planted at a later step.

    Attributes:
        tracer: what and where.
        number: place in the scenario's list of tracers.
        species: index of its name in `Gas.names`.
        ids: (M,) names of its particles.
    """

    tracer: Tracer
    number: int
    species: int
    ids: NDArray[np.int64]


@dataclass(frozen=True)
class Roster:
    """Everyone who takes part in a run.

    Attributes:
        everyone: all particles, in the order of the trajectory; those not yet planted have no position (NaN).
        gas: those that are there at the start.
        later: the tracers that are planted later, by step.
    """

    everyone: Gas
    gas: Gas
    later: tuple[Planting, ...]


def make_roster(
    sources: Sequence[GroupSource],
    tracers: Sequence[Tracer],
    space: Space,
    seed: int,
    find: Callable[[str], Path],
    at_fault: Callable[[str, int], AbstractContextManager[None]] = lambda key, number: nullcontext(),
) -> Roster:
    """Builds the gas of a run: groups in order, then tracers planted among them.

    Args:
        sources: the groups.
        tracers: structures to plant, now or later.
        space: where they live.
        seed: of the run.
        find: resolves file names; raises InputError.
        at_fault: makes errors of a tracer, by "tracers" and its number, point at its line.

    Raises:
        InputError: if a recording lacks the group or step, has other dimensions, groups start at different steps, a
            particle starts outside the space, or a tracer fits nowhere.
    """
    parts = [_group(source, space, seed, number, find) for number, source in enumerate(sources)]
    steps = {part.step for part in parts}
    if len(steps) > 1:
        raise InputError(
            f"gas: groups start at different steps ({', '.join(map(str, sorted(steps)))}); a run has one clock."
        )
    names = [*(source.name for source in sources), *(tracer.name for tracer in tracers)]
    present = {name: Present(part.positions, part.token_ids) for name, part in zip(names, parts, strict=False)}
    for source in sources:
        if isinstance(source.velocities, GivenVelocity):
            given = of_dimension(source.velocities.velocity, space.dimensions, f"gas.{source.name}.velocities.velocity")
            present[source.name] = replace(present[source.name], velocity=given)
    drifting = {name: replace(group, velocity=np.ones(space.dimensions)) for name, group in present.items()}
    start = parts[0].step
    for number, tracer in enumerate(tracers):
        later = tracer.plant_at > start  # what is planted later is tried out as if everything drifted already
        with at_fault("tracers", number):
            structure = plant(tracer, Soil(drifting if later else present, space.dimensions, seed, find), number)
        if space.curved:
            space.settle(structure.positions)
        part = _unnamed(structure.positions, start, parts[0].time)
        part.bonds = {structure.name: structure.bonds}
        part.pushes[:], part.masses[:], part.charges[:] = tracer.active, tracer.mass, tracer.charge
        if later:
            part.positions = np.full(structure.positions.shape, np.nan)
        parts.append(part)
    everyone = _join(parts, names)
    there = np.isfinite(everyone.positions).all(axis=1)
    _require_inside(everyone, there, space)
    plantings = [
        Planting(tracer, number, len(sources) + number, everyone.members(tracer.name))
        for number, tracer in enumerate(tracers)
        if tracer.plant_at > start
    ]
    plantings.sort(key=lambda planting: planting.tracer.plant_at)
    return Roster(everyone, everyone.select(np.flatnonzero(there)), tuple(plantings))


def place_of(
    planting: Planting, gas: Gas, everyone: Gas, space: Space, seed: int, find: Callable[[str], Path]
) -> NDArray[np.float64]:
    """(M, D) where a tracer is to be planted in a gas as it is now; `everyone` is all as they were at the start.

    Raises:
        InputError: if the place is outside the space, that of a group that is not there yet, or ahead of one that has
            not moved.
    """
    groups = {gas.names[number]: _present(gas, everyone, number) for number in np.unique(gas.species)}
    soil = Soil(groups, space.dimensions, seed, find)
    positions = plant(planting.tracer, soil, planting.number).positions
    if space.curved:
        space.settle(positions)
    elif not space.contains(positions).all():
        raise InputError(f"tracer '{planting.tracer.name}': at step {gas.step} its place is outside the space.")
    return positions


def _present(gas: Gas, everyone: Gas, number: int) -> Present:
    rows = gas.species == number
    began = _centroid(everyone.positions[everyone.species == number])
    velocity = None if gas.velocities is None else _centroid(gas.velocities[rows])
    known = began if np.isfinite(began).all() else None
    return Present(gas.positions[rows], gas.token_ids[rows], known, velocity)


def add_planted(gas: Gas, planting: Planting, positions: NDArray[np.float64]) -> None:
    """Adds a planted structure to the end of a gas, at rest where the gas has velocities."""
    count = len(positions)
    gas.positions = np.concatenate([gas.positions, positions.astype(gas.positions.dtype)])
    if gas.velocities is not None:
        gas.velocities = np.concatenate([gas.velocities, np.zeros(positions.shape)])
    gas.species = np.concatenate([gas.species, np.full(count, planting.species)])
    gas.token_ids = np.concatenate([gas.token_ids, np.full(count, -1)])
    gas.tokens = [*gas.tokens, *[""] * count]
    gas.masses = np.concatenate([gas.masses, np.full(count, planting.tracer.mass)])
    gas.charges = np.concatenate([gas.charges, np.full(count, planting.tracer.charge)])
    gas.pushes = np.concatenate([gas.pushes, np.full(count, planting.tracer.active)])
    gas.ids = np.concatenate([gas.ids, planting.ids])


def initial_velocities(
    gas: Gas, sources: Sequence[GroupSource], temperatures: NDArray[np.float64] | None, space: Space, seed: int
) -> NDArray[np.float64]:
    """(N, D) velocities to start with [length/time].

    Args:
        gas: the particles.
        sources: its groups; tracers, which have no source, start as the bath has it.
        temperatures: (S,) of the bath for each species; None without a bath.
        space: takes out what points out of it.
        seed: of the run.

    Raises:
        InputError: if a given velocity has another number of components than the space, or a plane does not fit it.
    """
    velocities = np.zeros(gas.positions.shape)
    for number in range(len(gas.names)):
        rows = np.flatnonzero(gas.species == number)
        given = sources[number].velocities if number < len(sources) else None
        if isinstance(given, GivenVelocity):
            velocities[rows] = of_dimension(given.velocity, gas.dimensions, f"gas.{number}.velocities.velocity")
            continue
        if isinstance(given, TurningVelocities):
            velocities[rows] = _turning(gas.positions[rows], given, f"gas.{number}.velocities.plane")
            continue
        warmth = given.temperature if given else (0.0 if temperatures is None else float(temperatures[number]))
        draw = generator(seed, Stream.INITIAL_VELOCITIES, number).standard_normal((len(rows), gas.dimensions))
        velocities[rows] = np.sqrt(warmth / gas.masses[rows])[:, None] * draw
    space.tangent(gas.positions, velocities)
    return velocities


def _turning(positions: NDArray[np.floating], given: TurningVelocities, key: str) -> NDArray[np.float64]:
    """(M, D) velocities of a rigid rotation of places about their mean."""
    first, second = given.plane
    if first == second or max(first, second) >= positions.shape[1]:
        raise InputError(f"{key}: two different coordinates below {positions.shape[1]} span a plane.")
    apart = positions - _centroid(positions)
    velocities = np.zeros(positions.shape)
    velocities[:, first], velocities[:, second] = -given.rate * apart[:, second], given.rate * apart[:, first]
    return velocities


def _group(source: GroupSource, space: Space, seed: int, number: int, find: Callable[[str], Path]) -> Gas:
    start = source.source
    if isinstance(start, FromRecording):
        gas = _recorded(source.name, start, space.dimensions, find)
    else:
        gas = _unnamed(_drawn(start, space, generator(seed, Stream.INITIAL_CLOUD, number)), 0, 0.0)
        space.settle(gas.positions) if space.curved else None
    gas.masses[:], gas.charges[:] = source.mass, source.charge
    return gas


def _drawn(
    start: FromGaussian | FromUniform | FromPlaces | FromPoint, space: Space, chance: np.random.Generator
) -> NDArray[np.float64]:
    if isinstance(start, FromUniform):
        return space.uniform(chance, start.count)
    if isinstance(start, FromPlaces):
        return np.array([of_dimension(at, space.dimensions, f"from.at.{row}") for row, at in enumerate(start.at)])
    if isinstance(start, FromPoint):
        return np.tile(of_dimension(start.at, space.dimensions, "from.at"), (start.count, 1))
    cloud = start.spread * chance.standard_normal((start.count, space.dimensions))
    return cloud if start.centre is None else cloud + of_dimension(start.centre, space.dimensions, "from.centre")


def _recorded(name: str, start: FromRecording, dimensions: int, find: Callable[[str], Path]) -> Gas:
    with Trajectory(find(start.file)) as recording:
        if recording.dimensions != dimensions:
            raise InputError(
                f"{recording.path}: rows have {recording.dimensions} dimensions; space.dimensions is {dimensions}."
            )
        if start.group == SURVEYED and SURVEYED not in recording.names and recording.has_survey:
            return _surveyed(name, recording, start.step)
        members = recording.members(start.group)
        everything = recording.gas(start.step)
    number = np.full(everything.count, -1)
    number[members] = np.arange(len(members))
    bonds = everything.bonds.get(start.group)
    return Gas(
        positions=everything.positions[members],
        species=np.zeros(len(members), np.int64),
        names=[name],
        token_ids=everything.token_ids[members],
        tokens=[everything.tokens[i] for i in members],
        bonds={} if bonds is None else {name: number[bonds]},
        step=everything.step,
        time=everything.time,
    )


def _surveyed(name: str, recording: Trajectory, step: int) -> Gas:
    survey = recording.survey()
    found = np.flatnonzero(survey.steps == step)
    if not len(found):
        raise InputError(f"{recording.path}: no survey at step {step}; there are {', '.join(map(str, survey.steps))}.")
    positions = survey.values[found[0]]
    gas = Gas(positions, np.zeros(len(positions), np.int64), [name], recording.survey_ids, [""] * len(positions))
    gas.step, gas.time = step, float(step)
    return gas


def _unnamed(positions: NDArray[np.float64], step: int, time: float) -> Gas:
    count = len(positions)
    return Gas(positions, np.zeros(count, np.int64), [""], np.full(count, -1), [""] * count, step=step, time=time)


def _centroid(positions: NDArray[np.floating]) -> NDArray[np.float64]:
    centroid: NDArray[np.float64] = np.asarray(positions, np.float64).mean(axis=0)
    return centroid


def _join(parts: Sequence[Gas], names: list[str]) -> Gas:
    starts = np.cumsum([0, *(part.count for part in parts)])
    return Gas(
        positions=np.concatenate([np.asarray(part.positions, np.float64) for part in parts]),
        species=np.repeat(np.arange(len(parts)), [part.count for part in parts]),
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
        masses=np.concatenate([part.masses for part in parts]),
        charges=np.concatenate([part.charges for part in parts]),
        pushes=np.concatenate([part.pushes for part in parts]),
    )


def _require_inside(everyone: Gas, there: NDArray[np.bool_], space: Space) -> None:
    outside = np.flatnonzero(there & ~space.contains(everyone.positions))
    if len(outside):
        first = int(outside[0])
        name = everyone.names[int(everyone.species[first])]
        raise InputError(
            f"particle {first} (group '{name}') starts outside the space, and {len(outside) - 1} others with it; "
            "narrow the cloud or widen the walls."
        )
