"""SmolLM2-135M traced over a text, and a model of the recorder's own training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from paths import ROOT

from gasfield.language.open import open_model
from gasfield.recording.plan import RecordingPlan, TrainingPlan
from gasfield.recording.record import record
from gasfield.tracing.tracing import trace

pytestmark = pytest.mark.validate


def test_the_parts_of_the_real_model_sum_to_its_stream(tmp_path: Path, smollm2: Path) -> None:
    """1e-5 is what is promised; a thousand tokens were at 5e-7. The law in the end is that of the model itself."""
    result = trace(smollm2, tmp_path / "t.h5", text=ROOT / "docs" / "science.md", tokens=200)
    assert (result.sizes.layers, result.sizes.heads, result.sizes.dimensions) == (30, 9, 576)
    assert result.full
    assert 0.0 < result.sum_error < 1e-5
    model = open_model(smollm2)
    with result.open() as found:
        ids = found.ids("science")
        logits = model.logits(ids).astype(float)[:-1]
        surprise = np.log(np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)) + logits.max(axis=1)
        surprise -= logits[np.arange(len(ids) - 1), ids[1:]]
        np.testing.assert_allclose(found.energy("science")[-1], surprise, atol=2e-4)
        assert result.losses["science"] == pytest.approx(surprise.mean(), abs=1e-5)
        states = found.stream("science")
        for layer in (1, 15, 30):
            whole = states[2 * layer - 2] + found.attention("science", layer).sum(axis=0) + found.mlp("science", layer)
            error = np.linalg.norm(whole - states[2 * layer], axis=1) / np.linalg.norm(states[2 * layer], axis=1)
            assert error.max() < 1e-5


def test_a_model_that_the_recorder_has_trained_is_traced(tmp_path: Path) -> None:
    """It opens as a GPT-2 of transformers; its loss is that of the pass in NumPy."""
    text = "\n".join(f"word{i % 20} follows word{i % 20 + 1}." for i in range(400))
    (tmp_path / "text.txt").write_text(text)
    geometry = {"vocabulary": 300, "dimensions": 8, "feed_forward": 12, "sequence": 32, "layers": 2, "heads": 2}
    plan = {"text": str(tmp_path / "text.txt"), "steps": 60, "batch": 8, "dead": 20, "geometry": geometry}
    kept = RecordingPlan(dead_rows=8, live_rows=4, field="none")
    record(TrainingPlan.model_validate(plan), kept, tmp_path / "a.h5", keep_model=tmp_path / "model")
    result = trace(tmp_path / "model", tmp_path / "t.h5", prompt=text[:60])
    assert result.family == "gpt2"
    assert 0.0 < result.sum_error < 1e-6
    with result.open() as found:
        ids = found.ids("text-1")
        logits = open_model(tmp_path / "model").logits(ids).astype(float)
        law = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        np.testing.assert_allclose(found.energy("text-1")[-1], -law[np.arange(len(ids) - 1), ids[1:]], atol=1e-4)
