"""The contract of spaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasfield.errors import InputError
from gasfield.spaces import SPACES, Space
from gasfield.testing.tools import (
    on_threads,
    places_in,
    require,
    require_near,
    require_refused,
)

Array = NDArray[np.float64]


def check_space(space: Space | Mapping[str, Any]) -> None:
    """Runs the contract of spaces.

    Raises:
        AssertionError: if a check fails.
    """
    for check in SPACE_CONTRACT:
        check(SPACES.parse(space))


def flight_can_be_run_backwards(space: Space) -> None:
    """With velocities reversed, and with time reversed, particles return to their initial positions."""
    start, moving = _flying(space, 200)
    for sign, time in ((-1.0, 1.3), (1.0, -1.3)):
        x, v, turned = flown(space, start, moving, 1.3)
        back, w, again = flown(space, x, sign * v, time)
        require_near(back, start, "a flight is not reversible in positions")
        require_near(sign * w, moving, "a flight is not reversible in velocities")
        require_near(again, turned, "the change of velocity at walls differs in the reversed flight")


def two_flights_are_one(space: Space) -> None:
    """Flights over h and h' equal one over h + h'; a flight over zero time is the identity."""
    start, moving = _flying(space, 200)
    x, v, turned = flown(space, start, moving, 0.7)
    twice, once = flown(space, x, v, 0.9), flown(space, start, moving, 1.6)
    require_near(twice[0], once[0], "two flights differ in positions from one over the total time")
    require_near(twice[1], once[1], "two flights differ in velocities from one over the total time")
    require_near(
        turned + twice[2], once[2], "two flights differ in the change of velocity at walls from one over the total time"
    )
    require_near(flown(space, start, moving, 0.0)[0], start, "a flight over zero time moves particles")


def flight_keeps_speed_and_space(space: Space) -> None:
    """Speed is conserved, and particles stay in the space."""
    x, v = _flying(space, 200)
    speed = np.linalg.norm(v, axis=1)
    for _ in range(50):
        space.drift(x, v, 0.9, np.zeros(len(x)))
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), speed, rtol=1e-12, err_msg="speed is not conserved")
    require(space.contains(x).all(), "particles leave the space")


def flight_does_not_depend_on_threads(space: Space) -> None:
    """The same bits with one thread and with two."""
    start, moving = _flying(space, 5000)
    ends = []
    for count in (1, 2):
        with on_threads(count):
            ends.append(flown(space, start, moving, 2.5))
    for one, two in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, two, "bits depend on the number of threads")


def settled_is_inside(space: Space) -> None:
    """`settle` maps positions into the space, and does not change those in it; NaN is never in it."""
    far = 5.0 * np.random.default_rng(1).standard_normal((200, space.dimensions))
    space.settle(far)
    require(space.contains(far).all(), "settled positions are not in the space")
    again = far.copy()
    space.settle(again)
    require_near(again, far, "positions in the space are changed by settle", 1e-12)
    far[0] = np.nan
    require(not space.contains(far)[0], "contains accepts a NaN position")


def uniform_is_inside(space: Space) -> None:
    """A bounded space draws positions inside it, reproducibly; an unbounded one raises InputError."""
    if not space.bounded:
        require_refused(
            InputError, partial(space.uniform, count=3), np.random.default_rng(0), "an unbounded space draws positions"
        )
        require(not np.isfinite(space.volume), "an unbounded space has a finite volume")
        return
    drawn, again = (space.uniform(np.random.default_rng(0), 500) for _ in range(2))
    require(drawn.shape == (500, space.dimensions), f"uniform returns the shape {drawn.shape}")
    require(space.contains(drawn).all(), "uniform draws positions outside the space")
    np.testing.assert_array_equal(drawn, again, "uniform does not depend on its generator only")


def wrapping_counts_periods(space: Space) -> None:
    """Wrapped positions are within a period, and a whole number of periods away, which `wrap` counts."""
    far, _, _ = flown(space, *_flying(space, 200), 40.0)
    places, images = far.copy(), np.zeros(far.shape, np.int64)
    space.wrap(places, images)
    require_near(places + images * space.periods, far, "positions and counted periods do not add up")
    np.testing.assert_array_equal(space.wrapped(far), places, "wrapped and wrap differ")
    half = np.where(space.periods > 0.0, 0.5 * space.periods, np.inf)
    require(((places >= -half) & (places < half)).all(), "wrapped positions are outside of the first period")


def tangent_projects(space: Space) -> None:
    """The projection onto the tangent space is idempotent."""
    x, v = _flying(space, 50)
    once = v.copy()
    space.tangent(x, once)
    require_near(once, v, "a tangent velocity is changed by tangent", 1e-12)


SPACE_CONTRACT: tuple[Callable[[Space], None], ...] = (
    flight_can_be_run_backwards,
    two_flights_are_one,
    flight_keeps_speed_and_space,
    flight_does_not_depend_on_threads,
    settled_is_inside,
    uniform_is_inside,
    wrapping_counts_periods,
    tangent_projects,
)


def _flying(space: Space, count: int) -> tuple[Array, Array]:
    """Positions (count, D) in the space and velocities."""
    x, v = places_in(space, count), np.random.default_rng(2).standard_normal((count, space.dimensions))
    space.tangent(x, v)
    return x, v


def flown(space: Space, x: Array, v: Array, time: float) -> tuple[Array, Array, Array]:
    """Positions, velocities and changes of velocity at walls after a time, as new arrays."""
    x, v, turned = x.copy(), v.copy(), np.zeros(len(x))
    space.drift(x, v, time, turned)
    return x, v, turned
