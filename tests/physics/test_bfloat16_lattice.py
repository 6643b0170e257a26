"""What the bfloat16 lattice does to motion: how wide its cells are, which updates move, where a cloud stops."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from optimiser_steps import adamw_step, sgd_step

from gasfield.diagnostics import diagnose
from gasfield.dynamics import rounding_loss
from gasfield.dynamics.adamw import AdamW
from gasfield.dynamics.rounding_loss import RoundingLoss
from gasfield.dynamics.sgd import SGD
from gasfield.errors import Note
from gasfield.kernels.bfloat16 import from_bits, keys, round_to_bfloat16
from gasfield.runs import run
from gasfield.scenario import Scenario

POSITIVE_NORMAL = from_bits(np.arange(0x0080, 0x7F80).astype(np.uint16))


def cell_above(values: np.ndarray) -> np.ndarray:
    """Width of the cell from each positive value up to the next one, exactly (float64)."""
    return np.diff(from_bits(np.append(keys(values), keys(values)[-1:] + 1).astype(np.uint16)).astype(float))


def test_a_cell_is_between_a_255th_and_a_128th_of_a_normal_number() -> None:
    numbers = POSITIVE_NORMAL[:-1]  # above the largest lies infinity
    relative = cell_above(numbers) / numbers
    # Significands are 128..255 cells, so both ends are reached, up to the rounding of one division.
    assert relative.min() == pytest.approx(1 / 255, rel=1e-15)
    assert relative.max() == pytest.approx(1 / 128, rel=1e-15)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_coordinate_moves_only_if_the_update_exceeds_half_a_cell(sign: float, direction: float) -> None:
    """Every positive and negative weight in 2^-16..2^8 under an update of .001 towards either side."""
    sizes = POSITIVE_NORMAL[(POSITIVE_NORMAL >= 2.0**-16) & (POSITIVE_NORMAL <= 2.0**8)]
    weights = (sign * sizes)[np.newaxis].astype(np.float32)
    before = weights.copy()
    law = AdamW(learning_rate=1e-3, weight_dtype="bfloat16")
    adamw_step(weights, np.full_like(weights, -direction), *np.zeros((2, *weights.shape), np.float32), step=1, law=law)
    moved = (keys(weights) != keys(before))[0]

    cell = cell_above(sizes)
    outwards = sign == direction
    is_power_of_two = np.log2(sizes) % 1 == 0
    cell_moved_into = cell if outwards else np.where(is_power_of_two, cell / 2, cell)
    # The first update is .001 to about 1e-6 relative; the nearest half cell, 2^-10, is 2 % away: no case is a tie.
    np.testing.assert_array_equal(moved, cell_moved_into / 2 < 1e-3)
    np.testing.assert_array_equal(moved, sizes < 0.5 if outwards else sizes <= 0.5)


def test_an_update_of_exactly_half_a_cell_moves_odd_values_only() -> None:
    weights = POSITIVE_NORMAL[(POSITIVE_NORMAL >= 1.0) & (POSITIVE_NORMAL < 2.0)][np.newaxis].copy()
    before = weights.copy()
    law = SGD(learning_rate=2.0**-8, weight_dtype="bfloat16")
    sgd_step(weights, np.full_like(weights, -1.0), np.zeros_like(weights), 1, law)
    np.testing.assert_array_equal(keys(weights) - keys(before), keys(before) % 2)


def test_a_second_moment_cannot_decay_at_beta2_999_but_does_in_float32() -> None:
    """v times .999 is less than half a cell away (at least 1/512 of v), so without gradient it is v for ever."""
    start = POSITIVE_NORMAL[(POSITIVE_NORMAL > 1e-30) & (POSITIVE_NORMAL < 1.0)][np.newaxis].copy()
    nothing = np.zeros_like(start)
    for kept in ("bfloat16", "float32"):
        second = start.copy()
        law = AdamW(
            learning_rate=1e-3, weight_dtype="bfloat16", first_moment_dtype="bfloat16", second_moment_dtype=kept
        )
        for step in range(1, 11):
            adamw_step(nothing.copy(), nothing, nothing.copy(), second, step, law)
        if kept == "bfloat16":
            np.testing.assert_array_equal(second, start)
        else:
            # Ten products of one rounding each, 2^-24 relative, and that of .999 itself.
            np.testing.assert_allclose(second, start * 0.999**10, rtol=20 * 2.0**-24)


def radii(seed: int, rounded: bool, steps: int) -> np.ndarray:
    """Distance from the origin after each step .003 * .99^k along one random unit direction in 2560 dimensions."""
    direction = np.random.default_rng(seed).standard_normal(2560)
    direction /= np.linalg.norm(direction)
    place: np.ndarray = np.zeros(2560)
    distances = []
    for k in range(steps):
        place = place + direction * (0.003 * 0.99**k)
        if rounded:
            place = round_to_bfloat16(place).astype(float)
        distances.append(np.linalg.norm(place))
    return np.array(distances)


def test_shrinking_steps_stop_short_on_the_lattice() -> None:
    """Published radii at k = 50, 100, 150, 200 (counted from 0).

    The radius depends on the direction a little: its standard deviation over 400 directions was measured as below.
    Tolerance: half of the last published digit plus four standard deviations, for one direction.
    """
    published = np.array([0.1203, 0.1902, 0.241, 0.248])
    half_digit = np.array([5e-5, 5e-5, 5e-4, 5e-4])
    spread = np.array([4.8e-5, 1.3e-4, 4.1e-4, 4.9e-4])
    measured = np.array([radii(seed, rounded=True, steps=300)[[50, 100, 150, 200, 299]] for seed in range(8)])
    assert np.all(np.abs(measured[:, :4] - published) < half_digit + 4 * spread)
    # Most coordinates have frozen by then: 100 further steps add .1 % (they would be worth .025 without rounding).
    assert np.all(measured[:, 4] - measured[:, 3] < 0.001)


def test_shrinking_steps_sum_up_in_exact_arithmetic() -> None:
    exact = radii(0, rounded=False, steps=300)
    # A geometric series; 300 float64 additions err by less than 300 * 2^-53 relative.
    assert exact[-1] == pytest.approx(0.3 * (1 - 0.99**300), rel=1e-13)
    assert exact[-1] == pytest.approx(0.2853, abs=5e-5)
    # And they miss the published lattice radii, so that those do test the rounding.
    assert abs(exact[200] - 0.248) > 0.01
    assert abs(exact[150] - 0.241) > 0.005


@pytest.mark.parametrize("kept", ["bfloat16", "float32"])
@pytest.mark.parametrize("product", [2.0**-11, 1e-3, 2.5e-3, 2.0**-8, 5e-3])
def test_decay_is_felt_where_it_exceeds_half_a_cell(product: float, kept: str) -> None:
    """By every weight of the lattice in 2^-16..2^8 and of both signs, with moments in either precision: the cell below
    a weight is half as wide at a power of two, and ties go to even."""
    sizes = POSITIVE_NORMAL[(POSITIVE_NORMAL >= 2.0**-16) & (POSITIVE_NORMAL <= 2.0**8)]
    cell_below = np.append(cell_above(sizes[:1] / 2), cell_above(sizes)[:-1])
    rate = np.float64(2.0**-3)
    law = AdamW(learning_rate=rate, weight_decay=product / rate, weight_dtype="bfloat16", moment_dtype=kept)
    change = sizes * (1.0 - np.float64(np.float32(1.0 - product)))
    felt = (change > cell_below / 2) | ((change == cell_below / 2) & (keys(sizes) % 2 == 1))
    for sign in (1.0, -1.0):
        loss = RoundingLoss.of(law, sign * sizes[np.newaxis])
        np.testing.assert_array_equal(loss.decayed[0], felt)
        np.testing.assert_array_equal(loss.lost[0], cell_above(sizes) / 2)
    assert (product > 2.0**-9) == bool(felt[np.log2(sizes) % 1 != 0].any())


def test_the_note_on_decay_is_that_of_the_whole_matrix_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share and quantiles by NumPy on all coordinates at once; zeros have nothing to decay."""
    weights = np.random.default_rng(3).standard_normal((70, 13)).astype(np.float32) ** 3
    weights[::5, 2] = 0.0
    law = AdamW(learning_rate=1.0, weight_decay=3e-3, weight_dtype="bfloat16", moment_dtype="float32")
    loss = RoundingLoss.of(law, weights)
    low, middle, high = np.quantile(loss.lost[loss.nonzero], [0.1, 0.5, 0.9])
    share = loss.decayed[loss.nonzero].mean()
    monkeypatch.setattr(rounding_loss, "_BLOCK", 13 * 9)
    note = rounding_loss.note_on_decay(law, weights)
    assert 0.1 < share < 0.9
    assert f"{share:.1%} of the coordinates" in note
    assert f"smaller than {middle:.3g} is lost (median; 10% to 90% of the coordinates: {low:.3g} to {high:.3g})" in note
    assert rounding_loss.note_on_decay(law, 0.0 * weights) is None
    none = AdamW(learning_rate=1.0, weight_dtype="bfloat16", moment_dtype="float32")
    assert rounding_loss.note_on_decay(none, weights) is None


def scenario(decay: float, **dynamics: object) -> Scenario:
    return Scenario.model_validate(
        {
            "title": "Decay",
            "question": "Does it do anything?",
            "seed": 1,
            "space": {"kind": "free", "dimensions": 4},
            "gas": [{"name": "rows", "from": {"kind": "gaussian", "count": 50, "spread": 0.02}}],
            "forces": [{"kind": "harmonic", "stiffness": 1.0, "centre": [1.0, 0.5, 0.2, 0.1]}],
            "dynamics": {"kind": "adamw", "learning_rate": 1e-3, "weight_decay": decay, **dynamics},
            "run": {"steps": 60},
            "diagnostics": ["rounding"],
        }
    )


def test_a_decay_that_rounds_away_is_said(tmp_path: Path) -> None:
    """lr x decay = 1e-5 is less than half a bfloat16 cell of any weight: the run is bit for bit that without decay,
    and says so at its start and in its results. In float32, and with 250 times the decay, every weight feels it."""
    low = {"weight_dtype": "bfloat16", "moment_dtype": "bfloat16"}
    frames = {}
    for name, decay, dtypes, felt in (
        ("none", 0.0, low, None),
        ("lost", 0.01, low, 0.0),
        ("felt", 5.0, low, 1.0),
        ("single", 0.01, {}, 1.0),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = run(scenario(decay, **dtypes), output=tmp_path / name, pictures="none")
        said = [str(each.message) for each in caught if issubclass(each.category, Note)]
        assert bool(said) == (name == "lost")
        assert all("0.0% of the coordinates feel it" in note for note in said)
        with result.open() as trajectory:
            frames[name] = trajectory.positions()
            found = diagnose(trajectory, ["rounding"]).as_json()["groups"]["rows"]
        assert found["decay"]["felt"]["start"]["value"] == found["decay"]["felt"]["end"]["value"] == felt
        median = np.median(np.abs(frames[name][0]))
        assert 2.0**-10 < found["lost_update"]["start"]["value"] / median * (1 if dtypes else 2.0**16) < 2.0**-7
    np.testing.assert_array_equal(frames["lost"], frames["none"])
    assert not np.array_equal(frames["felt"], frames["none"])
