"""A training with everything that real ones have (warm-up, cosine, clipping, decay in a group of its own, accumulation,
autocast, a loss scaler, a resumed state) is recorded as it was, and replayed to the accuracy of a constant law."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")

import torch
from foreign_models import LIVE, VOCABULARY, Decoder, Tied, Untied, batch, mean_loss, seeded
from torch import Tensor, nn

import gasfield
from gasfield.comparison.hindcast import relative_errors
from gasfield.comparison.law import law_differences
from gasfield.comparison.rounding_floor import floor_of
from gasfield.diagnostics.grouping import group_of
from gasfield.dynamics import AdamW
from gasfield.dynamics.base import DYNAMICS
from gasfield.dynamics.optimiser import Optimiser
from gasfield.errors import InputError, Note
from gasfield.recording import Recorder
from gasfield.runs.simulate import simulate
from gasfield.simulation import Simulation

DEAD = np.arange(LIVE, VOCABULARY)
RATE, STEPS, PASSES, CLIP = 3e-3, 40, 3, 0.15


def in_groups(model: nn.Module) -> torch.optim.Optimizer:
    """Matrices decay, the rest does not."""
    matrices = [each for each in model.parameters() if each.ndim == 2]
    others = [each for each in model.parameters() if each.ndim != 2]
    groups = [{"params": others, "weight_decay": 0.0}, {"params": matrices, "weight_decay": 0.1}]
    return torch.optim.AdamW(groups, lr=RATE)


def warmup_cosine(step: int) -> float:
    """As in transformers, written independently of gasfield."""
    return step / 8 if step < 8 else 0.5 * (1 + np.cos(np.pi * (step - 8) / (STEPS - 8)))


def train(path: Path, *, autocast: bool = False, steps: int = STEPS, **options: Any) -> None:
    model = seeded(Decoder)
    optimiser = in_groups(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, warmup_cosine)
    inside: Callable[[], Any] = (lambda: torch.autocast("cpu", torch.bfloat16)) if autocast else nullcontext
    options = {"rows": {"dead": DEAD}, "field": "full", "optimizer": optimiser, **options}
    with Recorder(model, path, **options) as recorder:
        for step in range(steps):
            for part in range(PASSES):
                ids, targets = batch(PASSES * step + part)
                with inside():
                    loss = mean_loss(model(ids), targets) / PASSES
                loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimiser.step()
            schedule.step()  # before the recorder: the rate of this update is gone by now
            optimiser.zero_grad()  # and so is the gradient
            recorder.step(loss)


SCENARIO = """title: Again
question: Is it the same law?
seed: 1
space: {{kind: free, dimensions: 12}}
gas:
  - {{name: dead, from: {{kind: recording, file: {file}, group: dead, step: {start}}}}}
forces:
  - {{kind: recorded_gradient, file: {file}, field: {field}}}
dynamics: {{{law}}}
run: {{steps: {steps}}}
diagnostics: []
"""
REPLAY = "kind: adamw, from: recording"


def scenario(folder: Path, recording: Path, law: str = REPLAY, field: str = "full", start: int = 0) -> Path:
    with gasfield.open(recording) as real:
        steps = int(real.steps[-1]) - start
    path = folder / "again.yaml"
    path.write_text(SCENARIO.format(file=recording, law=law, field=field, start=start, steps=steps))
    return path


def replay(
    folder: Path, recording: Path, law: str = REPLAY, field: str = "full", start: int = 0, file: Path | None = None
) -> float:
    """The error of the displacement; the trajectory is written if a file is named."""
    simulation = Simulation.from_scenario(scenario(folder, recording, law, field, start))
    with gasfield.open(recording) as real:
        first, last = real.frame(start).astype(float), real.frame(-1).astype(float)
        steps = int(real.steps[-1]) - start
    if file is None:
        simulation.step(steps)
    else:
        file.unlink(missing_ok=True)
        simulate(simulation, file)
    return float(relative_errors(first, last, simulation.gas.positions).mean())


def hindcast(folder: Path, recording: Path, law: str = REPLAY) -> tuple[list[str], float]:
    """The differences of the laws, and the error of the displacement."""
    error = replay(folder, recording, law, file=folder / "again.h5")
    with gasfield.open(recording) as real, gasfield.open(folder / "again.h5") as simulated:
        return law_differences(real, simulated), error


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads cost such small models more than they give."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training in float32."""
    path = tmp_path_factory.mktemp("training") / "a.h5"
    train(path)
    return path


def test_every_constant_of_every_update_is_recorded(recorded: Path) -> None:
    with gasfield.open(recorded) as real:
        series = {name: real.observable(f"optimiser/{name}").values for name in ("learning_rate", "weight_decay")}
        rescaling, factor = (real.observable(name).values for name in ("gradient_rescaling", "gradient_factor"))
        np.testing.assert_array_equal(series["learning_rate"], [RATE * warmup_cosine(step) for step in range(STEPS)])
        np.testing.assert_array_equal(series["weight_decay"], 0.1)  # of the group of the matrix
        np.testing.assert_array_equal(real.observable("backward_passes").values, PASSES)
        assert rescaling.min() < 0.5, "nothing was clipped"
        np.testing.assert_allclose(factor, rescaling, rtol=1e-5)  # two ways to the same number
        assert real.observable("field_error").values.max() < 1e-5
        assert (real.attributes["autocast"], real.attributes["weight_dtype"]) == ("none", "float32")


def test_a_real_training_is_replayed_as_well_as_a_constant_one(tmp_path: Path, recorded: Path) -> None:
    law, error = hindcast(tmp_path, recorded)
    assert law == []
    assert error < 1e-5
    assert replay(tmp_path, recorded, field="affine") < 5e-3
    schedule = f"{{kind: warmup_cosine, peak: {RATE}, warmup: 8, steps: {STEPS}}}"
    assert replay(tmp_path, recorded, f"kind: adamw, learning_rate: {schedule}, weight_decay: 0.1") < 1e-5
    law, error = hindcast(tmp_path, recorded, f"kind: adamw, learning_rate: {RATE}, weight_decay: recorded")
    assert ["learning rate varied" in each for each in law] == [True]
    assert error > 0.1, "the schedule makes no difference"


def test_under_autocast_only_rounded_gradients_are_left(tmp_path: Path) -> None:
    """The error of the replay is what the roundings of gradients to bfloat16 imply: nothing below, and little above it
    (rows and logits are rounded, too)."""
    recording = tmp_path / "a.h5"
    train(recording, autocast=True)
    law, error = hindcast(tmp_path, recording)
    assert law == []
    with gasfield.open(recording) as real, gasfield.open(tmp_path / "again.h5") as simulated:
        assert real.attributes["autocast"] == "bfloat16"
        assert json.loads(real.attributes["optimiser_state"])["exp_avg_sq"] == "float32"
        found = floor_of(real, simulated, group_of(real, "dead"))
        assert found is not None
        floor = float(found.value)
    assert 0.8 * floor < error < 1.6 * floor
    assert floor > 1e-4


@pytest.mark.parametrize("fused", [False, True])
def test_steps_that_a_loss_scaler_skips_are_skipped(tmp_path: Path, fused: bool) -> None:
    """A fused optimiser is called and skips the update itself."""
    model = seeded(Tied)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=fused)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 / (1 + step))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    with Recorder(model, tmp_path / "a.h5", rows={"dead": DEAD}, field="full", optimizer=optimiser) as recorder:
        for step in range(8):
            optimiser.zero_grad()
            ids, targets = batch(step)
            loss = mean_loss(model(ids), targets) * (1e38 if step in (0, 4) else 1.0)
            scaler.scale(loss).backward()
            scaler.step(optimiser)
            scaler.update()
            schedule.step()
            recorder.step(loss)
    with gasfield.open(tmp_path / "a.h5") as real:
        assert real.observable("optimiser/updates").values.tolist() == [0, 1, 1, 1, 0, 1, 1, 1]
    assert replay(tmp_path, tmp_path / "a.h5") < 1e-4


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_a_training_that_goes_on_is_replayed_from_its_moments(tmp_path: Path, kind: str) -> None:
    model = seeded(Tied)
    made: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adamw": lambda: torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.8, 0.95)),
        "sgd": lambda: torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9, dampening=0.1),
    }
    optimiser, recorder, path = made[kind](), None, tmp_path / "a.h5"
    for step in range(14):
        if step == 6:
            recorder = Recorder(model, path, rows={"dead": DEAD}, field="full", optimizer=optimiser)

        def closure(step: int = step) -> Tensor:
            optimiser.zero_grad()
            ids, targets = batch(step)
            loss = mean_loss(model(ids), targets)
            loss.backward()
            return loss

        optimiser.step(closure)  # the gradient is there after the update only
        if recorder is not None:
            recorder.step()
    assert recorder is not None
    recorder.close()
    assert replay(tmp_path, path, f"kind: {kind}, from: recording") < 1e-4
    assert replay(tmp_path, path, f"kind: {kind}, from: recording, initial_moments: zero") > 0.01
    with pytest.raises(InputError, match=r"at step 3 is not recorded.*had made \d+ updates"):
        replay(tmp_path, path, f"kind: {kind}, from: recording", start=3)


def test_a_recording_without_single_updates_is_replayed_from_its_attributes(tmp_path: Path) -> None:
    """As `gasfield record` wrote them before."""
    model = seeded(Tied)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    with Recorder(model, tmp_path / "a.h5", rows={"dead": DEAD}, field="full", optimizer=optimiser) as recorder:
        for step in range(5):
            optimiser.zero_grad()
            ids, targets = batch(step)
            mean_loss(model(ids), targets).backward()
            optimiser.step()
            recorder.step()
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        for name in ("optimiser", "backward_passes", "gradient_rescaling"):
            del file[f"series/{name}"]
        attributes = file["parameters/provenance"].attrs
        for name in [*attributes]:
            if name.startswith("optimiser_") or name in ("weight_dtype", "autocast"):
                del attributes[name]
    law, error = hindcast(tmp_path, tmp_path / "a.h5")
    assert error < 1e-5
    assert law == ["the recording does not say whether the options of the optimiser were constant"]


def test_a_master_copy_is_found_and_moved(tmp_path: Path) -> None:
    """Updates that bfloat16 weights would lose are kept by the master; the error is that of gradients in bfloat16."""
    model = seeded(Untied).bfloat16()
    masters = [each.detach().clone().float().requires_grad_() for each in model.parameters()]
    optimiser = torch.optim.AdamW(masters, lr=1e-4, weight_decay=0.1)
    options = {"rows": {"dead": DEAD}, "optimizer": optimiser, "field": "full"}
    with Recorder(model, tmp_path / "a.h5", **options) as recorder:
        for step in range(20):
            model.zero_grad()
            ids, targets = batch(step)
            mean_loss(model(ids), targets).backward()
            for master, own in zip(masters, model.parameters(), strict=True):
                master.grad = None if own.grad is None else own.grad.float()
            optimiser.step()
            with torch.no_grad():
                for master, own in zip(masters, model.parameters(), strict=True):
                    own.copy_(master)
            recorder.step()
    with gasfield.open(tmp_path / "a.h5") as real:
        found = real.attributes
        assert (found["weight_dtype"], found["master_dtype"]) == ("bfloat16", "float32")
        assert found["weight_decay"] == 0.1
    law, error = hindcast(tmp_path, tmp_path / "a.h5")
    assert law == []
    assert error < 0.05
    law, without = hindcast(tmp_path, tmp_path / "a.h5", f"{REPLAY}, weight_rounding: nearest")
    assert without > 0.3


def test_momentum_of_nesterov_is_replayed(tmp_path: Path) -> None:
    model = seeded(Tied)
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9, nesterov=True, weight_decay=0.01)
    with Recorder(model, tmp_path / "a.h5", rows={"dead": DEAD}, optimizer=optimiser, field="full") as recorder:
        for step in range(6):
            optimiser.zero_grad()
            ids, targets = batch(step)
            mean_loss(model(ids), targets).backward()
            optimiser.step()
            recorder.step()
    law, error = hindcast(tmp_path, tmp_path / "a.h5", "kind: sgd, from: recording")
    assert law == []
    assert error < 1e-4


@pytest.mark.parametrize(("beta", "says"), [(0.999, "never decays"), (0.997, "often does not"), (0.9, None)])
def test_a_second_moment_that_cannot_decay_is_said(tmp_path: Path, beta: float, says: str | None) -> None:
    model = seeded(Untied).bfloat16()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, beta))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with Recorder(model, tmp_path / "a.h5", rows={"dead": DEAD}, field="none", optimizer=optimiser) as recorder:
            for step in range(2):
                ids, targets = batch(step)
                mean_loss(model(ids), targets).backward()
                optimiser.step()
                recorder.step()
    said = [str(each.message) for each in caught if issubclass(each.category, Note)]
    assert [says in each for each in said if says] == [True] * bool(says)
    rounded = torch.tensor([1.5, 1.0078125, 1.9921875], dtype=torch.bfloat16)
    assert bool((rounded * beta == rounded).all()) == (says == "never decays")


BAD = {
    "other law": ("kind: sgd, from: recording", "the training used adamw, whose law is not sgd"),
    "no recording": ("kind: adamw, from: nowhere.h5", "nowhere.h5"),
    "bad schedule": (
        "kind: adamw, learning_rate: {kind: ramp, from: 1.0, to: -1.0, steps: 5}",
        "greater than or equal to 0 at every step",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_replayed_is_refused(tmp_path: Path, recorded: Path, name: str) -> None:
    law, message = BAD[name]
    with pytest.raises(InputError, match=message):
        replay(tmp_path, recorded, law)


def test_a_recording_without_a_law_and_a_run_beyond_it_are_refused(tmp_path: Path, recorded: Path) -> None:
    train(tmp_path / "a.h5", steps=2, optimizer=None, field="none")
    with pytest.raises(InputError, match="optimiser of the training is not recorded"):
        replay(tmp_path, tmp_path / "a.h5")
    law = AdamW.model_validate({"kind": "adamw", "from": str(recorded)}).resolved([], Path)
    assert law.training is not None
    law.training.require_steps(0, STEPS)
    with pytest.raises(InputError, match=f"at step {STEPS} is not recorded .* give it as a schedule"):
        law.training.require_steps(0, STEPS + 1)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"amsgrad": True, "weight_decay": 0.3, "betas": (0.9, 0.5)}, "amsgrad: false"),
        ({"maximize": True, "betas": (0.8, 0.9)}, "maximize: false"),
        ({"weight_decay": 0.3, "fused": True}, "decoupled_weight_decay: true"),
    ],
    ids=["amsgrad", "maximize", "fused"],
)
def test_variants_of_adam_are_replayed(tmp_path: Path, options: dict[str, Any], wrong: str) -> None:
    """Adam with an L2 penalty, as its options say; the law with one of them changed is another one."""
    path, model = tmp_path / "a.h5", seeded(Decoder)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, **options)
    with Recorder(model, path, rows={"dead": DEAD}, field="full", optimizer=optimiser) as recorder:
        for step in range(12):
            ids, targets = batch(step)
            loss = mean_loss(model(ids), targets)
            loss.backward()
            optimiser.step()
            recorder.step(loss)
            optimiser.zero_grad()
    assert replay(tmp_path, path) < 1e-5
    assert replay(tmp_path, path, f"{REPLAY}, {wrong}") > 1e-3


@pytest.mark.parametrize("law", [law for law in DYNAMICS.values() if getattr(law, "recorded_as", ())])
def test_an_option_of_a_training_is_taken_from_its_recording(law: type[Optimiser]) -> None:
    """A field that a replay leaves at its default would move the rows by another law without a word."""
    options = {"amsgrad", "maximize", "nesterov", "implementation"}
    assert options & law.model_fields.keys() <= set(law.recordable)
