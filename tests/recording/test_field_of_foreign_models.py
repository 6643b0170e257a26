"""g(w) = sum_b w_b exp(w . h_b) h_b / Z_b for models that are not ours, whatever weights their losses give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")

import torch
from foreign_models import (
    IGNORED,
    LIVE,
    VOCABULARY,
    Bent,
    Tied,
    TiedWithoutLayer,
    Untied,
    batch,
    mean_loss,
    seeded,
)
from torch import Tensor, nn
from torch.nn import functional

import gasfield
from gasfield.errors import InputError
from gasfield.recording import Recorder, RecordingWarning

DEAD = np.arange(LIVE, VOCABULARY)
FLOAT32_ERROR = 1e-6
"""Sums of 36 positions of float32 numbers, whose exponentials are good to a few 1e-7."""
BFLOAT16_ERROR = 4e-3
"""A gradient of a logit is rounded to 2^-9 of itself, and so is the sum over positions."""
Loss = Callable[[Tensor, Tensor], Tensor]


def train(
    model: nn.Module,
    path: Path,
    loss: Loss = mean_loss,
    clip: float | None = None,
    accumulate: int = 1,
    steps: int = 4,
    **options: Any,
) -> list[np.ndarray]:
    """Trains and records; the gradients of all rows that the optimiser got, step by step."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    seen = []
    given = {"rows": {"dead": DEAD, "live": 10}, "optimizer": optimiser, "gradients": True, **options}
    with Recorder(model, path, **given) as recorder:
        for step in range(steps):
            optimiser.zero_grad()
            total = 0.0
            for part in range(accumulate):
                ids, targets = batch(10 * step + part)
                value = loss(model(ids), targets) / accumulate
                value.backward()
                total += value.item()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimiser.step()
            recorder.step(total)
            seen.append(recorder._weight.grad.float().numpy().copy())
    return seen


def force(hidden: np.ndarray, strength: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(N, D) sum_b s_b exp(w . h_b) h_b, by plain NumPy in float64."""
    return (strength * np.exp(rows @ hidden.T)) @ hidden


def errors(path: Path, gradients: list[np.ndarray], uniform: bool = False) -> np.ndarray:
    """|field - gradient| / |gradient| over all dead rows, for each step."""
    with gasfield.open(path) as recording:
        field, members = recording.full_field(), recording.members("dead")
        found = []
        for step, gradient in enumerate(gradients):
            at = field.at(step)
            strength = at.weight * np.exp(-at.log_partition)
            if uniform:
                strength = np.exp(-at.log_partition) / len(strength)
            rows = recording.frame(step)[members].astype(float)
            found.append(np.linalg.norm(force(at.hidden, strength, rows) - gradient[DEAD]))
            found[-1] /= np.linalg.norm(gradient[DEAD])
    return np.array(found)


def token_weighted(logits: Tensor, targets: Tensor) -> Tensor:
    """A sum over positions, each with a weight of its own, times a loss scale."""
    each = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none")
    return 1024.0 * (each * torch.linspace(0.1, 3.0, each.numel())).sum()


def with_partition_penalty(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy and a penalty on log Z, which is of the form exp(w . h) as well."""
    return mean_loss(logits, targets) + 1e-2 * logits.logsumexp(-1).square().mean()


LAWFUL = {
    "untied": (Untied, {}),
    "tied": (Tied, {}),
    "tied by functional.linear": (TiedWithoutLayer, {}),
    "tied by h @ W.T": (lambda: TiedWithoutLayer("matmul"), {}),
    "accumulated": (Untied, {"accumulate": 3}),
    "clipped": (Tied, {"clip": 0.05}),
    "weighted and scaled": (Untied, {"loss": token_weighted}),
    "penalty on log Z": (Untied, {"loss": with_partition_penalty}),
}


@pytest.mark.parametrize("name", LAWFUL)
def test_the_field_is_the_gradient_of_every_dead_row(tmp_path: Path, name: str) -> None:
    make, options = LAWFUL[name]
    gradients = train(seeded(make), tmp_path / "run.h5", field="full", **options)
    assert errors(tmp_path / "run.h5", gradients).max() < FLOAT32_ERROR
    with gasfield.open(tmp_path / "run.h5") as recording:
        assert recording.observable("field_error").values.max() < FLOAT32_ERROR
        factors = recording.observable("gradient_factor").values
        assert np.all(factors < 0.5) if "clip" in options else np.all(factors == 1.0)
        stored = recording._content.series("particles/vectors/gradient", None, None).values
        np.testing.assert_array_equal(stored[2], gradients[2][recording.token_ids])


def test_control_equal_weights_for_all_positions_are_wrong_where_a_third_is_ignored(tmp_path: Path) -> None:
    gradients = train(seeded(Untied), tmp_path / "run.h5", field="full")
    assert errors(tmp_path / "run.h5", gradients, uniform=True).min() > 0.1


@pytest.mark.parametrize("make", [Untied, Tied])
def test_in_bfloat16_it_is_within_rounding(tmp_path: Path, make: Callable[[], nn.Module]) -> None:
    gradients = train(seeded(make).to(torch.bfloat16), tmp_path / "run.h5", field="full")
    assert errors(tmp_path / "run.h5", gradients).max() < BFLOAT16_ERROR
    with gasfield.open(tmp_path / "run.h5") as recording:
        assert recording.precision == "bfloat16"
        assert not np.any(recording.positions().view(np.uint32) & 0xFFFF)


def test_under_autocast_the_coarsest_numbers_count(tmp_path: Path) -> None:
    class Cast(Untied):
        def forward(self, ids: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return super().forward(ids)

    gradients = train(seeded(Cast), tmp_path / "run.h5", field="full")
    assert errors(tmp_path / "run.h5", gradients).max() < 4 * BFLOAT16_ERROR  # hidden states are rounded after the hook
    with gasfield.open(tmp_path / "run.h5") as recording:
        assert recording.precision == "float32"


def test_batches_of_different_size_and_what_has_no_place_is_told(tmp_path: Path) -> None:
    model = seeded(Untied)
    recorder = Recorder(model, tmp_path / "run.h5", rows={"dead": DEAD}, field="full")
    for step, size in enumerate((3, 2, 4, 3)):
        model.zero_grad()
        ids, targets = batch(step, size=size)
        mean_loss(model(ids), targets).backward()
        recorder.step()
    with pytest.warns(RecordingWarning, match="1 exact fields are not in .* at step 2: their batches had more"):
        recorder.close()
    with gasfield.open(tmp_path / "run.h5") as recording:
        assert list(recording.full_field().steps) == [0, 1, 3]
        assert list(recording.affine_field().steps) == [0, 1, 2, 3]
        assert np.count_nonzero(recording.full_field().at(1).weight) <= 18


def test_the_affine_field_is_the_expansion_of_the_exact_one(tmp_path: Path) -> None:
    train(seeded(Untied), tmp_path / "run.h5", full_steps=[2])
    with gasfield.open(tmp_path / "run.h5") as recording:
        affine, full = recording.affine_field().at(2), recording.full_field().at(2)
        dead = recording.frame(2)[recording.members("dead")]
        np.testing.assert_allclose(affine.reference, dead.mean(axis=0), atol=1e-7)
        strength = full.weight * np.exp(-full.log_partition)
        share = strength * np.exp(full.hidden @ affine.reference)
        np.testing.assert_allclose(affine.gradient, share @ full.hidden, rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(affine.hessian, (full.hidden * share[:, None]).T @ full.hidden, rtol=1e-3, atol=1e-6)
        assert affine.potential == pytest.approx(share.sum(), rel=1e-6)


def smoothed(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, label_smoothing=0.1)


UNLAWFUL = {
    "bias": (lambda: Untied(bias=True), {}, "has a bias"),
    "soft cap": (lambda: Bent(lambda logits: 2 * torch.tanh(logits / 2)), {}, "rows disagree by"),
    "temperature": (lambda: Bent(lambda logits: logits / 1.05), {}, "rows disagree by"),
    "label smoothing": (Untied, {"loss": smoothed}, "rows disagree by"),
}


@pytest.mark.parametrize("name", UNLAWFUL)
def test_what_is_not_exp_w_h_is_refused_or_marked(tmp_path: Path, name: str) -> None:
    make, options, message = UNLAWFUL[name]
    with pytest.raises(InputError, match=message):
        train(seeded(make), tmp_path / "refused.h5", **options)
    train(seeded(make), tmp_path / "marked.h5", approximate=True, **options)
    with gasfield.open(tmp_path / "marked.h5") as recording:
        assert recording.attributes["field_is_approximate"]
        assert recording.observable("field_error").values.min() > 1e-3


def test_dead_rows_of_a_foreign_model_are_moved_as_adamw_in_their_field_moves_them(tmp_path: Path) -> None:
    steps = 25
    train(seeded(Tied), tmp_path / "run.h5", field="full", steps=steps)
    scenario = tmp_path / "again.yaml"
    scenario.write_text(
        f"title: Again\nquestion: Does the field move them alike?\nseed: 1\nspace: {{kind: free, dimensions: 12}}\n"
        f"gas:\n  - {{name: dead, from: {{kind: recording, file: {tmp_path}/run.h5, group: dead, step: 0}}}}\n"
        f"forces:\n  - {{kind: recorded_gradient, file: {tmp_path}/run.h5, field: full}}\n"
        "dynamics: {kind: adamw, learning_rate: 1.0e-2, weight_dtype: float32, moment_dtype: float32}\n"
        f"run: {{steps: {steps}}}\ndiagnostics: []\n"
    )
    result = gasfield.run(str(scenario), output=tmp_path / "run", pictures="none")
    with gasfield.open(tmp_path / "run.h5") as real, gasfield.open(result.directory / "trajectory.h5") as made:
        rows = real.members("dead")
        moved = np.linalg.norm(real.frame(-1)[rows] - real.frame(0)[rows], axis=1)
        off = np.linalg.norm(made.frame(-1) - real.frame(-1)[rows], axis=1)
        assert np.mean(off / moved) < 1e-4
        assert moved.min() > 0.1
