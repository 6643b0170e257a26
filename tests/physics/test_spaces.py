"""Free flight in every space: exact, reversible, volume-preserving, and against an oracle that goes hit by hit.

Tolerances: 1e-10 against the oracle and 1e-9 for reversal are far above rounding (1e-16 times the sides that a particle
has flown) and far below a wrong hit. Statistics may be four standard errors off; each has a control that is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from gasfield.errors import InputError
from gasfield.spaces import SPACES, AnySpace, Space
from gasfield.testing.spaces import flown

pytestmark = pytest.mark.usefixtures("one_numba_thread")

Array = NDArray[np.float64]
Flight = Callable[[Space, Array, Array, float], None]


def space_of(**given: Any) -> Space:
    space: Space = TypeAdapter(AnySpace).validate_python(given)
    return space


CASES: dict[str, list[dict[str, Any]]] = {
    "free": [{"dimensions": 1}, {"dimensions": 3}],
    "periodic": [{"dimensions": 2, "side": 2.0}, {"dimensions": 3, "sides": (1.0, 2.0, 3.0)}],
    "box": [
        {"dimensions": 1, "side": 2.0},
        {"dimensions": 2, "sides": (1.0, 2.5)},
        {"dimensions": 3, "side": 2.0},
        {"dimensions": 8, "side": 1.5},
    ],
    "ball": [
        {"dimensions": 1, "radius": 1.0},
        {"dimensions": 2, "radius": 1.0},
        {"dimensions": 3, "radius": 0.7},
        {"dimensions": 8, "radius": 1.3},
    ],
    "sphere": [{"dimensions": 2}, {"dimensions": 3}, {"dimensions": 8}],
}


def spaces(*kinds: str, least: int = 1) -> list[Any]:
    """The cases of some kinds, as parameters with a readable name."""
    return [
        pytest.param(space_of(kind=kind, **case), id=f"{kind}-{case['dimensions']}")
        for kind in kinds or CASES
        for case in CASES[kind]
        if case["dimensions"] >= least
    ]


def state(space: Space, count: int, speed: float = 1.0, seed: int = 0) -> tuple[Array, Array]:
    """Positions spread evenly (a cloud where nothing bounds them) and Maxwell's velocities."""
    chance = np.random.default_rng(seed)
    shape = (count, space.dimensions)
    x = space.uniform(chance, count) if np.isfinite(space.volume) else chance.standard_normal(shape)
    v = speed * chance.standard_normal(shape)
    space.tangent(x, v)
    return x, v


def close(found: Array, expected: Array, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_every_space_has_cases() -> None:
    assert set(CASES) == set(SPACES)
    for kind, cases in CASES.items():
        for case in cases:
            assert type(space_of(kind=kind, **case)) is SPACES[kind]


# --- what holds in every space ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", spaces())
def test_reversed_velocities_go_back(space: Space) -> None:
    start = state(space, 500)
    x, v, turned = flown(space, *start, 4.0)
    back, w, again = flown(space, x, -v, 4.0)
    close(back, start[0])
    close(-w, start[1])
    close(again, turned)


@pytest.mark.parametrize("space", spaces())
def test_negative_time_goes_back(space: Space) -> None:
    start = state(space, 500)
    x, v, turned = flown(space, *start, 4.0)
    back, w, again = flown(space, x, v, -4.0)
    close(back, start[0])
    close(w, start[1])
    close(again, turned)


@pytest.mark.parametrize("space", spaces())
def test_two_flights_are_one(space: Space) -> None:
    start = state(space, 500)
    x, v, turned = flown(space, *start, 1.7)
    twice = flown(space, x, v, 2.6)
    once = flown(space, *start, 4.3)
    close(twice[0], once[0])
    close(twice[1], once[1])
    close(turned + twice[2], once[2])


@pytest.mark.parametrize("space", spaces())
def test_no_time_changes_nothing(space: Space) -> None:
    start = state(space, 100)
    x, v, turned = flown(space, *start, 0.0)
    close(x, start[0], 1e-15)
    close(v, start[1], 1e-15)
    assert not turned.any()


@pytest.mark.parametrize("space", spaces())
def test_who_rests_stays(space: Space) -> None:
    x, v = state(space, 100)
    after = flown(space, x, 0 * v, 3.0)
    close(after[0], x, 1e-15)
    assert not after[1].any()
    assert not after[2].any()


@pytest.mark.parametrize("space", spaces())
def test_speed_is_kept(space: Space) -> None:
    start = state(space, 500, speed=3.0)
    x, v = (array.copy() for array in start)
    for _ in range(100):
        space.drift(x, v, 0.9, np.zeros(len(x)))
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), np.linalg.norm(start[1], axis=1), rtol=1e-13)
    assert space.contains(x).all()


@pytest.mark.parametrize("space", spaces())
def test_phase_space_volume_is_kept(space: Space) -> None:
    determinants = volume_changes(space, drift)
    close(determinants, np.ones(len(determinants)), 1e-6)


@pytest.mark.parametrize("space", spaces())
def test_threads_do_not_change_a_bit(space: Space) -> None:
    start = state(space, 5000)
    one = flown(space, *start, 2.5)
    numba.set_num_threads(2)
    for first, second in zip(one, flown(space, *start, 2.5), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("space", spaces())
def test_a_blow_up_stays_one_and_hurts_no_other(space: Space) -> None:
    start = state(space, 7)
    x, v = (array.copy() for array in start)
    for row, bad in enumerate((np.nan, np.inf, -np.inf)):
        x[row], v[row + 3] = bad, bad
    with np.errstate(invalid="ignore"):
        x, v, turned = flown(space, x, v, 0.5)
        space.settle(x)
    np.testing.assert_array_equal(space.contains(x), [False] * 6 + [True])
    alone = flown(space, start[0][6:], start[1][6:], 0.5)
    np.testing.assert_array_equal(x[6:], alone[0])
    np.testing.assert_array_equal(turned[6:], alone[2])


@pytest.mark.parametrize("space", spaces())
def test_settled_is_inside_and_inside_is_settled(space: Space) -> None:
    far = 5.0 * np.random.default_rng(1).standard_normal((200, space.dimensions))
    space.settle(far)
    assert space.contains(far).all()
    x, _ = state(space, 200)
    settled = x.copy()
    space.settle(settled)
    close(settled, x, 1e-15)


@pytest.mark.parametrize("space", spaces())
def test_wrapped_places_are_the_same_places(space: Space) -> None:
    x = flown(space, *state(space, 200), 5.0)[0]
    wrapped = space.wrapped(x)
    assert wrapped is not x
    periods = space.periods
    assert periods.shape == (space.dimensions,)
    along = periods > 0
    turns = (x - wrapped)[:, along] / periods[along]
    close(turns, np.round(turns))
    assert (np.abs(wrapped) <= 0.5 * periods)[:, along].all()
    np.testing.assert_array_equal(wrapped[:, ~along], x[:, ~along])


def test_which_spaces_are_alike_everywhere_or_curved() -> None:
    assert {kind for kind, space in SPACES.items() if space.homogeneous} == {"free", "periodic"}
    assert {kind for kind, space in SPACES.items() if space.curved} == {"sphere"}


# --- the oracle: from hit to hit -------------------------------------------------------------------------------------


def to_wall_of_box(space: Any, x: Array, v: Array) -> tuple[float, Array]:
    """Time to the next wall that a particle flies towards, and the normal of that wall."""
    times = [(math.copysign(0.5 * L, w) - y) / w if w else math.inf for y, w, L in zip(x, v, space.edges, strict=True)]
    hit = int(np.argmin(times))
    return times[hit], np.eye(len(x))[hit]


def to_wall_of_ball(space: Any, x: Array, v: Array) -> tuple[float, Array]:
    """The same in a ball. From the wall itself the quadratic equation needs no root."""
    on_wall = abs(np.linalg.norm(x) - space.radius) < 1e-13
    a, b, c = v @ v, x @ v, x @ x - space.radius**2
    if a == 0.0:
        return math.inf, x
    time = max(-2 * b / a, 0.0) if on_wall else (-b + math.sqrt(b * b - a * c)) / a
    normal = x + time * v
    return time, normal / np.linalg.norm(normal)


def hit_by_hit(space: Any, x: Array, v: Array, time: float) -> tuple[Array, Array, float, int]:
    """Position, velocity, sum of 2 |v_n| and number of hits of one particle."""
    to_wall = {"box": to_wall_of_box, "ball": to_wall_of_ball}[space.kind]
    turned, hits = 0.0, 0
    while True:
        flight, normal = to_wall(space, x, v)
        if flight >= time:
            return x + v * time, v, turned, hits
        x, time = x + v * flight, time - flight
        if space.kind == "ball":  # otherwise rounding errors grow with the square of the number of hits
            x = space.radius * normal
        turned, hits = turned + 2 * abs(v @ normal), hits + 1
        v = v - 2 * (v @ normal) * normal


@pytest.mark.parametrize("time", [0.1, 1.0, 10.0, 40.0])
@pytest.mark.parametrize("space", spaces("box", "ball"))
def test_hits_are_those_of_the_oracle(space: Space, time: float) -> None:
    start = state(space, 20, seed=int(time))
    x, v, turned = flown(space, *start, time)
    hits = np.zeros(20)
    for i in range(20):
        y, w, expected, hits[i] = hit_by_hit(space, start[0][i], start[1][i], time)
        close(x[i], y, 1e-10)
        close(v[i], w, 1e-10)
        assert turned[i] == pytest.approx(expected, rel=1e-11)
    assert hits.max() > (20 if time == 40.0 else 0)


@pytest.mark.parametrize("where", [1.0, -1.0, 1.0 - 1e-13])
@pytest.mark.parametrize("toward", [1.0, -1.0])
@pytest.mark.parametrize("kind", ["box", "ball"])
@pytest.mark.parametrize("dimensions", [1, 2, 8])
def test_hits_from_the_wall_and_along_the_radius(dimensions: int, kind: str, where: float, toward: float) -> None:
    space = space_of(kind=kind, dimensions=dimensions, **({"side": 2.0} if kind == "box" else {"radius": 1.0}))
    start, velocity = where * np.eye(dimensions)[:1], toward * np.eye(dimensions)[:1]
    x, v, turned = flown(space, start, velocity, 7.25)
    y, w, expected, hits = hit_by_hit(space, start[0], velocity[0], 7.25)
    close(x[0], y, 1e-11)
    close(v[0], w, 1e-11)
    assert turned[0] == pytest.approx(expected, rel=1e-12)
    assert hits in (3, 4)


@pytest.mark.parametrize(("kind", "beyond"), [("box", 0.0), ("ball", 0.0), ("ball", 1e-15)])
def test_on_the_wall_without_time_or_speed_nothing_is_hit(kind: str, beyond: float) -> None:
    space = space_of(kind=kind, dimensions=2, **({"side": 2.0} if kind == "box" else {"radius": 1.0}))
    wall = (1.0 + beyond) * np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    for velocities, time in ((np.zeros((3, 2)), 1.0), (-wall, 0.0)):
        x, v, turned = flown(space, wall, velocities, time)
        np.testing.assert_array_equal(x, wall)
        np.testing.assert_array_equal(v, velocities)
        assert not turned.any()


@pytest.mark.parametrize("kind", ["box", "ball"])
def test_a_very_fast_particle_is_done_at_once_and_stays_inside(kind: str) -> None:
    space = space_of(kind=kind, dimensions=3, **({"side": 2.0} if kind == "box" else {"radius": 1.0}))
    x, v = state(space, 100)
    v *= 1e14
    after = flown(space, x, v, 1e3)
    assert space.contains(after[0]).all()
    np.testing.assert_allclose(np.linalg.norm(after[1], axis=1), np.linalg.norm(v, axis=1), rtol=1e-13)
    assert (after[2] > 1e28).all()


@pytest.mark.parametrize("angle", [1e-3, 1e-6, 1e-9, 1e-12, 0.0])
def test_a_grazing_particle_slides_along_the_wall(angle: float) -> None:
    """In the limit a circle at constant speed s, and the wall gives the centripetal v^2 / R each time."""
    radius, speed, time = 2.0, 3.0, 50.0
    space = space_of(kind="ball", dimensions=2, radius=radius)
    start = np.array([[radius, 0.0]])
    x, v, turned = flown(space, start, speed * np.array([[-math.sin(angle), math.cos(angle)]]), time)
    turn = speed * time / radius
    close(x[0], radius * np.array([math.cos(turn), math.sin(turn)]), 10 * angle + 1e-10)
    close(v[0], speed * np.array([-math.sin(turn), math.cos(turn)]), 10 * angle + 1e-10)
    assert turned[0] == pytest.approx(speed**2 / radius * time, rel=2 * angle + 1e-10)


@pytest.mark.parametrize("angle", [1e-2, 1e-4])
def test_many_grazing_hits_are_those_of_the_oracle(angle: float) -> None:
    space = space_of(kind="ball", dimensions=3, radius=1.0)
    start = np.array([[0.6, 0.0, 0.8]])
    velocity = math.cos(angle) * np.array([[0.0, 1.0, 0.0]]) - math.sin(angle) * start
    x, v, turned = flown(space, start, velocity, 3.0)
    y, w, expected, hits = hit_by_hit(space, start[0], velocity[0], 3.0)
    assert hits > 1 / angle
    close(x[0], y, 1e-9)
    close(v[0], w, 1e-9)
    assert turned[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("space", spaces("free", "periodic"))
def test_flight_is_straight(space: Space) -> None:
    start = state(space, 50)
    x, v, turned = flown(space, *start, 20.0)
    close(x, start[0] + 20.0 * start[1], 1e-13)
    np.testing.assert_array_equal(v, start[1])
    assert not turned.any()


# --- conserved and preserved -----------------------------------------------------------------------------------------


def angular_momentum(x: Array, v: Array) -> Array:
    """x_i v_j - x_j v_i of each particle."""
    product = np.einsum("ni,nj->nij", x, v)
    return product - product.swapaxes(1, 2)


@pytest.mark.parametrize("space", spaces("ball", "sphere", least=2))
def test_angular_momentum_is_kept(space: Space) -> None:
    start = state(space, 500)
    x, v, _ = flown(space, *start, 30.0)
    close(angular_momentum(x, v), angular_momentum(*start), 1e-12)


def drift(space: Space, x: Array, v: Array, time: float) -> None:
    space.drift(x, v, time, np.zeros(len(x)))


def clamp(space: Any, x: Array, v: Array, time: float) -> None:
    """Wrong in a box: stops at the wall and turns about. On the sphere: clips coordinates, then scales."""
    x += v * time
    half = 0.5 * space.edges if space.kind == "box" else 0.8
    v[np.abs(x) > half] *= -1
    np.clip(x, -half, half, out=x)
    space.settle(x)


def fold_radius(space: Space, x: Array, v: Array, time: float) -> None:
    """Wrong in a ball: mirrors the radius instead of the path."""
    x += v * time
    space.settle(x)


def chord(space: Space, x: Array, v: Array, time: float) -> None:
    """Wrong on the sphere: a straight step, scaled back."""
    x += v * time
    space.settle(x)
    space.tangent(x, v)


def frame(space: Space, x: Array) -> Array:
    """(D, freedom) orthonormal vectors that are tangent to the space at x."""
    return np.linalg.svd(x[None])[2][1:].T if space.curved else np.eye(space.dimensions)


def volume_changes(space: Space, flight: Flight) -> Array:
    """Jacobian determinants of (x, v) -> (x', v') at ten places, by central differences in tangent frames.

    On the sphere a velocity is carried along with a shifted place, and its change is measured in the tangent space:
    in these coordinates Liouville's measure is the plain one.
    """
    small, determinants = 1e-6, []
    for x, v in zip(*state(space, 10, seed=4), strict=True):
        shifts = small * np.kron(np.eye(2), frame(space, x))
        ends = []
        for sign in (1, -1):
            places = x + sign * shifts[: space.dimensions].T
            velocities = v + sign * shifts[space.dimensions :].T
            space.settle(places)
            space.tangent(places, velocities)
            flight(space, places, velocities, 1.5)
            ends.append((places, velocities))
        y, w = x[None].copy(), v[None].copy()
        flight(space, y, w, 1.5)
        basis = frame(space, y[0])
        columns = [(ends[0][k] - ends[1][k]) @ basis / (2 * small) for k in range(2)]
        determinants.append(abs(np.linalg.det(np.concatenate(columns, axis=1))))
    return np.array(determinants)


@pytest.mark.parametrize(
    ("space", "wrong"),
    [
        (space_of(kind="box", dimensions=2, side=1.0), clamp),
        (space_of(kind="ball", dimensions=3, radius=0.7), fold_radius),
        (space_of(kind="sphere", dimensions=3), chord),
    ],
)
def test_wrong_flights_change_phase_space_volume(space: Space, wrong: Flight) -> None:
    assert np.abs(volume_changes(space, wrong) - 1).max() > 0.1


def quantiles(space: Any, x: Array) -> list[Array]:
    """Numbers (N,) of uniform law on [0, 1] where positions are spread evenly over the space."""
    if space.kind == "ball":
        return [(np.linalg.norm(x, axis=1) / space.radius) ** space.dimensions]
    if space.kind == "sphere":
        shape = (space.dimensions - 1) / 2
        return [stats.beta.cdf((1 + x[:, j]) / 2, shape, shape) for j in (0, 1)]
    return [space.wrapped(x)[:, j] / space.edges[j] + 0.5 for j in range(min(2, space.dimensions))]


def unevenness(space: Space, flight: Flight) -> float:
    """Excess of chi-square over its mean after a flight from the even distribution, in standard errors."""
    bins, count = 40, 200_000
    x, v = state(space, count, seed=8)
    flight(space, x, v, 0.8)
    found = []
    for numbers in quantiles(space, x):
        counts = np.histogram(numbers, bins, (0, 1))[0]
        assert counts.sum() == count
        chi2 = ((counts - count / bins) ** 2).sum() * bins / count
        found.append((chi2 - (bins - 1)) / math.sqrt(2 * (bins - 1)))
    return max(found)


@pytest.mark.parametrize("space", spaces("periodic", "box", "ball", "sphere"))
def test_the_even_distribution_stays_even(space: Space) -> None:
    assert unevenness(space, drift) < 4


@pytest.mark.parametrize(
    ("space", "wrong"),
    [
        (space_of(kind="box", dimensions=2, side=2.0), clamp),
        (space_of(kind="ball", dimensions=2, radius=1.0), fold_radius),
        (space_of(kind="ball", dimensions=8, radius=1.0), fold_radius),
        (space_of(kind="sphere", dimensions=3), clamp),
    ],
)
def test_wrong_flights_make_it_uneven(space: Space, wrong: Flight) -> None:
    assert unevenness(space, wrong) > 8


@pytest.mark.parametrize("space", spaces("box", "ball"))
def test_walls_feel_the_pressure_of_an_ideal_gas(space: Space) -> None:
    """Momentum to the walls by time is N T A / V; with a temperature 5% too high it is not."""
    count, temperature, time = 100_000, 0.7, 3.0
    x, v = state(space, count, math.sqrt(temperature), seed=3)
    rates = flown(space, x, v, time)[2] / time
    error = rates.std() / math.sqrt(count)
    expected = temperature * space.wall_area / space.volume
    assert abs(rates.mean() - expected) < 4 * error
    assert abs(rates.mean() - 1.05 * expected) > 4 * error


# --- the sphere ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", spaces("sphere"))
def test_a_great_circle_closes(space: Space) -> None:
    x, v = state(space, 100)
    for i in range(100):
        one = x[i : i + 1], v[i : i + 1]
        around = 2 * np.pi / float(np.linalg.norm(one[1]))
        for part, sign in ((around, 1), (around / 2, -1)):
            end = flown(space, *one, part)
            close(end[0], sign * one[0], 1e-14)
            close(end[1], sign * one[1], 1e-13)


def test_a_great_circle_by_numbers() -> None:
    space = space_of(kind="sphere", dimensions=2)
    for speed in (2.0, 1e-3, 1e-8, 1e-170):
        x, v, _ = flown(space, np.array([[1.0, 0.0]]), np.array([[0.0, speed]]), 0.3)
        angle = 0.3 * speed
        np.testing.assert_allclose(x[0], [math.cos(angle), math.sin(angle)], rtol=1e-15)
        np.testing.assert_allclose(v[0], [-speed * math.sin(angle), speed * math.cos(angle)], rtol=1e-14)


@pytest.mark.parametrize("space", spaces("sphere"))
def test_rounding_does_not_grow_on_the_sphere(space: Space) -> None:
    x, v = state(space, 10)
    speeds = np.linalg.norm(v, axis=1)
    turned = np.zeros(10)
    for _ in range(10_000):
        space.drift(x, v, 0.37, turned)
    close(np.linalg.norm(x, axis=1), np.ones(10), 1e-15)
    close(np.einsum("ij,ij->i", x, v), np.zeros(10), 1e-14)
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), speeds, rtol=1e-12)
    assert not turned.any()


@pytest.mark.parametrize("space", spaces("sphere"))
def test_tangent_takes_out_the_normal_part(space: Space) -> None:
    x, _ = state(space, 50)
    vectors = np.random.default_rng(2).standard_normal(x.shape)
    tangent = vectors.copy()
    space.tangent(x, tangent)
    close(np.einsum("ij,ij->i", x, tangent), np.zeros(50), 1e-14)
    taken = vectors - tangent
    close(taken, np.einsum("ij,ij->i", taken, x)[:, None] * x, 1e-14)
    assert space.freedom == space.dimensions - 1


def test_the_centre_has_no_place_on_the_sphere() -> None:
    space = space_of(kind="sphere", dimensions=3)
    x = np.array([[0.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
    space.settle(x)
    assert np.isnan(x[0]).all()
    np.testing.assert_allclose(x[1], [0.0, 0.6, 0.8], rtol=1e-15)
    np.testing.assert_array_equal(space.contains(x), [False, True])


# --- settling, wrapping, numbers -------------------------------------------------------------------------------------


def settled(space: Space, *places: float) -> list[float]:
    x = np.zeros((len(places), space.dimensions))
    x[:, 0] = places
    space.settle(x)
    assert not x[:, 1:].any()
    return x[:, 0].tolist()


@pytest.mark.parametrize(
    "space",
    [
        space_of(kind=k, dimensions=d, **g)
        for d in (1, 3)
        for k, g in (("box", {"side": 2.0}), ("ball", {"radius": 1.0}))
    ],
)
def test_settling_folds_at_the_walls(space: Space) -> None:
    places = (0.4, 1.0, -1.0, 1.25, -1.25, 3.5, 4.5, 1e6 + 0.5)
    assert settled(space, *places) == pytest.approx([0.4, 1.0, -1.0, 0.75, -0.75, -0.5, 0.5, 0.5], abs=1e-9)


def test_settling_takes_single_precision() -> None:
    for given in ({"kind": "box", "side": 2.0}, {"kind": "ball", "radius": 1.0}, {"kind": "sphere"}):
        space = space_of(dimensions=2, **given)
        x = np.array([[1.5, 0.0]], np.float32)
        space.settle(x)
        assert x.tolist() == [[1.0 if space.curved else 0.5, 0.0]]


def sides_and_next_to_them(side: float) -> Array:
    """(M, 1) the places (k + 1/2) L, where rounding decides, and their neighbours among all numbers."""
    places = (np.arange(-1000, 1000) + 0.5) * side
    return np.concatenate([places, np.nextafter(places, np.inf), np.nextafter(places, -np.inf)])[:, None]


def test_wrapping_is_half_open() -> None:
    space = space_of(kind="periodic", dimensions=1, side=2.0)
    wrapped = space.wrapped(np.array([[-1.0], [1.0], [0.999], [3.5], [-3.5]]))
    np.testing.assert_allclose(wrapped[:, 0], [-1.0, -1.0, 0.999, -0.5, 0.5], atol=1e-15)
    for side in (2.0, 0.7, 0.26362359173243805):
        wrapped = space_of(kind="periodic", dimensions=1, side=side).wrapped(sides_and_next_to_them(side))
        assert ((wrapped >= -0.5 * side) & (wrapped < 0.5 * side)).all()


@pytest.mark.parametrize("side", [2.0, 0.7, 3.3, 1e-3])
def test_rounding_leaves_nobody_behind_a_wall(side: float) -> None:
    space = space_of(kind="box", dimensions=1, side=side)
    places = sides_and_next_to_them(side)
    x, _, _ = flown(space, 0 * places, places, 1.0)
    space.settle(places)
    np.testing.assert_array_equal(x, places)
    assert (np.abs(x) <= 0.5 * side).all()


@pytest.mark.parametrize(
    ("given", "volume", "wall_area"),
    [
        ({"kind": "free", "dimensions": 64}, np.inf, 0),
        ({"kind": "periodic", "dimensions": 3, "sides": (1.0, 2.0, 3.0)}, 6, 0),
        ({"kind": "box", "dimensions": 1, "side": 3.0}, 3, 2),
        ({"kind": "box", "dimensions": 2, "sides": (2.0, 3.0)}, 6, 10),
        ({"kind": "box", "dimensions": 3, "sides": (1.0, 2.0, 3.0)}, 6, 22),
        ({"kind": "ball", "dimensions": 1, "radius": 3.0}, 6, 2),
        ({"kind": "ball", "dimensions": 2, "radius": 3.0}, 9 * np.pi, 6 * np.pi),
        ({"kind": "ball", "dimensions": 3, "radius": 3.0}, 36 * np.pi, 36 * np.pi),
        ({"kind": "sphere", "dimensions": 2}, 2 * np.pi, 0),
        ({"kind": "sphere", "dimensions": 3}, 4 * np.pi, 0),
        ({"kind": "sphere", "dimensions": 4}, 2 * np.pi**2, 0),
        ({"kind": "box", "dimensions": 2560, "side": 2.0}, np.inf, np.inf),
    ],
)
def test_volumes_and_walls(given: dict[str, Any], volume: float, wall_area: float) -> None:
    space = space_of(**given)
    assert space.volume == pytest.approx(volume, rel=1e-13)
    assert space.wall_area == pytest.approx(wall_area, rel=1e-13)


def test_nothing_is_spread_evenly_over_an_endless_space() -> None:
    with pytest.raises(InputError, match="no uniform distribution"):
        space_of(kind="free", dimensions=2).uniform(np.random.default_rng(0), 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "box", "dimensions": 2}, "give either side, one length for all coordinates, or sides"),
        ({"kind": "periodic", "dimensions": 1, "side": 1.0, "sides": (1.0,)}, "give either side"),
        ({"kind": "box", "dimensions": 3, "sides": (1.0, 2.0)}, "2 lengths are given; the space has 3 dimensions"),
        ({"kind": "periodic", "dimensions": 1, "side": 0.0}, "greater than 0"),
        ({"kind": "box", "dimensions": 2, "sides": (1.0, -1.0)}, "greater than 0"),
        ({"kind": "box", "dimensions": 1, "side": np.inf}, "finite"),
        ({"kind": "ball", "dimensions": 2, "radius": -1.0}, "greater than 0"),
        ({"kind": "ball", "dimensions": 2}, "Field required"),
        ({"kind": "sphere", "dimensions": 1}, "greater than or equal to 2"),
        ({"kind": "sphere", "dimensions": 3, "radius": 2.0}, "unknown key 'radius'"),
        ({"kind": "free", "dimensions": 0}, "greater than or equal to 1"),
        ({"kind": "cube", "dimensions": 2}, "'ball', 'box', 'free', 'periodic', 'sphere'"),
    ],
)
def test_bad_input_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        space_of(**given)
