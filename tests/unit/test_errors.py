"""Errors as data: what is wrong, about which parameter, and where it stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paths import RECORDINGS

import gasfield
from gasfield.errors import InputError, InputErrors
from gasfield.filming import animate
from gasfield.forces import AnyForce
from gasfield.importing import import_recording
from gasfield.inspection import find_dead, inspect
from gasfield.plugins import run_plugin
from gasfield.scenario import Scenario, load_scenario
from gasfield.spec import parse
from gasfield.trajectory import open_trajectory

LIBRARY = Path(gasfield.__file__).parent
RECORDING = RECORDINGS / "kjv-bf16.h5"

SCENARIO = """
title: A gas
question: What is refused?
space: {kind: free, dimensions: 2}
gas:
  - {name: gas, from: {kind: gaussian, count: 10}}
  - {name: other, from: {kind: point, at: [0, 0]}}
tracers:
  - {name: ring, shape: {kind: ring, count: 5, radius: 0.1}, place: {kind: centroid, of: gas}}
forces:
  - {kind: harmonic, stiffness: 1.0}
dynamics: {kind: brownian, time_step: 0.1}
temperature: 1.0
run: {steps: 10}
""".strip()


def test_an_error_is_placed_once_by_the_document_it_stands_in() -> None:
    error = InputError("too long.", parameter="at.2", value=7)
    assert str(error) == "at.2 7: too long."
    placed = error.at(("forces", 0), lambda place: f"a.yaml:{len(place)}")
    assert (placed.parameter, placed.location) == ("forces.0.at.2", "a.yaml:4")
    assert placed.at(("gas",), lambda place: "b.yaml:1") is placed
    assert str(placed) == "a.yaml:4: forces.0.at.2 7: too long."
    several = InputErrors([error, placed]).at(("gas",))
    assert [fault.parameter for fault in several.faults] == ["gas.at.2", "forces.0.at.2"]


@pytest.mark.parametrize(
    ("old", "new", "line", "parameter", "says"),
    [
        ("steps: 10", "steps: 0", 13, "run.steps", "greater than or equal to 1, not 0"),
        ("name: other", "name: gas", 6, "gas.1.name", "'gas' is given twice"),
        ("name: ring", "name: other", 8, "tracers.0.name", "'other' is given twice"),
        ("stiffness: 1.0", "stiffness: [1, x]", 10, "forces.0.stiffness.1", "not 'x'"),
        ("stiffness: 1.0", "stifness: 1.0", 10, "forces.0.stifness", "Did you mean 'stiffness'?"),
        ("kind: harmonic", "kind: harmonics", 10, "forces.0.kind", "there is no kind 'harmonics'"),
        ("count: 10", "count: 0", 5, "gas.0.from.count", "not 0"),
        ("stiffness: 1.0", "stiffness: 1.0, groups: [gas, ring, rung]", 10, "forces.0.groups",
         "there is no group 'rung'; there are gas, other, ring"),
        ("of: gas", "of: ring", 8, "tracers.0.place.of", "there is no group 'ring'; there are gas, other"),
        ("of: gas}", "of: gas}, frame: {kind: principal, of: gone}", 8, "tracers.0.frame.of", "no group 'gone'"),
        ("temperature: 1.0", "temperature: -1.0", 12, "temperature", "never below zero"),
        ("temperature: 1.0", "temperature: {kind: by_group, groups: {gas: 1.0, ring: 1.0}}", 12,
         "temperature.groups", "every group needs one: gas, other, ring"),
    ],
)  # fmt: skip
def test_a_scenario_in_python_is_refused_like_one_in_yaml(
    tmp_path: Path, old: str, new: str, line: int, parameter: str, says: str
) -> None:
    import yaml

    text = SCENARIO.replace(old, new)
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match=re.escape(says)) as in_file:
        load_scenario(tmp_path / "a.yaml")
    with pytest.raises(InputError, match=re.escape(says)) as in_python:
        Scenario(**yaml.safe_load(text))
    for refused, location in ((in_file, f"{tmp_path / 'a.yaml'}:{line}"), (in_python, None)):
        (fault,) = refused.value.faults
        assert (fault.parameter, fault.location) == (parameter, location)
    assert in_file.value.message == in_python.value.message


def test_every_fault_of_a_scenario_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SCENARIO.replace("steps: 10", "steps: x, record_every: 0"))
    with pytest.raises(InputErrors) as refused:
        load_scenario(tmp_path / "a.yaml", ["seed=-1"])
    places = {fault.parameter: fault.location for fault in refused.value.faults}
    line = f"{tmp_path / 'a.yaml'}:13"
    assert places == {"seed": "--set seed=-1", "run.steps": line, "run.record_every": line}


def test_a_specification_from_data_is_refused_at_its_parameter() -> None:
    assert parse(AnyForce, {"kind": "harmonic", "stiffness": 2}).stiffness == 2
    with pytest.raises(InputError) as refused:
        parse(AnyForce, {"kind": "gaussian_wells", "wells": [{"at": [0.0], "depth": 1, "width": 0}]})
    assert refused.value.parameter == "wells.0.width"


def npy(folder: Path) -> Path:
    np.save(folder / "m.npy", np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32))
    return folder / "m.npy"


def counts(folder: Path, text: str) -> Path:
    (folder / "counts.txt").write_text(text)
    return folder / "counts.txt"


CALLS: dict[str, tuple[Callable[[Path], Any], str, str | None]] = {
    "cells": (lambda t: inspect(npy(t), cells=-1), "cells", "-1"),
    "rows": (lambda t: inspect(npy(t), rows="0:21"), "rows", "0:21"),
    "row ids": (lambda t: inspect(npy(t), rows=[20]), "rows", None),
    "step": (lambda t: inspect(npy(t), step=3), "step", "3"),
    "bits": (lambda t: inspect(npy(t), bits="bf16"), "bits", "bf16"),
    "tensor": (lambda t: inspect(RECORDING, tensor="W"), "tensor", "W"),
    "at most": (lambda t: find_dead(npy(t), at_most=-1), "at_most", "-1"),
    "counts": (lambda t: find_dead(counts=t / "none"), "counts", "none"),
    "no corpus": (lambda t: find_dead(tokenizer=t / "t.json"), "corpus", None),
    "every": (lambda t: import_recording(npy(t), t / "a.h5", every=0), "every", "0"),
    "source as output": (lambda t: import_recording(npy(t), t / "m.npy"), "output", "m.npy"),
    "no folder": (lambda t: import_recording(npy(t), t / "none" / "a.h5"), "output", "a.h5"),
    "tokenizer": (lambda t: import_recording(npy(t), t / "a.h5", tokenizer=t / "t.json"), "tokenizer", "t.json"),
    "groups": (lambda t: import_recording(npy(t), t / "a.h5", rows={"a": "0:3", "b": "2:4"}), "rows", "b=2:4"),
    "film": (lambda t: animate(open_trajectory(RECORDING), t / "a.avi"), "output", "a.avi"),
    "frames": (lambda t: animate(open_trajectory(RECORDING), t / "a.gif", frames=1), "frames", "1"),
    "run": (lambda t: gasfield.run("double-well", output=t), "output", ""),
    "pictures": (lambda t: gasfield.run("double-well", output=t / "a", pictures=False), "pictures", "False"),  # type: ignore[arg-type]
    "override": (lambda t: load_scenario("double-well", ["nothing"]), "overrides", "nothing"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_refused_parameter_is_named(tmp_path: Path, name: str) -> None:
    call, parameter, value = CALLS[name]
    with pytest.raises(InputError) as refused:
        call(tmp_path)
    assert refused.value.parameter == parameter
    assert refused.value.location is None
    assert value is None or str(refused.value.value).endswith(value)


def test_a_line_of_a_file_is_a_location(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a count, or an id and a count") as refused:
        find_dead(counts=counts(tmp_path, "1\n2\n3 4 5\n"))
    assert refused.value.location == f"{tmp_path / 'counts.txt'}:3"
    (tmp_path / "bad.py").write_text("\n1 / 0\n")
    with pytest.raises(InputError, match="ZeroDivisionError") as refused:
        run_plugin(tmp_path / "bad.py")
    assert refused.value.location == f"{tmp_path / 'bad.py'}:2"


def test_only_the_command_line_speaks_of_options() -> None:
    """No text of the library names an option, but for the origin of an override."""
    found = [
        f"{path.relative_to(LIBRARY)}:{node.lineno}: {node.value}"
        for path in sorted(LIBRARY.rglob("*.py"))
        if not {"cli", "cost"} & set(path.parts) and path.name != "provenance.py"  # cost starts commands
        for node in without_docstrings(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"(^|[\s(])--[a-z]", node.value)
    ]
    assert [text for text in found if not text.endswith(": --set ")] == []
    assert any(text.startswith("scenario/document.py") for text in found)  # the search finds what there is


def without_docstrings(tree: ast.AST) -> list[ast.AST]:
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [node for node in ast.walk(tree) if id(node) not in texts]
