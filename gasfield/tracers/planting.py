"""Planting of tracers: a structure of k dimensions is embedded by a k-frame in D dimensions and put at a position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import threadpool_limits

from gasfield.errors import InputError
from gasfield.names import NAME
from gasfield.spec import Spec
from gasfield.streams import Stream, generator
from gasfield.strict import LARGEST_STEP
from gasfield.tracers.places import (
    AheadPlace,
    CentroidPlace,
    Frame,
    GivenFrame,
    Place,
    PointPlace,
    PrincipalFrame,
    RandomFrame,
    RowPlace,
    TokenPlace,
)
from gasfield.tracers.shapes import AnyShape, Find, structure_of

Values = NDArray[np.float64]


class Tracer(Spec):
    """A structure of test particles: they feel the forces but, unless active, exert none."""

    name: Annotated[str, Field(pattern=f"^{NAME}$")]
    """Group name under which the structure is reported."""
    shape: AnyShape
    jitter: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Standard deviation of a normal displacement of each point in each of the D coordinates [length]."""
    frame: Annotated[Frame, Field(discriminator="kind")] = RandomFrame()
    """How the structure is turned in the D dimensions."""
    place: Annotated[Place, Field(discriminator="kind")]
    """Where its centre is put."""
    plant_at: Annotated[int, Field(ge=0, le=LARGEST_STEP)] = 0
    """The step at which it is inserted. Before, its particles have no position (NaN in frames)."""
    active: bool = False
    """Whether its particles exert pair forces on others; a passive tracer only feels them."""
    mass: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Mass of each particle; ignored by optimiser dynamics."""
    charge: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    """Charge of each particle."""

    @property
    def named_groups(self) -> list[tuple[tuple[str, str], str]]:
        """The groups of the gas that place and frame refer to, each with its key."""
        named = [(("place", "of"), getattr(self.place, "of", None)), (("frame", "of"), getattr(self.frame, "of", None))]
        return [(key, name) for key, name in named if name is not None]


@dataclass(frozen=True)
class GroupSnapshot:
    """The state of a group at the step of planting.

    Attributes:
        positions: (M, D) [length].
        token_ids: (M,), -1 where a row has none.
        began: (D,) centroid at the start of the run [length]; None if the group did not exist then.
        velocity: (D,) mean velocity; None for dynamics without velocities.
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
class PlacementContext:
    """The context of planting.

    Attributes:
        groups: the groups to which a place or a frame may refer.
        dimensions: D.
        seed: of the run.
        find: resolves file names.
    """

    groups: Mapping[str, GroupSnapshot]
    dimensions: int
    seed: int
    find: Find

    def group(self, name: str, key: str) -> GroupSnapshot:
        """A group by name.

        Raises:
            InputError: if it does not exist.
        """
        if name not in self.groups:
            raise InputError(
                f"there is no group '{name}'; the groups here are {', '.join(self.groups)}.", parameter=key
            )
        return self.groups[name]

    def only(self, key: str) -> GroupSnapshot:
        """The group, where there is one.

        Raises:
            InputError: if there are several.
        """
        if len(self.groups) != 1:
            raise InputError(f"name one of the groups: {', '.join(self.groups)}.", parameter=key)
        return next(iter(self.groups.values()))


@dataclass(frozen=True)
class PlacedStructure:
    """A planted structure: positions (M, D), bonds (B, 2) among its own points."""

    name: str
    positions: Values
    bonds: NDArray[np.int64]


def plant(tracer: Tracer, soil: PlacementContext, index: int) -> PlacedStructure:
    """Computes the positions of a tracer among the existing groups.

    Args:
        tracer: its specification.
        soil: the context.
        index: index of the tracer in its list, which selects the random stream.

    Raises:
        InputError: if the frame does not fit the shape or the space, a group or row does not exist, or a file is
            missing.
    """
    structure = structure_of(tracer.shape, soil.find)
    positions = _place(tracer, soil) + structure.points @ _frame(tracer, structure.points.shape[1], soil, index)
    if tracer.jitter:
        shake = generator(soil.seed, Stream.TRACER_JITTER, index).standard_normal(positions.shape)
        positions = positions + tracer.jitter * shake
    return PlacedStructure(tracer.name, positions, structure.bonds)


def _frame(tracer: Tracer, k: int, soil: PlacementContext, index: int) -> Values:
    """(k, D) orthonormal rows."""
    frame, dimensions = tracer.frame, soil.dimensions
    if k > dimensions:
        raise InputError(
            f"a {tracer.shape.kind} structure has {k} dimensions, but the space has only {dimensions}.",
            parameter="shape",
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
            f"{k} distinct numbers from 0 to {dimensions - 1} are needed, not {list(axes)}.", parameter="frame.axes"
        )
    return np.eye(dimensions)[list(axes)]


def _orthonormal(columns: Values) -> Values:
    """(k, D) orthonormal rows from independent columns (D, k), each with a positive projection on its column."""
    q, r = np.linalg.qr(columns)
    signed: Values = (q * np.sign(np.diag(r))).T
    return signed


def _principal(group: GroupSnapshot, k: int) -> Values:
    """(k, D) principal axes, signed so that the largest component of each is positive (an SVD leaves the sign open)."""
    with threadpool_limits(1, user_api="blas"):  # bits must not depend on the number of threads
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
        message = f"{k} vectors of {dimensions} numbers are expected, one for each axis of the structure."
        raise InputError(message, parameter="frame.vectors")
    columns = np.array(frame.vectors, np.float64).T
    sizes = np.linalg.svd(columns, compute_uv=False)
    if sizes[-1] <= 1e-9 * sizes[0]:
        raise InputError(f"the {k} vectors are not linearly independent.", parameter="frame.vectors")
    return _orthonormal(columns)


def _place(tracer: Tracer, soil: PlacementContext) -> Values:
    """(D,) position of the centre of the structure."""
    place = tracer.place
    if isinstance(place, PointPlace):
        return _of_space(place.at, soil, "place.at")
    group = soil.group(place.of, "place.of") if place.of is not None else soil.only("place.of")
    if isinstance(place, AheadPlace):
        return group.centroid + place.by * _direction(group)
    if isinstance(place, TokenPlace):
        start = np.array(group.positions[place_of_token(place.index, len(group.positions))], np.float64)
    else:
        start = group.centroid if isinstance(place, CentroidPlace) else _row(place, group)
    return start if place.offset is None else start + _of_space(place.offset, soil, "place.offset")


def _of_space(numbers: tuple[float, ...], soil: PlacementContext, key: str) -> Values:
    if len(numbers) != soil.dimensions:
        message = f"{len(numbers)} coordinates are given; the space has {soil.dimensions}."
        raise InputError(message, parameter=key)
    return np.array(numbers, np.float64)


def place_of_token(index: int, length: int, parameter: str | None = "place.index") -> int:
    """The place of a token in a text, counted from the end if it is negative.

    Raises:
        InputError: if it is not there.
    """
    if not -length <= index < length:
        message = (
            f"there is no token {index}; the text has {length}: 0 to {length - 1}, or -1 to {-length} from its end."
        )
        raise InputError(message, parameter=parameter)
    return index % length


def _row(place: RowPlace, group: GroupSnapshot) -> Values:
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


def _direction(group: GroupSnapshot) -> Values:
    """(D,) unit vector of the drift of a group."""
    way = group.centroid - group.began if group.began is not None else np.zeros(1)
    if not np.any(way) and group.velocity is not None:
        way = group.velocity
    length = float(np.linalg.norm(way))
    if not length > 0:
        raise InputError(
            "the group has not moved yet, so 'ahead' is undefined; set plant_at to a later step.",
            parameter="place.of",
        )
    ahead: Values = way / length
    return ahead
