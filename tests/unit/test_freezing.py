"""Frozen is by last motion, bit for bit; unmoved is of one step."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gasfield.diagnostics import Group
from gasfield.diagnostics.lattice.freezing import Freezing
from gasfield.errors import InputError

STEPS = 101


def rows_that_stop(last_motions: list[int], steps: int = STEPS) -> Group:
    """One row a number: it moves in every step up to that one, and then no more."""
    time = np.minimum(np.arange(steps)[:, None], np.array(last_motions)[None, :])
    return Group("rows", np.arange(steps), time[..., None].astype(np.float32))


def test_the_curve_is_that_of_last_motions() -> None:
    result = Freezing().compute(rows_that_stop([0, 10, 20, 100]))
    assert result.last_motion.tolist() == [0, 10, 20, 100]
    assert [result.frozen[step] for step in (0, 9, 10, 20, 99, 100)] == [0.25, 0.25, 0.5, 0.75, 0.75, 1.0]
    assert result.unmoved[0] == 0.25  # the interval that ends at step 1
    assert result.unmoved[-1] == 0.75
    values = {key: quantity.value for key, quantity in result.quantities().items()}
    assert values["frozen.fraction"] == 0.75  # at the horizon, step 90, and not 1
    assert values["frozen.quiet"] == 10
    assert values["frozen.recording"] == 100
    assert values["frozen.t50"] == 10
    assert values["frozen.t90"] is None
    assert any(note.startswith("frozen.t90") for note in result.notes)


def test_a_row_that_rests_and_moves_again_is_unmoved_but_not_frozen() -> None:
    group = rows_that_stop([5])
    np.asarray(group.positions)[-1] += 1
    result = Freezing().compute(group)
    assert result.unmoved[50] == 1.0
    assert result.frozen[50] == 0.0
    assert result.quantities()["frozen.fraction"].value == 0.0


def test_bits_count_not_values() -> None:
    positions: NDArray[np.float32] = np.zeros((3, 1, 2), np.float32)
    positions[1:, 0, 1] = -0.0
    result = Freezing().compute(Group("zero", np.arange(3), positions))
    assert np.array_equal(positions[0], positions[1])  # equal as values
    assert result.last_motion.tolist() == [1]
    assert result.unmoved.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_smallest_change_is_a_motion(dtype: type) -> None:
    positions = np.ones((2, 1, 1), dtype)
    positions[1] = np.nextafter(positions[1], dtype(2))
    assert Freezing().compute(Group("ulp", np.arange(2), positions)).unmoved.tolist() == [0.0]


def test_times_have_errors_where_their_ranks_are_known() -> None:
    rng = np.random.default_rng(3)
    times, errors = [], []
    for _ in range(300):
        estimates = Freezing().compute(rows_that_stop(list(rng.integers(20, 61, 100)))).quantities()
        times.append(estimates["frozen.t50"].value)
        errors.append(estimates["frozen.t50"].error)
    # The median of 100 draws from a uniform law of width 41 scatters by 41 / (2 sqrt(100)); whole steps blur it.
    assert np.std(times) == pytest.approx(41 / 20, rel=0.2)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(times), rel=0.2)
    late = Freezing().compute(rows_that_stop([80] * 51 + [100] * 49)).quantities()["frozen.t50"]
    assert (late.value, late.error) == (80, None)  # the upper rank lies beyond the horizon


@pytest.mark.parametrize("quiet", [0.0, 1.0, -0.1])
def test_the_horizon_lies_inside_the_recording(quiet: float) -> None:
    with pytest.raises(InputError, match=rf"quiet: should be (greater than 0|less than 1), not {quiet}"):
        Freezing(quiet=quiet)


def test_frames_further_apart_are_noted() -> None:
    group = Group("sparse", np.arange(0, 50, 10), np.zeros((5, 2, 1)))
    result = Freezing().compute(group)
    assert any("not one step apart" in note for note in result.notes)
    assert result.quantities()["frozen.t90"].value == 0
