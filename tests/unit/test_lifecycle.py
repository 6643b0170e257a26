"""Phases by last exit, thaws, reheats, and rows that merge: known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from gasfield.diagnostics import Group
from gasfield.diagnostics.grouping import group_of
from gasfield.diagnostics.kinematics.directions import Directions
from gasfield.diagnostics.kinematics.plane import Plane
from gasfield.diagnostics.lattice.distinct import Distinct
from gasfield.diagnostics.lattice.freezing import Freezing
from gasfield.diagnostics.lattice.lifecycle import Lifecycle
from gasfield.diagnostics.lattice.thawing import find_reheats, find_thaws
from gasfield.errors import InputError
from gasfield.kernels.bfloat16 import from_bits, round_to_bfloat16
from gasfield.trajectory import Trajectory

DIMENSIONS = 4
EARLY, MIDLIFE, LATE, STILL = [2, 2, 2, 0], [2, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]
"""Of four coordinates sqrt(D) = 2: L2 is sqrt 12, 2 (not more than 2), 2 and 0; Linf 2, 2, 1, 0."""


def lives(stories: list[list[list[int]]]) -> Group:
    """One row a story: the cells that it moves in each interval."""
    keys = 16000 + np.cumsum([[STILL] * len(stories), *zip(*stories, strict=True)], axis=0)
    return Group("rows", np.arange(len(keys)), from_bits(keys.astype(np.uint16)), "bfloat16")


def test_a_phase_ends_with_its_last_exit() -> None:
    stories = [
        [EARLY] * 3 + [MIDLIFE] * 2 + [LATE] * 4 + [STILL] * 11,  # one after the other
        [EARLY, STILL, LATE, MIDLIFE, LATE, EARLY, LATE] + [STILL] * 13,  # early again: the last exit counts
        [LATE] * 2 + [STILL] * 18,  # never early
        [STILL] * 20,  # never moves
        [LATE] + [STILL] * 18 + [LATE],  # moves in the very last interval
    ]
    result = Lifecycle().compute(lives(stories))
    assert result.ends.T.tolist() == [[3, 5, 9], [6, 6, 7], [0, 0, 2], [0, 0, 0], [0, 0, 20]]
    assert result.phases_at(np.array([0, 2, 3, 5, 6, 9])).T.tolist() == [
        [0, 0, 1, 2, 2, 3],
        [0, 0, 0, 0, 2, 3],
        [2, 3, 3, 3, 3, 3],
        [3, 3, 3, 3, 3, 3],
        [2, 2, 2, 2, 2, 2],
    ]
    np.testing.assert_allclose(result.shares.sum(axis=0), 1, rtol=1e-15)
    np.testing.assert_allclose(result.shares[:, 3], [0.2, 0.2, 0.2, 0.4], rtol=1e-15)
    values = {key: quantity.value for key, quantity in result.quantities().items()}
    assert result.horizon == 18
    assert values["lifecycle.shares.frozen"] == 0.8  # the last row is not known to be frozen
    assert values["lifecycle.shares.late"] == 0.2
    assert (values["lifecycle.early.end"], values["lifecycle.midlife.end"], values["lifecycle.late.end"]) == (0, 0, 7)


def test_an_end_after_the_horizon_is_not_known() -> None:
    result = Lifecycle().compute(lives([[EARLY] * 5 + [LATE] * 15] * 3))
    values = {key: quantity.value for key, quantity in result.quantities().items()}
    assert values["lifecycle.early.end"] == 5
    assert values["lifecycle.late.end"] is None
    assert any(note.startswith("lifecycle.late.end") for note in result.notes)


def test_phases_follow_each_other_in_a_real_recording(bf16: Trajectory) -> None:
    result = Lifecycle().compute(group_of(bf16, "dead"))
    assert np.all(np.diff(result.ends, axis=0) >= 0)
    np.testing.assert_allclose(result.shares.sum(axis=0), 1, rtol=1e-12)
    assert result.quantities()["lifecycle.early.end"].value < result.quantities()["lifecycle.midlife.end"].value
    frozen = Freezing().compute(group_of(bf16, "dead"))
    np.testing.assert_allclose(result.shares[3], frozen.frozen)  # no coordinate changes from +0 to -0 here
    ax = result.plot()
    assert len(ax.images) == 1
    assert [text.get_text() for text in ax.get_legend().get_texts()][:4] == ["early", "midlife", "late", "frozen"]


def test_a_row_thaws_where_it_moves_after_a_pause_between_two_motions() -> None:
    """Row 0 pauses for 10 intervals, row 1 for nine; row 2 waits, then moves; row 3 stops; row 4 thaws twice."""
    moved = np.zeros((30, 5), bool)
    moved[[0, 11], 0] = moved[[0, 10], 1] = moved[20, 2] = moved[0, 3] = True
    moved[[0, 13, 29], 4] = True
    thaws = find_thaws(moved, np.arange(31), 10)
    assert thaws.count.tolist() == [1, 0, 0, 0, 2]
    assert thaws.longest.tolist() == [10, 0, 0, 0, 15]
    # Five steps between frames: four intervals without motion last 20 steps.
    sparse = np.array([[True], [False], [False], [False], [False], [True]])
    assert find_thaws(sparse, np.arange(0, 35, 5), 10).longest.tolist() == [20]


def test_thaws_are_told_of_a_group() -> None:
    time = np.where(np.arange(60) < 5, np.arange(60), np.where(np.arange(60) < 30, 5, 6)).astype(np.float32)
    still = np.minimum(np.arange(60), 8).astype(np.float32)
    result = Freezing().compute(Group("rows", np.arange(60), np.stack([time, still], axis=1)[..., None]))
    values = {key: quantity.value for key, quantity in result.quantities().items()}
    assert (values["frozen.thawed"], values["frozen.longest_pause"]) == (0.5, 24)  # from step 5 to step 29
    patient = Freezing(quiet_steps=25).compute(Group("rows", np.arange(60), time[:, None, None]))
    assert patient.quantities()["frozen.longest_pause"].value is None
    assert any("a pause of 25 steps" in note for note in patient.notes)
    with pytest.raises(InputError, match=r"quiet_steps: .*greater than or equal to 1"):
        Freezing(quiet_steps=0)


def test_a_fall_of_the_unmoved_share_is_a_reheat() -> None:
    """Up to 80%, down to 20%, up again, and down at the end: two falls; with ten rows the same is chance."""
    corners = [0.0, 0.8, 0.2, 0.9, 0.5]
    unmoved = np.interp(np.arange(81), np.arange(0, 100, 20), corners)
    steps = np.arange(1, 82)
    found = find_reheats(unmoved, steps, 1000)
    assert [(reheat.start, reheat.end) for reheat in found] == [(21, 41), (61, 81)]
    np.testing.assert_allclose([reheat.size for reheat in found], [0.6, 0.4])
    assert found[0].error == pytest.approx(np.sqrt(2 * 0.25 / 1000))
    assert find_reheats(unmoved, steps, 10) == []
    assert find_reheats(np.linspace(0, 1, 81), steps, 1000) == []  # a share that only rises


def test_chance_alone_shows_a_reheat_in_few_series() -> None:
    """Asked for: at most one in twenty. Shares of 64 independent rows that do not change in time, 300 series of 500.

    Of 300 series with that chance more than 30 would show one with a probability of 2e-4.
    """
    rng = np.random.default_rng(1)
    for probability in (0.1, 0.5, 0.97):
        series = rng.binomial(64, probability, (300, 500)) / 64
        assert sum(bool(find_reheats(one, np.arange(500), 64)) for one in series) <= 30
    falling = rng.binomial(64, np.linspace(0.9, 0.2, 500), (20, 500)) / 64  # negative control: a true fall is found
    assert all(find_reheats(one, np.arange(500), 64) for one in falling)


def test_freeze_times_are_counted_up_to_the_horizon() -> None:
    group = Group("rows", np.arange(101), np.minimum(np.arange(101)[:, None], [5, 5, 50, 100])[..., None].astype(float))
    edges, counts, later = Freezing().compute(group).freeze_times(bins=9)
    assert edges.tolist() == list(range(0, 100, 10))
    assert counts.tolist() == [2, 0, 0, 0, 0, 1, 0, 0, 0]
    assert later == 1


def test_rows_are_distinct_by_their_bytes() -> None:
    frames = np.zeros((3, 4, 2), np.float32)
    frames[0] = [[0, 1], [0, 2], [0, 3], [0, 4]]
    frames[1] = [[0, 1], [0, 1], [-0.0, 1], [0, 4]]  # +0 and -0 differ
    frames[2] = [[0, 1], [0, 1], [0, 1], [0, np.nextafter(np.float32(1), np.float32(2))]]
    result = Distinct().compute(Group("rows", np.array([0, 10, 20]), frames, "float32"))
    assert result.distinct.tolist() == [4, 3, 2]
    assert result.twins.tolist() == [0, 0.5, 0.75]
    assert result.largest.tolist() == [1, 2, 3]
    assert {key: quantity.value for key, quantity in result.quantities().items()} == {
        "distinct.start": 4,
        "distinct.end": 2,
        "distinct.half": 10,
        "distinct.largest": 3,
    }


def test_the_plane_of_a_cloud_that_shrinks() -> None:
    rng = np.random.default_rng(2)
    cloud = rng.normal(0, 1, (40, 2)) * [1.0, 3.0]
    frames = np.stack([cloud, 0.25 * cloud + 7.0])
    result = Plane().compute(Group("cloud", np.arange(2), frames))
    q = result.quantities()
    for name, spread in zip(("first", "second"), cloud.std(axis=0), strict=True):  # in two dimensions its own axes
        assert q[f"plane.{name}.start"].value == pytest.approx(spread, rel=1e-12)
        assert q[f"plane.{name}.end"].value == pytest.approx(0.25 * spread, rel=1e-12)
        # Of a normal sample a standard deviation scatters by sigma / sqrt(2 (N - 1)), itself known to 1/sqrt(N) or so.
        assert q[f"plane.{name}.start"].error == pytest.approx(spread / np.sqrt(78), rel=0.4)
    moved = np.zeros((2, 40, 5))
    moved[..., 1], moved[..., 3] = frames[..., 0], frames[..., 1]
    principal = Plane().compute(Group("cloud", np.arange(2), moved)).ways
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(principal, axis=1), axis=2), np.linalg.norm(np.diff(frames, axis=1), axis=2), rtol=1e-12
    )


def test_directions_agree_or_know_nothing_of_each_other() -> None:
    """All rows along one axis: 1 and longitude 0. Random ones: N R^2 is 1 in the mean, and 8 would be one in 3000."""
    together = np.zeros((3, 50, 6))
    together[1:, :, 2] = -1.0
    together[2, :, 2] = -3.0
    result = Directions().compute(Group("rows", np.arange(3), together))
    assert [
        result.quantities()[key].value for key in ("directions.start", "directions.end", "directions.seen")
    ] == pytest.approx([1, 1, 1])
    np.testing.assert_allclose([result.longitudes, result.latitudes], 0, atol=1e-12)
    rng = np.random.default_rng(3)
    apart = Directions().compute(Group("rows", np.arange(3), rng.normal(size=(3, 400, 6)))).quantities()
    assert 400 * apart["directions.end"].value ** 2 < 8
    assert apart["directions.chance"].value == pytest.approx(0.05)
    assert 400 * result.quantities()["directions.end"].value ** 2 > 8  # negative control
    places = Directions(of="places").compute(Group("rows", np.arange(3), rng.normal(size=(3, 400, 6)))).quantities()
    assert places["directions.start"].value < 0.1
    with pytest.raises(InputError, match="'displacements' or 'places'"):
        Directions(of="rows")  # type: ignore[arg-type]


def test_longitude_and_latitude_are_those_of_the_axes() -> None:
    """Three rows along three axes, the longest first: (0, 0), (90, 0) and (0, 90) degrees."""
    x = np.zeros((2, 3, 4))
    x[1] = np.diag([3.0, 2.0, 1.0])[:, [0, 1, 2]] @ np.eye(3, 4)
    sky = Directions().compute(Group("rows", np.arange(2), x))
    np.testing.assert_allclose(np.degrees(sky.longitudes[:2]), [0, 90], atol=1e-9)
    np.testing.assert_allclose(np.degrees(sky.latitudes), [0, 0, 90], atol=1e-9)


def test_pictures_are_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    walk = round_to_bfloat16(1.0 + np.cumsum(rng.normal(0, 0.01, (40, 12, 5)), axis=0))
    walk[25:, :6] = walk[25, :6]
    group = Group("rows", np.arange(40), walk, "bfloat16")
    for diagnostic in (Lifecycle(), Freezing(), Distinct(), Plane(), Directions()):
        ax = diagnostic.compute(group).plot()
        ax.figure.canvas.draw()
        assert ax.get_title(loc="left").startswith("rows")
    with pytest.raises(ValueError, match="mollweide"):
        Directions().compute(group).plot(Figure().add_subplot())
