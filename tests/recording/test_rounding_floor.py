"""Trainings under autocast, hindcast: their errors beside the floor that their rounded gradients imply.

The floor counts the roundings of the gradient of each logit and of the sum of each pass. Rows and logits are rounded in
the product, too, and one training is one draw of them: errors lie around the floor, most of them above it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")

import torch
from foreign_models import DEAD_IDS, Decoder, Feedforward, Untied, batch, mean_loss, seeded
from torch import nn

import gasfield
from gasfield.hindcasting import HindcastResult
from gasfield.recording import Recorder

KINDS: dict[str, Callable[[], nn.Module]] = {
    "transformer": Decoder,
    "recurrent": Untied,
    "feed-forward, tied": lambda: Feedforward(tied=True),
}
SEEDS, STEPS, PASSES = 3, 40, 3


def train(path: Path, make: Callable[[], nn.Module], seed: int, *, autocast: bool) -> None:
    """With warm-up, clipping, decay and accumulation."""
    model = seeded(make, seed)
    output = model.head.weight
    assert isinstance(output, nn.Parameter)
    nn.init.normal_(output, 0.0, 0.02)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(step / 8, 1.0))
    with Recorder(model, path, rows={"dead": DEAD_IDS}, field="full", optimizer=optimiser) as recorder:
        for step in range(STEPS):
            for part in range(PASSES):
                ids, targets = batch(1000 * seed + PASSES * step + part)
                with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                    loss = mean_loss(model(ids), targets) / PASSES
                loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.15)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            recorder.step(loss)


def errors_of(result: HindcastResult) -> tuple[float, float | None]:
    """The displacement error, and its floor."""
    found = result.as_json()["groups"]["dead"]
    return found["displacement_error"]["value"], found.get("rounding_floor", {}).get("value")


@pytest.mark.validate
@pytest.mark.parametrize("kind", KINDS)
def test_the_error_under_autocast_is_that_of_rounded_gradients(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the same training without autocast has an error far below, and no floor."""
    monkeypatch.setattr("gasfield.comparison.side_by_side.Comparison.figures", lambda self: {})
    ratios = []
    for seed in range(SEEDS):
        train(tmp_path / f"{seed}.h5", KINDS[kind], seed, autocast=True)
        error, floor = errors_of(gasfield.hindcast(tmp_path / f"{seed}.h5", output=tmp_path / f"run{seed}"))
        assert floor is not None
        print(f"{kind}, seed {seed}: error {error:.3e}, floor {floor:.3e}, ratio {error / floor:.2f}")
        ratios.append(error / floor)
    train(tmp_path / "plain.h5", KINDS[kind], 0, autocast=False)
    error, none = errors_of(gasfield.hindcast(tmp_path / "plain.h5", output=tmp_path / "plain"))
    print(f"{kind}, float32: {error:.1e}")
    assert (error < 1e-5, none) == (True, None)
    assert min(ratios) > 0.8
    assert max(ratios) < 1.6
