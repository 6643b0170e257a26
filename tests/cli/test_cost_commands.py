"""`run --profile`, `check --cost`, `calibrate`, and runs that cannot fit on the disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Call

from gasfield.cost import Calibration, trials
from gasfield.cost import cost as predictions
from gasfield.cost.calibration import Trial

SMALL = """
format: 1
title: t
question: q
space: {kind: free, dimensions: 2}
gas: [{name: gas, from: {kind: gaussian, count: 20, spread: 1.0}}]
forces: [{kind: harmonic, stiffness: 1.0}]
dynamics: {kind: brownian, time_step: 0.01}
temperature: 1.0
run: {steps: 50, record_every: 5}
diagnostics: []
"""
FOUND: dict[str, Any] = {
    "lines": [{"names": ["brownian"], "part": "dynamics", "seconds": 8.0}], "imports": 0.5, "once": 0.5, "compiled": 0,
    "copies": [],
    "file": 7300.0, "memory": 2e8, "growth": 0.0, "loop": [0.01, 0.01],
    "seconds": 0.0,
}  # fmt: skip


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def test_a_profile_is_printed_and_kept_and_goes_with_the_run(gasfield: Call, small: Path, tmp_path: Path) -> None:
    done = gasfield("run", small, "--profile", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert "where the time went" in done.stdout
    assert "trajectory" in done.stdout
    kept = json.loads((tmp_path / "out" / "profile.json").read_text())
    assert {"start-up", "dynamics", "forces", "output"} <= set(kept["parts"])
    again = gasfield("run", small, "-o", "out", "--overwrite", "--quiet")
    assert again.returncode == 0, again.stderr
    assert not (tmp_path / "out" / "profile.json").exists()


@pytest.mark.parametrize("command", [("run", "-o", "out"), ("check",)])
def test_a_run_that_cannot_fit_on_the_disk_is_refused_before_it_starts(
    gasfield: Call, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"total": 10**13, "free": 10_000_000}))
    name, *rest = command
    done = gasfield(name, small, *rest, "--set", "run.steps=1000000")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "run.record_every: the trajectory of 200,001 frames" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_prediction_as_a_table_and_as_json(gasfield: Call, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "_ask", lambda *_: FOUND)
    table = gasfield("check", small, "--cost")
    assert "peak memory = 200 MB" in table.stdout
    assert "gasfield calibrate" in table.stdout
    data = json.loads(gasfield("check", small, "--cost", "--json").stdout)[str(small)]
    assert data["particles"] == 20
    assert data["file"] == {"value": 7300.0, "unit": "byte", "error": pytest.approx(365.0)}


def test_a_calibration_is_kept(gasfield: Call, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [Trial(2.0, float(seconds), 3.0 + seconds, 3e8, 2.8e8) for seconds in (1, 4, 9)]
    monkeypatch.setattr(trials, "run_trials", lambda _: runs)
    done = gasfield("calibrate", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["trials"] == Calibration.load().trials == 3
