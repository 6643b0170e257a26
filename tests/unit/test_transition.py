"""Transitions are found where they are, with errors that cover, and nowhere else.

The known one is that of Curie and Weiss: N Ising spins with the energy -M^2/2N. Moments of M/N are sums over M,
weighted by binomial coefficients; T_c = 1 for infinitely many.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import gammaln, stdtr

from gasfield.statistics.transition import (
    Curve,
    NoTransition,
    Place,
    crossing,
    curie_weiss,
    extrapolated,
    hysteresis,
    peak,
)

Values = NDArray[np.float64]
RUNS, REPEATS = 8, 40


def moments(spins: int, temperature: float, field: float = 0.0) -> tuple[float, float, float]:
    """<|m|>, <m^2> and <m^4>."""
    up = np.arange(spins + 1)
    m = 2.0 * up / spins - 1.0
    weight = gammaln(spins + 1) - gammaln(up + 1) - gammaln(spins - up + 1)
    weight = weight + spins * (0.5 * m**2 + field * m) / temperature
    share = np.exp(weight - weight.max())
    share /= share.sum()
    return float(share @ abs(m)), float(share @ m**2), float(share @ m**4)


def binder(spins: int, temperature: float) -> float:
    _, square, fourth = moments(spins, temperature)
    return 1.0 - fourth / (3.0 * square**2)


def susceptibility(spins: int, temperature: float) -> float:
    first, square, _ = moments(spins, temperature)
    return spins * (square - first**2)


def fluctuation(spins: int, temperature: float) -> float:
    return spins * moments(spins, temperature)[1]


def exact(law: Callable[[int, float], float], spins: int, temperatures: Values) -> Values:
    return np.array([law(spins, float(temperature)) for temperature in temperatures])


def noisy(x: Values, y: Values, noise: Values | float, random: np.random.Generator, runs: int = RUNS) -> Curve:
    values = y[:, None] + np.broadcast_to(noise, x.shape)[:, None] * random.standard_normal((len(x), runs))
    return Curve(x, values, np.full(values.shape, np.nan))


def covers(places: list[Place], truth: float) -> float:
    """Share of the places within two standard errors."""
    return float(np.mean([abs(place.value - truth) < 2.0 * place.error for place in places]))


NEAR = np.linspace(0.8, 1.2, 9)


def test_cumulants_of_curie_and_weiss_cross_at_their_transition() -> None:
    """The zero of the exact difference is T_c (1 - 2.1/sqrt(N N')): 0.984 for 64 and 256. Errors cover it as often as
    two of them should, 95 in a hundred (83 to 100 in forty repeats, at three standard deviations of a binomial), and a
    place that is off by a fiftieth less often."""
    small, large = (exact(binder, spins, NEAR) for spins in (64, 256))
    fine = np.linspace(0.95, 1.05, 201)
    apart = exact(binder, 256, fine) - exact(binder, 64, fine)
    truth = float(np.interp(0.0, -apart, fine))
    assert truth == pytest.approx(1.0 - 2.05 / 128, abs=1e-3)
    random = np.random.default_rng(1)
    found = [crossing(noisy(NEAR, small, 0.02, random), noisy(NEAR, large, 0.02, random)) for _ in range(REPEATS)]
    assert covers(found, truth) > 0.83
    assert covers(found, truth + 0.02) < 0.5  # negative control
    assert np.mean([place.error for place in found]) < 0.02


def test_susceptibilities_peak_ever_nearer_to_the_transition() -> None:
    """N (<m^2> - <|m|>^2) peaks below T_c = 1, by N^-1/2 to the first order; sizes together give 1."""
    sizes, places = (64, 256, 1024), []
    random = np.random.default_rng(2)
    for spins in sizes:
        x = 1.0 + np.linspace(-4.0, 3.0, 15) / spins**0.5
        y = exact(susceptibility, spins, x)
        places.append(peak(noisy(x, y, 0.02 * y.max(), random)))
    assert places[0].value < places[1].value < places[2].value < 1.0
    limit = extrapolated(sizes, places, 0.5)
    assert abs(limit.place.value - 1.0) < 3.0 * limit.place.error + 0.01
    assert limit.place.error < 0.02
    assert abs(places[0].value - 1.0) > 10 * limit.place.error  # negative control: without the extrapolation


def test_the_law_of_curie_and_weiss_gives_their_temperature() -> None:
    """N <m^2> = T/(T - 1) + O(1/N) above T_c: sizes together give 1; one that fits no such law is refused."""
    x = np.array([1.5, 1.8, 2.2, 2.8])
    random, places = np.random.default_rng(3), []
    for spins in (64, 256):
        y = exact(fluctuation, spins, x)
        places.append(curie_weiss(noisy(x, y, 0.02 * y, random)))
    limit = extrapolated((64, 256), places, 1.0).place
    assert abs(limit.value - 1.0) < 3.0 * limit.error
    assert limit.error < 0.02
    with pytest.raises(NoTransition, match="does not fit"):
        curie_weiss(noisy(x, 2.0 + 0.0 * x, 0.01, random))


def test_errors_of_a_peak_cover() -> None:
    """Of a parabola, whose vertex is exact, so that only the noise is tested."""
    x = np.linspace(0.0, 2.0, 5)
    random = np.random.default_rng(4)
    found = [peak(noisy(x, 3.0 - (x - 1.1) ** 2, 0.1, random)) for _ in range(REPEATS)]
    assert covers(found, 1.1) > 0.83
    assert covers(found, 1.25) < 0.5  # negative control


def test_errors_of_a_peak_from_four_runs_that_give_none_cover() -> None:
    """Within one error in 68 of a hundred, within two in 95, three standard deviations of a binomial allowed."""
    x, random, found = np.linspace(0.0, 2.0, 5), np.random.default_rng(4), []
    for _ in range(2 * REPEATS):
        with suppress(NoTransition):
            found.append(peak(noisy(x, 3.0 - (x - 1.1) ** 2, 0.1, random, runs=4)))
    assert len(found) > REPEATS
    assert (
        np.mean([abs(place.value - 1.1) < place.error for place in found]) > 0.683 - 3.0 * (0.217 / len(found)) ** 0.5
    )
    assert covers(found, 1.1) > 0.954 - 3.0 * (0.044 / len(found)) ** 0.5
    assert covers(found, 1.25) < 0.5  # negative control


@pytest.mark.parametrize("runs", [2, 3, 5])
def test_resamples_of_few_runs_have_the_tails_of_student(runs: int) -> None:
    """The mean of few normal numbers is within the middle 68.3% of the resamples as often as that says, at 2,000 points
    with 300 resamples each; a normal distribution with the same error has the probability that |t| is below 1."""
    points = np.arange(2000.0)
    random = np.random.default_rng(9)
    values = random.standard_normal((len(points), runs))
    curve = Curve(
        points, values, np.full(values.shape, 1e-9)
    )  # errors that are too small: scatter is all that is known
    assert np.all(curve.freedom == runs - 1)
    low, high = np.percentile([curve.resampled(random) for _ in range(300)], [15.87, 84.13], axis=0)
    deviation = 3.0 * (0.217 / len(points)) ** 0.5
    assert np.mean((low < 0.0) & (high > 0.0)) == pytest.approx(0.683, abs=deviation)
    normal = np.mean(np.abs(curve.mean) < curve.error)
    assert normal == pytest.approx(1.0 - 2.0 * stdtr(runs - 1, -1.0), abs=deviation)
    assert normal < 0.683 - deviation  # negative control


def test_errors_that_are_known_have_no_tails_unless_runs_contradict_them() -> None:
    random = np.random.default_rng(10)
    x, ones = np.arange(200.0), np.ones((200, 3))
    assert np.all(Curve(x, random.standard_normal((200, 3)), ones).freedom == np.inf)
    assert np.all(
        Curve(x[:3], np.array([[0.0, 9.0], [0.0, 1.0], [0.0, np.nan]]), np.ones((3, 2))).freedom == [1, np.inf, np.inf]
    )
    assert np.all(Curve(x, ones, np.nan * ones).freedom == 2)


def test_a_peak_between_uneven_points_is_not_drawn_aside() -> None:
    """Five points of a sharp peak with a long tail are on no parabola: three are taken."""
    x = np.array([0.1, 0.9, 1.0, 1.1, 4.0])
    found = peak(noisy(x, 1.0 / (1.0 + (np.abs(x - 1.02) / 0.1) ** 2), 0.01, np.random.default_rng(8)))
    assert found.value == pytest.approx(1.02, abs=0.03)
    plain = np.polynomial.Polynomial.fit(x, 1.0 / (1.0 + (np.abs(x - 1.02) / 0.1) ** 2), 2)
    assert abs(plain.deriv().roots()[0] - 1.02) > 0.3  # negative control: through all five


def test_a_jump_lies_where_both_starts_stay() -> None:
    x = np.linspace(0.5, 1.5, 11)
    random = np.random.default_rng(5)
    cold, hot = ((x < end).astype(float) for end in (1.25, 0.95))
    found = hysteresis(noisy(x, cold, 0.02, random), noisy(x, hot, 0.02, random))
    assert (found.lowest, found.highest) == pytest.approx((1.0, 1.2))
    assert found.place.value == pytest.approx(1.1)
    assert found.step == pytest.approx(0.1)
    assert abs(found.gap.value - 1.0) < 4 * found.gap.error
    with pytest.raises(NoTransition, match="end of the range"):
        hysteresis(noisy(x[5:], cold[5:], 0.02, random), noisy(x[5:], hot[5:], 0.02, random))


@pytest.mark.parametrize("shape", ["flat", "slope", "saturating"])
def test_a_curve_without_a_transition_has_none(shape: str) -> None:
    """Noise about a constant, a line and a smooth step, forty times each: no method finds anything in any of them."""
    x = np.linspace(0.8, 1.2, 9)
    y = {"flat": 0.0 * x + 1.0, "slope": 2.0 - x, "saturating": 1.5 + np.tanh(5 * (x - 1.0))}[shape]
    random = np.random.default_rng(6)
    for _ in range(40):
        one, other = (noisy(x, y, 0.1, random) for _ in range(2))
        with pytest.raises(NoTransition):
            peak(one)
        for locate in (crossing, hysteresis):
            with pytest.raises(NoTransition):
                locate(one, other)
    with pytest.raises(NoTransition):
        curie_weiss(noisy(x, 0.0 * x + 1.0, 0.1, random))


def test_one_run_has_the_error_that_is_given() -> None:
    """Two runs with unknown errors that agree by chance are given the median error of the curve."""
    x = np.linspace(0.0, 1.0, 3)
    alone = Curve(x, np.ones((3, 1)), np.full((3, 1), 0.3))
    np.testing.assert_allclose(alone.error, 0.3)
    pair = Curve(x, np.array([[1.0, 1.0], [1.0, 3.0], [0.0, 4.0]]), np.full((3, 2), np.nan))
    np.testing.assert_allclose(pair.error, [1.0, 1.0, 2.0])


@pytest.mark.parametrize("error", [0.0, np.nan])
def test_a_point_without_an_error_is_fitted_nowhere(error: float) -> None:
    x = np.linspace(1.0, 2.0, 9)
    errors = np.full((9, 1), 1e-3)

    def curve(values: Values, given: Values) -> Curve:
        return Curve(x, values[:, None], given)

    damaged = errors.copy()
    damaged[3] = error
    line, steeper, hill, law = 2.0 - x, 2.75 - 1.5 * x, -((x - 1.5) ** 2), 1.0 / (1.0 - 0.5 / x)
    assert crossing(curve(line, errors), curve(steeper, errors)).value == pytest.approx(1.5, abs=0.01)
    for locate in (
        lambda given: crossing(curve(line, given), curve(steeper, 0.0 * errors)),
        lambda given: peak(curve(hill, given)),
        lambda given: curie_weiss(curve(law, given)),
    ):
        with pytest.raises(NoTransition, match=r"error is unknown, or 0, at 1\.375"):
            locate(damaged)


def test_a_hysteresis_beside_a_point_without_an_error_has_no_bounds() -> None:
    x = np.arange(7.0)
    high, low = np.isin(x, (2.0, 3.0, 4.0)).astype(float)[:, None], np.zeros((7, 1))
    errors = np.full((7, 1), 0.01)
    assert hysteresis(Curve(x, high, errors), Curve(x, low, errors)).highest == 4.0
    errors[4] = np.nan
    with pytest.raises(NoTransition, match="is unknown"):
        hysteresis(Curve(x, high, errors), Curve(x, low, errors))


def test_two_points_do_not_show_the_law_of_curie_and_weiss() -> None:
    x = np.array([1.2, 1.5, 2.0])
    curve = Curve(x, (1.0 / (1.0 - 1.0 / x))[:, None], np.full((3, 1), 1e-3))
    assert curie_weiss(curve).value == pytest.approx(1.0, abs=1e-3)
    with pytest.raises(NoTransition, match="three points"):
        curie_weiss(Curve(x[:2], curve.values[:2], curve.errors[:2]))
