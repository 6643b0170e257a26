"""The recorder as its users meet it: rows, steps, moments, faults, full disks, kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")

import torch
from failing_writes import unmeasured
from foreign_models import LIVE, VOCABULARY, Tied, TiedWithoutLayer, Untied, batch, mean_loss, seeded
from torch import nn

import gasfield
from gasfield.errors import InputError
from gasfield.recording import Recorder, RecordingWarning
from gasfield.recording.cadence import spread_steps
from gasfield.recording.layout import Layout
from gasfield.tracers import Tracer
from gasfield.trajectory.writer import FLUSH_SECONDS

DEAD = np.arange(LIVE, VOCABULARY)
LATTICE = Tracer.model_validate(
    {
        "name": "lattice",
        "shape": {"kind": "cubic", "side": 2, "spacing": 0.1},
        "place": {"kind": "centroid", "of": "dead"},
    }
)


def steps_of(model: nn.Module, recorder: Recorder, count: int, optimiser: torch.optim.Optimizer | None = None) -> None:
    optimiser = optimiser or torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(count):
        optimiser.zero_grad()
        ids, targets = batch(step)
        loss = mean_loss(model(ids), targets)
        loss.backward()
        optimiser.step()
        recorder.step(loss)


def test_rows_moments_and_gradients_are_those_of_the_training(tmp_path: Path) -> None:
    model = seeded(Untied)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.8, 0.99))
    start = model.head.weight.detach().numpy().copy()
    with Recorder(
        model, tmp_path / "a.h5", rows={"dead": DEAD, "live": [3, 1]}, optimizer=optimiser, moments=True,
        gradients="live", tokens=[f"<{i}>" for i in range(VOCABULARY)], provenance={"note": "mine"},
    ) as recorder:  # fmt: skip
        steps_of(model, recorder, 5, optimiser)
    state = optimiser.state[model.head.weight]
    with gasfield.open(tmp_path / "a.h5") as recording:
        ids = recording.token_ids
        assert list(ids) == [*DEAD, 1, 3]
        assert recording.tokens[-1] == "<3>"
        assert list(recording.steps) == [0, 1, 2, 3, 4, 5]
        np.testing.assert_array_equal(recording.frame(0), start[ids])
        np.testing.assert_array_equal(recording.frame(-1), model.head.weight.detach().numpy()[ids])
        for name, key in (("first_moment", "exp_avg"), ("second_moment", "exp_avg_sq")):
            kept = recording._content.series(f"particles/vectors/{name}", None, None)
            assert list(kept.steps) == [1, 2, 3, 4, 5]
            np.testing.assert_array_equal(kept.values[-1], state[key].numpy()[ids])
        np.testing.assert_array_equal(recording.live_gradients().values[-1], model.head.weight.grad.numpy()[[1, 3]])
        assert recording.attributes["matrix"] == "head.weight"
        assert list(recording.attributes["betas"]) == [0.8, 0.99]
        assert recording.attributes["note"] == "mine"
        dead = model.head.weight.detach().numpy()[DEAD].astype(float)
        centroid = recording.observable("dead/centroid").values[-1]
        np.testing.assert_allclose(centroid, dead.mean(axis=0), atol=1e-7)
        radius = np.linalg.norm(dead - dead.mean(axis=0), axis=1).mean()
        assert recording.observable("dead/radius").values[-1] == pytest.approx(radius, rel=1e-6)


def test_every_tenth_step(tmp_path: Path) -> None:
    model = seeded(Tied)
    with Recorder(model, tmp_path / "a.h5", rows={"dead": DEAD}, every=10, survey_steps=[0, 7]) as recorder:
        steps_of(model, recorder, 25)
    with gasfield.open(tmp_path / "a.h5") as recording:
        assert list(recording.steps) == [0, 10, 20]
        assert list(recording.affine_field().steps) == [0, 10, 20]
        assert list(recording.survey().steps) == [0, 7]
        assert len(recording.observable("loss").values) == 25


def test_last_motion_is_the_last_step_in_which_a_bit_changed(tmp_path: Path) -> None:
    model = seeded(Tied)
    with Recorder(model, tmp_path / "a.h5", rows={"dead": DEAD}, survey_steps=[0, 6], field="none") as recorder:
        for step in range(1, 7):
            with torch.no_grad():
                model.tokens.weight[LIVE + step :] += 1.0  # row LIVE + 1 moves once, LIVE + 2 twice, ...
            recorder.step()
    with gasfield.open(tmp_path / "a.h5") as recording:
        np.testing.assert_array_equal(recording.last_motion().values[-1][:8], [0, 1, 2, 3, 4, 5, 6, 6])
        np.testing.assert_array_equal(recording.last_motion().values[0], 0)


def test_rows_are_drawn_by_the_seed_if_nobody_names_them(tmp_path: Path) -> None:
    drawn = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        with Recorder(seeded(Tied), tmp_path / f"{name}.h5", rows={"some": 20}, seed=seed, field="none"):
            pass
        with gasfield.open(tmp_path / f"{name}.h5") as recording:
            drawn.append(recording.token_ids)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    with Recorder(seeded(Tied), tmp_path / "all.h5", field="none"):
        pass
    with gasfield.open(tmp_path / "all.h5") as recording:
        assert len(recording.token_ids) == VOCABULARY  # 320 were wanted


def test_tracers_are_planted_in_dead_rows_of_a_foreign_model(tmp_path: Path) -> None:
    model = seeded(Tied)
    with Recorder(model, tmp_path / "a.h5", rows={"dead": 10}, dead=DEAD, tracers=[LATTICE], field="none"):
        pass
    with gasfield.open(tmp_path / "a.h5") as recording:
        ids = recording.token_ids[recording.members("lattice")]
        assert set(ids) <= set(DEAD)
        lattice = recording.frame(0)[recording.members("lattice")]
        np.testing.assert_array_equal(lattice, model.tokens.weight.detach().numpy()[ids])
        first, second = recording.bonds["lattice"].T
        np.testing.assert_allclose(np.linalg.norm(lattice[first] - lattice[second], axis=1), 0.1, rtol=1e-5)
        assert len(recording.survey_ids) == len(DEAD) - 8


REFUSED: dict[str, tuple[Callable[[], nn.Module], dict, str]] = {
    "no embedding": (lambda: nn.Linear(3, 4), {}, "has no nn.Embedding"),
    "two embeddings": (
        lambda: nn.ModuleDict({"a": nn.Embedding(9, 2), "b": nn.Embedding(9, 2)}), {}, "2 embeddings of 9 rows: a, b",
    ),
    "wrong name": (Untied, {"embedding": "wte"}, "embedding wte: Untied has no such parameter; its tallest matrices"),
    "out of range": (Untied, {"rows": {"dead": [5, VOCABULARY]}}, f"rows: dead: there is no row {VOCABULARY};"),
    "negative": (Untied, {"rows": [-1]}, "rows: rows: there is no row -1"),
    "not whole": (Untied, {"rows": [0.5]}, "row numbers are integers"),
    "twice": (Untied, {"rows": {"a": [1, 2], "b": [2]}}, "row 2 is in two groups"),
    "unknown dead": (Untied, {"rows": {"dead": 5}}, "the dead rows must be given"),
    "too many": (Untied, {"rows": {"dead": 99}, "dead": DEAD}, "99 rows are requested, and there are 40"),
    "name": (Untied, {"rows": {"survey": [1]}, "dead": DEAD, "gradients": "survey"}, "is the name of all dead"),
    "tracers": (Untied, {"tracers": [LATTICE]}, "dead rows, which must be given"),
    "moments": (Untied, {"moments": True}, "moments True: needs the optimiser"),
    "field": (Untied, {"field": "exact"}, "field exact: the forms of the field are affine, full, none"),
    "every": (Untied, {"every": -1}, "every -1: must be at least 1"),
    "gradients": (Untied, {"gradients": "dead"}, "the groups are rows"),
    "matrix": (Untied, {"matrix": "embedding"}, "the field moves rows of the output matrix"),
    "tokens": (Untied, {"tokens": ["a"]}, "1 strings for 120 rows"),
    "provenance": (Untied, {"provenance": {"a": object()}}, "provenance: a is of type object"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_refused_and_leaves_no_file(tmp_path: Path, name: str) -> None:
    make, options, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        Recorder(make(), tmp_path / "a.h5", **options)
    assert not list(tmp_path.iterdir())


def test_a_file_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        Recorder(seeded(Tied), tmp_path / "a.h5")
    with pytest.raises(InputError, match="there is no folder"):
        Recorder(seeded(Tied), tmp_path / "b" / "a.h5")
    assert (tmp_path / "a.h5").read_text() == "mine"


def test_a_step_at_the_wrong_place_is_refused(tmp_path: Path) -> None:
    model = seeded(Untied)
    with Recorder(model, tmp_path / "a.h5") as recorder:
        mean_loss(model(batch(0)[0]), batch(0)[1]).backward()
        model.zero_grad()
        with pytest.raises(InputError, match="before zero_grad"):
            recorder.step()
    with Recorder(model, tmp_path / "b.h5") as recorder:
        model(batch(0)[0])
        with pytest.raises(InputError, match=r"call recorder\.step\(\) after backward\(\)"):
            recorder.step()


def test_a_model_that_hides_its_logits_is_refused(tmp_path: Path) -> None:
    for make, message in ((Untied, "head was never called"), (TiedWithoutLayer, "name the output layer")):
        model = seeded(make)
        with Recorder(model, tmp_path / f"{make.__name__}.h5") as recorder:
            model.hidden(batch(0)[0]).sum().backward()
            with pytest.raises(InputError, match=message):
                recorder.step()


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_a_writer_that_fails_does_not_stop_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Layout.write

    def fails(self: Layout, writer: Any, record: Any) -> None:
        if record.step == 7:
            raise OSError(28, "No space left on device")
        whole(self, writer, record)

    monkeypatch.setattr(Layout, "write", fails)
    model = seeded(Tied)
    recorder = Recorder(model, tmp_path / "a.h5", rows={"dead": DEAD})
    with pytest.warns(RecordingWarning, match=r"recording stopped .* No space left .* training continues"):
        steps_of(model, recorder, 40)
    assert recorder.updates == 40
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorder.close()  # it was said already
    with gasfield.open(tmp_path / "a.h5") as recording:
        assert list(recording.steps) == list(range(len(recording)))


FILLS_THE_DISK = """
import resource, signal, sys, warnings
import numpy as np, torch
from foreign_models import DEAD_IDS, Tied, seeded, batch, mean_loss
from gasfield.recording import Recorder
import gasfield.trajectory.writer as writer
writer.FLUSH_SECONDS = 0.05
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
model = seeded(Tied)
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
recorder = Recorder(model, sys.argv[1], rows={"dead": DEAD_IDS}, full_steps=range(10**4))
limit = 3_000_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for step in range(1500):
        optimiser.zero_grad()
        ids, targets = batch(step)
        loss = mean_loss(model(ids), targets)
        loss.backward()
        optimiser.step()
        recorder.step(loss)
    recorder.close()
print("trained", step + 1)
print("told", [str(each.message) for each in said if "training continues" in str(each.message)])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are a matter of POSIX")
def test_a_full_disk_leaves_a_valid_file_and_a_training_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    done = subprocess.run(
        [sys.executable, "-c", FILLS_THE_DISK, str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        env=_environment(),
    )
    assert "trained 1500" in done.stdout, done.stderr[-2000:]
    assert "recording stopped before step" in done.stdout, done.stdout
    with gasfield.open(path) as left:
        assert len(left) > 20
        assert list(left.steps) == list(range(len(left)))
        assert np.isfinite(left.positions()).all()
        assert len(left.affine_field().steps) > 20


def test_a_slow_disk_loses_steps_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Layout.write

    def slow(self: Layout, writer: Any, record: Any) -> None:
        time.sleep(0.2)
        whole(self, writer, record)

    monkeypatch.setattr(Layout, "write", slow)
    model = seeded(Tied)
    recorder = Recorder(model, tmp_path / "a.h5", rows={"dead": DEAD}, queue=2)
    start = time.monotonic()
    with pytest.warns(RecordingWarning, match="the disk is slower than the training"):
        steps_of(model, recorder, 30)
    assert time.monotonic() - start < 30 * 0.2  # it did not wait for the disk
    lost = list(recorder.lost)
    assert lost
    with pytest.warns(RecordingWarning, match=f"{len(lost)} steps are not in"):
        recorder.close()
    with gasfield.open(tmp_path / "a.h5") as recording:
        assert set(range(1, 31)) - set(recording.steps) == {step + 1 for step in lost}


def test_with_patience_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Layout.write

    def slow(*given: Any) -> None:
        time.sleep(0.02)
        whole(*given)

    monkeypatch.setattr(Layout, "write", slow)
    model = seeded(Tied)
    with Recorder(model, tmp_path / "a.h5", rows={"dead": DEAD}, queue=1, patience=60.0) as recorder:
        steps_of(model, recorder, 20)
    with gasfield.open(tmp_path / "a.h5") as recording:
        assert list(recording.steps) == list(range(21))


# --- kills and readers -----------------------------------------------------------------------------------------------

TRAINS_UNTIL_KILLED = """
import sys, time
import torch
from foreign_models import DEAD_IDS, Tied, seeded, batch, mean_loss
from gasfield.recording import Recorder
from gasfield.trajectory import writer
writer.FLUSH_SECONDS = float(sys.argv[2])
model = seeded(Tied)
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
recorder = Recorder(model, sys.argv[1], rows={"dead": DEAD_IDS, "live": 20})
for step in range(10**7):
    optimiser.zero_grad()
    ids, targets = batch(step)
    loss = mean_loss(model(ids), targets)
    loss.backward()
    optimiser.step()
    recorder.step(loss)
    print(step, time.time(), flush=True)
"""


def _environment() -> dict[str, str]:
    return unmeasured() | {"PYTHONPATH": str(Path(__file__).parent.parent), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("interval", [1.0, pytest.param(FLUSH_SECONDS, marks=pytest.mark.validate)], ids=str)
def test_two_readers_follow_and_after_a_kill_at_most_ten_seconds_are_missing(tmp_path: Path, interval: float) -> None:
    """At most twice the time between two flushes, which is five seconds unless a test shortens it."""
    path, most = tmp_path / "live.h5", 2 * interval
    assert 2 * FLUSH_SECONDS <= 10
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINS_UNTIL_KILLED, str(path), str(interval)],
        stdout=subprocess.PIPE, text=True, env=_environment(),
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    lengths: list[list[int]] = [[], []]
    deadline = time.monotonic() + 2.2 * interval + 1.0
    while time.monotonic() < deadline:
        for seen in lengths:
            with gasfield.open(path) as growing:
                last = growing.frame(-1)
                assert np.isfinite(last).all()
                assert list(growing.steps) == list(range(len(growing)))
                seen.append(len(growing))
        time.sleep(0.08 * interval)
    os.kill(process.pid, signal.SIGKILL)
    killed = time.time()
    announced = [line.split() for line in process.stdout.read().splitlines() if line.count(" ") == 1]
    process.wait()
    for seen in lengths:
        assert seen == sorted(seen)
        assert len(set(seen)) >= 3  # they saw it grow
    due = max(int(step) for step, when in announced if float(when) < killed - most)
    with gasfield.open(path) as left:
        assert left.steps[-1] > due
        assert list(left.steps) == list(range(len(left)))
        assert len(left.affine_field().steps) > due
        assert len(np.unique(left.positions()[:, 0, 0])) > len(left) / 2  # frames, and not one repeated


def test_spread_steps() -> None:
    assert spread_steps(5, 100) == [0, 2, 9, 31, 100]
    assert spread_steps(300, 100) == list(range(101))
