"""g(r): one for an ideal gas, Boltzmann's factor for a pair, rows for a lattice."""

from __future__ import annotations

from math import gamma

import numba
import numpy as np
import pytest
from exact_samples import experiment, run_of
from scipy import integrate

from gasfield.diagnostics.structure import radial_distribution
from gasfield.diagnostics.structure.radial_distribution import RadialDistribution, RadialDistributionResult
from gasfield.kernels.pair_counts import count_cross_pairs, count_pairs

KEY = "radial_distribution."
DOUBTFUL = 1e-4


def box(dimensions: int, side: float = 6.0) -> dict:
    return {"kind": "periodic", "dimensions": dimensions, "side": side}


def of(x: np.ndarray, side: float = 6.0) -> RadialDistributionResult:
    return RadialDistribution().compute(run_of(x, experiment(box(x.shape[2], side), 1.0, "brownian")))


def value(result: RadialDistributionResult, name: str) -> float:
    return float(result.estimates[KEY + name].value)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 6])
def test_an_ideal_gas_is_everywhere_one(dimensions: int) -> None:
    x = np.random.default_rng(0).uniform(-30, 30, (32, 300, dimensions))  # not wrapped: they wandered far
    result = of(x)
    known = result.errors < 0.5
    assert known.sum() > 10
    assert np.all(np.abs(result.values[known] - 1) < 5 * result.errors[known])
    assert value(result, "p_value") > DOUBTFUL
    assert np.isnan(value(result, "peak_place"))
    assert any("no peak" in note for note in result.notes)
    # The pairs of all frames are independent: errors are those of their number.
    chance = 300 * 299 / 2 * 32 * shells(result, dimensions) / 6.0**dimensions
    many = chance > 100
    assert np.median(result.errors[many] * np.sqrt(chance[many])) == pytest.approx(1.0, abs=0.3)


def shells(result: RadialDistributionResult, dimensions: int) -> np.ndarray:
    half = 0.5 * (result.distances[1] - result.distances[0])
    factor = np.pi ** (dimensions / 2) / gamma(dimensions / 2 + 1)
    return factor * ((result.distances + half) ** dimensions - (result.distances - half) ** dimensions)


def test_an_ideal_gas_of_fewer_particles_is_no_ideal_gas_of_more() -> None:
    """Negative control: a gas whose density varies by a tenth of a wave has an excess of near pairs, and is found."""
    chance = np.random.default_rng(1)
    x = chance.uniform(-3, 3, (64, 1500, 3))
    weight = 1 + 0.4 * np.cos(2 * np.pi * x[..., 0] / 6)
    kept = chance.random(weight.shape) < weight / 1.4
    count = kept.sum(axis=1).min()
    x = np.array([frame[own][:count] for frame, own in zip(x, kept, strict=True)])
    assert value(of(x), "p_value") < DOUBTFUL


def test_one_pair_has_boltzmanns_factor() -> None:
    """Two particles with u(r) = 2 exp(-r^2): g = V exp(-u/T) / integral of exp(-u/T), at any distance."""
    chance = np.random.default_rng(2)
    side, temperature = 6.0, 0.8
    first, second = chance.uniform(-3, 3, (2, 250_000, 2))
    apart = first - second - side * np.rint((first - second) / side)
    factor = lambda squared, t: np.exp(-2.0 * np.exp(-squared) / t)  # noqa: E731
    kept = chance.random(len(first)) < factor(np.sum(apart**2, axis=1), temperature)
    result = of(np.stack([first, second], axis=1)[kept], side)

    def expected(t: float) -> np.ndarray:
        norm = integrate.dblquad(lambda a, b: factor(a * a + b * b, t), -3, 3, -3, 3)[0]
        half = 0.5 * (result.distances[1] - result.distances[0])
        ends = [(r - half, r + half) for r in result.distances]
        mean = [2 * integrate.quad(lambda r: r * factor(r * r, t), *e)[0] / (e[1] ** 2 - e[0] ** 2) for e in ends]
        return side**2 * np.array(mean) / norm

    many = result.errors < 0.2 * result.values

    def chi_squared(t: float) -> float:
        return float(np.sum(((result.values - expected(t)) / result.errors)[many] ** 2))

    assert abs(chi_squared(temperature) - many.sum()) < 4 * np.sqrt(2 * many.sum())
    assert chi_squared(1.05 * temperature) > chi_squared(temperature) + 16  # negative control
    inner = result.estimates[KEY + "contact"]
    assert abs(float(inner.value) - expected(temperature)[:2].mean()) < 5 * float(inner.error)
    assert value(result, "p_value") < DOUBTFUL


def test_a_lattice_has_rows() -> None:
    """A square lattice with thermal noise s: the first peak is at its spacing, where four neighbours spread over a
    ring of width s sqrt(2): height 4 / (2 pi a n) / sqrt(2 pi 2 s^2)."""
    chance = np.random.default_rng(3)
    spacing, noise = 1.0, 0.05
    sites = np.stack(np.meshgrid(*[np.arange(12) * spacing] * 2), axis=-1).reshape(-1, 2)
    result = of(sites + noise * chance.standard_normal((400, 144, 2)), 12.0)
    place, height = result.estimates[KEY + "peak_place"], result.estimates[KEY + "peak_height"]
    radii = np.linspace(0.6, 1.3, 2001)
    law = 4 / (2 * np.pi * radii) * np.exp(-((radii - spacing) ** 2) / (4 * noise**2)) / np.sqrt(4 * np.pi * noise**2)
    # Across the bond the noise makes distances longer by s^2 / a; the parabola over five bins cuts off 2 % of the top.
    assert float(place.value) == pytest.approx(
        radii[law.argmax()] + noise**2 / spacing, abs=4 * float(place.error) + 1e-3
    )
    assert float(height.value) == pytest.approx(law.max(), rel=0.05)
    assert value(result, "contact") == 0.0
    assert 0 < float(place.error) < 0.01


def test_a_jump_at_contact_is_a_peak_there() -> None:
    """Hard rods on a line: g jumps from 0 to 1 / (1 - packing) at contact (Tonks, 1936)."""
    chance = np.random.default_rng(4)
    count, side, length = 100, 100.0, 0.5
    gaps = chance.dirichlet(np.ones(count), 400) * (side - count * length)
    x = np.cumsum(gaps + length, axis=1)[..., None]
    result = of(x, side)
    place, height = result.estimates[KEY + "peak_place"], result.estimates[KEY + "peak_height"]
    width = result.distances[1] - result.distances[0]
    assert length <= float(place.value) <= length + 2 * width
    contact = 1 / (1 - count * length / side)
    assert contact * (1 - 4 * width) < float(height.value) < contact + 5 * float(height.error)
    assert np.all(result.values[result.distances < length - width] == 0)


WELL = {"kind": "harmonic", "stiffness": 1.0}
FELT = [{"kind": "soft_repulsion", "strength": 1.0, "cutoff": 1.0}, WELL]


@pytest.mark.parametrize("space", [{"kind": "free", "dimensions": 3}, {"kind": "ball", "dimensions": 3, "radius": 9.0}])
def test_where_density_varies_chance_is_counted_at_other_times(space: dict) -> None:
    """In a Gaussian cloud near pairs are many for no other reason than that it is dense in the middle."""
    chance = np.random.default_rng(8)
    x = chance.standard_normal((64, 300, 3))
    laws = experiment(space, 1.0, "brownian", FELT)
    result = RadialDistribution().compute(run_of(x, laws))
    known = result.errors < 0.5
    assert known.sum() > 50
    assert np.all(np.abs(result.values[known] - 1) < 5 * result.errors[known])
    assert np.isnan(value(result, "peak_place"))
    # Every particle of a hundred gets a partner at a distance of 0.3 +- 0.02: 2000 pairs a unit of distance, beside the
    # 400^2/2 (4 pi)^(-3/2) 4 pi r^2 exp(-r^2/4) of chance.
    arrow = chance.standard_normal((64, 100, 3))
    arrow *= (0.3 + 0.02 * chance.standard_normal((64, 100, 1))) / np.linalg.norm(arrow, axis=2, keepdims=True)
    paired = RadialDistribution().compute(run_of(np.concatenate([x, x[:, :100] + arrow], axis=1), laws))
    assert value(paired, "peak_place") == pytest.approx(0.3, abs=0.02)
    by_chance = 400**2 / 2 * (4 * np.pi) ** -1.5 * 4 * np.pi * 0.3**2 * np.exp(-(0.3**2) / 4)
    bound = 100 / np.sqrt(2 * np.pi) / 0.02
    assert value(paired, "peak_height") == pytest.approx(1 + bound / by_chance, rel=0.1)


def test_counts_are_those_of_all_pairs_on_any_number_of_threads() -> None:
    chance = np.random.default_rng(5)
    periods = np.array([10.0, 7.0, 0.0])
    x, y = chance.uniform(-20, 20, (2, 4, 70, 3))
    x[1, 7] = np.nan  # is at no distance
    edges, above = np.linspace(0, 3.5, 41), np.triu_indices(70, 1)

    def naive(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        apart = a[:, :, None] - b[:, None]
        apart -= periods * np.rint(apart / np.where(periods > 0, periods, np.inf))
        return np.histogram(np.linalg.norm(apart, axis=3)[:, *above], edges)[0]

    threads = numba.get_num_threads()
    for number in (1, 2):
        numba.set_num_threads(number)
        assert np.array_equal(count_pairs(x, periods, 3.5, 40), naive(x, x))
        assert np.array_equal(count_cross_pairs(x, y, periods, 3.5, 40), naive(x, y))
    numba.set_num_threads(threads)


def test_a_large_gas_is_thinned_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radial_distribution, "_PAIRS", 1_000_000)
    x = np.random.default_rng(6).uniform(-3, 3, (60, 1600, 2)).astype(np.float32)
    result = of(x)
    assert any("of 60 frames are used" in note for note in result.notes)
    assert any("of 1600 rows are used" in note for note in result.notes)
    assert value(result, "p_value") > DOUBTFUL


def test_where_it_means_nothing_it_says_why() -> None:
    x = np.zeros((40, 5, 3))
    free = {"kind": "free", "dimensions": 3}
    for laws, positions, why in [
        (experiment(free, 1.0), x, "do not interact"),
        (experiment(free, law="sgd"), x, "sgd has no temperature"),
        (experiment(box(3), 1.0), x[:, :1], "single particle"),
        (None, x, "not a simulation"),
    ]:
        assert why in str(RadialDistribution().why_not(run_of(positions, laws)))
    far = RadialDistribution().compute(
        run_of(np.random.default_rng(7).uniform(-3, 3, (4, 5, 40)), experiment(box(40), 1.0))
    )
    assert any("too few pairs" in note for note in far.notes)
    assert np.isnan(value(far, "contact"))
