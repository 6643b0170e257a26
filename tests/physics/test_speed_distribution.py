"""Maxwell's law: sqrt(m) |v| / sqrt(T) has the chi law of as many components as a velocity has."""

from __future__ import annotations

import numpy as np
import pytest
from exact_samples import experiment, remembering, run_of
from scipy import stats

from gasfield.diagnostics.kinematics.speeds import Speeds, SpeedsResult

FREE = {"kind": "free", "dimensions": 3}
T = 1.7
DOUBTFUL = 1e-4
"""p-values below it do not happen to a true law in a test with a fixed seed; four standard errors are 6e-5."""


def values(result: SpeedsResult) -> dict[str, float]:
    return {key: float(estimate.value) for key, estimate in result.estimates.items()}


def maxwell(kept: float = 0.0, frames: int = 40, count: int = 500, dimensions: int = 3, seed: int = 0) -> tuple:
    chance = np.random.default_rng(seed)
    masses = chance.uniform(0.5, 4.0, count)
    v = remembering(chance, frames, (count, dimensions), kept) * np.sqrt(T / masses)[:, None]
    return np.zeros_like(v), v, masses


@pytest.mark.parametrize("dimensions", [1, 2, 3, 8])
@pytest.mark.parametrize("kept", [0.0, 0.9])
def test_speeds_of_a_bath_are_maxwells(dimensions: int, kept: float) -> None:
    x, v, masses = maxwell(kept, dimensions=dimensions)
    space = {"kind": "free", "dimensions": dimensions}
    result = Speeds().compute(run_of(x, experiment(space, T), v, masses))
    found, law = values(result), stats.chi(dimensions)
    expected = np.sqrt(T) * law.mean() * np.mean(1 / np.sqrt(masses))
    assert found["speed.maxwell_mean"] == pytest.approx(expected)
    # The mean of |v| over these masses has the error that its frames and particles leave; |v| forgets as v^2 does.
    memory = (1 + kept**2) / (1 - kept**2)
    error = np.sqrt(T * law.var() * np.mean(1 / masses) * memory / v[..., 0].size)
    assert found["speed.mean"] == pytest.approx(expected, abs=4 * error)
    assert found["speed.p_value"] > DOUBTFUL
    # Parts of the distribution forget faster than its width, which forgets as v^2 does.
    assert 0.7 / memory < found["speed.effective_size"] / v[..., 0].size < (1.2 if kept == 0.0 else 0.3)
    # negative control
    wrong = values(Speeds().compute(run_of(x, experiment(space, 1.05 * T), v, masses)))
    if kept == 0.0:
        assert wrong["speed.p_value"] < DOUBTFUL
    assert wrong["speed.ks"] > found["speed.ks"]


def test_p_values_are_never_too_small() -> None:
    """Of frames that remember each other the test must not cry wolf: p < 0.1 in at most a tenth of samples."""
    laws = experiment(FREE, T)
    samples = [maxwell(0.9, 40, 200, seed=s) for s in range(60)]
    p = [values(Speeds().compute(run_of(sample[0], laws, *sample[1:]))) for sample in samples]
    small = np.mean([found["speed.p_value"] < 0.1 for found in p])
    assert small < 0.1 + 4 * np.sqrt(0.1 * 0.9 / 60)
    # negative control: as independent draws, half of them would seem to break the law
    naive = [found["speed.ks"] * np.sqrt(40 * 200) > 1.22 for found in p]  # the Kolmogorov quantile of p = 0.1
    assert np.mean(naive) > 0.1 + 4 * np.sqrt(0.1 * 0.9 / 60)


def test_on_the_sphere_a_velocity_has_one_component_less() -> None:
    chance = np.random.default_rng(1)
    x = chance.standard_normal((20, 1000, 3))
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    v = np.sqrt(T) * chance.standard_normal(x.shape)
    v -= x * np.sum(x * v, axis=2, keepdims=True)
    sphere = {"kind": "sphere", "dimensions": 3}
    assert values(Speeds().compute(run_of(x, experiment(sphere, T), v)))["speed.p_value"] > DOUBTFUL
    assert values(Speeds().compute(run_of(x, experiment(FREE, T), v)))["speed.p_value"] < DOUBTFUL


def test_a_gas_at_rest_as_a_whole_is_colder_by_a_share_of_one_over_n() -> None:
    chance = np.random.default_rng(2)
    count, dimensions = 10, 3
    v = np.sqrt(T) * chance.standard_normal((4000, count, dimensions))
    v -= v.mean(axis=1, keepdims=True)
    x, kept = np.zeros_like(v), dimensions * (count - 1)
    known = values(Speeds().compute(run_of(x, experiment(FREE, T, degrees_of_freedom=kept), v)))
    assert known["speed.p_value"] > DOUBTFUL
    unknown = values(Speeds().compute(run_of(x, experiment(FREE, T), v)))
    assert unknown["speed.p_value"] < DOUBTFUL


def test_without_a_bath_the_law_is_drawn_at_the_kinetic_temperature() -> None:
    x, v, masses = maxwell()
    result = Speeds().compute(run_of(x, experiment(FREE, law="newton"), v, masses))
    assert result.temperature == pytest.approx(np.mean(masses[:, None] * v**2))
    assert values(result)["speed.p_value"] > DOUBTFUL
    assert any("no bath" in note for note in result.notes)
    # A gas in which all speeds are the same has the temperature, not the law.
    same = v / np.linalg.norm(v, axis=2, keepdims=True)
    assert values(Speeds().compute(run_of(x, experiment(FREE, law="newton"), same)))["speed.p_value"] < DOUBTFUL


def test_what_has_no_speeds_or_no_temperature_is_left_out() -> None:
    x, v, _ = maxwell()
    cooling = {"kind": "ramp", "from": 2.0, "to": 1.0, "steps": 1000}
    for laws, velocities, why in [
        (experiment(FREE, T, "brownian"), None, "no velocities"),
        (experiment(FREE, law="sgd"), None, "sgd has no temperature"),
        (experiment(FREE, cooling), v, "changes until the end"),
        (experiment(FREE, 0.0), v, "zero"),
        (None, None, "not a simulation"),
    ]:
        assert why in str(Speeds().why_not(run_of(x, laws, velocities)))


def test_only_what_comes_after_cooling_is_looked_at() -> None:
    """The temperature falls from 2 T to T over half of the run: the first half would spoil the law."""
    frames = 80
    cooling = {"kind": "ramp", "from": 2 * T, "to": T, "steps": frames // 2}
    heat = np.sqrt(np.clip(2 - np.arange(frames) / (frames // 2), 1, None))
    x, v, masses = maxwell(frames=frames)
    late = values(Speeds().compute(run_of(x, experiment(FREE, cooling), v * heat[:, None, None], masses)))
    assert late["speed.p_value"] > DOUBTFUL
    assert late["speed.effective_size"] < 0.6 * v[..., 0].size
    all_of_it = values(Speeds().compute(run_of(x, experiment(FREE, T), v * heat[:, None, None], masses)))
    assert all_of_it["speed.p_value"] < DOUBTFUL
