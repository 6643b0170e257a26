"""Checkpoints that are one and the same matrix are neither motion nor rest; rows that rest are at rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gasfield
from gasfield.comparison import compare
from gasfield.importing import import_recording
from gasfield.inspection import inspect

safetensors = pytest.importorskip("safetensors.numpy", reason="needs the extra `gasfield[record]`")

ROWS, WIDTH, APART = 30, 5, 512
Series = Callable[..., tuple[Path, str]]


def path_of(frames: int) -> NDArray[np.float32]:
    """(T, N, D): every row moves in every frame, except the first ten, which rest from frame 1 on."""
    chance = np.random.default_rng(0)
    steps = chance.normal(0, 0.01, (frames, ROWS, WIDTH))
    steps[2:, :10] = 0.0
    return np.cumsum(steps, axis=0).astype(np.float32)


@pytest.fixture
def series(tmp_path: Path) -> Series:
    """series(order, **options) -> an imported series of the checkpoints in that order, and the notes of the import."""

    def make(order: Sequence[int], **options: Any) -> tuple[Path, str]:
        folder, frames = tmp_path / f"of-{'-'.join(map(str, order))}", path_of(max(order) + 1)
        for number, frame in enumerate(order):
            (folder / f"step{number * APART}").mkdir(parents=True)
            safetensors.save_file({"wte.weight": frames[frame]}, folder / f"step{number * APART}/model.safetensors")
        notes = import_recording(folder, folder / "a.h5", **options)
        return folder / "a.h5", " ".join(notes)

    return make


def results(path: Path) -> dict[str, Any]:
    """All results of all diagnostics, and the notes on the data."""
    found = gasfield.diagnose(path)
    notes = [note["note"] for note in found.as_json()["notes"] if note["diagnostic"] == "every diagnostic"]
    return {"groups": found.as_json()["groups"], "notes": notes}


def test_repeated_checkpoints_are_named_and_left_out_of_every_diagnostic(series: Series) -> None:
    """With the steps of the frames that remain all numbers are those of the series without repetitions."""
    path, notes = series([0, 1, 2, 3, 4, 4, 4, 4, 2])
    assert "4 of 9 frames are bit for bit the whole matrix of another one" in notes
    assert "2560 (as 2048), 3072 (as 2048), 3584 (as 2048), 4096 (as 1024)" in notes
    clean, silent = series([0, 1, 2, 3, 4])
    assert "bit for bit" not in silent
    repeated, single = results(path), results(clean)
    assert repeated["groups"] == single["groups"]
    assert set(repeated["notes"]) == {  # of each group, and of the gas as a whole
        "4 of 9 frames are checkpoints repeated bit for bit (steps 2560, 3072, 3584, 4096): left out"
    }
    assert single["notes"] == []
    assert repeated["groups"]["rows"]["frozen"]["thawed"]["value"] == 0.0


def test_a_series_of_one_matrix_has_no_motion(series: Series) -> None:
    path, _ = series([0, 0, 0])
    found = gasfield.diagnose(path, ["freezing", "step_length"]).as_json()
    assert not found["groups"]["rows"]
    assert {entry["reason"] for entry in found["left_out"]} == {"only one frame: there is no motion"}


def test_rows_that_rest_are_frozen(series: Series, tmp_path: Path) -> None:
    """Ten rows of checkpoints of which the others move; and a recording, in which no row moves any more."""
    path, notes = series([0, 1, 2, 3, 4], rows={"resting": "0:10"})
    assert "bit for bit" not in notes
    assert results(path)["groups"]["resting"]["frozen"]["fraction"]["value"] == 1.0
    still = np.repeat(path_of(1), 6, axis=0)
    np.savez(tmp_path / "w.npz", W=still)
    said = " ".join(import_recording(tmp_path / "w.npz", tmp_path / "w.h5"))
    assert "5 of 6 frames are bit for bit" in said
    assert "kept as frames in which nothing moves" in said
    assert results(tmp_path / "w.h5")["groups"]["rows"]["frozen"]["fraction"]["value"] == 1.0


def test_comparisons_leave_them_out_too(series: Series) -> None:
    path, _ = series([0, 1, 2, 2])
    with gasfield.open(path) as one, gasfield.open(path) as other:
        found = compare(one, other)
    assert list(found.groups["rows"].hindcast.steps) == [0, 512, 1024]
    assert any("repeated bit for bit" in note for note in found.notes)
    assert inspect(path, step=1536).as_json()["rows"]["value"] == ROWS  # the frame itself is there
