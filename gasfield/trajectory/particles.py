"""What a file says of its particles, read and checked once, when it is opened: after that nothing of it can surprise
whoever measures. Files of gasfield have one gas in `particles/vectors`; for others see `foreign`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.printable import listed, shortened
from gasfield.trajectory import schema
from gasfield.trajectory.content import FLOAT, INTEGER, NUMBER, Content
from gasfield.trajectory.frames import Frames

PRECISIONS = ("float64", "float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2")
_TEXTS = (
    "source", "scenario", "plugins", "files", "title", "precision", "training", "state", "device", "optimiser",
    "optimiser_class", "optimiser_options", "optimiser_changes", "optimiser_state", "optimiser_state_at_start",
)  # fmt: skip
_NUMBERS = ("optimiser_step", "learning_rate", "epsilon", "weight_decay", "momentum", "dampening")
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(_TEXTS, ((str,), "text")),
    **dict.fromkeys(_NUMBERS, ((str, int, float, np.number), "number")),  # or text, that it varies
}
"""What attributes are that are looked at."""
LARGEST = 1e100
"""Masses, charges and sides beyond which squares overflow."""


@dataclass(frozen=True)
class Particles:
    """The particles of a file; attributes as those of `Trajectory`.

    Attributes:
        place: of their group in the file.
        positions: (T, N, D).
        velocities: (T, N, D); None if the file has none.
        appears: (N,); None if the file does not say.
    """

    place: str
    positions: Frames
    velocities: Frames | None
    names: list[str]
    species: NDArray[np.int64]
    token_ids: NDArray[np.int64]
    tokens: list[str]
    masses: NDArray[np.float64]
    charges: NDArray[np.float64]
    periods: NDArray[np.float64]
    appears: NDArray[np.int64] | None
    bonds: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


def read_particles(content: Content) -> Particles:
    """Those of a file of gasfield.

    Raises:
        InputError: if something is missing or not as the format says; names the data set.
    """
    place = schema.VECTORS
    positions = read_vectors(content, f"{place}/{schema.POSITION}")
    count, dimensions = positions.shape[1:]
    velocity = f"{place}/{schema.VELOCITY}"
    velocities = content.frames(velocity, count, dimensions, kinds=FLOAT) if velocity in content else None
    whole = len(positions if velocities is None else min(positions, velocities, key=len))
    if velocities is not None and np.any(velocities.steps[:whole] != positions.steps[:whole]):
        raise InputError(f"{content.path}: positions and velocities have different steps.")
    if not whole:
        raise InputError(f"{content.path}: {place}/{schema.POSITION} has no frames yet.")
    return Particles(
        place=place,
        positions=positions,
        velocities=velocities,
        names=(names := _names(content, f"{place}/species")),
        species=_below(content, f"{place}/species", count, len(names)),
        token_ids=content.array(f"{place}/token_id", INTEGER, count).astype(np.int64, copy=False),
        tokens=content.texts(f"{place}/token", count),
        masses=read_each(content, f"{place}/{schema.MASS}", count, 1.0, least=0.0),
        charges=read_each(content, f"{place}/{schema.CHARGE}", count, 0.0),
        periods=_periods(content, f"{place}/{schema.EDGES}", dimensions),
        appears=_appears(content, f"{place}/{schema.APPEARS}", count),
        bonds={name: _bonds(content, f"{schema.CONNECTIVITY}/{name}", count) for name in _bonded(content)},
        attributes=_attributes(content, positions),
    )


def read_vectors(content: Content, location: str) -> Frames:
    """Positions (T, N, D), of which one frame fits into memory.

    Raises:
        InputError: if they are not numbers in float32 or float64 of at least one particle in one dimension.
    """
    vectors = content.frames(location, None, None, kinds=FLOAT)
    if 0 in vectors.shape[1:]:
        raise InputError(f"{content.path}: {location}/value has shape {vectors.shape}: there is nothing in a frame.")
    content.check_memory(vectors.shape[1] * vectors.shape[2] * 8, f"a frame of {location}")
    return vectors


def read_each(
    content: Content, location: str, count: int, otherwise: float, least: float | None = None
) -> NDArray[np.float64]:
    """(N,) a number of each particle; the same for all where the file has none.

    Args:
        content: of the file.
        location: of the data set.
        count: N.
        otherwise: the number where there is no data set.
        least: what all have to exceed.

    Raises:
        InputError: if they are not finite, or too small.
    """
    if location not in content:
        return np.full(count, otherwise)
    return checked_numbers(content, location, content.array(location, NUMBER, count), least)


def checked_numbers(
    content: Content, location: str, values: NDArray[Any], least: float | None = None
) -> NDArray[np.float64]:
    """Numbers in float64, after a check that all are finite, in range, and above the least.

    Raises:
        InputError: if they are not.
    """
    numbers = values.astype(np.float64, copy=False)
    if not (np.abs(numbers) < LARGEST).all():
        raise InputError(f"{content.path}: {location} has numbers that are not finite, or beyond {LARGEST:g}.")
    if least is not None and not (numbers > least).all():
        raise InputError(f"{content.path}: {location} has numbers that are not above {least:g}.")
    return numbers


def precision_of(content: Content, given: object, positions: Frames) -> str:
    """The lattice of the positions, checked against their type; that of their type where nothing is given.

    Raises:
        InputError: if it is none, or another one than that of the numbers.
    """
    stored = str(positions.dtype)
    if given is None:
        return stored
    if not isinstance(given, str) or given not in PRECISIONS:
        raise InputError(f"{content.path}: {schema.PROVENANCE}: precision is none of {', '.join(PRECISIONS)}.")
    if (given == "float64") != (stored == "float64"):
        raise InputError(f"{content.path}: {schema.PROVENANCE}: precision is {given}, and positions are {stored}.")
    return given


def _names(content: Content, location: str) -> list[str]:
    content.dataset(location)
    given = content.attributes(location).get(schema.GROUP_NAMES)
    if not isinstance(given, np.ndarray) or given.ndim != 1 or given.dtype.kind not in "OSU" or not given.size:
        raise InputError(
            f"{content.path}: {location} needs an attribute '{schema.GROUP_NAMES}': the name of each group."
        )
    names = [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in given.tolist()]
    twice = {name for name in names if not name} if len(set(names)) == len(names) else _repeated(names)
    if twice:
        message = f"empty or given twice: {listed(sorted(map(shortened, twice)))}"
        raise InputError(f"{content.path}: {location}: names of groups are {message}.")
    return names


def _repeated(names: list[str]) -> set[str]:
    seen = set[str]()
    return {name for name in names if name in seen or seen.add(name)}  # type: ignore[func-returns-value]


def _below(content: Content, location: str, count: int, most: int) -> NDArray[np.int64]:
    indices = content.array(location, INTEGER, count)
    content.check_below(indices, most, location)
    return indices.astype(np.int64, copy=False)


def _periods(content: Content, location: str, dimensions: int) -> NDArray[np.float64]:
    """(D,) sides of the box, 0 where it does not repeat: a data set, or an element whose frames are alike."""
    if location not in content:
        return np.zeros(dimensions)
    if content.names(location):
        edges = content.series(location, dimensions).values
        sides = edges[0].astype(np.float64) if len(edges) else np.zeros(dimensions)
        if not (edges == edges[:1]).all():
            raise InputError(f"{content.path}: {location} is not the same in all frames.")
    else:
        sides = content.array(location, NUMBER, dimensions).astype(np.float64, copy=False)
    if not ((sides >= 0) & (sides < LARGEST)).all():
        raise InputError(f"{content.path}: {location} has sides that are negative or not finite.")
    return sides


def _appears(content: Content, location: str, count: int) -> NDArray[np.int64] | None:
    if location not in content:
        return None
    steps = content.array(location, INTEGER, count)
    if steps.size and steps.min() < 0:
        raise InputError(f"{content.path}: {location} has steps before 0.")
    return steps.astype(np.int64)


def _bonded(content: Content) -> list[str]:
    """The structures with bonds."""
    content.require_group(schema.CONNECTIVITY)
    return content.names(schema.CONNECTIVITY)


def _bonds(content: Content, location: str, count: int) -> NDArray[np.int64]:
    """(M, 2) indices of particles."""
    pairs = content.array(location, INTEGER, None, 2)
    content.check_below(pairs, count, location)
    if (pairs[:, 0] == pairs[:, 1]).any():
        raise InputError(f"{content.path}: {location} has a bond of a particle with itself.")
    return pairs.astype(np.int64, copy=False)


def _attributes(content: Content, positions: Frames) -> dict[str, Any]:
    """The provenance: what is looked at has the type that it should have."""
    place = schema.PROVENANCE
    if place not in content:
        raise InputError(f"{content.path}: no group {place}; not a gasfield trajectory, or written by something else.")
    content.require_group(place)
    found = content.attributes(place)
    if "precision" not in found:
        raise InputError(f"{content.path}: {place}: precision is missing: one of {', '.join(PRECISIONS)}.")
    imported = found.get("source") == "import"
    for name, (kinds, what) in _KINDS.items():
        value = found.get(name, "")
        if np.ndim(value) or not isinstance(value, kinds):
            if not imported or name == "precision":
                raise InputError(f"{content.path}: {place}: {name} is no {what}.")
            found[name] = str(value)  # what others state under this name means something else
    freedom = found.get("degrees_of_freedom", 0)
    if not isinstance(freedom, int | np.integer) or not 0 <= freedom <= 2**62:
        raise InputError(f"{content.path}: {place}: degrees_of_freedom is no whole number from 0 on.")
    found["precision"] = precision_of(content, found["precision"], positions)
    return found
