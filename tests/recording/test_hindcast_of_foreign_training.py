"""A training of a model that gasfield did not write, simulated again without a scenario: warm-up, clipping, decay,
accumulation, and a schedule that has changed the rate before the recorder is called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")

import torch
from foreign_models import LIVE, VOCABULARY, Untied, batch, mean_loss, seeded
from torch import nn

import gasfield
from gasfield.hindcasting import explain_updates, hindcast, plan_hindcast
from gasfield.recording import Recorder

pytestmark = pytest.mark.usefixtures("one_numba_thread")  # PyTorch has threads of its own
DEAD = np.arange(LIVE, VOCABULARY)
STEPS, PASSES = 24, 2


def train(path: Path) -> Path:
    model = seeded(Untied)
    nn.init.normal_(model.head.weight, 0.0, 0.02)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(step / 6, 1.0) * 0.95**step)
    with Recorder(model, path, rows={"dead": DEAD}, field="full", optimizer=optimiser) as recorder:
        for step in range(STEPS):
            for part in range(PASSES):
                ids, targets = batch(PASSES * step + part)
                (mean_loss(model(ids), targets) / PASSES).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.3)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            recorder.step()
    return path


def test_a_training_of_ones_own_needs_no_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gasfield.comparison.side_by_side.Comparison.figures", lambda self: {})
    path = train(tmp_path / "mine.h5")
    exact = hindcast(path, output=tmp_path / "exact")
    assert (exact.plan.field, exact.plan.steps, exact.law_varies) == ("full", STEPS, True)
    assert exact.law_differences == ()
    assert exact.as_json()["groups"]["dead"]["displacement_error"]["value"] < 1e-5
    with gasfield.open(path) as recording:
        affine = explain_updates(plan_hindcast(recording, field="affine"), recording, [])["dead"]
        constant = explain_updates(plan_hindcast(recording, law={"learning_rate": 3e-3}), recording, [])["dead"]
    assert (affine.cause, constant.cause) == ("field", "learning_rate")
    assert affine.local_error.value < 5e-3
