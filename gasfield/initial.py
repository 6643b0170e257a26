"""Where a gas starts: rows of a recording, or a Gaussian cloud."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gasfield.errors import InputError
from gasfield.gas import Gas
from gasfield.spec import Spec
from gasfield.streams import Stream, generator
from gasfield.tracers import Tracer, plant
from gasfield.trajectory import Trajectory


class FromRecording(Spec):
    """The rows of one group of a recording, where they were at a step. Bonds come along."""

    kind: Literal["recording"] = "recording"
    file: str
    """A trajectory, recorded or simulated."""
    group: str
    """Name of the group in that file."""
    step: Annotated[int, Field(ge=0)] = 0


class FromGaussian(Spec):
    """An isotropic Gaussian cloud, as embeddings are initialised."""

    kind: Literal["gaussian"] = "gaussian"
    count: Annotated[int, Field(ge=1)]
    spread: Annotated[float, Field(ge=0)] = 0.02
    """Standard deviation of each coordinate [length]."""


class GroupSource(Spec):
    """A named group of particles and where it comes from."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    source: Annotated[FromRecording | FromGaussian, Field(alias="from", discriminator="kind")]


def make_gas(
    sources: Sequence[GroupSource], tracers: Sequence[Tracer], dimensions: int, seed: int, find: Callable[[str], Path]
) -> Gas:
    """Builds the gas of a run: groups in order, then tracers planted among them.

    Args:
        sources: the groups.
        tracers: structures to plant.
        dimensions: D.
        seed: of the run.
        find: resolves file names; raises InputError.

    Raises:
        InputError: if a recording lacks the group or step, has other dimensions, or groups start at different steps.
    """
    parts = [_group(s, dimensions, seed, i, find) for i, s in enumerate(sources)]
    steps = {part.step for part in parts}
    if len(steps) > 1:
        raise InputError(
            f"gas: groups start at different steps ({', '.join(map(str, sorted(steps)))}); a run has one clock."
        )
    centroids = {
        s.name: np.asarray(part.positions, np.float64).mean(axis=0) for s, part in zip(sources, parts, strict=True)
    }
    for index, tracer in enumerate(tracers):
        planting = plant(tracer, centroids, dimensions, seed, index)
        part = _unnamed(planting.positions, parts[0].step)
        part.bonds = {planting.name: planting.bonds}
        parts.append(part)
    return _join(parts, [*(s.name for s in sources), *(t.name for t in tracers)])


def _group(source: GroupSource, dimensions: int, seed: int, index: int, find: Callable[[str], Path]) -> Gas:
    start = source.source
    if isinstance(start, FromGaussian):
        cloud = start.spread * generator(seed, Stream.INITIAL_CLOUD, index).standard_normal((start.count, dimensions))
        return _unnamed(cloud, 0)
    with Trajectory(find(start.file)) as recording:
        if recording.dimensions != dimensions:
            raise InputError(
                f"{recording.path}: rows have {recording.dimensions} dimensions; space.dimensions is {dimensions}."
            )
        members = recording.members(start.group)
        everything = recording.gas(start.step)
    number = np.full(everything.count, -1)
    number[members] = np.arange(len(members))
    bonds = everything.bonds.get(start.group)
    return Gas(
        positions=everything.positions[members],
        species=np.zeros(len(members), np.int64),
        names=[source.name],
        token_ids=everything.token_ids[members],
        tokens=[everything.tokens[i] for i in members],
        bonds={} if bonds is None else {source.name: number[bonds]},
        step=everything.step,
        time=everything.time,
    )


def _unnamed(positions: np.ndarray, step: int) -> Gas:
    count = len(positions)
    return Gas(
        positions, np.zeros(count, np.int64), [""], np.full(count, -1), [""] * count, step=step, time=float(step)
    )


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
    )
