"""Sizes of a trajectory file before there is one: frames and observations by the schema, without compression."""

from __future__ import annotations

import numpy as np

from gasfield.trajectory.element import chunk_shape

_STEP_AND_TIME = 16
_PLACE = 4
"""Bytes of a coordinate of the projection, of which there are three."""
_IDENTITY = 8 * 4
"""Bytes of a particle that are stored once: id, species, token and its number."""


def frame_bytes(particles: int, dimensions: int, *, precision: str, velocities: bool) -> int:
    """Of one frame: positions, velocities if there are any, projection, and step and time of each."""
    number = _number(precision)
    each = dimensions * number * (1 + velocities) + 3 * _PLACE
    return particles * each + (2 + velocities) * _STEP_AND_TIME


def file_bytes(
    particles: int, dimensions: int, frames: int, observations: int, *, precision: str, velocities: bool, names: int = 0
) -> int:
    """Of a whole file; `names` is the number of observables."""
    moving = frames * frame_bytes(particles, dimensions, precision=precision, velocities=velocities)
    return moving + observations * names * (_STEP_AND_TIME + 8) + particles * _IDENTITY


def waiting_bytes(particles: int, dimensions: int, frames: int, *, precision: str, velocities: bool) -> int:
    """Of the frames that wait in memory for full chunks."""
    number = _number(precision)
    shapes = [((particles, dimensions), number)] * (1 + velocities) + [((particles, 3), _PLACE)]
    return sum(min(frames, chunk_shape(shape, size)[0]) * int(np.prod(shape)) * size for shape, size in shapes)


def _number(precision: str) -> int:
    """Bytes of a coordinate of the positions as they are stored."""
    return 8 if precision == "float64" else 4
