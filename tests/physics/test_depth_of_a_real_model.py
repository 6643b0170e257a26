"""SmolLM2 on the prose of the study: sinks, shares, and classes of heads beyond shuffled ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from paths import ROOT

from gasfield.diagnostics.depth.attention_reach import AttentionReach
from gasfield.diagnostics.depth.heads import Heads
from gasfield.diagnostics.depth.layer_motion import LayerMotion
from gasfield.diagnostics.depth.layer_work import LayerWork
from gasfield.diagnostics.grouping import group_of
from gasfield.tracing.tracing import trace
from gasfield.trajectory import open_trajectory

pytestmark = pytest.mark.validate
TEXTS = ROOT / "docs" / "studies" / "depth-texts.yaml"


def test_findings_hold_for_a_hundred_tokens_of_prose(tmp_path: Path, smollm2: Path) -> None:
    prose = yaml.safe_load(TEXTS.read_text())["prose"]
    trace(smollm2, tmp_path / "t.h5", prompt=prose, tokens=100, weights=True, lens="none")
    with open_trajectory(tmp_path / "t.h5") as trajectory:
        group = group_of(trajectory, trajectory.names[0])
        work, motion = LayerWork().compute(group), LayerMotion().compute(group)
        reach, heads = (each.compute(group).quantities() for each in (AttentionReach(), Heads()))
    assert any("token 0 'The'" in note for note in work.notes)
    np.testing.assert_allclose(work.shares.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(motion.shares.sum(axis=1), 1.0, atol=1e-9)
    told = {key: quantity.value for key, quantity in (reach | heads).items() if isinstance(quantity.value, float)}
    assert told["attention_reach.distance"] < told["attention_reach.distance.null"]
    assert told["attention_reach.distance.with_sinks"] > told["attention_reach.distance.null"]
    for name in ("well", "constraint"):
        assert told[f"heads.{name}"] > 0.1
        assert told[f"heads.{name}.control"] < 0.03
    assert told["heads.electric_field"] < 0.05
    assert told["heads.divergence"] < told["heads.divergence.null"] - 0.05
    assert told["heads.kinds"] == 1
