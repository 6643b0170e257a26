"""Planes of two coordinates, for rotations, shears and circular orbits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gasfield.errors import InputError

_Coordinate = Annotated[int, Field(ge=0)]
CoordinatePlane = tuple[_Coordinate, _Coordinate]
"""Two coordinates, counted from 0; the sense of rotation is from the first to the second."""


def require_plane(plane: CoordinatePlane, dimensions: int, key: str) -> None:
    """Refuses a pair of coordinates that is not a plane of the space.

    Raises:
        InputError: if the two coordinates are the same, or the space has no such coordinate.
    """
    if plane[0] == plane[1] or max(plane) >= dimensions:
        raise InputError(
            f"{list(plane)} is not a plane in {dimensions} dimensions; "
            f"give two different coordinates between 0 and {dimensions - 1}.",
            parameter=key,
        )
