"""Tokens as interacting particles against what is known exactly.

Clusters of Geshkovski et al. (arXiv 2312.10794), Hopfield networks (arXiv 2008.02217), and the published tables of
forces between emissions and receptivities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest
from force_cases.case import build, gas_at, pull
from pydantic import ValidationError
from scipy.integrate import quad
from scipy.optimize import brentq

from gasfield.errors import InputError
from gasfield.forces.attention.emission_receptivity import table
from gasfield.simulation import Simulation
from gasfield.spaces import Free, Periodic, Sphere


@pytest.fixture(autouse=True)
def _few_threads() -> Iterator[None]:
    """Small arrays are done before a second thread has woken up."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


def tokens(positions: np.ndarray, *, time_step: float, **law: Any) -> Simulation:
    """Tokens on the unit sphere that follow their attention."""
    return Simulation(
        positions,
        dynamics={"kind": "advection", "time_step": time_step},
        forces=[{"kind": "attention", **law}],
        space={"kind": "sphere", "dimensions": positions.shape[1]},
        seed=1,
    )


def scattered(count: int, dimensions: int, seed: int) -> np.ndarray:
    return Sphere(dimensions=dimensions).uniform(np.random.default_rng(seed), count)


def cosines(positions: np.ndarray) -> np.ndarray:
    """Of all pairs, once each."""
    return (positions @ positions.T)[np.triu_indices(len(positions), 1)]


# Equiangular tokens: n orthonormal ones keep one common cosine c(t) with a known law.

TIMES = (1, 2, 4, 6, 8)
SA = {0.0: (0.166429, 0.626160, 0.989376, 0.999803, 0.999996), 1.0: (0.151849, 0.589773, 0.987460, 0.999767, 0.999996)}


def equiangular(form: str, beta: float, times: tuple[float, ...] = TIMES, time_step: float = 0.05) -> Iterator[float]:
    """The common cosine of 32 orthonormal tokens at some times, seen to be common."""
    system, now = tokens(np.eye(32), time_step=time_step, form=form, beta=beta), 0.0
    for time in times:
        gas = system.step(round((time - now) / time_step)).gas
        now = time
        apart = cosines(gas.positions)
        assert np.ptp(apart) < 1e-12
        yield float(apart.mean())


@pytest.mark.parametrize("beta", SA)
def test_orthonormal_tokens_stay_equiangular_under_softmax(beta: float) -> None:
    """The numbers are the paper's equation for c, integrated. The error of Runge-Kutta at h = 0.05 is below 1e-6."""
    found, other = list(equiangular("softmax", beta)), list(equiangular("softmax", beta + 0.01))
    np.testing.assert_allclose(found, SA[beta], atol=1e-5, rtol=0)
    assert np.abs(np.array(other) - SA[beta]).max() > 1e-4  # negative control: one hundredth of beta is seen


@pytest.mark.parametrize(("beta", "times"), [(0.0, (1.0, 4.0, 8.0)), (2.0, (0.5, 1.0, 1.5))])
def test_orthonormal_tokens_stay_equiangular_without_normalisation(beta: float, times: tuple[float, ...]) -> None:
    """c' = f(c), so the time to come to c is the integral of 1/f from 0 to c: a quadrature, not an integration."""

    def time_to(cosine: float, beta: float) -> float:
        return float(quad(lambda c: 16 / (np.exp(beta * c) * (1 - c) * (31 * c + 1)), 0, cosine, epsabs=1e-12)[0])

    for time, cosine in zip(times, equiangular("unnormalised", beta, times, 0.02), strict=True):
        assert abs(time_to(cosine, beta) - time) < 1e-5
        assert abs(time_to(cosine, beta + 0.01) - time) > 1e-4  # negative control


# Energy, and where it ends.


def test_unnormalised_attention_climbs_its_energy() -> None:
    """USA is the gradient flow of the paper's energy E (here U = -n E): U falls at every step, at the rate |P F|^2.

    Negative control: against the flow, with V = -1, the same energy rises at every step.
    """
    start, beta, h = scattered(24, 4, 3), 3.0, 0.02
    along = tokens(start, time_step=h, form="unnormalised", beta=beta)
    against = tokens(start, time_step=h, form="unnormalised", beta=beta, value=-1.0)
    law, gas = along.forces, along.gas
    slope = law.force(gas)
    along.space.tangent(gas.positions, slope)
    energies = np.array([law.energy(gas).sum()] + [law.energy(along.step(1).gas).sum() for _ in range(100)])
    assert (np.diff(energies) < 0).all()
    # Simpson's rule over the first two steps: an error of h^4 (measured 1e-6)
    assert abs((-3 * energies[0] + 4 * energies[1] - energies[2]) / (2 * h) / -np.sum(slope**2) - 1) < 1e-2
    other = against.gas
    rising = np.array([law.energy(other).sum()] + [law.energy(against.step(1).gas).sum() for _ in range(50)])
    assert (np.diff(rising) > 0).all()


@pytest.mark.parametrize("form", ["softmax", "unnormalised"])
def test_tokens_end_in_one_cluster(form: str) -> None:
    """In d >= 3, from almost every start; here beta = 1, n = 16."""
    gas = tokens(scattered(16, 3, 5), time_step=0.1, form=form, beta=1.0).step(400).gas
    assert cosines(gas.positions).min() > 1 - 1e-9
    repelled = tokens(scattered(16, 3, 5), time_step=0.1, form=form, beta=1.0, value=-1.0).step(400).gas
    assert cosines(repelled.positions).min() < 0  # negative control: V = -1 spreads them


def test_large_beta_first_makes_several_clusters() -> None:
    """At beta = 25 tokens gather in metastable clusters: at t = 10 almost all are at a cluster, in no single one."""
    start = scattered(60, 3, 1)
    cold, warm = (tokens(start, time_step=0.1, beta=beta).step(100).gas.positions for beta in (25.0, 1.0))
    assert cosines(warm).min() > 0.9
    assert cosines(cold).min() < 0
    nearest = np.sort(cold @ cold.T, axis=1)[:, -2]
    assert np.mean(nearest > 0.999) > 0.9
    assert np.mean(np.sort(start @ start.T, axis=1)[:, -2] > 0.999) < 0.3  # negative control: not so at the start


def test_softmax_attention_does_not_overflow() -> None:
    """At beta = 1e6 each token attends to itself alone: the hardmax. Without the running maximum that overflows."""
    start = scattered(8, 3, 2)
    force = build("attention", Sphere(dimensions=3), beta=1e6)
    np.testing.assert_allclose(pull(force, gas_at(start)), start, atol=1e-12)


def test_who_does_not_push_attends_to_others_only() -> None:
    """A passive tracer at beta = 0 feels the mean of those that push; were it counted, the mean would differ."""
    gas = gas_at(scattered(5, 3, 4), np.array([True, True, True, True, False]))
    for form in ("softmax", "unnormalised"):
        force = pull(build("attention", Sphere(dimensions=3), beta=0.0, form=form), gas)
        np.testing.assert_allclose(force, np.tile(gas.positions[:4].mean(axis=0), (5, 1)), atol=1e-15)
    alone = replace(gas, is_source=np.zeros(5, bool))
    np.testing.assert_array_equal(pull(build("attention", Sphere(dimensions=3)), alone), 0.0)


# Hopfield networks.

PATTERN = 1.3
MEMORY = {"kind": "hopfield", "patterns": {"count": 6, "spread": 1.0, "seed": 2}}


def update(scheme: str, **law: Any) -> Simulation:
    start = np.random.default_rng(0).standard_normal((20, 5))
    return Simulation(
        start, dynamics={"kind": "advection", "time_step": 1.0, "scheme": scheme}, forces=[MEMORY | law], seed=1
    )


def test_a_step_of_euler_is_the_hopfield_update() -> None:
    """x <- X softmax(beta X^T x), to rounding; a step of Runge-Kutta is not."""
    from gasfield.forces.attention.hopfield import DrawnPatterns, stored

    patterns = stored(DrawnPatterns(count=6, seed=2), 5)
    system = update("euler", beta=2.0)
    for _ in range(5):
        weights = np.exp(2.0 * system.gas.positions @ patterns.T)
        expected = weights @ patterns / weights.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(system.step(1).gas.positions, expected, atol=1e-14)
    assert (
        np.abs(
            update("runge_kutta", beta=2.0).step(1).gas.positions - update("euler", beta=2.0).step(1).gas.positions
        ).max()
        > 0.1
    )


@pytest.mark.parametrize("beta", [0.1, 2.0, 50.0])
def test_energy_never_rises_under_the_update(beta: float) -> None:
    """Ramsauer et al., theorem 1: for every beta. Negative control: a step of 2.5 overshoots and climbs for some."""
    system = update("euler", beta=beta)
    energies = np.array(
        [system.forces.energy(system.gas)] + [system.forces.energy(system.step(1).gas) for _ in range(30)]
    )
    assert (np.diff(energies, axis=0) < 1e-13).all()
    assert (energies[0] - energies[-1] > 0.1).all()
    too_far = Simulation(
        system.gas.positions + 0.3,
        dynamics={"kind": "advection", "time_step": 2.5, "scheme": "euler"},
        forces=[MEMORY | {"beta": beta}],
        seed=1,
    )
    before = too_far.forces.energy(too_far.gas)
    assert (too_far.forces.energy(too_far.step(4).gas) > before).any()


def fixed_point(beta: float, updates: int) -> float:
    """Where the update ends from near one of two patterns +-a on a line."""
    law = {"kind": "hopfield", "patterns": [[PATTERN], [-PATTERN]], "beta": beta}
    step = {"kind": "advection", "time_step": 1.0, "scheme": "euler"}
    return float(
        Simulation(np.array([[0.9 * PATTERN]]), dynamics=step, forces=[law], seed=1).step(updates).gas.positions[0, 0]
    )


@pytest.mark.parametrize("strength", [0.5, 0.9, 1.1, 1.5, 3.0])
def test_two_patterns_make_a_pitchfork(strength: float) -> None:
    """beta a^2 = `strength`: x / a = m = tanh(beta a^2 m). Below 1 there is m = 0 only; the update contracts by
    `strength` (below) or less (above) a step, so that 300 updates leave 0.9^300 = 2e-14."""
    found = fixed_point(strength / PATTERN**2, 300) / PATTERN
    root = 0.0 if strength < 1 else brentq(lambda m: m - np.tanh(strength * m), 0.1, 1.0, xtol=1e-15)
    assert abs(found - root) < 1e-10
    nearby = 0.0 if strength < 1 else brentq(lambda m: m - np.tanh(1.001 * strength * m), 0.1, 1.0, xtol=1e-15)
    assert strength < 1 or abs(found - nearby) > 1e-6  # negative control


def test_the_pitchfork_opens_like_a_square_root() -> None:
    """m^2 = 3 (b - 1) to first order near b = beta a^2 = 1: from d to d/4 off, the slope of log m is 1/2 to O(d)."""
    near = [fixed_point((1 + d) / PATTERN**2, round(20 / d)) / PATTERN for d in (4e-3, 1e-3)]
    exponent = np.log(near[0] / near[1]) / np.log(4)
    assert abs(exponent - 0.5) < 2e-3
    assert abs(near[1] / np.sqrt(3e-3) - 1) < 1e-3
    far = [fixed_point((1 + d) / PATTERN**2, 200) / PATTERN for d in (2.0, 0.5)]
    assert abs(np.log(far[0] / far[1]) / np.log(4) - 0.5) > 0.1  # negative control: no power law far away


# Emission and receptivity.

EMISSIONS = np.array([[2.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
RECEPTIVITIES = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
FIRST = [
    [(0, 0), (2, 0), (0.3795, -0.1265)],
    [(0, 0), (0, 0), (-0.7071, 0.7071)],
    [(0.7071, -0.7071), (-0.7071, 0.7071), (0, 0)],
]
SECOND = [
    [(-0.6392, -0.7031), (0, 0), (-0.0067, -0.0197)],
    [(-0.6392, -0.7031), (0, 0), (-0.0067, -0.0197)],
    [(0.0305, 0.1363), (0, 0), (-0.4995, -1.2486)],
]
HALF_A_DIGIT = 0.5e-4 * (1 + 1e-6)
"""What rounding to four decimals may have taken."""
LEARNED_EMISSIONS = np.array([[-0.00643, 0.432364], [-0.00643, 0.432364], [2.148414, 8.612583]])
LEARNED_RECEPTIVITIES = np.array([[0.423899, 0.905713], [0.0, 0.0], [6.454514, 19.376544]])
"""As docs/studies/second_table.py finds them, in units of |r_1|."""


def worst(found: np.ndarray, published: list[list[tuple[float, float]]]) -> float:
    return float(np.abs(found - np.array(published)).max())


def test_the_first_published_table() -> None:
    """With and without the softening that a simulation has by default; another decay is seen."""
    for softening in (0.0, 1e-3):
        assert worst(table(EMISSIONS, RECEPTIVITIES, softening=softening), FIRST) < HALF_A_DIGIT
    assert worst(table(EMISSIONS, RECEPTIVITIES, decay=2.01), FIRST) > 10 * HALF_A_DIGIT
    assert worst(table(EMISSIONS, RECEPTIVITIES).transpose(1, 0, 2), FIRST) > 1  # it is not symmetric


def test_the_second_published_table_has_inputs() -> None:
    """It came without any: these are learned. The scale is free at decay 2, and at no other."""
    assert worst(table(LEARNED_EMISSIONS, LEARNED_RECEPTIVITIES), SECOND) < HALF_A_DIGIT
    assert worst(table(7 * LEARNED_EMISSIONS, 7 * LEARNED_RECEPTIVITIES), SECOND) < HALF_A_DIGIT
    assert worst(table(7 * LEARNED_EMISSIONS, 7 * LEARNED_RECEPTIVITIES, decay=2.1), SECOND) > 1e-2
    assert worst(table(1.01 * LEARNED_EMISSIONS, LEARNED_RECEPTIVITIES), SECOND) > 10 * HALF_A_DIGIT


def bodies(emissions: np.ndarray, receptivities: np.ndarray, **law: Any) -> np.ndarray:
    """The force on tokens at the origin whose offsets are the poles."""
    poles = {"emission": {"offsets": emissions.tolist()}, "receptivity": {"offsets": receptivities.tolist()}}
    force = build("emission_receptivity", Free(dimensions=emissions.shape[1]), **poles, **law)
    return pull(force, gas_at(np.zeros(emissions.shape)))


def test_the_force_on_a_token_is_a_column_of_the_table() -> None:
    """Offsets are poles where tokens are at the origin; what a token does to itself counts if it is said so."""
    whole = table(LEARNED_EMISSIONS, LEARNED_RECEPTIVITIES, softening=1e-3)
    off = whole * (1 - np.eye(3))[..., None]
    np.testing.assert_allclose(bodies(LEARNED_EMISSIONS, LEARNED_RECEPTIVITIES), off.sum(axis=0), atol=1e-14)
    found = bodies(LEARNED_EMISSIONS, LEARNED_RECEPTIVITIES, on_itself=True)
    np.testing.assert_allclose(found, whole.sum(axis=0), atol=1e-14)
    assert np.abs(whole.sum(axis=0) - off.sum(axis=0)).max() > 0.1  # negative control


def test_the_force_is_not_returned() -> None:
    """What 1 does to 2 in the first table is not what 2 does to 1: the gas as a whole is pushed."""
    assert np.linalg.norm(bodies(EMISSIONS, RECEPTIVITIES).sum(axis=0)) > 1
    both = np.array([[1.0, 0.2], [0.3, 1.0]])
    np.testing.assert_allclose(bodies(both, both).sum(axis=0), 0.0, atol=1e-14)  # one pole for both: returned


def test_poles_move_with_their_tokens_and_rows_with_their_ids() -> None:
    """Particles in another order, each with its id, feel the same."""
    places, order = np.random.default_rng(0).standard_normal((3, 2)), np.array([2, 0, 1])
    law = {"emission": {"offsets": EMISSIONS.tolist()}, "receptivity": {"offsets": RECEPTIVITIES.tolist()}}
    force, gas = build("emission_receptivity", Free(dimensions=2), **law), gas_at(places)
    np.testing.assert_allclose(pull(force, gas.select(order)), pull(force, gas)[order], atol=1e-13)
    renamed = replace(gas.select(order), ids=np.arange(3))
    assert np.abs(pull(force, renamed) - pull(force, gas)[order]).max() > 0.1  # negative control
    moved = table(EMISSIONS + places, RECEPTIVITIES + places, softening=1e-3) * (1 - np.eye(3))[..., None]
    np.testing.assert_allclose(pull(force, gas), moved.sum(axis=0), atol=1e-13)


@pytest.mark.parametrize("softening", [1e-3, 0.1])
def test_the_softened_force_is_bounded_as_poles_meet(softening: float) -> None:
    """|F| <= |e.r| / s^2, whatever the distance, and 0 at none; without softening it is 1e4 times that at 0.01 s."""
    gaps = np.concatenate([[0.0], np.logspace(-12, 0, 200)])
    receptivity = np.array([[0.6, 0.8]])
    emissions = receptivity + gaps[:, None] * np.array([[0.8, -0.6]])
    size = np.linalg.norm(table(emissions, receptivity, softening=softening)[:, 0], axis=-1)
    assert np.isfinite(size).all()
    assert size[0] == 0.0
    assert size.max() <= 1 / softening**2 * (1 + 1e-12)
    bare = np.linalg.norm(table(emissions, receptivity)[:, 0], axis=-1)
    assert np.isfinite(bare).all()
    assert bare.max() > 10 / softening**2


# Directed attention.


def test_a_head_looks_along_its_direction() -> None:
    """Of two tokens at equal distance, a head of length m prefers the one from which m leads here by exp(2 m)."""
    gas = gas_at(np.array([[0.0], [1.0], [-1.0]]), np.array([False, True, True]))
    for strength in (0.0, 0.7, -2.0):
        force = pull(build("directed_attention", Free(dimensions=1), heads=[{"direction": [strength]}]), gas)[0, 0]
        assert abs(force + np.tanh(strength)) < 1e-7  # eps is 1e-8


def test_hops_reach_where_no_edge_does() -> None:
    """Tokens 0 and 2 have no edge: what 2 is comes to 0 in two hops, not in one."""
    places = np.array([[0.1, 0.0], [1.1, 0.0], [2.1, 1.0]])
    law = {
        "heads": [{"direction": [0.0, 0.0]}],
        "hops": {"sharpness": 400.0, "threshold": 1.5, "weights": [-800.0, 0, 0]},
    }

    def reached(weights: list[float]) -> float:
        law["hops"]["weights"] = weights  # type: ignore[index]
        return float(pull(build("directed_attention", Free(dimensions=2), **law), gas_at(places))[0, 1])

    assert abs(reached([-800.0, 0.0])) < 1e-12
    assert abs(reached([-800.0, -800.0, 0.0]) - 1 / 6) < 1e-12  # 0 -> 1 with 1/2, 1 -> 2 with 1/3, where y = 1
    assert abs(reached([-800.0, 0.0, 0.0]) - 1 / 12) < 1e-12


# Advection in a field that changes in time: the stages of a step feel it at their own times.


def test_runge_kutta_feels_a_field_at_the_times_of_its_stages() -> None:
    """dx/dt = t^3: Simpson's rule is exact for it. With the time of the beginning it would be off by h t^3."""
    from prescribed import Prescribed

    from gasfield.dynamics import Conditions
    from gasfield.dynamics.advection import Advection

    class Growing(Prescribed):
        def force(self, gas: Any) -> np.ndarray:
            assert gas.step == whole.step  # the step of recorded fields stays
            return np.full(gas.positions.shape, gas.time**3)

    for scheme, expected in (("runge_kutta", 4.0), ("euler", sum(0.5 * (0.5 * k) ** 3 for k in range(4)))):
        whole = gas_at(np.zeros((1, 1)))
        field = Growing(lambda positions, step: positions)
        law = Advection(time_step=0.5, scheme=scheme).build(whole, Conditions(Free(dimensions=1), field))
        for _ in range(4):
            law.advance(whole)
        assert abs(whole.positions[0, 0] - expected) < 1e-14


# Input that is refused.


@pytest.mark.parametrize(
    ("kind", "law", "says"),
    [
        ("attention", {"query": [[1.0, 2.0]]}, "query: row 0 has 2 numbers; it needs 3"),
        ("attention", {"query": [[1.0, 2.0, 3.0]]}, "query: query has 1 rows and key 3"),
        ("attention", {"value": [[1.0, 2.0, 3.0]]}, "value: 1 rows are given; it needs 3"),
        ("attention", {"heads": []}, "at least one"),
        ("attention", {"heads": [{}], "query": 1.0}, "not both"),
        ("attention", {"heads": [{}, {"value": [[1.0]]}]}, "heads.1.value: row 0 has 1 numbers"),
        ("attention", {"form": "unnormalised", "beta": 800.0}, "form softmax"),
        ("hopfield", {"patterns": [[1.0]]}, "patterns: row 0 has 1 numbers; it needs 3"),
        ("hopfield", {"patterns": []}, "no row is given"),
        ("emission_receptivity", {"emission": {"matrix": [[1.0]]}}, "emission.matrix: row 0 has 1 numbers"),
        ("emission_receptivity", {"receptivity": {"offsets": [[1.0]]}}, "receptivity.offsets: row 0 has 1 numbers"),
        ("directed_attention", {"heads": [{"direction": [1.0]}]}, "heads.0.direction: 1 numbers"),
    ],
)
def test_what_does_not_fit_is_refused(kind: str, law: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        build(kind, Sphere(dimensions=3), **law)


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        ("attention", {}),
        ("hopfield", {"patterns": [[1.0] * 3]}),
        ("emission_receptivity", {}),
        ("directed_attention", {"heads": [{"direction": [1.0] * 3}]}),
    ],
)
def test_a_periodic_space_is_refused(kind: str, law: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{kind} depends on absolute positions"):
        build(kind, Periodic(dimensions=3, side=5.0), **law)


@pytest.mark.parametrize("rows", [2, 4])
def test_offsets_without_a_particle_are_refused(rows: int) -> None:
    gas = gas_at(np.zeros((3, 2)))
    law = {"emission": {"offsets": [[0.0, 1.0]] * rows}}
    with pytest.raises(InputError, match=f"{rows} rows are given; there are 3 particles"):
        build("emission_receptivity", Free(dimensions=2), **law).check_gas(gas)
    build("emission_receptivity", Free(dimensions=2), emission={"offsets": [[0.0, 1.0]] * 3}).check_gas(gas)


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        ("attention", {"form": "hard"}),
        ("attention", {"beta": float("nan")}),
        ("attention", {"temperature": 1.0}),
        ("hopfield", {"patterns": [[1.0]], "beta": 0.0}),
        ("hopfield", {"patterns": {"count": 0}}),
        ("emission_receptivity", {"eps": 0.0}),
        ("emission_receptivity", {"softening": -1.0}),
        ("directed_attention", {"heads": []}),
        ("directed_attention", {"heads": [{"direction": [1.0]}], "hops": {"weights": [1.0]}}),
    ],
)
def test_numbers_without_meaning_are_refused(kind: str, law: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        build(kind, Free(dimensions=1), **law)
