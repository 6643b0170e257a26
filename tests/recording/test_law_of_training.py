"""The recorded law of a training is the law by which it moved, and a hindcast by another one says so."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")

import torch
from foreign_models import LIVE, VOCABULARY, Tied, Untied, batch, mean_loss, seeded
from torch import nn

import gasfield
from gasfield.comparison import compare
from gasfield.comparison.law import law_differences
from gasfield.errors import Note
from gasfield.recording import Recorder
from gasfield.recording.plan import RecordingPlan, TrainingPlan
from gasfield.recording.record import record as train_and_record

DEAD = np.arange(LIVE, VOCABULARY)
Making = Callable[[nn.Module], Any]
Schedule = Callable[[Any], Any]
RATE = 1e-2


def adamw(**options: Any) -> Making:
    return lambda model: torch.optim.AdamW(model.parameters(), **{"lr": RATE, "weight_decay": 0.0, **options})


def warm_up(optimiser: Any) -> Any:
    return torch.optim.lr_scheduler.LambdaLR(optimiser, lambda update: (update + 1) / 10)


def record(
    path: Path,
    make: Making,
    model: nn.Module | None = None,
    *,
    steps: int = 5,
    before: int = 0,
    schedule: Schedule | None = None,
    schedule_first: bool = False,
    skip: int | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Trains for some steps before the recording and some in it; the attributes of the file."""
    model = seeded(Untied) if model is None else model
    optimiser = make(model)
    scheduler = schedule(optimiser) if schedule else None

    def update(step: int) -> None:
        optimiser.zero_grad()
        ids, targets = batch(step)
        mean_loss(model(ids), targets).backward()
        if step != skip:
            optimiser.step()

    for step in range(before):
        update(step)
    with Recorder(model, path, rows={"dead": DEAD}, optimizer=optimiser, **options) as recorder:
        for step in range(steps):
            update(step)
            if scheduler and schedule_first:
                scheduler.step()
            recorder.step()
            if scheduler and not schedule_first:
                scheduler.step()
    with gasfield.open(path) as recording:
        return dict(recording.attributes)


def series(path: Path, name: str) -> list[float]:
    with gasfield.open(path) as recording:
        return [float(value) for value in recording.observable(f"optimiser/{name}").values]


@pytest.mark.parametrize("schedule_first", [False, True])
def test_a_schedule_is_recorded_update_by_update(tmp_path: Path, schedule_first: bool) -> None:
    """Wherever the scheduler is called between two updates, and no single rate is claimed."""
    found = record(tmp_path / "a.h5", adamw(), schedule=warm_up, schedule_first=schedule_first)
    assert series(tmp_path / "a.h5", "learning_rate") == pytest.approx([0.001, 0.002, 0.003, 0.004, 0.005])
    assert found["learning_rate"] == "varies"
    assert json.loads(found["optimiser_changes"]) == {"learning_rate": 1}
    assert list(found["betas"]) == [0.9, 0.999]


def test_a_constant_law_is_recorded_whole(tmp_path: Path) -> None:
    make = adamw(lr=torch.tensor(RATE), foreach=False, amsgrad=True, maximize=True, weight_decay=0.1)
    found = record(tmp_path / "a.h5", make, seeded(Untied).bfloat16(), before=7)
    options, state = json.loads(found["optimiser_options"]), json.loads(found["optimiser_state"])
    assert found["learning_rate"] == pytest.approx(RATE, rel=1e-7)  # a float32 tensor
    assert found["optimiser_class"] == "torch.optim.adamw.AdamW"
    assert found["optimiser_step"] == 7
    assert found["weight_decay"] == 0.1
    expected = {"amsgrad": True, "maximize": True, "foreach": False, "fused": None, "capturable": False}
    assert {name: options[name] for name in expected} == expected
    assert state == {"step": "float32", "exp_avg": "bfloat16", "exp_avg_sq": "bfloat16", "max_exp_avg_sq": "bfloat16"}
    assert json.loads(found["optimiser_state_at_start"]) == state
    assert series(tmp_path / "a.h5", "updates") == [1, 1, 1, 1, 1]


def test_an_option_that_changes_and_an_update_that_is_skipped_are_seen(tmp_path: Path) -> None:
    class Switching(torch.optim.AdamW):
        def step(self, closure: Any = None) -> Any:
            done = super().step(closure)
            self.param_groups[0]["maximize"] = True
            return done

    found = record(tmp_path / "a.h5", lambda model: Switching(model.parameters(), lr=RATE), skip=3)
    assert json.loads(found["optimiser_changes"]) == {"maximize": 1}
    assert json.loads(found["optimiser_options"])["maximize"] is False
    assert series(tmp_path / "a.h5", "updates") == [1, 1, 1, 0, 1]


class Unheard:
    """An optimiser of no known class: no hooks, no groups, no state."""

    def __init__(self, model: nn.Module) -> None:
        self._parameters = list(model.parameters())

    def zero_grad(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        for parameter in self._parameters:
            parameter -= RATE * parameter.grad.sign()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda model: torch.optim.Adafactor(model.parameters(), lr=RATE), "adafactor"),
        (lambda model: torch.optim.NAdam(model.parameters(), lr=RATE), "nadam"),
        (Unheard, "unheard"),
    ],
    ids=["Adafactor", "NAdam", "no hooks"],
)
def test_any_optimiser_is_recorded_by_its_name(tmp_path: Path, make: Making, name: str) -> None:
    found = record(tmp_path / "a.h5", make)
    assert found["optimiser"] == name
    assert found.get("learning_rate") == (None if make is Unheard else RATE)


def test_a_model_in_float64_is_recorded(tmp_path: Path) -> None:
    record(tmp_path / "a.h5", adamw(), seeded(Tied).double(), full_steps=[0, 1])
    with gasfield.open(tmp_path / "a.h5") as recording:
        assert recording.precision == "float64"
        assert recording.observable("field_error").values.max() < 1e-6


# --- hindcasts -------------------------------------------------------------------------------------------------------

SCENARIO = """title: Again
question: Is it the same law?
seed: 1
space: {{kind: free, dimensions: 12}}
gas:
  - {{name: dead, from: {{kind: recording, file: {file}, group: dead, step: 0}}}}
forces:
  - {{kind: recorded_gradient, file: {file}, field: full}}
dynamics: {{kind: adamw, learning_rate: {rate}, weight_dtype: {dtype}, moment_dtype: {dtype}}}
run: {{steps: {steps}}}
diagnostics: []
"""


def hindcast(recording: Path, folder: Path, rate: float = RATE, dtype: str = "float32") -> tuple[list[str], float]:
    """The differences of the laws, and the error of the displacement, of a simulation of a recorded training."""
    with gasfield.open(recording) as real:
        steps = int(real.steps[-1])
    (folder / "again.yaml").write_text(SCENARIO.format(file=recording, rate=rate, dtype=dtype, steps=steps))
    result = gasfield.run(str(folder / "again.yaml"), output=folder / "run", pictures="none", overwrite=True)
    with gasfield.open(recording) as real, gasfield.open(result.directory / "trajectory.h5") as simulated:
        found = compare(real, simulated)
        assert found.as_json()["notes"][: len(found.law)] == [f"not the same law: {each}" for each in found.law]
        error = found.groups["dead"].hindcast.estimates["displacement_error"].value
        return list(found.law), float(error)


def test_a_hindcast_by_the_law_of_the_training_has_no_objection(tmp_path: Path) -> None:
    record(tmp_path / "a.h5", adamw(), seeded(Tied), steps=20, field="full")
    law, error = hindcast(tmp_path / "a.h5", tmp_path)
    assert law == []
    assert error < 1e-4
    law, error = hindcast(tmp_path / "a.h5", tmp_path, rate=2 * RATE)
    assert law == ["the learning rate of the training is 0.01, that of the simulation 0.02"]
    assert error > 0.1


DIFFERENT: dict[str, tuple[Making, dict[str, Any], str]] = {
    "schedule": (adamw(), {"schedule": warm_up}, "the learning rate varied in the training, from 0.001 to 0.005"),
    "amsgrad": (adamw(amsgrad=True), {}, "amsgrad, which the simulation does not model"),
    "maximize": (adamw(maximize=True), {}, "maximize, which the simulation does not model"),
    "fused": (adamw(fused=True), {}, "fused, which the simulation does not model"),
    "foreach": (adamw(foreach=True), {}, "foreach, which the simulation does not model"),
    "later": (adamw(), {"before": 3}, "had made 3 updates before the recording"),
    "decay": (adamw(weight_decay=0.5), {}, "the weight decay of the training is 0.5, that of the simulation 0"),
    "skipped": (adamw(), {"skip": 2}, "in 1 steps of the training the optimiser made no update"),
    "betas": (adamw(betas=(0.5, 0.9)), {}, "the betas of the training is 0.5, 0.9"),
    "Adam with decay": (
        lambda model: torch.optim.Adam(model.parameters(), lr=RATE, weight_decay=0.1), {}, "with coupled decay",
    ),
    "SGD": (lambda model: torch.optim.SGD(model.parameters(), lr=RATE), {}, "SGD, the simulation adamw"),
    "Adafactor": (lambda model: torch.optim.Adafactor(model.parameters(), lr=RATE), {}, "Adafactor"),
    "bfloat16": (adamw(), {"model": lambda: seeded(Tied).bfloat16()}, "first moment of the training is bfloat16"),
}  # fmt: skip


def test_a_hindcast_by_another_law_says_so(tmp_path: Path) -> None:
    """Every difference is named: those of the optimiser, its options, its history, its arithmetic."""
    record(tmp_path / "own.h5", adamw(), seeded(Tied), field="full")
    hindcast(tmp_path / "own.h5", tmp_path)
    with gasfield.open(tmp_path / "run" / "trajectory.h5") as simulated:
        for name, (make, options, message) in DIFFERENT.items():
            own = {key: value for key, value in options.items() if key != "model"}
            model = options["model"]() if "model" in options else seeded(Tied)
            record(tmp_path / f"{name}.h5", make, model, field="none", **own)
            with gasfield.open(tmp_path / f"{name}.h5") as real:
                found = law_differences(real, simulated)
                assert any(message in difference for difference in found), (name, found)
        with Recorder(seeded(Tied), tmp_path / "unknown.h5", rows={"dead": DEAD}, field="none"):
            pass
        with gasfield.open(tmp_path / "unknown.h5") as real:
            assert "not known" in law_differences(real, simulated)[0]


def test_the_error_of_an_unnoticed_schedule(tmp_path: Path) -> None:
    """The size of what is said: a hindcast with the first rate of a warm-up misses most of the way."""
    record(tmp_path / "a.h5", adamw(), seeded(Tied), steps=20, field="full", schedule=warm_up)
    law, error = hindcast(tmp_path / "a.h5", tmp_path, rate=RATE / 10)
    assert error > 0.3
    assert len(law) == 1


@pytest.mark.parametrize(("decay", "share"), [(0.01, "0.0%"), (0.0, None)])
def test_a_training_says_that_its_decay_rounds_away(tmp_path: Path, decay: float, share: str | None) -> None:
    (tmp_path / "text.txt").write_text("the cat sat on the mat and a dog ran over the hill " * 60)
    geometry = {"vocabulary": 280, "dimensions": 8, "layers": 1, "heads": 1, "feed_forward": 8, "sequence": 8}
    plan = TrainingPlan.model_validate(
        {
            "text": str(tmp_path / "text.txt"),
            "steps": 1,
            "batch": 2,
            "dead": 5,
            "geometry": geometry,
            "weight_decay": decay,
        }
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train_and_record(plan, RecordingPlan(dead_rows=2, live_rows=2, field="none"), tmp_path / "a.h5")
    said = [str(each.message) for each in caught if issubclass(each.category, Note) and "decay:" in str(each.message)]
    assert [f"weight decay: {share} of the coordinates feel it" in note for note in said] == [True] * bool(share)
