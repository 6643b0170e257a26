"""Push, pull and input side of a live row are what they are by definition, and sum to its gradient; how often its token
occurs is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")

import torch
from foreign_models import IGNORED, LIVE, VOCABULARY, Tied, Untied, batch, mean_loss, seeded
from torch import nn

import gasfield
from gasfield.comparison.hindcast import relative_errors
from gasfield.recording import Recorder
from gasfield.recording.live import Parts
from gasfield.simulation import Simulation

ROWS = np.arange(0, LIVE, 7)


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-6), (torch.float64, 2.0**-23)])
@pytest.mark.parametrize("make", [Untied, Tied])
def test_the_parts_sum_to_the_gradient_and_are_what_they_say(
    tmp_path: Path, make: type[nn.Module], dtype: torch.dtype, limit: float
) -> None:
    """Clipped, from two passes an update; push and pull by their definitions. In float64 all that is left is that the
    factor of clipping and each part are rounded to float32 (2^-24 each): the rest is the training's rounding."""
    model = seeded(make).to(dtype)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    rows = {"dead": np.arange(LIVE, VOCABULARY), "live": ROWS}
    recorder = Recorder(model, tmp_path / "a.h5", rows=rows, optimizer=optimiser, gradients="live", parts="live")
    push, pull = torch.zeros(2, len(ROWS), model.head.in_features)
    targets, inputs = np.zeros((2, VOCABULARY), np.int64)
    for step in range(3):
        optimiser.zero_grad()
        for part in range(2):
            ids, wanted = batch(2 * step + part)
            if step == 2:
                push, pull = (
                    old + new for old, new in zip((push, pull), by_definition(model, ids, wanted), strict=True)
                )
                targets += np.bincount(wanted[wanted != IGNORED], minlength=VOCABULARY)
                inputs += np.bincount(ids.flatten(), minlength=VOCABULARY) * (make is Tied)
            loss_of(model(ids), wanted).backward()
        norm = float(nn.utils.clip_grad_norm_(model.parameters(), 0.01))
        optimiser.step()
        recorder.step()
    recorder.close()
    with gasfield.open(tmp_path / "a.h5") as recording:
        found = {name: recording.live_part(name).values for name in ("push", "pull", "input")}
        gradient, error = recording.live_gradients().values, recording.observable("parts_error").values
        rounding = recording.observable("parts_rounding").values
        counts = {name: recording.live_count(name).values[2] for name in ("targets", "inputs")}
    scale = np.linalg.norm(gradient, axis=2)
    off = np.linalg.norm(sum(found.values()) - gradient, axis=2) / scale
    np.testing.assert_allclose(error, off.max(axis=1), atol=1e-7)
    assert rounding.max() <= error.max() < limit
    np.testing.assert_array_equal(counts["targets"], targets[ROWS])
    np.testing.assert_array_equal(counts["inputs"], inputs[ROWS])
    assert targets[ROWS].any()
    for name, expected in (("push", push), ("pull", pull)):
        tolerance = 3e-6 * float(scale[2].max())
        np.testing.assert_allclose(found[name][2], 0.01 / norm * expected, rtol=0, atol=tolerance)
    assert (np.abs(found["input"]).max() > 0) == (make is Tied)
    assert np.abs(found["pull"]).max() > 0


SCENARIO = """title: Live rows
question: Do they move as they did?
seed: 1
space: {{kind: free, dimensions: 12}}
gas:
  - {{name: live, from: {{kind: recording, file: {file}, group: live, step: 0}}}}
  - {{name: dead, from: {{kind: recording, file: {file}, group: dead, step: 0}}}}
forces:
  - {{kind: recorded_gradient, file: {file}, field: full}}
{pull}
dynamics: {{kind: adamw, from: recording}}
run: {{steps: {steps}}}
diagnostics: []
"""
PULL = "  - {{kind: recorded_pull, file: {file}, field: full, groups: [live]}}"


def test_live_rows_are_replayed_in_the_field_with_their_pull(tmp_path: Path) -> None:
    model, file, steps = seeded(Tied), tmp_path / "a.h5", 12
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    rows = {"dead": np.arange(LIVE, VOCABULARY), "live": ROWS}
    with Recorder(model, file, rows=rows, optimizer=optimiser, gradients="live", field="full") as recorder:
        for step in range(steps):
            optimiser.zero_grad()
            ids, targets = batch(step)
            mean_loss(model(ids), targets).backward()
            optimiser.step()
            recorder.step()
    errors = {}
    for name, pull in (("with", PULL.format(file=file)), ("without", "")):
        (tmp_path / f"{name}.yaml").write_text(SCENARIO.format(file=file, pull=pull, steps=steps))
        gas = Simulation.from_scenario(tmp_path / f"{name}.yaml").step(steps).gas
        with gasfield.open(file) as real:
            live = real.members("live")
            first, last = (real.frame(frame)[live].astype(float) for frame in (0, -1))
        errors[name] = relative_errors(first, last, gas.positions[: len(live)]).mean()
    assert errors["with"] < 1e-3
    assert errors["without"] > 0.5


def loss_of(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in the precision of the logits."""
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def by_definition(model: nn.Module, ids: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of mean cross-entropy without ignored targets."""
    with torch.no_grad():
        hidden, wanted = model.hidden(ids).flatten(0, 1), targets.flatten()
        weight = (wanted != IGNORED).to(hidden.dtype) / (wanted != IGNORED).sum()
        share = model(ids).flatten(0, 1).softmax(dim=1)[:, ROWS]
        is_target = (wanted[:, None] == torch.from_numpy(ROWS)).to(hidden.dtype)
        return (weight[:, None] * share).T @ hidden, -(weight[:, None] * is_target).T @ hidden


def counted(path: Path, losses: list[Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]]) -> np.ndarray:
    """(steps, 2, n) targets and inputs of the rows, recorded over one update with each of the losses."""
    model = seeded(Tied)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
    rows = {"dead": np.arange(LIVE, VOCABULARY), "live": ROWS}
    recorder = Recorder(model, path, rows=rows, optimizer=optimiser, gradients="live", approximate=True, overwrite=True)
    for step, loss in enumerate(losses):
        optimiser.zero_grad()
        loss(model, *batch(step)).backward()
        optimiser.step()
        recorder.step()
    recorder.close()
    with gasfield.open(path) as recording:
        return np.stack([recording.live_count(name).values for name in ("targets", "inputs")], axis=1)


def plain(model: nn.Module, ids: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return loss_of(model(ids), wanted)


def test_targets_are_counted_at_a_temperature_too(tmp_path: Path) -> None:
    """The field of logits/2 is not exp(w . h), but the sign of the gradient of a logit still tells the target."""
    found = counted(tmp_path / "a.h5", [lambda model, ids, wanted: loss_of(model(ids) / 2, wanted)])
    wanted = batch(0)[1]
    expected = np.bincount(wanted[wanted != IGNORED], minlength=VOCABULARY)[ROWS]
    np.testing.assert_array_equal(found[0, 0], expected)
    assert expected.sum() >= 5


def test_a_step_without_the_output_layer_leaves_nothing_to_the_next(tmp_path: Path) -> None:
    def of_inputs_alone(model: nn.Module, ids: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        entry = next(each for each in model.modules() if isinstance(each, nn.Embedding))
        return entry(ids).pow(2).sum()

    with pytest.warns(UserWarning, match="the output layer was not used"):
        found = counted(tmp_path / "a.h5", [plain, of_inputs_alone, plain])
    expected = np.bincount(batch(2)[0].flatten(), minlength=VOCABULARY)[ROWS]
    np.testing.assert_array_equal(found[-1, 1], expected)


def test_parts_of_a_skipped_update_are_zero() -> None:
    """A loss scaler skips an update whose gradients are not finite: what the optimiser receives is nothing."""
    infinite, none = torch.full((2, 3), torch.inf), torch.zeros(2, dtype=torch.int64)
    received = Parts(infinite, -infinite, infinite, none, none).received(torch.zeros(()))
    assert not any(each.any() for each in (received.push, received.pull, received.input))
    assert all(float(error) == 0 for error in received.errors(infinite).values())
