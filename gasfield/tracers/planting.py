"""Planting: a structure of k dimensions is turned into a k-frame of D dimensions and set down at a place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from threadpoolctl import threadpool_limits

from gasfield.errors import InputError
from gasfield.spec import Spec
from gasfield.streams import Stream, generator
from gasfield.tracers.shapes import Find, ShapeSpec, structure_of

Values = NDArray[np.float64]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class RandomFrame(Spec):
    """An orthonormal frame drawn uniformly (Haar) from the run's seed."""

    kind: Literal["random"] = "random"
    dimensions: Annotated[int, Field(ge=1)] | None = None
    """k, for the reader's eye; must be the dimension of the shape where given."""


class AxesFrame(Spec):
    """The first k coordinate axes, or the axes named."""

    kind: Literal["axes"] = "axes"
    axes: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    """k axis numbers from 0."""


class PrincipalFrame(Spec):
    """The axes along which a group spreads most, the longest first."""

    kind: Literal["principal"] = "principal"
    of: str
    """Name of the group."""


class GivenFrame(Spec):
    """Vectors of your own, made orthonormal in their order (Gram and Schmidt)."""

    kind: Literal["given"] = "given"
    vectors: Annotated[tuple[tuple[Finite, ...], ...], Field(min_length=1)]
    """k vectors of D numbers."""


Frame = RandomFrame | AxesFrame | PrincipalFrame | GivenFrame


class CentroidPlace(Spec):
    """At the centroid of a group."""

    kind: Literal["centroid"] = "centroid"
    of: str
    """Name of the group."""
    offset: tuple[Finite, ...] | None = None
    """D numbers that are added [length]."""


class PointPlace(Spec):
    """At a point."""

    kind: Literal["point"] = "point"
    at: tuple[Finite, ...]
    """D coordinates [length]."""


class RowPlace(Spec):
    """At one row of a group."""

    kind: Literal["row"] = "row"
    of: str
    """Name of the group."""
    row: Annotated[int, Field(ge=0)] | None = None
    """Number of the row within its group, from 0."""
    token: Annotated[int, Field(ge=0)] | None = None
    """Or the token id of the row."""
    offset: tuple[Finite, ...] | None = None
    """D numbers that are added [length]."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.row is None) == (self.token is None):
            raise PydanticCustomError("row", "give either 'row' or 'token', and not both")
        return self


class AheadPlace(Spec):
    """Ahead of a group on its way: from its centroid on, in the direction in which it went since the run began, or,
    before anything has moved, in that of its mean velocity."""

    kind: Literal["ahead"] = "ahead"
    of: str
    """Name of the group."""
    by: Finite
    """How far; behind it where negative [length]."""


Place = CentroidPlace | PointPlace | RowPlace | AheadPlace


class Tracer(Spec):
    """A structure of particles: they feel the forces and, unless they are active, push nothing."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    """Group name under which the structure is reported."""
    shape: ShapeSpec
    jitter: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Standard deviation of what each coordinate of each point is shifted by, in all D dimensions [length]."""
    frame: Annotated[Frame, Field(discriminator="kind")] = RandomFrame()
    place: Annotated[Place, Field(discriminator="kind")]
    plant_at: Annotated[int, Field(ge=0)] = 0
    """The step at which it appears. Before, its particles have no position (NaN in frames)."""
    active: bool = False
    """Whether its particles act on others by pair forces; a passive tracer feels them only."""
    mass: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Mass of each particle; an optimiser does not feel it."""
    charge: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    """Charge of each particle."""

    @property
    def named_groups(self) -> list[tuple[tuple[str, str], str]]:
        """The groups of the gas that place and frame refer to, each with its key."""
        named = [(("place", "of"), getattr(self.place, "of", None)), (("frame", "of"), getattr(self.frame, "of", None))]
        return [(key, name) for key, name in named if name is not None]


@dataclass(frozen=True)
class Present:
    """A group as it is when something is planted beside it.

    Attributes:
        positions: (M, D) [length].
        token_ids: (M,), -1 where a row has none.
        began: (D,) centroid when the run began [length]; None if the group was not there.
        velocity: (D,) mean velocity; None under laws without velocities.
    """

    positions: NDArray[np.floating[Any]]
    token_ids: NDArray[np.int64]
    began: Values | None = None
    velocity: Values | None = None

    @property
    def centroid(self) -> Values:
        """(D,) [length]"""
        centroid: Values = self.positions.astype(np.float64).mean(axis=0)
        return centroid


@dataclass(frozen=True)
class Soil:
    """All that planting depends on.

    Attributes:
        groups: every group that a place or a frame may name.
        dimensions: D.
        seed: of the run.
        find: resolves names of files.
    """

    groups: Mapping[str, Present]
    dimensions: int
    seed: int
    find: Find

    def group(self, name: str, key: str) -> Present:
        """A group by name.

        Raises:
            InputError: if it is not there.
        """
        if name not in self.groups:
            raise InputError(
                f"there is no group '{name}'; the groups here are {', '.join(self.groups)}.", parameter=key
            )
        return self.groups[name]


@dataclass(frozen=True)
class Planting:
    """A planted structure: positions (M, D), bonds (B, 2) among its own points."""

    name: str
    positions: Values
    bonds: NDArray[np.int64]


def plant(tracer: Tracer, soil: Soil, index: int) -> Planting:
    """Sets a structure down among the groups that are there.

    Args:
        tracer: what to plant.
        soil: where.
        index: number of the tracer in its list, so that two random frames differ.

    Raises:
        InputError: if the frame does not fit the shape or the space, the place is unknown, or a file is missing.
    """
    structure = structure_of(tracer.shape, soil.find)
    positions = _place(tracer, soil) + structure.points @ _frame(tracer, structure.points.shape[1], soil, index)
    if tracer.jitter:
        shake = generator(soil.seed, Stream.TRACER_JITTER, index).standard_normal(positions.shape)
        positions = positions + tracer.jitter * shake
    return Planting(tracer.name, positions, structure.bonds)


def _frame(tracer: Tracer, k: int, soil: Soil, index: int) -> Values:
    """(k, D) orthonormal rows."""
    frame, dimensions = tracer.frame, soil.dimensions
    if k > dimensions:
        raise InputError(
            f"a {tracer.shape.kind} structure has {k} dimensions, the space only {dimensions}.", parameter="shape"
        )
    if isinstance(frame, RandomFrame):
        if frame.dimensions not in (None, k):
            raise InputError(
                f"it is {frame.dimensions}, but a {tracer.shape.kind} structure has {k}.", parameter="frame.dimensions"
            )
        return _orthonormal(generator(soil.seed, Stream.TRACER_FRAME, index).standard_normal((dimensions, k)))
    if isinstance(frame, PrincipalFrame):
        return _principal(soil.group(frame.of, "frame.of"), k)
    if isinstance(frame, GivenFrame):
        return _given(frame, k, dimensions)
    axes = frame.axes if frame.axes is not None else tuple(range(k))
    if len(axes) != k or len(set(axes)) != k or max(axes) >= dimensions:
        raise InputError(
            f"{k} different numbers from 0 to {dimensions - 1} are needed, not {list(axes)}.", parameter="frame.axes"
        )
    return np.eye(dimensions)[list(axes)]


def _orthonormal(columns: Values) -> Values:
    """(k, D) orthonormal rows from independent columns (D, k), each with a part along its own column."""
    q, r = np.linalg.qr(columns)
    signed: Values = (q * np.sign(np.diag(r))).T
    return signed


def _principal(group: Present, k: int) -> Values:
    """Signed so that the largest component of each axis is positive: the sign of an SVD is no one's choice."""
    with threadpool_limits(1, user_api="blas"):  # the bits of a run do not depend on threads
        _, sizes, axes = np.linalg.svd(group.positions - group.centroid, full_matrices=False)
    spread = int(np.sum(sizes > 1e-9 * max(float(sizes[0]), 1e-300))) if len(sizes) else 0
    if spread < k:
        message = f"the group spreads in {spread} dimensions only; the structure has {k}."
        raise InputError(message, parameter="frame.of")
    axes = axes[:k]
    largest = np.take_along_axis(axes, np.argmax(np.abs(axes), axis=1)[:, None], axis=1)
    signed: Values = axes * np.sign(largest)
    return signed


def _given(frame: GivenFrame, k: int, dimensions: int) -> Values:
    if len(frame.vectors) != k or any(len(vector) != dimensions for vector in frame.vectors):
        message = f"{k} vectors of {dimensions} numbers are needed, one for each axis of the structure."
        raise InputError(message, parameter="frame.vectors")
    columns = np.array(frame.vectors, np.float64).T
    sizes = np.linalg.svd(columns, compute_uv=False)
    if sizes[-1] <= 1e-9 * sizes[0]:
        raise InputError(f"the vectors do not point in {k} independent directions.", parameter="frame.vectors")
    return _orthonormal(columns)


def _place(tracer: Tracer, soil: Soil) -> Values:
    """(D,) of the centre of the structure."""
    place = tracer.place
    if isinstance(place, PointPlace):
        return _of_space(place.at, soil, "place.at")
    group = soil.group(place.of, "place.of")
    if isinstance(place, AheadPlace):
        return group.centroid + place.by * _direction(group)
    start = group.centroid if isinstance(place, CentroidPlace) else _row(place, group)
    return start if place.offset is None else start + _of_space(place.offset, soil, "place.offset")


def _of_space(numbers: tuple[float, ...], soil: Soil, key: str) -> Values:
    if len(numbers) != soil.dimensions:
        message = f"{len(numbers)} coordinates are given; the space has {soil.dimensions}."
        raise InputError(message, parameter=key)
    return np.array(numbers, np.float64)


def _row(place: RowPlace, group: Present) -> Values:
    if place.token is not None:
        found = np.flatnonzero(group.token_ids == place.token)
        if not len(found):
            raise InputError(f"no row of '{place.of}' has the token id {place.token}.", parameter="place.token")
        return np.array(group.positions[found[0]], np.float64)
    if place.row is None or place.row >= len(group.positions):
        last = len(group.positions) - 1
        message = f"there is no row {place.row}; the rows of '{place.of}' are 0 to {last}."
        raise InputError(message, parameter="place.row")
    return np.array(group.positions[place.row], np.float64)


def _direction(group: Present) -> Values:
    """(D,) unit vector of the drift."""
    way = group.centroid - group.began if group.began is not None else np.zeros(1)
    if not np.any(way) and group.velocity is not None:
        way = group.velocity
    length = float(np.linalg.norm(way))
    if not length > 0:
        raise InputError(
            "the group has not moved yet, so nothing is ahead of it; set plant_at to a later step.",
            parameter="place.of",
        )
    ahead: Values = way / length
    return ahead
