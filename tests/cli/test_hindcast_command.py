"""`gasfield hindcast` as called by a user."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import pytest
from made_recordings import made_recording


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gasfield.comparison.side_by_side.Comparison.figures", lambda self: {})


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_recording(tmp_path_factory.mktemp("made") / "mine.h5", steps=6)


def test_a_recording_needs_no_options(gasfield: Callable, tmp_path: Path, recording: Path) -> None:
    copyfile(recording, tmp_path / "mine.h5")
    done = gasfield("hindcast", "mine.h5", "--field", "affine", "--tolerance", "1e-4")
    assert done.returncode == 0, done.stderr
    for words in (
        "dead",
        "displacement_error",
        "first exceeds 0.0001 at step",
        "The cause is the field",
        "scenario.yaml",
    ):
        assert words in done.stdout
    again = gasfield("hindcast", "mine.h5", "--json", "-o", "run")
    data = json.loads(again.stdout)
    assert set(data["groups"]["dead"]["displacement_error"]) == {"value", "unit", "error"}
    assert data == json.loads((tmp_path / "run" / "hindcast.json").read_text())
    assert (tmp_path / "outputs" / "hindcast-mine" / "001" / "scenario.yaml").is_file()


REFUSED = {
    "a law that is no mapping": (["--law", "adamw"], "--law adamw: should be a mapping"),
    "a law that is no optimiser": (["--law", "{kind: newton, time_step: 0.1}"], "no optimiser"),
    "a law with a wrong value": (["--law", "{learning_rate: -1}"], "learning_rate"),
    "a field": (["--field", "best"], "--field best: the forms of the field are affine and full"),
    "rows": (["--rows", "alive"], "--rows alive: the groups of mine.h5 are dead"),
    "steps": (["--steps", "7"], "--steps 7: field and frames of mine.h5 allow 1 to 6 steps"),
    "a file": ([], "other.h5: no such file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_said_in_one_line(
    refuses: Callable[..., str], tmp_path: Path, recording: Path, case: str
) -> None:
    options, words = REFUSED[case]
    copyfile(recording, tmp_path / "mine.h5")
    message = refuses("hindcast", "other.h5" if case == "a file" else "mine.h5", *options)
    assert words in message
    assert len(message.splitlines()) == 1
