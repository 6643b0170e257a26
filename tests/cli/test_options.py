"""Options: generated, renamed, named in messages, and listed in the help."""

from __future__ import annotations

import inspect as python_inspect
from collections.abc import Callable
from typing import Any

import pytest
import typer
from paths import RECORDINGS
from typer.core import TyperGroup

from gasfield.cli import app
from gasfield.filming import animate
from gasfield.importing import import_recording
from gasfield.inspection import find_dead, inspect
from gasfield.recording.plan import Geometry, RecordingPlan, TrainingPlan

SECTIONS = {
    "Scenarios": ["list", "show", "new", "check", "calibrate", "run", "resume", "sweep", "schema"],
    "Recordings": ["record", "import", "audit", "hindcast"],
    "Looking": ["diagnose", "compare", "animate", "view", "report", "rows", "export"],
    "Playing": ["play"],
    "Embeddings": ["inspect", "dead"],
}


def options(command: str) -> dict[str, tuple[list[str], Any]]:
    """Name of each parameter of a command -> its option and its default."""
    program = typer.main.get_command(app)
    assert isinstance(program, TyperGroup)
    found = program.commands[command]
    found.make_context(command, [], resilient_parsing=True)
    return {str(param.name): (param.opts, param.default) for param in found.params}


def test_the_help_lists_the_commands_in_sections(gasfield: Callable) -> None:
    text = gasfield("--help").stdout
    for section, commands in SECTIONS.items():
        part = text.split(f"{section}:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in part.splitlines() if line[2:3].strip()] == commands


@pytest.mark.parametrize("command", [name for names in SECTIONS.values() for name in names])
def test_every_command_has_a_help(gasfield: Callable, command: str) -> None:
    done = gasfield(command, "--help")
    assert done.returncode == 0, done.stderr
    assert f" {command} " in done.stdout.splitlines()[0]


def test_the_options_of_record_are_the_fields_of_its_plans() -> None:
    made = options("record")
    for spec in (TrainingPlan, RecordingPlan, Geometry):
        for name, field in spec.model_fields.items():
            if name in ("geometry", "tracers"):
                continue
            _, default = made[name]
            assert default == (str(field.default) if name == "full_steps" else field.default), name
            assert field.description, name
    assert made["vocabulary"][0] == ["--vocabulary-size"]
    assert made["sequence"][0] == ["--sequence-length"]
    assert made["weight_decay"][0] == ["--weight-decay"]


@pytest.mark.parametrize(
    ("command", "function", "name"),
    [
        ("inspect", inspect, "cells"),
        ("dead", find_dead, "at_most"),
        ("import", import_recording, "every"),
        ("animate", animate, "frames"),
        ("animate", animate, "frames_per_second"),
    ],
)
def test_a_default_is_that_of_the_function(command: str, function: Callable, name: str) -> None:
    expected = python_inspect.signature(function).parameters[name].default
    assert expected is not None
    assert options(command)[name][1] == expected


@pytest.mark.parametrize(
    ("words", "notes", "message"),
    [
        (
            ("--vocabulary", "100"),
            ["--vocabulary has been renamed --vocabulary-size"],
            "--vocabulary-size 100: byte-level",
        ),
        (
            ("--decay=-1",),
            ["--decay has been renamed --weight-decay"],
            "--weight-decay: should be greater than or equal",
        ),
        (
            ("--sequence", "0"),
            ["--sequence has been renamed --sequence-length"],
            "--sequence-length: should be greater",
        ),
        (("--lr", "0", "--heads", "3"), [], "--heads: must divide dimensions, 64."),
        (("--full-steps", "few"), [], "--full-steps: give their number (20) or a list (0,10,250), not 'few'."),
        (("--corpus", "none.txt"), [], "--corpus none.txt: no such text file."),
    ],
)
def test_record_names_its_options(refuses: Callable, words: tuple[str, ...], notes: list[str], message: str) -> None:
    pytest.importorskip("torch", reason="recording needs the extra `gasfield[record]`")
    said = refuses("record", "-o", "r.h5", *words)
    assert f"gasfield: {message}" in said
    assert [line.removeprefix("gasfield: note: ") for line in said.splitlines() if "note" in line] == notes


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "double-well", "--output", "."), "--output .: exists already; choose another, or overwrite it."),
        (("run", "double-well", "--set", "x"), "--set x: write it as a.b=value"),
        (("run", "double-well", "--set", "run.steps=0"), "--set run.steps=0: run.steps: should be greater than"),
        (("run", "double-well", "--plugin", "none.py"), "none.py: cannot be read"),
        (("animate", RECORDINGS / "kjv-bf16.h5", "-o", "a.avi"), "--output a.avi: must end in .gif or .mp4 or .webm."),
        (("report", RECORDINGS / "kjv-bf16.h5", "-o", "a.pdf"), "--output a.pdf: must end in .html."),
        (("export", RECORDINGS / "kjv-bf16.h5", "-o", "a.pdf"), "--output a.pdf: must end in .parquet, .csv"),
        (("export", RECORDINGS / "kjv-bf16.h5", "-o", "a.csv", "--steps", "x"), "--steps x: write steps as numbers"),
        (("inspect", RECORDINGS / "kjv-bf16.h5", "--rows", "all"), "--rows all: no such file"),
        (("dead", "--tokenizer", "t.json"), "--corpus: a tokenizer and a corpus must be given together."),
        (("dead", "--counts", "none"), "--counts none: no such file."),
        (("import", RECORDINGS / "kjv-bf16.h5", "-o", "no/a.h5"), "--output no/a.h5: there is no folder no."),
    ],
)
def test_a_refused_parameter_is_shown_as_its_option(refuses: Callable, words: tuple[object, ...], message: str) -> None:
    assert f"gasfield: {message}" in refuses(*words)


def test_the_directory_of_a_run_stands_for_its_trajectory(gasfield: Callable, tmp_path) -> None:
    from gasfield.trajectory import open_trajectory

    run = ("run", "double-well", "--set", "run.steps=4", "--set", "diagnostics=[cloud]", "--quiet")
    assert gasfield(*run, "--output", "out").returncode == 0
    assert "out/trajectory.h5: " in gasfield("diagnose", "out", "--only", "cloud").stdout
    for words in (("compare", "out", "out", "--json"), ("inspect", "out"), ("import", "out", "-o", "copy.h5")):
        done = gasfield(*words)
        assert done.returncode == 0, done.stderr
    with open_trajectory(tmp_path / "out") as opened:
        assert opened.path == tmp_path / "out" / "trajectory.h5"
    (tmp_path / "empty").mkdir()
    assert "no trajectory.h5 in this folder" in gasfield("diagnose", "empty").stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "dead-token-drift", "--steps", "10"), "write --set run.steps=10"),
        (("run", "dead-token-drift", "--steps=10"), "write --set run.steps=10"),
        (("check", "dead-token-drift", "--seed"), "write --set seed=VALUE"),
        (("sweep", "dead-token-drift", "--temperature", "0.5"), "write --set temperature=0.5"),
    ],
)
def test_a_key_given_as_an_option_is_refused_with_how_it_is_set(
    refuses: Callable, arguments: tuple[str, ...], says: str
) -> None:
    assert says in refuses(*arguments)
