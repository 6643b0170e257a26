"""Recording a model compiled by `torch.compile`: the hooks of the output layer run, and the field is the gradient.

The field error is the relative difference of the computed field from the gradient of the training itself: rounding of
float32 only, below 1e-6.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from foreign_models import DEAD_IDS, Feedforward, batch, mean_loss, seeded
from torch import nn

import gasfield
from gasfield.errors import InputError
from gasfield.recording import Recorder


def recorded_error(path: Path, backend: Any, *, tied: bool, device: str = "cpu", steps: int = 12) -> float:
    """The largest field error of a training."""
    model = seeded(lambda: Feedforward(tied=tied)).to(device)
    compiled = torch.compile(model, backend=backend) if backend else model
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    recorder = Recorder(model, path, rows={"dead": DEAD_IDS}, optimizer=optimiser)
    for step in range(steps):
        optimiser.zero_grad()
        ids, targets = (each.to(device) for each in batch(step))
        loss = mean_loss(compiled(ids), targets)
        loss.backward()
        optimiser.step()
        recorder.step(loss)
    recorder.close()
    with gasfield.open(path) as recording:
        assert len(recording) == steps + 1
        return float(np.max(recording.observable("field_error").values))


NO_COMPILER = "torch.compile on a CPU (inductor) needs a C++ compiler, and there is none on PATH (g++, clang++, c++)"
HAS_COMPILER = any(map(shutil.which, ("g++", "clang++", "c++")))


@pytest.mark.validate
@pytest.mark.skipif(not HAS_COMPILER, reason=NO_COMPILER)
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_inductor_changes_nothing_either(tmp_path: Path, tied: bool) -> None:
    """On a machine with a GPU, a training there as well."""
    assert recorded_error(tmp_path / "a.h5", "inductor", tied=tied) < 1e-6
    if torch.cuda.is_available():
        for backend in (None, "inductor"):
            assert recorded_error(tmp_path / f"{backend}.h5", backend, tied=tied, device="cuda") < 1e-5


STEPS, PASSES, CLIP = 10, 2, 0.15


def record_training(path: Path, backend: Any) -> None:
    """With warm-up, clipping, decay and accumulation; `backend` is that of `torch.compile`, or None."""
    model = seeded(Feedforward)
    compiled = torch.compile(model, backend=backend) if backend else model
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(step / 4, 1.0))
    rows = {"dead": DEAD_IDS, "live": 8}
    with Recorder(model, path, rows=rows, field="full", gradients="live", optimizer=optimiser) as recorder:
        for step in range(STEPS):
            for part in range(PASSES):
                ids, targets = batch(PASSES * step + part)
                (mean_loss(compiled(ids), targets) / PASSES).backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            recorder.step()


def differences(one: Path, other: Path) -> dict[str, float]:
    """Of two recordings: of each series, and of displacements, relative to the largest number of it."""
    found = {}
    with gasfield.open(one) as a, gasfield.open(other) as b:
        assert set(a.numbers) == set(b.numbers)
        assert set(a.attributes) == set(b.attributes)
        for name in a.numbers:
            if name == "field_error":
                continue  # rounding alone
            ours, theirs = (each.observable(name).values for each in (a, b))
            found[name] = float(np.max(np.abs(ours - theirs)) / max(np.max(np.abs(ours)), 1e-300))
        first, ours, theirs = (each.astype(float) for each in (a.frame(0), a.frame(-1), b.frame(-1)))
        np.testing.assert_array_equal(first, b.frame(0))
        found["displacement"] = float(np.linalg.norm(theirs - ours) / np.linalg.norm(ours - first))
        for step in range(STEPS):
            hidden, again = (each.full_field().at(step).hidden for each in (a, b))
            found["hidden"] = max(found.get("hidden", 0.0), float(np.abs(hidden - again).max() / np.abs(hidden).max()))
    return found


EXACT = ("optimiser/learning_rate", "optimiser/weight_decay", "optimiser/updates", "backward_passes")


def test_the_recording_of_a_compiled_training_is_that_of_the_same_training_to_the_bit(tmp_path: Path) -> None:
    """Of a backend that computes the graph with PyTorch's own operations."""
    graphs = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    record_training(tmp_path / "plain.h5", None)
    record_training(tmp_path / "compiled.h5", backend)
    assert graphs, "nothing was compiled"
    found = differences(tmp_path / "plain.h5", tmp_path / "compiled.h5")
    assert set(EXACT) <= set(found)
    assert set(found.values()) == {0.0}
    with gasfield.open(tmp_path / "compiled.h5") as recording:
        assert np.max(recording.observable("field_error").values) < 1e-6


def test_a_model_that_was_compiled_before_the_recorder_was_made_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Hooks that come later are not in the compiled code."""
    model = seeded(Feedforward)
    compiled = torch.compile(model, backend="eager")
    compiled(batch(0)[0])
    with Recorder(model, tmp_path / "a.h5", rows={"dead": DEAD_IDS}) as recorder:
        ids, targets = batch(1)
        mean_loss(compiled(ids), targets).backward()
        with pytest.raises(InputError, match="compiled before the recorder"):
            recorder.step()


@pytest.mark.validate
@pytest.mark.skipif(not HAS_COMPILER, reason=NO_COMPILER)
def test_the_recording_of_a_training_compiled_by_inductor_is_that_of_the_same_training(tmp_path: Path) -> None:
    """The law to the bit; all else to the rounding of float32 sums in another order. A sum of n terms errs by about
    sqrt(n) 2^-24, here 6e-7 for n = 100, and AdamW divides by gradients: their relative errors become those of updates,
    ten times as large where a gradient is a tenth of its terms: 1e-5."""
    record_training(tmp_path / "plain.h5", None)
    record_training(tmp_path / "compiled.h5", "inductor")
    found = differences(tmp_path / "plain.h5", tmp_path / "compiled.h5")
    print(found)
    assert all(found[name] == 0.0 for name in EXACT)
    assert all(difference < 1e-5 for difference in found.values())
    assert any(found.values()), "not compiled: every bit is the same"
