"""Diagnostics of tokens over depth against exact configurations, each with a control that must fail."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from gasfield.diagnostics import Group
from gasfield.diagnostics.context import Origin, RunContext
from gasfield.diagnostics.depth.alignment import Alignment
from gasfield.diagnostics.depth.directions_of_tokens import directions, gram_entropy, mean_cosine
from gasfield.diagnostics.depth.gram_entropy import GramEntropy
from gasfield.diagnostics.depth.layer_motion import LayerMotion
from gasfield.diagnostics.depth.mean_field import cosine_at, cosine_rate, effective_time
from gasfield.diagnostics.depth.sinks import Sinks
from gasfield.dynamics.advection import Advection
from gasfield.spaces import Free
from gasfield.statistics.motion_decomposition import KINDS

CHANCE = np.random.default_rng(5)


class Layered(Advection):
    """A law of which a step counts as a sub-layer."""

    layered: ClassVar[bool] = True


def stream(x: np.ndarray) -> Group:
    """Positions (F, S, D) as the stream of a text; frames are sub-layers."""
    labels = tuple(f"t{i}" for i in range(x.shape[1]))
    context = RunContext(Free(dimensions=x.shape[2]), (), Layered(time_step=0.5))
    origin = Origin(context, labels=labels)
    return Group("text", np.arange(len(x)), x, times=np.arange(len(x)) / 2, origin=origin)


def equiangular(cosine: float, count: int, dimensions: int) -> np.ndarray:
    """Unit vectors (S, D) with one cosine between any two: a e_i + b sum_j e_j."""
    a = np.sqrt(1.0 - cosine)
    b = (np.sqrt(1.0 - cosine + count * cosine) - a) / count
    x: np.ndarray = a * np.eye(count, dimensions) + b * (np.arange(dimensions) < count)
    return x


# --- the mean field ---------------------------------------------------------------------------------------------------

TABLE = {
    0.0: [0.166429, 0.626160, 0.989376, 0.999803, 0.999996],
    1.0: [0.151849, 0.589773, 0.987460, 0.999767, 0.999996],
}
"""Cosines of 32 orthonormal tokens at times 1, 2, 4, 6, 8 by beta."""


@pytest.mark.parametrize("beta", TABLE)
def test_mean_field_of_geshkovski_et_al(beta: float) -> None:
    """The time to each cosine of the table is its time, to the six digits printed; beta off by 5% is not."""
    times = np.array([1.0, 2.0, 4.0, 6.0, 8.0])
    np.testing.assert_allclose(cosine_at([0.0, *times], 0.0, 32, beta)[1:], TABLE[beta], atol=5e-7)
    for time, cosine in zip(times[:3], TABLE[beta], strict=False):
        rounding = 5e-7 / cosine_rate(cosine, 32, beta)
        assert abs(effective_time(0.0, cosine, 32, beta) - time) < rounding
    assert abs(effective_time(0.0, TABLE[1.0][1], 32, 0.95) - 2.0) > 1e-3


def test_effective_time_adds_up_and_runs_backwards() -> None:
    there, on = effective_time(0.1, 0.5, 20, 1.0), effective_time(0.5, 0.9, 20, 1.0)
    assert there + on == pytest.approx(effective_time(0.1, 0.9, 20, 1.0), abs=1e-10)
    assert effective_time(0.5, 0.1, 20, 1.0) == pytest.approx(-there, abs=1e-12)
    assert np.isnan(effective_time(0.5, 1.0, 20, 1.0))
    assert np.isnan(effective_time(-0.2, 0.5, 6, 1.0))  # below -1/(n - 1) there are no equiangular vectors


def test_alignment_of_equiangular_tokens_is_the_time_of_the_law() -> None:
    times = np.linspace(0.0, 3.0, 7)
    cosines = cosine_at(times, 0.1, 12, 1.0)
    x = np.array([equiangular(c, 12, 16) for c in cosines]) * np.exp(times)[:, None, None]  # lengths do not matter
    result = Alignment().compute(stream(x))
    np.testing.assert_allclose(result.cosines, cosines, atol=1e-12)
    np.testing.assert_allclose(result.effective, times, atol=1e-7)
    np.testing.assert_allclose(result.spread, 0.0, atol=1e-12)
    assert result.estimates["alignment.falls"].value == 0.0
    backwards = Alignment().compute(stream(x[::-1]))
    assert backwards.estimates["alignment.falls"].value == 1.0
    assert abs(Alignment(beta=3.0).compute(stream(x)).effective[-1] - 3.0) > 0.1


# --- cosines and entropies --------------------------------------------------------------------------------------------


def test_mean_cosine_is_that_of_all_pairs_with_leave_one_out() -> None:
    units = directions(CHANCE.standard_normal((9, 5)))
    pairs = [(units[i] @ units[j]) for i in range(9) for j in range(i)]
    value, without = mean_cosine(units)
    assert value == pytest.approx(np.mean(pairs), abs=1e-14)
    assert without[4] == pytest.approx(mean_cosine(np.delete(units, 4, axis=0))[0], abs=1e-14)


def test_von_neumann_entropy_of_known_spectra() -> None:
    basis = np.eye(8)
    assert gram_entropy(basis) == pytest.approx(np.log(8), abs=1e-12)
    assert gram_entropy(np.tile(basis[0], (5, 1))) == pytest.approx(0.0, abs=1e-12)
    assert gram_entropy(np.repeat(basis[:2], 4, axis=0)) == pytest.approx(np.log(2), abs=1e-12)
    c, n = 0.3, 6
    large, small = (1 + (n - 1) * c) / n, (1 - c) / n
    known = -large * np.log(large) - (n - 1) * small * np.log(small)
    assert gram_entropy(equiangular(c, n, 9)) == pytest.approx(known, abs=1e-12)
    assert gram_entropy(equiangular(0.4, n, 9)) < known - 0.05


def test_entropy_falls_where_tokens_gather_and_not_in_the_null() -> None:
    x = CHANCE.standard_normal((5, 40, 30))
    x += 3.0 * np.arange(5)[:, None, None]  # a common direction grows
    told = GramEntropy().compute(stream(x)).quantities()
    start, end, null = (told[f"gram_entropy.{key}"] for key in ("start", "end", "end.null"))
    assert end.value is not None
    assert start.value is not None
    assert null.value is not None
    assert null.error is not None
    assert end.value < 0.3 * start.value
    assert abs(null.value - start.value) < 0.1
    assert told["gram_entropy.least"].value == end.value


# --- sinks ------------------------------------------------------------------------------------------------------------


def test_sinks_are_named_and_left_out() -> None:
    x = CHANCE.standard_normal((4, 40, 20))
    clean = GramEntropy().compute(stream(x))
    assert not clean.notes
    x[2, 7] *= 100.0
    sinks = Sinks.of(np.linalg.norm(x, axis=2), 3.0)
    assert np.flatnonzero(sinks.flags).tolist() == [7]
    assert sinks.frames[7] == 2
    result = GramEntropy().compute(stream(x))
    assert any("token 7 't7'" in note for note in result.notes)
    np.testing.assert_allclose(result.entropies[0], gram_entropy(np.delete(directions(x[0]), 7, axis=0)), atol=1e-12)
    np.testing.assert_allclose(result.with_sinks[0], gram_entropy(directions(x[0])), atol=1e-12)


# --- motion -----------------------------------------------------------------------------------------------------------


def turned(x: np.ndarray, angle: float) -> np.ndarray:
    """Rows turned in every second plane."""
    turn = np.eye(x.shape[1])
    c, s = np.cos(angle), np.sin(angle)
    for i in range(0, x.shape[1] - 1, 2):
        turn[i : i + 2, i : i + 2] = [[c, -s], [s, c]]
    rotated: np.ndarray = x @ turn.T
    return rotated


def test_sub_layers_that_translate_rotate_and_dilate() -> None:
    """Three intervals of one kind each, in fewer dimensions than a tenth of the rows: shares are 1, and sum to 1."""
    x = [CHANCE.standard_normal((80, 6))]
    x.append(x[0] + 3.0)
    x.append(turned(x[1] - x[1].mean(axis=0), 0.7) + x[1].mean(axis=0))
    x.append(x[2] + 0.3 * (x[2] - x[2].mean(axis=0)))
    result = LayerMotion(axes=6).compute(stream(np.array(x)))
    for interval, kind in enumerate(("translation", "rotation", "dilation")):
        assert result.shares[interval, KINDS.index(kind)] == pytest.approx(1.0, abs=1e-9), kind
    np.testing.assert_allclose(result.shares.sum(axis=1), 1.0, atol=1e-12)
    told = result.quantities()
    assert told["layer_motion.mlp.rotation"].value == pytest.approx(1.0, abs=1e-9)  # frame 2 follows an MLP
    assert result.null[1, KINDS.index("rotation")] < 0.5


def test_a_sink_makes_a_shear_of_what_is_a_rotation() -> None:
    """One row that is far away and moves far decides the linear map of all."""
    before = CHANCE.standard_normal((100, 40))
    after = turned(before, 0.5)
    before[0] *= 30.0
    after[0] = before[0] * 3.0
    result = LayerMotion(axes=10).compute(stream(np.array([before, after])))
    rotation, shear = KINDS.index("rotation"), KINDS.index("shear")
    assert result.with_sinks[0, shear] > 0.5 > result.with_sinks[0, rotation]
    assert result.shares[0, rotation] > 4.0 * abs(result.shares[0, shear])
