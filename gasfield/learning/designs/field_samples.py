"""The equations of a fit of a field: places and what the field is there, from the motion of the rows.

* velocity: F(x) = dx/dt. The *forward* difference takes F at the start of an interval: the noise of thermal motion is
  independent of where it starts, so that it is the unbiased one, up to O(h). The *trapezoid* takes it half way between
  both ends, which differs from the mean of the field at both by O(h^2), for deterministic flows; but noise moves the
  middle too, and biases it by half of what it does. *Lagged* takes it at the start of the interval before, for noise
  that two steps share (see `motion`).
* force: F(x) = m dv/dt + m gamma v, from stored velocities; gamma is fitted beside the field where there is a bath.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasfield.diagnostics.context import RunContext
from gasfield.diagnostics.group import Group
from gasfield.dynamics import DynamicsSpec
from gasfield.errors import InputError
from gasfield.learning.data import Array, TrainingData, Transitions
from gasfield.learning.motion import Scheme, said_of_velocities, scheme_of

_ROWS = 8192
"""Most rows of a piece."""
_PLACES, _COORDINATES = 10_000, 200_000
"""Places, or coordinates of them where those are more, from which a length scale is chosen."""


class Motion(NamedTuple):
    """How the field is taken from the motion.

    Attributes:
        target: "velocity" or "force".
        scheme: where the field is taken.
        friction: whether the rate of friction is fitted too.
        notes: why.
        exact: whether each interval is a single Euler step, so that differences have no error of the interval.
    """

    target: Literal["velocity", "force"]
    scheme: Scheme
    friction: bool
    notes: tuple[str, ...]
    exact: bool = False


class Samples(NamedTuple):
    """Equations of one block in time.

    Attributes:
        block: its number.
        places: (n, D) where the field is taken [length].
        field: (n, D) what it is there.
        drag: (n, D) -m v, whose coefficient is the rate of friction; None where there is none.
    """

    block: int
    places: Array
    field: Array
    drag: Array | None


def motion_of(
    data: TrainingData, target: Literal["velocity", "force"] | None = None, scheme: Scheme | None = None
) -> Motion:
    """What is given, or else what the dynamics of the trajectories ask for.

    Raises:
        InputError: if a force is asked for, and no velocities were kept, or frames are too far apart for it.
    """
    laws = [_dynamics(data, number) for number in range(len(data.groups))]
    stored = all(group.velocities is not None for group in data.groups)
    newtonian = stored and all(law is not None and law.has_velocities for law in laws)
    target = target or ("force" if newtonian else "velocity")
    if target == "force" and not stored:
        raise InputError(
            "a force is learned from velocities, and none were kept: learn the velocity.", parameter="target"
        )
    noiseless = all(law is not None and not law.thermal for law in laws)
    notes = [said_of_velocities(data)] if target == "force" else []
    if target == "velocity":
        scheme, why = scheme_of(data, scheme)
        notes.append(why)
    elif scheme is None:
        smooth = noiseless or (None in laws and scheme_of(data, None)[0] == "trapezoid")
        scheme = "trapezoid" if smooth else "forward"
        notes.append(f"scheme {scheme}, because the motion is {'smooth' if smooth else 'noisy'}")
    exact = target == "velocity" and scheme == "forward" and all(map(_is_euler, data.groups, laws))
    return Motion(target, scheme, target == "force" and not noiseless, tuple(note for note in notes if note), exact)


def samples(data: TrainingData, motion: Motion, every: int = 1) -> Iterator[Samples]:
    """The equations at all places, or at every n-th one, piece by piece."""
    d = data.dimensions
    for part in data.transitions():
        places, field, drag = _equations(data, motion, part)
        blocks = part.blocks[len(part.blocks) - len(places) :]
        for block in np.unique(blocks):
            chosen = blocks == block
            of_block = [values[chosen].reshape(-1, d)[::every] for values in (places, field)]
            against = None if drag is None else drag[chosen].reshape(-1, d)[::every]
            for start in range(0, len(of_block[0]), _ROWS):
                piece = slice(start, start + _ROWS)
                yield Samples(
                    int(block), of_block[0][piece], of_block[1][piece], None if against is None else against[piece]
                )


def thinning(data: TrainingData) -> int:
    """The n of every n-th place that leaves enough to choose a length scale."""
    places = sum((len(group.steps) - 1) * group.count for group in data.groups)
    return max(1, places // max(_PLACES, _COORDINATES // data.dimensions))


def mean_span(data: TrainingData) -> float:
    """The median interval between frames [time]."""
    spans: NDArray[np.float64] = np.concatenate([np.diff(group.times) for group in data.groups])
    return float(np.median(spans))


def _equations(data: TrainingData, motion: Motion, part: Transitions) -> tuple[Array, Array, Array | None]:
    """(t, n, D) places, field and drag; one interval less of each piece where the field is lagged."""
    if motion.scheme == "lagged" and motion.target == "velocity":
        return part.start[:-1], part.slopes[1:], None
    places = part.start if motion.scheme == "forward" else part.middle
    if motion.target == "velocity":
        return places, part.slopes, None
    group = data.groups[part.source]
    before, after = group.speeds(part.frames), group.speeds(part.frames + 1)
    masses = group.masses[:, None]
    field = masses * (after - before) / part.spans[:, None, None]
    if not motion.friction:
        return places, field, None
    return places, field, -masses * (before if motion.scheme == "forward" else 0.5 * (before + after))


def _run(data: TrainingData, number: int) -> RunContext | None:
    return data.groups[number].origin.context


def _dynamics(data: TrainingData, number: int) -> DynamicsSpec | None:
    run = _run(data, number)
    return None if run is None else run.dynamics


def _is_euler(group: Group, law: DynamicsSpec | None) -> bool:
    """Whether the frames are known to be those of all steps of an Euler scheme."""
    return getattr(law, "scheme", None) in ("euler", "euler_maruyama") and bool(np.all(group.spacings == 1))
