"""Centroid and radius, and diagnostics of very few rows or frames."""

from __future__ import annotations

from math import gamma, sqrt

import numpy as np
import pytest

from gasfield.diagnostics import Group, diagnose
from gasfield.diagnostics.kinematics.cloud import Cloud
from gasfield.diagnostics.kinematics.step_length import StepLength
from gasfield.diagnostics.lattice.cells import Cells
from gasfield.errors import InputError
from gasfield.trajectory import Trajectory

SIGMA, DIMENSIONS, COUNT = 0.02, 64, 4000


def gaussian_radius(sigma: float, dimensions: int) -> float:
    """Mean distance from the centre of an isotropic Gaussian cloud."""
    return sigma * sqrt(2) * gamma((dimensions + 1) / 2) / gamma(dimensions / 2)


def test_the_formula_gives_the_published_number() -> None:
    assert gaussian_radius(0.02, 64) == pytest.approx(0.159376, abs=5e-7)


@pytest.mark.parametrize("count", [2, 10, COUNT])
def test_radius_of_a_gaussian_cloud(count: int) -> None:
    """Relative to the sample centroid every distance is smaller by exactly sqrt(1 - 1/N)."""
    clouds = max(1, 4000 // count)
    x = np.random.default_rng(4).normal(0.3, SIGMA, (clouds, count, DIMENSIONS))
    result = Cloud().compute(Group("cloud", np.arange(clouds), x))
    expected = gaussian_radius(SIGMA, DIMENSIONS) * sqrt(1 - 1 / count)
    standard_error = SIGMA * sqrt(0.5) / sqrt(clouds * (count - 1))  # a distance scatters by about sigma / sqrt 2
    assert result.radius.mean() == pytest.approx(expected, abs=4 * standard_error)
    if count < COUNT:  # negative control: without the factor the test fails
        assert abs(result.radius.mean() - gaussian_radius(SIGMA, DIMENSIONS)) > 4 * standard_error
    else:
        assert result.radius_error[0] == pytest.approx(standard_error, rel=0.1)


def test_path_and_straightness_of_a_known_way() -> None:
    """Three sides of a square: path 3, net displacement 1."""
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    rows = np.array([[0.1, 0.0], [-0.1, 0.0], [0.0, 0.2], [0.0, -0.2]])
    result = Cloud().compute(Group("square", np.arange(4), corners[:, None] + rows))
    values = {key: quantity.value for key, quantity in result.quantities().items()}
    assert values["centroid.path"] == pytest.approx(3)
    assert values["centroid.straightness"] == pytest.approx(1 / 3)
    assert values["centroid.norm"] == pytest.approx(1)
    assert values["radius.end"] == pytest.approx(0.15)
    # All rows go the same way, so that leaving one out changes nothing.
    assert result.quantities()["centroid.path"].error == pytest.approx(0, abs=1e-14)
    assert result.quantities()["radius.end"].error == pytest.approx(np.std([0.1, 0.1, 0.2, 0.2], ddof=1) / 2)


def test_jackknife_error_of_the_path_is_its_scatter() -> None:
    rng = np.random.default_rng(5)
    angle = np.linspace(0, np.pi, 6)
    bend = np.stack([np.cos(angle), np.sin(angle)], axis=1)[:, None]
    quantities = [
        Cloud().compute(Group("walk", np.arange(6), rng.normal(bend, 0.5, (6, 50, 2)).cumsum(axis=0))).quantities()
        for _ in range(300)
    ]
    for key in ("centroid.path", "centroid.straightness", "centroid.norm"):
        scatter = np.std([q[key].value for q in quantities], ddof=1)
        claimed = np.sqrt(np.mean([q[key].error ** 2 for q in quantities]))
        assert claimed == pytest.approx(scatter, rel=0.2), key


def test_step_lengths_are_those_that_were_taken() -> None:
    way = np.cumsum([0.0, 1.0, 2.0, 4.0])
    group = Group("line", np.arange(0, 20, 5), np.stack([way, 3 * way], axis=1)[..., None])
    result = StepLength().compute(group)
    assert result.lengths.tolist() == [[1, 3], [2, 6], [4, 12]]
    assert {key: q.value for key, q in result.quantities().items()} == {
        "step_length.start": 2,
        "step_length.median": 4,
        "step_length.end": 8,
    }
    assert result.quantities()["step_length.end"].unit == "length per 5 steps"


def test_cells_are_counted_across_binades_and_zero() -> None:
    """From 1 down to the neighbour below, from 2^-133 (the smallest) across zero, and several at once."""
    smallest = np.float32(2.0**-133)
    before = np.array([[1.0, 0.0], [smallest, 0.0], [1.0, 1.0], [0.0, 1.0]], np.float32)
    after = np.array([[1 - 2.0**-8, 0.0], [-smallest, 0.0], [1 + 2.0**-7, 1 + 2.0**-7], [-0.0, 1.0]], np.float32)
    result = Cells().compute(Group("cells", np.arange(2), np.stack([before, after]), "bfloat16"))
    assert result.largest.tolist() == [[1, 2, 1, 0]]
    assert result.total.tolist() == [[1, 2, 2, 0]]
    assert result.occupancy[:, 0].tolist() == [0.25, 0.25, 0.25, 0.25, 0.0]


def test_a_structure_planted_later_is_measured_from_its_first_frame() -> None:
    x = np.random.default_rng(6).normal(size=(6, 8, 3))
    x[:3] = np.nan
    result = Cloud().compute(Group("late", np.arange(6), x))
    assert result.steps.tolist() == [3, 4, 5]
    assert result.quantities()["radius.start"].value == pytest.approx(result.radius[0])


def test_every_group_of_a_recording_is_diagnosed(bf16: Trajectory) -> None:
    diagnosis = diagnose(bf16, ["cloud", "deformation"])
    tree = diagnosis.as_json()
    assert list(tree["groups"]) == [*bf16.names, "survey"]
    assert tree["groups"]["dead"]["radius"]["start"]["value"] == pytest.approx(
        gaussian_radius(SIGMA, DIMENSIONS), abs=4 * SIGMA * sqrt(0.5) / sqrt(len(bf16.members("dead")))
    )
    assert {entry["group"] for entry in tree["left_out"] if entry["diagnostic"] == "deformation"} == {
        name for name in [*bf16.names, "survey"] if name not in bf16.bonds
    }


def test_an_unknown_diagnostic_is_refused(bf16: Trajectory) -> None:
    with pytest.raises(InputError, match=r"diagnostics\.0: there is no kind .* Did you mean .cloud.\?"):
        diagnose(bf16, ["clouds"])


def test_a_cloud_that_is_scaled_has_that_ratio_without_an_error() -> None:
    """All rows shrink alike, so that their scatter, which both radii share, does not make the ratio uncertain."""
    x = np.random.default_rng(5).normal(0.0, SIGMA, (20, DIMENSIONS))
    ratio = Cloud().compute(Group("cloud", np.arange(2), np.stack([x, 0.25 * x]))).estimates["radius.ratio"].quantity()
    assert ratio.value == pytest.approx(0.25)
    assert ratio.error == pytest.approx(0.0, abs=1e-12)
    still = Cloud().compute(Group("cloud", np.arange(2), np.zeros((2, 20, DIMENSIONS)))).estimates["radius.ratio"]
    assert still.quantity().value is None or np.isnan(still.quantity().value)  # type: ignore[arg-type]


def test_the_share_that_a_cloud_keeps_is_of_rows_near_their_median_place() -> None:
    """A cloud that is carried away keeps all rows; of 200 that it starts with, 30 are left behind."""
    start = np.random.default_rng(8).normal(size=(200, 2))
    end = start + np.array([50.0, 0.0])
    everything = Cloud().compute(Group("carried", np.arange(2), np.stack([start, end])))
    assert everything.quantities()["radius.kept"].value == pytest.approx(1.0, abs=0.02)
    end[:30] = start[:30]
    result = Cloud().compute(Group("left", np.arange(2), np.stack([start, end]))).quantities()["radius.kept"]
    assert result.value == pytest.approx(0.85, abs=0.02)
    assert result.error == pytest.approx(sqrt(0.85 * 0.15 / 200), rel=0.1)
