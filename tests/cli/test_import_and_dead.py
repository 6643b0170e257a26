"""`gasfield import` and `gasfield dead` as a user calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    """600 rows, the first 200 of which drifted together."""
    chance = np.random.default_rng(0)
    rows = 0.02 * chance.standard_normal((600, 16)) + 0.25
    rows[200:] += 0.2 * chance.standard_normal((400, 16))
    np.save(tmp_path / "m.npy", rows.astype(np.float32))
    return tmp_path / "m.npy"


def test_dead_rows_become_a_group_of_an_imported_trajectory(gasfield: Callable, matrix: Path, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "counts.txt", np.repeat([0, 2, 9], [200, 10, 390]), fmt="%d")
    said = gasfield(
        "dead", "m.npy", "--counts", "counts.txt", "--at-most", "2", "-o", "dead.txt", "--json", "--plots", "p"
    )
    assert said.returncode == 0, said.stderr
    data = json.loads(said.stdout)
    assert data["dead"]["rows"]["value"] == 200
    assert data["nearly_dead"]["ids"]["value"] == list(range(200, 210))
    assert data["nearly_dead"]["counts"]["value"] == [2] * 10
    assert data["score"]["area_under_curve"]["value"] > 0.99
    assert (tmp_path / "p" / "dead.png").is_file()
    done = gasfield("import", "m.npy", "-o", "a.h5", "--rows", "dead=dead.txt", "--rest")
    assert done.returncode == 0, done.stderr
    assert "a.h5: " in done.stdout
    counted = json.loads(gasfield("diagnose", "a.h5", "--only", "cloud", "--json").stdout)
    assert set(counted["groups"]) == {"dead", "rest"}


def test_what_was_taken_is_said_unless_it_shall_be_quiet(gasfield: Callable, tmp_path: Path) -> None:
    words = (np.random.default_rng(0).standard_normal((3, 8, 4)).astype(np.float32).view(np.uint32) >> 16).astype("u2")
    np.savez(tmp_path / "a.npz", W=words)
    said = gasfield("import", "a.npz", "-o", "a.h5")
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("note: a.npz: W: uint16 numbers are taken as the bits of bfloat16 ones")
    silent = gasfield("import", "a.npz", "-o", "b.h5", "--bits", "bfloat16", "--every", "2")
    assert "bfloat16" not in silent.stdout
    assert silent.stdout.splitlines()[-1].startswith("b.h5: ")
    quiet = gasfield("import", "a.h5", "-o", "b.h5", "--quiet", "--overwrite")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert "b.h5: 3 frames" in gasfield("diagnose", "b.h5", "--only", "cloud").stdout


def test_the_option_that_an_order_needs_is_named(gasfield: Callable, tmp_path: Path) -> None:
    for number, name in enumerate(("stage1-step10", "stage1-step20", "stage2-step5", "stage2-step7", "final")):
        np.save(tmp_path / f"{name}.npy", np.full((4, 2), number, np.float32))
    series = ("import", ".", "-o", "../a.h5", "--overwrite")
    refused = gasfield(*series)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--stage: .: several stages: stage1 (2, 10 to 20), stage2 (2, 5 to 7); choose one" in refused.stderr
    said = gasfield(*series, "--stage", "2").stdout
    assert "order by the step in their names: stage2-step5.npy (5), stage2-step7.npy (7)" in said
    said = gasfield(*series, "--filter", "stage1*", "--filter", "final", "--filter", "!*10").stdout
    assert "stage1-step20.npy (20), final.npy (21)" in said
    refused = gasfield(*series, "--filter", "step*")
    assert "--filter step*: .: none of its 5 checkpoints matches" in refused.stderr
    (tmp_path / "order.txt").write_text("final 0\nstage2-step5 1\n")
    said = gasfield(*series, "--order", "order.txt").stdout
    assert "order by the list order.txt: final.npy (0), stage2-step5.npy (1)" in said
    assert "not in order.txt, and left out: stage1-step10.npy, stage1-step20.npy, stage2-step7.npy" in said


def test_by_the_matrix_alone(gasfield: Callable, matrix: Path) -> None:
    told = gasfield("dead", "m.npy")
    assert told.returncode == 0, told.stderr
    assert "dead.rows = 200" in told.stdout
    assert "without counts" in told.stdout
    again = gasfield("dead", "m.npy", "--save-counts", "c.npy")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "there are no counts" in again.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("import", "m.npy", "-o", "m.npy"), "exists already"),
        (("import", "none", "-o", "a.h5"), "none: no such file or folder"),
        (("import", "m.npy", "-o", "a.h5", "--rows", "dead"), "--rows dead: expected NAME=IDS"),
        (("import", "m.npy", "-o", "a.h5", "--rows", "dead=0:601"), "the rows are 0 to 599"),
        (("import", "m.npy", "-o", "no/a.h5"), "there is no folder no"),
        (
            ("import", "m.npy", "-o", "a.h5", "--bits", "bfloat16"),
            "--bits bfloat16: is for uint16 numbers; these are float32 (m.npy)",
        ),
        (("import", "m.npy", "-o", "a.h5", "--every", "0"), "--every 0"),
        (("dead",), "no input: give a matrix"),
        (("dead", "m.npy", "-o", "m.npy"), "--output m.npy: exists already"),
        (("dead", "--counts", "m.npy"), "one-dimensional array of integers"),
        (("dead", "--tokenizer", "m.npy", "--corpus", "m.npy"), "not a tokenizer"),
    ],
)
def test_faults_are_one_line_and_leave_nothing(
    gasfield: Callable, matrix: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = gasfield(*words)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
