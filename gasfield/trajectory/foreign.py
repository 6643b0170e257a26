"""Trajectories that other programs have written as H5MD 1.1 (https://www.nongnu.org/h5md/h5md.html).

There particles are in `particles/NAME`, in groups of any number, and nearly everything is optional: species, masses and
charges may be missing or be stored for every frame, one number may stand for all steps, positions may lie in a box with
the number of periods in `image`. What is read has one meaning; where there would be several, it is refused.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError, Note
from gasfield.names import NAME
from gasfield.printable import listed
from gasfield.trajectory import schema
from gasfield.trajectory.content import FLOAT, INTEGER, NUMBER, Content
from gasfield.trajectory.frames import Frames
from gasfield.trajectory.particles import Particles, checked_numbers, precision_of, read_each, read_vectors

_ROOT = "particles"
_OTHERWISE = "particles"
"""Name of a group of particles without one of its own."""


def is_foreign(content: Content) -> bool:
    """Whether a file is H5MD, but not by gasfield."""
    return schema.VECTORS not in content and bool(_groups(content))


def read_foreign(content: Content) -> Particles:
    """The particles of the only group, or of the first by name; a note names the others.

    Raises:
        InputError: if something is not as H5MD says, or has no single meaning.
    """
    groups = _groups(content)
    place = f"{_ROOT}/{groups[0]}"
    if len(groups) > 1:
        others = listed(groups[1:])
        _note(f"{content.path}: {place} is read; it has other groups of particles, too: {others}")
    positions = read_vectors(content, f"{place}/{schema.POSITION}")
    if not len(positions):
        raise InputError(f"{content.path}: {place}/{schema.POSITION} has no frames yet.")
    count, dimensions = positions.shape[1:]
    _require_order(content, f"{place}/id", count)
    image = f"{place}/image" if f"{place}/image" in content else None
    periods = _periods(content, f"{place}/box", dimensions, image)
    if image is not None:
        positions = _unwrapped(content, image, positions, periods)
    names, species = _species(content, f"{place}/species", count, groups[0])
    return Particles(
        place=place,
        positions=positions,
        velocities=_velocities(content, f"{place}/{schema.VELOCITY}", positions),
        names=names,
        species=species,
        token_ids=np.full(count, -1),
        tokens=[""] * count,
        masses=_each(content, f"{place}/{schema.MASS}", count, 1.0, least=0.0),
        charges=_each(content, f"{place}/{schema.CHARGE}", count, 0.0),
        periods=periods,
        appears=np.zeros(count, np.int64),
        attributes={"source": "H5MD", "precision": precision_of(content, None, positions)},
    )


def _note(message: str) -> None:
    warnings.warn(Note(message), stacklevel=2)


def _groups(content: Content) -> list[str]:
    """Names of the groups of particles that have positions over time, in their order."""
    return [
        name for name in sorted(content.names(_ROOT)) if "value" in content.names(f"{_ROOT}/{name}/{schema.POSITION}")
    ]


def _constant(content: Content, location: str, kinds: str, *shape: int) -> NDArray[Any] | None:
    """What is stored once, or for every frame and is always the same; None if it is not stored."""
    item = content.item(location)
    if item is None:
        return None
    if isinstance(item, h5py.Dataset):
        return content.array(location, kinds, *shape)
    frames = content.frames(location, *shape, kinds=kinds)
    if not len(frames):
        return None
    first = frames[0]
    for index in range(1, len(frames)):
        if not np.array_equal(frames[index], first):
            raise InputError(f"{content.path}: {location} changes with time, which is not supported.")
    return first


def _each(content: Content, location: str, count: int, otherwise: float, least: float | None = None) -> NDArray[Any]:
    if isinstance(content.item(location), h5py.Group):
        values = _constant(content, location, NUMBER, count)
        return np.full(count, otherwise) if values is None else checked_numbers(content, location, values, least)
    return read_each(content, location, count, otherwise, least)


def _require_order(content: Content, location: str, count: int) -> None:
    """Rows are particles: whoever stores them in another order in each frame says so by their ids."""
    if isinstance(content.item(location), h5py.Group):
        _constant(content, location, INTEGER, count)


def _species(content: Content, location: str, count: int, group: str) -> tuple[list[str], NDArray[np.int64]]:
    """Names of species and their numbers (N,): the names of an enumeration, or `species` and the number."""
    codes = _constant(content, location, INTEGER, count)
    if codes is None:
        return [group if re.fullmatch(NAME, group) else _OTHERWISE], np.zeros(count, np.int64)
    item = content.item(location)
    named = item if isinstance(item, h5py.Dataset) else content.dataset(f"{location}/value")
    labels = {code: name for name, code in (h5py.check_enum_dtype(named.dtype) or {}).items()}
    known, species = np.unique(codes, return_inverse=True)
    names = _fit(labels.get(code, f"species{code}") for code in known.tolist())
    return names, species.reshape(count).astype(np.int64)


def _fit(labels: Iterable[str]) -> list[str]:
    """Names of groups like those of a scenario, each once: other characters become _, and a number tells equal ones
    apart."""
    names: list[str] = []
    for label in labels:
        name = re.sub("[^A-Za-z0-9_-]", "_", label)[:90]
        name = name if re.fullmatch(NAME, name) else f"species_{name}"
        number = 1
        while (unique := name if number == 1 else f"{name}_{number}") in names:
            number += 1
        names.append(unique)
    return names


def _periods(content: Content, location: str, dimensions: int, image: str | None) -> NDArray[np.float64]:
    """(D,) sides of the box along axes that are periodic, 0 along others."""
    boundary = content.attributes(location).get("boundary")
    if boundary is None:
        return np.zeros(dimensions)
    words = [word.decode() if isinstance(word, bytes) else str(word) for word in np.atleast_1d(boundary).tolist()]
    repeats = np.array([word == "periodic" for word in words])
    if len(repeats) not in (1, dimensions):
        raise InputError(f"{content.path}: {location}: boundary has {len(repeats)} words, not {dimensions}.")
    edges = _edges(content, f"{location}/edges", dimensions, image)
    if edges is None or not repeats.any():
        return np.zeros(dimensions)
    return np.where(repeats, checked_numbers(content, f"{location}/edges", edges, 0.0), 0.0)


def _edges(content: Content, location: str, dimensions: int, image: str | None) -> NDArray[np.float64] | None:
    """(D,) sides of a rectangular box: stored once or over time, as D numbers or as D x D. Where there is an image of
    each position, they may not change: an image counts sides of one length."""
    item = content.item(location)
    if item is None:
        return None
    over_time = isinstance(item, h5py.Group)
    values = content.dataset(f"{location}/value") if over_time else content.dataset(location)
    shape = (dimensions,) * min(2, max(1, values.ndim - over_time))
    if over_time:
        frames = content.frames(location, *shape)
        edges = frames[0] if len(frames) else np.zeros(shape)
        if any(not np.array_equal(frames[index], edges) for index in range(1, len(frames))):
            if image is not None:
                raise InputError(
                    f"{content.path}: {location} changes with time, so that {image} has no single meaning; unwrap the "
                    "positions first."
                )
            _note(f"{content.path}: {location} changes with time; the box of the first frame is used")
    else:
        edges = content.array(location, NUMBER, *shape)
    if edges.ndim == 2:
        if np.any(edges - np.diag(np.diagonal(edges))):
            raise InputError(f"{content.path}: {location} is an oblique box, which is not supported.")
        edges = np.diagonal(edges)
    return edges.astype(np.float64)


def _velocities(content: Content, location: str, positions: Frames) -> Frames | None:
    if location not in content:
        return None
    velocities = content.frames(location, *positions.shape[1:], kinds=FLOAT)
    if len(velocities) != len(positions) or np.any(velocities.steps != positions.steps):
        _note(f"{content.path}: {location} has other steps than the positions; velocities are left out")
        return None
    return velocities


def _unwrapped(content: Content, location: str, positions: Frames, periods: NDArray[np.float64]) -> Frames:
    """Positions along the path of each particle."""
    count, dimensions = positions.shape[1:]
    if isinstance(content.item(location), h5py.Dataset):
        fixed = content.array(location, INTEGER, count, dimensions)
        return Unwrapped(positions, lambda frames, rows: fixed[rows if rows is not None else slice(None)], periods)
    images = content.frames(location, count, dimensions, kinds=INTEGER)
    if len(images) < len(positions) or np.any(images.steps[: len(positions)] != positions.steps):
        raise InputError(f"{content.path}: {location} has other steps than the positions.")
    return Unwrapped(positions, images.read, periods)


class Unwrapped(Frames):
    """Positions in a box, and how many periods each particle has gone along each axis."""

    def __init__(self, wrapped: Frames, images: Any, periods: NDArray[np.float64]) -> None:
        """Positions and `images`, a function of frames and rows."""
        self.__dict__.update(wrapped.__dict__)
        self.dtype = np.dtype(np.float64)
        self._wrapped, self._images, self._periods = wrapped, images, periods

    def read(self, frames: slice = slice(None), rows: slice | None = None) -> NDArray[Any]:
        """As for all frames."""
        return np.asarray(self._wrapped.read(frames, rows) + self._images(frames, rows) * self._periods)
