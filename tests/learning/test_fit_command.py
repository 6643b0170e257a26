"""`gasfield fit`: what it prints and writes, and one clear message where the input does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flows import recorded_flow
from typer.testing import CliRunner

from gasfield.cli.main import app
from gasfield.forces.learned import LearnedField


def run(*arguments: object) -> tuple[int, str]:
    """Exit code and output."""
    result = CliRunner().invoke(app, ["fit", *map(str, arguments)])
    return result.exit_code, result.output


def test_a_fit_prints_its_numbers_and_writes_its_field(tmp_path: Path) -> None:
    trajectory = recorded_flow(tmp_path / "t.h5")
    code, output = run(trajectory, "--model", "affine", "-o", tmp_path / "f.h5", "--json")
    assert code == 0
    assert json.loads(output)["results"]["held_out"]["value"] < 1e-15
    assert LearnedField.read(tmp_path / "f.h5").provenance["recordings"][0]["path"] == "t.h5"


def test_a_yaml_file_has_the_whole_fit(tmp_path: Path) -> None:
    recorded_flow(tmp_path / "t.h5")
    (tmp_path / "fit.yaml").write_text("model: {kind: affine, symmetric: true}\nrecordings: [t.h5]\nframes: '5:35'\n")
    code, output = run(tmp_path / "fit.yaml", "-o", tmp_path / "f.h5")
    assert (code, "learned from steps 5 to 34" in output) == (0, True)


def test_a_fit_that_ships_is_found_by_name(tmp_path: Path) -> None:
    code, output = run("fits/force-table.yaml", "-o", tmp_path / "f.h5")
    assert (code, "learned from its specification" in output) == (0, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: afine\nrecordings: [t.h5]\n", "fit.yaml:1: model: there is no kind 'afine' here"),
        ("model: affine\nrecordings:\n  - u.h5\n", "fit.yaml:3: recordings.0: there is no trajectory 'u.h5'"),
        ("model: affine\nrecordings: [t.h5]\nframes: 0:900\n", "fit.yaml:3: frames: the trajectory has 41 frames"),
        ("model: affine\nrecordings: [t.h5]\nrows: dead\n", "no group 'dead'"),
        ("model: affine\nrecordings: []\n", "no trajectory is given"),
        ("modell: affine\n", "unknown key 'modell'"),
        ("model: affine\nrecordings: [t.h5]\nspace: sphere\n", "rows are not on a sphere"),
    ],
)
def test_faults_of_a_specification_point_at_their_line(tmp_path: Path, text: str, message: str) -> None:
    recorded_flow(tmp_path / "t.h5")
    (tmp_path / "fit.yaml").write_text(text)
    code, output = run(tmp_path / "fit.yaml", "-o", tmp_path / "f.h5")
    assert code == 2
    assert message in output
    assert not (tmp_path / "f.h5").exists()


def test_options_of_a_fit_are_refused_by_name(tmp_path: Path) -> None:
    trajectory = recorded_flow(tmp_path / "t.h5")
    (tmp_path / "taken.h5").touch()
    for arguments, message in (
        ((trajectory, "-o", tmp_path / "f.h5"), "--model"),
        ((trajectory, "--model", "affine", "-o", tmp_path / "taken.h5"), "--output"),
        ((trajectory, "--model", "affine", "--frames", "40:2", "-o", tmp_path / "f.h5"), "--frames"),
        ((tmp_path / "no.h5", "--model", "affine", "-o", tmp_path / "f.h5"), "no such file"),
    ):
        code, output = run(*arguments)
        assert (code, message in output) == (2, True), output
