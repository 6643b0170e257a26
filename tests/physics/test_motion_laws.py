"""The kinds of motion: each alone is found whole, a mixture with noise within its errors, and noise is not a motion."""

from __future__ import annotations

from math import cos, sin

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.stats import ortho_group

from gasfield.diagnostics import Group
from gasfield.diagnostics.kinematics.motion import Motion, MotionResult
from gasfield.statistics.motion_decomposition import KINDS

Values = NDArray[np.float64]
DIMENSIONS = (2, 3, 64)


def cloud(dimensions: int, count: int = 400, seed: int = 0) -> Values:
    return np.random.default_rng(seed).normal(0.3, 1.0, (count, dimensions))


def motion(before: Values, after: Values, dimensions: int | None = None) -> MotionResult:
    return Motion(dimensions=dimensions).compute(Group("cloud", np.arange(2), np.stack([before, after])))


def shares(result: MotionResult, prefix: str = "motion") -> dict[str, float | None]:
    """Values by kind."""
    found = result.quantities()
    return {kind: found[f"{prefix}.{kind}"].value for kind in KINDS if f"{prefix}.{kind}" in found}  # type: ignore[misc]


def rotation(dimensions: int, angle: float, seed: int = 1) -> Values:
    """By `angle` [radians] in one random plane."""
    basis = ortho_group.rvs(dimensions, random_state=seed) if dimensions > 1 else np.eye(1)
    turn = np.eye(dimensions)
    turn[:2, :2] = [[cos(angle), -sin(angle)], [sin(angle), cos(angle)]]
    return basis @ turn @ basis.T


def pure_shear(dimensions: int, size: float, seed: int = 2) -> Values:
    """Symmetric, positive, of determinant 1."""
    square = np.random.default_rng(seed).normal(size=(dimensions, dimensions))
    symmetric = square + square.T
    symmetric -= np.trace(symmetric) / dimensions * np.eye(dimensions)
    return expm(size * symmetric / np.linalg.norm(symmetric, 2))


# One kind alone.


@pytest.mark.parametrize("dimensions", DIMENSIONS)
@pytest.mark.parametrize("angle", [1e-3, 0.5, 1.5, 3.0])
def test_a_rotation_by_any_angle_is_all_rotation(dimensions: int, angle: float) -> None:
    """A fit that takes the dilation first makes a contraction by the cosine of it."""
    x = cloud(dimensions)
    found = shares(motion(x, (x - x.mean(axis=0)) @ rotation(dimensions, angle).T + x.mean(axis=0)))
    assert found["rotation"] == pytest.approx(1.0, abs=1e-10)
    assert [found[kind] for kind in KINDS if kind != "rotation"] == pytest.approx([0.0] * 6, abs=1e-10)


@pytest.mark.parametrize("dimensions", DIMENSIONS)
@pytest.mark.parametrize("factor", [0.2, 0.999, 3.0])
def test_a_dilation_is_all_dilation(dimensions: int, factor: float) -> None:
    x = cloud(dimensions)
    found = shares(motion(x, (x - x.mean(axis=0)) * factor + 7.0), "motion.thermal")
    assert found["dilation"] == pytest.approx(1.0, abs=1e-10)
    assert sum(abs(value or 0.0) for kind, value in found.items() if kind != "dilation") < 1e-10


@pytest.mark.parametrize("dimensions", DIMENSIONS)
@pytest.mark.parametrize("size", [1e-3, 1.0])
def test_a_stretch_that_keeps_the_volume_is_all_shear(dimensions: int, size: float) -> None:
    x = cloud(dimensions)
    found = shares(motion(x, (x - x.mean(axis=0)) @ pure_shear(dimensions, size)), "motion.thermal")
    assert found["shear"] == pytest.approx(1.0, abs=1e-10)
    assert sum(abs(value or 0.0) for kind, value in found.items() if kind != "shear") < 1e-10


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_a_translation_is_all_translation_and_leaves_nothing_thermal(dimensions: int) -> None:
    x = cloud(dimensions)
    result = motion(x, x + 1e3)
    assert shares(result)["translation"] == pytest.approx(1.0, abs=1e-10)
    assert set(shares(result, "motion.thermal").values()) == {None}
    assert any("no thermal motion" in note for note in result.notes)


def test_simple_shear_is_half_rotation_when_small() -> None:
    """x' = x + s y: symmetric and antisymmetric parts are s/2 each, and <u_p, u> is alike for both in a round cloud."""
    x = np.array([[cos(a), sin(a)] for a in np.arange(60) * 2 * np.pi / 60])
    found = shares(motion(x, x + np.outer(1e-6 * x[:, 1], [1.0, 0.0])))
    assert (found["rotation"], found["shear"]) == pytest.approx((0.5, 0.5), abs=1e-5)


def test_a_lattice_of_three_dimensions_turns_out_of_its_own_space() -> None:
    """k = 3 of D = 64: a rotation into other dimensions is a rotation all the same."""
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3) - 1.5
    x = grid @ np.linalg.qr(np.random.default_rng(3).normal(size=(64, 3)))[0].T
    result = motion(x, x @ rotation(64, 1.2).T)
    assert result.frame.shape == (64, 3)
    assert shares(result)["rotation"] == pytest.approx(1.0, abs=1e-10)


# Mixtures and noise.


def mixture(dimensions: int, count: int, noise: float, seed: int) -> tuple[MotionResult, Values]:
    """A cloud that is shifted, turned, blown up, sheared and shaken; and the true shares of its thermal motion."""
    x = cloud(dimensions, count, seed)
    places = x - x.mean(axis=0)
    turn, grow, shear = rotation(dimensions, 0.2), 1.1, pure_shear(dimensions, 0.15)
    maps = (turn - np.eye(dimensions), (grow - 1.0) * turn, grow * turn @ (shear - np.eye(dimensions)))
    parts = [places @ part.T for part in maps]
    moved = sum(parts)
    shaken = np.random.default_rng([seed, 1]).normal(0.0, noise, x.shape)
    square = float(np.sum(moved**2)) + noise**2 * x.size
    truth = [float(np.sum(part * moved)) / square for part in parts]
    return motion(x, x + 0.7 + moved + shaken), np.array([*truth, 0.0, 0.0, noise**2 * x.size / square])


@pytest.mark.parametrize(("dimensions", "count"), [(2, 60), (3, 120), (64, 640)])
def test_a_mixture_with_noise_is_told_within_its_errors(dimensions: int, count: int) -> None:
    """Corrected shares of 8 clouds against the truth: each within 4 errors of the mean."""
    pulls, uncorrected = [], []
    for seed in range(8):
        result, truth = mixture(dimensions, count, 0.15, seed)
        found = result.quantities()
        for place, kind in enumerate(KINDS[1:4]):
            key = f"motion.thermal.{kind}"
            corrected, plain = found[f"{key}.corrected"], found[key]
            assert isinstance(corrected.value, float)
            assert isinstance(corrected.error, float)
            assert isinstance(plain.value, float)
            pulls.append((corrected.value - truth[place]) / corrected.error)
            uncorrected.append((plain.value - truth[place]) / corrected.error)
    mean_pulls = np.reshape(pulls, (8, 3)).mean(axis=0) * np.sqrt(8)
    assert np.abs(mean_pulls).max() < 4
    assert np.abs(pulls).max() < 5
    if dimensions == 64:  # negative control: the map has numbers for the noise, and the errors see it
        assert np.abs(np.reshape(uncorrected, (8, 3)).mean(axis=0) * np.sqrt(8)).max() > 8


@pytest.mark.parametrize(("dimensions", "count"), [(2, 20), (3, 40), (64, 200)])
def test_a_linear_map_explains_its_share_of_noise(dimensions: int, count: int) -> None:
    """k/(N - 1) of pure noise, mean over clouds; and the null of permuted displacements says so beforehand."""
    linear, null = [], []
    clouds = max(8, 4000 // (count * dimensions))
    for seed in range(clouds):
        x = cloud(dimensions, count, seed)
        result = motion(x, x + np.random.default_rng([seed, 2]).normal(0, 1e-3, x.shape))
        found = result.quantities()
        kinds = [f"motion.thermal.{kind}" for kind in ("rotation", "dilation", "shear")]
        linear.append(sum(float(found[key].value) for key in kinds))  # type: ignore[arg-type]
        null.append(sum(float(found[f"{key}.permutation_null"].value) for key in kinds))  # type: ignore[arg-type]
    expected = dimensions / (count - 1)
    error = np.std(linear, ddof=1) / np.sqrt(clouds)
    assert np.mean(linear) == pytest.approx(expected, abs=4 * error)
    assert np.mean(null) == pytest.approx(expected, abs=4 * np.std(null, ddof=1) / np.sqrt(clouds))
    assert abs(np.mean(linear) - dimensions / (count - 1 + dimensions)) > 0.0
    if dimensions == 64:  # negative control: a count without the numbers of the map
        assert abs(np.mean(linear) - dimensions / (count + dimensions)) > 4 * error


def test_the_jackknife_error_is_the_scatter_of_clouds() -> None:
    """40 clouds: the scatter of a share is known to a ninth."""
    found = [mixture(3, 100, 0.15, seed)[0].quantities()["motion.thermal.dilation"] for seed in range(40)]
    scatter = np.std([quantity.value for quantity in found], ddof=1)
    claimed = np.sqrt(np.mean([quantity.error**2 for quantity in found]))  # type: ignore[operator]
    assert claimed / scatter == pytest.approx(1.0, abs=0.4)


# Coherent motion that is not linear.


def shell(count: int, dimensions: int = 3) -> Values:
    x = np.random.default_rng(5).normal(size=(count, dimensions))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_a_radial_wave_is_breathing_and_a_roll_is_convection() -> None:
    """On a shell: a bulge as x y z, radial without a linear part; and bands that turn one way above, another below."""
    x = shell(1500)
    bulge = (x[:, 0] * x[:, 1] * x[:, 2])[:, None] * x
    found = shares(motion(x, x + 0.1 * bulge), "motion.thermal")
    assert (found["breathing"] or 0) > 0.85
    swirl = np.cross(x, np.stack([np.zeros(len(x)), np.zeros(len(x)), x[:, 2]], axis=1))
    found = shares(motion(x, x + 0.1 * swirl), "motion.thermal")
    assert (found["convection"] or 0) > 0.85
    # Negative control: the same displacements at other rows are noise.
    dealt = np.random.default_rng(6).permutation(len(x))
    found = shares(motion(x, x + 0.1 * swirl[dealt]), "motion.thermal")
    assert abs(found["convection"] or 0) < 0.05
    assert abs(found["breathing"] or 0) < 0.05


# What cannot be told.


@pytest.mark.parametrize(("count", "dimensions"), [(10, 10), (65, 64), (100, 2560)])
def test_too_few_rows_are_refused_and_a_frame_is_offered(count: int, dimensions: int) -> None:
    x = cloud(dimensions, count)
    result = motion(x, 0.5 * x + 1.0)
    found = result.quantities()
    assert found["motion.rotation"].value is None
    assert found["motion.dilation"].value is None
    assert 0 < found["motion.translation"].value < 1  # type: ignore[operator]
    assert any("too few" in note for note in result.notes)
    k = found["motion.dimensions"].value
    assert k == max(1, (count - 1) // 10)
    assert sum(shares(result, "motion.frame.thermal").values()) == pytest.approx(1.0, abs=1e-10)  # type: ignore[arg-type]
    # Of a contraction by half the frame sees its own axes; what happens outside them is no dilation to it.
    along = (x - x.mean(axis=0)) @ result.frame
    expected = np.sum(along**2) / np.sum((x - x.mean(axis=0)) ** 2)
    assert found["motion.frame.thermal.dilation"].value == pytest.approx(expected, abs=1e-10)


def test_a_wanted_frame_is_taken_or_refused() -> None:
    x = cloud(64, 64)
    assert motion(x, 0.9 * x, 20).quantities()["motion.dilation"].value is not None
    with pytest.raises(ValueError, match="allow 31 axes"):
        motion(x, 0.9 * x, 32)


def test_nothing_is_undefined_in_silence() -> None:
    """One particle, coincident ones, frozen ones, absent ones, a collapsed cloud: no number, and a note."""
    x = cloud(3, 30)
    absent = x.copy()
    absent[:5] = np.nan
    cases = {
        "frozen": (x, x, "nothing has moved"),
        "coincident": (np.ones((30, 3)), np.ones((30, 3)) + 1, "at one point"),
        "two rows": (x[:2], 2 * x[:2], "too few"),
        "nobody": (np.full((4, 3), np.nan), np.full((4, 3), np.nan), "too few"),
    }
    for before, after, reason in cases.values():
        result = motion(before, after)
        assert result.quantities()["motion.rotation"].value is None
        assert any(reason in note for note in result.notes), (reason, result.notes)
    thinner = motion(absent, x * 2)
    assert thinner.quantities()["motion.thermal.dilation"].value == pytest.approx(1.0, abs=1e-10)
    assert any("5 of 30 rows" in note for note in thinner.notes)


def test_nobody_knows_how_a_collapsed_axis_was_turned() -> None:
    """A cloud pressed flat: what is linear is not split, and what is not linear is still told. Pressed to a thousandth
    (control) it is."""
    x = cloud(3, 60)
    for press, known in ((0.0, False), (1e-3, True)):
        result = motion(x, x * [1.0, 1.0, press])
        found = result.quantities()
        assert (found["motion.thermal.dilation"].value is not None) == known
        assert found["motion.thermal.residual"].value == pytest.approx(0.0, abs=1e-10)
        assert any("collapsed along an axis" in note for note in result.notes)


def test_shares_over_time_sum_to_one_and_steps_are_their_own() -> None:
    """Turned in the first step, blown up in the second."""
    x = cloud(3, 50)
    x -= x.mean(axis=0)
    turned = x @ rotation(3, 0.3).T
    result = Motion().compute(Group("cloud", np.arange(3), np.stack([x, turned, 1.2 * turned])))
    assert result.stepwise[:, 1:3] == pytest.approx(np.array([[1.0, 0.0], [0.0, 1.0]]), abs=1e-10)
    assert result.cumulated.sum(axis=1) == pytest.approx([1.0, 1.0], abs=1e-12)
    assert 0 < result.cumulated[1, 1] < 1
