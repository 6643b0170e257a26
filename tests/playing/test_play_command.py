"""`gasfield play` on the command line: scripts, what it says, and what it refuses."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from touches import langevin_with_pairs

from gasfield.errors import InputError
from gasfield.playing.beginning import begin
from gasfield.playing.play import play
from gasfield.scenario import load_scenario
from gasfield.trajectory import Trajectory

EVENTS: list[dict[str, Any]] = [
    {"at": 2, "set": {"temperature": 0.8}},
    {"at": 5, "plant": {"name": "probe", "shape": {"kind": "line", "count": 3, "spacing": 0.05},
                        "place": {"kind": "point", "at": [0.1, 0.1]}}},
]  # fmt: skip


def scenario(folder: Path) -> Path:
    path = folder / "case.yaml"
    run = {"steps": 10, "record_every": 2}
    path.write_text(json.dumps({**langevin_with_pairs(folder), "run": run, "diagnostics": ["cloud"]}))
    return path


def script(folder: Path, events: list[dict[str, Any]]) -> Path:
    path = folder / "events.yaml"
    path.write_text(json.dumps(events))
    return path


def test_a_script_is_kept_goes_on_and_ends_as_it_says(tmp_path: Path) -> None:
    output = tmp_path / "played"
    ended = play(scenario(tmp_path), output=output, script=script(tmp_path, EVENTS), steps=9)
    assert ended == {"step": 9, "touches": 2, "directory": str(output), "reason": None}
    played = load_scenario(output / "played.yaml")
    assert [event.at for event in played.events] == [2, 5]
    assert played.run.steps == 9
    assert played.run.early is None
    with Trajectory(output / "trajectory.h5") as trajectory:
        assert trajectory.steps.tolist() == [0, 2, 4, 6, 8, 9]
        assert trajectory.count == 39
    more = [*EVENTS, {"at": 11, "remove": "probe"}]
    ended = play(resume=output, script=script(tmp_path, more), steps=12)
    assert (ended["step"], ended["touches"]) == (12, 3)
    with Trajectory(output / "trajectory.h5") as trajectory:
        assert trajectory.steps.tolist() == [0, 2, 4, 6, 8, 10, 12]


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([{"at": 30, "remove": "gas"}], "is after the last step, 9"),
        ([{"at": 4, "remove": "gas"}, {"at": 3, "remove": "gas"}], "in the order of their steps"),
        ([{"at": 4, "warm": 1}], "unknown key 'warm'"),
        ({"at": 4}, "a list of events"),
    ],
)
def test_a_script_that_cannot_be_played_is_refused(events: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"(?s){says}"):
        play(scenario(tmp_path), script=script(tmp_path, events), steps=9)


@pytest.mark.validate
def test_an_event_that_the_engine_refuses_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)events\.yaml:1.*a temperature is never below zero"):
        play(scenario(tmp_path), script=script(tmp_path, [{"at": 3, "set": {"temperature": -1}}]), steps=9)


def test_what_cannot_be_played_is_refused(tmp_path: Path) -> None:
    path = scenario(tmp_path)
    for given, says in [
        ({}, "needs a scenario"),
        ({"scenario": path, "resume": tmp_path}, "needs a scenario"),
        ({"resume": tmp_path, "overrides": ["a=1"]}, "no other output"),
        ({"scenario": path, "script": path}, "number of steps"),
    ]:
        with pytest.raises(InputError, match=says):
            play(**given)  # type: ignore[arg-type]
    missing = mock.patch("gasfield.extras.find_spec", return_value=None)
    with missing, pytest.raises(InputError, match=r"pip install 'gasfield\[live\]'"):
        play(path)


def test_what_the_engine_cannot_begin_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path = str(scenario(tmp_path))
    nobody = json.dumps([{"at": 0, "remove": "nobody"}])
    refused: list[tuple[dict[str, Any], str]] = [
        ({"scenario": path, "output": str(tmp_path)}, "exists already"),
        ({"resume": str(tmp_path)}, "is not a run directory"),
        ({"scenario": path, "overrides": ["gas.0.from.count=-1"]}, "gas.0.from.count"),
        ({"scenario": path, "overrides": [f"events={nobody}"], "output": str(tmp_path / "new")}, "no group"),
        ({"scenario": "no-such-scenario"}, "no-such-scenario"),
    ]
    for request, says in refused:
        with pytest.raises(InputError, match=says):
            begin({"overrides": [], **request}, lambda data: None)
    assert not (tmp_path / "new").exists()


@pytest.mark.validate
def test_a_port_in_use_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match="cannot be used: ") as refused:
            play(scenario(tmp_path), port=port, browser=False)
    assert refused.value.parameter == "port"
    assert "Traceback" not in capfd.readouterr().err
