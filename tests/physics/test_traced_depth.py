"""Diagnostics of a trace against the parts, weights and states that it holds, each with a control that must fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_traces import HEADS, LAYERS, tiny_model, tiny_trace

from gasfield.diagnostics import DIAGNOSTICS, Group
from gasfield.diagnostics.depth.attention_reach import AttentionReach, Reach
from gasfield.diagnostics.depth.final_distance import FinalDistance
from gasfield.diagnostics.depth.heads import Heads
from gasfield.diagnostics.depth.layer_work import LayerWork
from gasfield.diagnostics.depth.lens import Lens, half_way
from gasfield.diagnostics.grouping import group_of
from gasfield.testing.diagnostics import check_diagnostic
from gasfield.tracing import Trace
from gasfield.trajectory import open_trajectory

OF_TRACES = ("alignment", "gram_entropy", "final_distance")
"""Those that the contract tests show a simulation."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    pytest.importorskip("transformers")
    return tiny_trace(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def text(files: tuple[Path, Path]) -> Iterator[Group]:
    with open_trajectory(files[0]) as trajectory:
        yield group_of(trajectory, trajectory.names[0])


def trace(group: Group) -> Trace:
    assert group.origin.trace is not None
    return group.origin.trace


@pytest.mark.parametrize("kind", OF_TRACES)
def test_every_diagnostic_of_depth_keeps_the_contract_on_a_trace(kind: str, text: Group) -> None:
    check_diagnostic(DIAGNOSTICS[kind](), text)


def test_works_of_all_parts_sum_to_one(text: Group) -> None:
    """To the rounding of a sum of float32 parts; the work of half of the parts does not."""
    result = LayerWork().compute(text)
    np.testing.assert_allclose(result.shares.sum(axis=1), 1.0, atol=2e-6)
    assert result.estimates["layer_work.sum_error"].value < 2e-5
    told = result.quantities()
    attention, mlp = told["layer_work.attention"].value, told["layer_work.mlp"].value
    assert attention is not None
    assert mlp is not None
    assert attention + mlp == pytest.approx(1.0, abs=2e-6)
    assert abs(attention - 1.0) > 0.01


def test_work_of_a_part_is_its_projection_on_the_displacement(text: Group) -> None:
    """From the writes and the states; permuted displacements give the null."""
    found, stream = trace(text), text.places()
    heads, mlp = found.attention(text.name, 2), found.mlp(text.name, 2)
    assert heads is not None
    assert mlp is not None
    moved = stream[4] - stream[2]
    own = np.sum(mlp * moved, axis=1) / np.sum(moved**2, axis=1)
    result = LayerWork().compute(text)
    assert result.shares[1, -1] == pytest.approx(own.mean(), abs=1e-5)
    assert abs(result.null[1, -1] - own.mean()) > 0.01


def test_reach_of_known_weights() -> None:
    """All on the token before: distance 1, entropy 0. On a sink: it is taken away, and what is left is normalised."""
    before = np.eye(6, k=-1)[None]
    before[0, 0, 0] = 1.0
    nothing = np.zeros(6, bool)
    found = Reach.of(before, nothing)
    np.testing.assert_allclose(found.distance, 1.0)
    np.testing.assert_allclose(found.entropy, 0.0)
    sinks = np.arange(6) == 0
    half = 0.5 * before + 0.5 * sinks
    cleaned = Reach.of(half, sinks)
    np.testing.assert_allclose(cleaned.distance, 1.0)
    np.testing.assert_allclose(cleaned.sink, 0.5)
    assert np.all(cleaned.with_sinks[0] > 1.0)
    null = Reach.null(nothing)
    np.testing.assert_allclose(null.distance[0], np.arange(1, 6) / 2)
    np.testing.assert_allclose(null.entropy[0], np.log(np.arange(2, 7)))


def test_attention_reach_of_a_trace_is_that_of_its_weights(text: Group) -> None:
    weights = trace(text).weights(text.name, 1)
    assert weights is not None
    result = AttentionReach(sinks=1e6).compute(text)
    rows = np.arange(1, text.count)
    apart = rows[:, None] - np.arange(text.count)
    np.testing.assert_allclose(result.distance[0], np.sum(weights[:, 1:] * apart, axis=2).mean(axis=1), rtol=1e-5)
    assert result.estimates["attention_reach.sink"].value == 0.0


def test_lens_is_the_mean_of_the_trace(text: Group) -> None:
    result = Lens(sinks=1e6).compute(text)
    np.testing.assert_allclose(result.energy, trace(text).energy(text.name).mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(result.entropy[-1], trace(text).lens_entropy(text.name)[-1].mean(), rtol=1e-6)
    assert half_way(np.arange(5.0), np.array([0.0, 0.9, 0.1, 0.8, 1.0])) == 3.0


def test_the_final_state_is_at_distance_zero_of_itself_and_not_of_others(text: Group) -> None:
    result = FinalDistance().compute(text)
    assert result.distances[-1] == pytest.approx(0.0, abs=1e-12)
    assert result.null[-1] > 0.1


def test_what_is_not_in_the_trace_is_said(text: Group) -> None:
    recording = Group("rows", text.steps, text.places())
    assert "not the depth" in str(DIAGNOSTICS["alignment"]().why_not(recording))
    assert "no trace" in str(DIAGNOSTICS["layer_work"]().why_not(recording))


def test_heads_of_a_trace_are_those_of_its_model(files: tuple[Path, Path], text: Group) -> None:
    """Found by its path; another model in its place is refused, and so is one of other sizes."""
    assert Heads().why_not(text) is None
    result = Heads().compute(text)
    assert result.found["divergence"].shape == (LAYERS, HEADS)
    assert result.quantities()["heads.count"].value == LAYERS * HEADS
    assert any("shuffled heads" in note for note in result.notes)
    other = tiny_model(files[0].parent / "other", layers=2)
    assert "2 layers" in str(Heads(model=str(other)).why_not(replace(text)))
    (files[1] / "added.txt").write_text("changed")
    assert "no longer the model" in str(Heads().why_not(replace(text)))
