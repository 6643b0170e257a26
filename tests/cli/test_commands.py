"""Every command once, as from a shell, and the contents of the run directory."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from matplotlib.layout_engine import ConstrainedLayoutEngine
from paths import RECORDINGS

from gasfield.errors import InputError
from gasfield.recording.plan import RecordingPlan
from gasfield.trajectory import Trajectory

SCENARIOS = sorted(path.stem for path in RECORDINGS.parent.glob("*.yaml"))


def leaves(data: object) -> bool:
    """Whether every number of a summary has value, unit and error; such leaves may be nested."""
    if isinstance(data, dict):
        own = {"value", "unit", "error"} if "value" in data else set()
        return own <= set(data) and all(leaves(value) for key, value in data.items() if key not in own)
    return isinstance(data, str) or (isinstance(data, list) and all(map(leaves, data)))


SMALLER = {
    "lattice-in-the-early-burst": ("--set", "gas.0.from.group=dead"),
    "heat-kick-freeze": ("--set", "events=[{at: 5, kick: {group: discs, velocity: [0, 0]}}]"),
}
"""Of a scenario with thousands of rows, fewer; of one with later events, an early one."""


@pytest.fixture
def no_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures whose panels are not arranged, which takes most of the time of drawing; other tests arrange them."""
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda self, figure: None)


@pytest.mark.usefixtures("no_layout")
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_validates_and_runs_ten_steps(gasfield, tmp_path: Path, name: str) -> None:
    assert gasfield("check", name).returncode == 0
    done = gasfield("run", name, "--set", "run.steps=10", *SMALLER.get(name, ()))
    assert done.returncode == 0, done.stderr
    directory = tmp_path / "outputs" / name / "001"
    assert (tmp_path / "outputs" / name / "latest").resolve() == directory
    assert {p.name for p in directory.iterdir()} >= {
        "scenario.yaml",
        "run.json",
        "trajectory.h5",
        "summary.json",
        "plots",
    }
    summary = json.loads((directory / "summary.json").read_text())
    assert leaves(summary)
    assert list((directory / "plots").glob("*.png")) or summary["left_out"]
    with Trajectory(directory / "trajectory.h5") as trajectory:
        assert trajectory.steps[-1] == 10
    if name == "dead-token-drift":
        comparison = summary["comparison"]
        for key in ("displacement_error", "cells_equal", "centroid_path_error"):
            assert {"value", "unit", "error"} == set(comparison[key])
        assert {"real", "simulated", "difference"} <= set(comparison["radius"])
        assert set(comparison["groups"]) == {"dead", "lattice"}


def test_the_resolved_scenario_runs_to_the_same_bits(gasfield, tmp_path: Path) -> None:
    """Same scenario, same bits: from the name and from its resolved copy, on one thread and on two."""
    for threads, name in ((1, "dead-token-drift"), (2, "a/scenario.yaml")):
        done = gasfield(
            "run", name, "--set", "run.steps=20", "--set", "diagnostics=[cloud]", "--set", "compare=null",
            "--threads", threads, "--output", "ab"[threads - 1], "--quiet",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
    one, two = (tmp_path / name for name in "ab")
    assert (one / "scenario.yaml").read_text() == (two / "scenario.yaml").read_text()
    with Trajectory(one / "trajectory.h5") as a, Trajectory(two / "trajectory.h5") as b:
        assert a.positions().tobytes() == b.positions().tobytes()


def test_runs_are_numbered_and_overwrite_is_asked_for(gasfield, tmp_path: Path) -> None:
    short = ("--set", "run.steps=2", "--set", "diagnostics=[cloud]", "--quiet")
    for _ in range(2):
        assert gasfield("run", "double-well", *short).returncode == 0
    assert sorted(p.name for p in (tmp_path / "outputs/double-well").iterdir()) == ["001", "002", "latest"]
    (tmp_path / "out").mkdir()
    assert gasfield("run", "double-well", *short, "--output", "out", "--overwrite").returncode == 0
    assert (tmp_path / "out" / "summary.json").exists()


def test_list_show_new_and_check(gasfield, tmp_path: Path) -> None:
    listed = gasfield("list").stdout
    assert all(name in listed for name in SCENARIOS)
    shown = yaml.safe_load(gasfield("show", "dead-token-drift", "--set", "run.steps=3").stdout)
    assert shown["run"]["steps"] == 3
    done = gasfield("new", "mine")
    assert done.returncode == 0
    assert "$schema=scenario.schema.json" in done.stdout
    assert "$schema" not in (tmp_path / "mine.yaml").read_text()
    assert gasfield("check", "mine.yaml", "dead-token-drift").returncode == 0
    assert gasfield("new", "mine").returncode == 2


def test_diagnose_and_compare_print_json(gasfield) -> None:
    path = RECORDINGS / "kjv-bf16.h5"
    data = json.loads(gasfield("diagnose", path, "--only", "cloud", "--only", "cells", "--json").stdout)
    assert set(data["groups"]) == {"lattice", "dead", "live", "survey"}
    assert data["groups"]["dead"]["radius"]["end"]["value"] < data["groups"]["dead"]["radius"]["start"]["value"]
    same = json.loads(gasfield("compare", path, path, "--json").stdout)
    assert same["displacement_error"]["value"] == 0
    assert same["cells_equal"]["value"] == 1
    assert "radius" in gasfield("compare", path, RECORDINGS / "kjv-fp32.h5").stdout


def test_a_misspelt_diagnostic_is_refused_with_where_they_are_described(refuses) -> None:
    message = refuses("diagnose", RECORDINGS / "kjv-bf16.h5", "--only", "motoin")
    assert "Did you mean 'motion'?" in message
    assert message.endswith("See docs/reference/diagnostics.md\n")


def test_one_diagnostic_alone_with_its_pictures(gasfield, tmp_path: Path) -> None:
    done = gasfield("diagnose", RECORDINGS / "kjv-bf16.h5", "--only", "motion", "--plots", tmp_path / "p", "--json")
    groups = json.loads(done.stdout)["groups"]
    shares = groups["survey"]["motion"]
    assert sum(shares[kind]["value"] for kind in shares if kind not in ("thermal", "dimensions", "condition")) == (
        pytest.approx(1.0, abs=1e-9)
    )
    assert {"value", "unit", "error", "permutation_null", "corrected"} == set(shares["thermal"]["rotation"])
    assert groups["dead"]["motion"]["rotation"]["value"] is None
    assert groups["dead"]["motion"]["frame"]["thermal"]["rotation"]["value"] is not None
    assert "radius" not in groups["dead"]
    assert (tmp_path / "p" / "survey-motion.png").stat().st_size > 1000
    assert gasfield("diagnose", RECORDINGS / "kjv-bf16.h5", "--only", "nothing").returncode == 2


def test_a_film_of_a_recording(gasfield, tmp_path: Path) -> None:
    film = tmp_path / "film.gif"
    told = ("animate", RECORDINGS / "kjv-bf16.h5", "--group", "lattice", "--frames", "3", "--follow", "-o", film)
    assert gasfield(*told).returncode == 0
    assert film.read_bytes()[:3] == b"GIF"
    again = gasfield(*told)
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_a_tracer_of_ones_own_is_planted(gasfield, tmp_path: Path) -> None:
    scenario = (RECORDINGS.parent / "dead-token-drift.yaml").read_text().replace("forces:", TRACERS + "forces:")
    (tmp_path / "mine.yaml").write_text(scenario)
    done = gasfield("run", "mine.yaml", "--set", "run.steps=5", "--output", "out")
    assert done.returncode == 0, done.stderr
    with Trajectory(tmp_path / "out" / "trajectory.h5") as trajectory:
        assert len(trajectory.members("sheet")) == 25
        assert len(trajectory.bonds["sheet"]) == 40
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["groups"]["sheet"]["stretch"]["principal"]["value"]) == 2


TRACERS = """
tracers:
  - {name: sheet, shape: {kind: sheet, side: 5, spacing: 0.05}, place: {kind: centroid, of: dead}}
"""


def test_a_blow_up_keeps_the_good_frames(gasfield, tmp_path: Path) -> None:
    wild = "dynamics={kind: sgd, learning_rate: 1e30, weight_dtype: float32}"
    done = gasfield("run", "dead-token-drift-fp32", "--set", wild, "--output", "out")
    assert done.returncode == 3, done.stderr
    assert "no longer at a finite position" in done.stderr
    assert "Traceback" not in done.stderr
    with Trajectory(tmp_path / "out" / "trajectory.h5") as trajectory:
        assert trajectory.steps[0] == 0


def small_training(tmp_path: Path, steps: int) -> list[object]:
    (tmp_path / "t.txt").write_text("\n".join(f"line {i} of {i * 7919 % 1000} words" for i in range(3000)))
    options = {
        "--corpus": "t.txt",
        "--vocabulary-size": 500,
        "--dead": 300,
        "--dimensions": 16,
        "--sequence-length": 16,
        "--batch": 4,
    }
    return ["record", "-o", "r.h5", "--steps", steps, *(part for option in options.items() for part in option)]


def test_record_on_a_text_of_ones_own(gasfield, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")
    shutil.copy(RECORDINGS.parent / "tracers" / "lattice.yaml", tmp_path)
    arguments = [part for part in small_training(tmp_path, 30) if part not in ("-o", "r.h5")]
    options = ["--tracers", "lattice.yaml", "--precision", "bf16-fp32state", "--full-steps", "0,2,7"]
    done = gasfield(*arguments, *options, "--keep-model", "model", "--keep-steps", "0,4")
    assert done.returncode == 0, done.stderr
    kept = sorted(path.parent.name for path in (tmp_path / "model").rglob("model.safetensors"))
    assert kept == ["model", "step-000000", "step-000004"]
    with Trajectory(tmp_path / "outputs/recordings/001.h5") as recording:
        assert recording.full_field().steps.tolist() == [0, 2, 7]
        assert len(recording) == 31
        assert recording.attributes["state"] == "float32"
        assert recording.precision == "bfloat16"
        assert len(recording.members("lattice")) == 64


def test_a_full_step_beyond_the_training_is_refused() -> None:
    pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")
    from gasfield.recording.record import choose_full_steps

    with pytest.raises(InputError, match="the training has the steps 0 to 7"):
        choose_full_steps(RecordingPlan(full_steps=(3, 8)), 8)


def heed_interrupts() -> None:
    """A job that a shell started in the background ignores Ctrl-C, and so do its children: not this one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_leaves_a_valid_recording(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")
    command = [sys.executable, "-m", "gasfield.cli", *map(str, small_training(tmp_path, 10**6))]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
    assert process.stderr is not None
    while "step 50" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "contains all steps so far" in rest
    assert "Traceback" not in rest
    with Trajectory(tmp_path / "r.h5") as recording:
        assert recording.steps[-1] >= 50
        assert len(recording.affine_field().steps) >= 50
