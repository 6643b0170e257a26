"""Planting: a structure of k dimensions is turned into a k-frame of D dimensions and set down at a place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gasfield.errors import InputError
from gasfield.spec import Spec
from gasfield.streams import Stream, generator
from gasfield.tracers.shapes import Shape


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


class CentroidPlace(Spec):
    """At the centroid of a group."""

    kind: Literal["centroid"] = "centroid"
    of: str
    """Name of the group."""


class PointPlace(Spec):
    """At a point."""

    kind: Literal["point"] = "point"
    at: tuple[float, ...]
    """D coordinates [length]."""


class Tracer(Spec):
    """A structure of particles: they feel the forces and, unless they are active, push nothing."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    """Group name under which the structure is reported."""
    shape: Shape
    frame: Annotated[RandomFrame | AxesFrame, Field(discriminator="kind")] = RandomFrame()
    place: Annotated[CentroidPlace | PointPlace, Field(discriminator="kind")]
    plant_at: Annotated[int, Field(ge=0)] = 0
    """The step at which it appears. Before, its particles have no position (NaN in frames)."""
    active: bool = False
    """Whether its particles act on others by pair forces; a passive tracer feels them only."""
    mass: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Mass of each particle; an optimiser does not feel it."""
    charge: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    """Charge of each particle."""


@dataclass(frozen=True)
class Planting:
    """A planted structure: positions (M, D), bonds (B, 2) among its own points."""

    name: str
    positions: NDArray[np.float64]
    bonds: NDArray[np.int64]


def plant(
    tracer: Tracer, centroids: Mapping[str, NDArray[np.float64]], dimensions: int, seed: int, index: int
) -> Planting:
    """Sets a structure down among the groups that are there.

    Args:
        tracer: what to plant.
        centroids: centroid (D,) of every group that a place may name.
        dimensions: D.
        seed: seed of the run.
        index: number of the tracer in its list, so that two random frames differ.

    Raises:
        InputError: if the frame does not fit the shape or the space, or the place is unknown.
    """
    structure = tracer.shape.structure()
    frame = _frame(tracer, structure.points.shape[1], dimensions, seed, index)
    place = _place(tracer, centroids, dimensions)
    return Planting(tracer.name, place + structure.points @ frame, structure.bonds)


def _frame(tracer: Tracer, k: int, dimensions: int, seed: int, index: int) -> NDArray[np.float64]:
    """(k, D) orthonormal rows."""
    if k > dimensions:
        raise InputError(
            f"tracer '{tracer.name}': a {tracer.shape.kind} structure has {k} dimensions, the space only {dimensions}."
        )
    frame = tracer.frame
    if isinstance(frame, RandomFrame):
        if frame.dimensions not in (None, k):
            raise InputError(
                f"tracer '{tracer.name}': frame.dimensions is {frame.dimensions}, "
                f"but a {tracer.shape.kind} structure has {k}."
            )
        q, r = np.linalg.qr(generator(seed, Stream.TRACER_FRAME, index).standard_normal((dimensions, k)))
        signed: NDArray[np.float64] = (q * np.sign(np.diag(r))).T
        return signed
    axes = frame.axes if frame.axes is not None else tuple(range(k))
    if len(axes) != k or len(set(axes)) != k or max(axes) >= dimensions:
        raise InputError(
            f"tracer '{tracer.name}': frame.axes must be {k} different numbers from 0 to {dimensions - 1}, "
            f"not {list(axes)}."
        )
    return np.eye(dimensions)[list(axes)]


def _place(tracer: Tracer, centroids: Mapping[str, NDArray[np.float64]], dimensions: int) -> NDArray[np.float64]:
    place = tracer.place
    if isinstance(place, CentroidPlace):
        if place.of not in centroids:
            raise InputError(
                f"tracer '{tracer.name}': place.of is '{place.of}'; the groups here are {', '.join(centroids)}."
            )
        return centroids[place.of]
    if len(place.at) != dimensions:
        raise InputError(
            f"tracer '{tracer.name}': place.at has {len(place.at)} coordinates; the space has {dimensions}."
        )
    return np.array(place.at)
