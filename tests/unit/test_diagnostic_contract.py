"""Every diagnostic that is registered keeps the contract, pictures included."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from made_live_recordings import Lesson
from tiny_traces import tiny_trace
from tiny_transformers import LAYERS, LLAMA, LLAMA_FOLDER

import gasfield
from gasfield.diagnostics import DIAGNOSTICS, Diagnostic, Group, Result, Scope, register
from gasfield.diagnostics.grouping import group_of, whole_of
from gasfield.plots.style import new_figure
from gasfield.runs.run import run
from gasfield.scenario import Scenario
from gasfield.statistics.estimate import exact, missing
from gasfield.testing.diagnostics import check_diagnostic, has_content
from gasfield.trajectory import open_trajectory

CLOUD = {"kind": "gaussian", "count": 24, "spread": 0.7}
FREE = {"kind": "free", "dimensions": 3}
BOX = {"kind": "box", "dimensions": 3, "side": 6.0}
PERIODIC = {"kind": "periodic", "dimensions": 3, "side": 4.0}
SPHERE = {"kind": "sphere", "dimensions": 3}
TOKENS = [7, 3, 30, 22, 5, 11, 39, 1, 18, 26, 14, 9, 33, 2, 37, 20, 12, 28, 6, 31, 25, 16]
HARMONIC = {"kind": "harmonic", "stiffness": 1.0}
GRAVITY = {"kind": "gravity", "softening": 0.3}
LANGEVIN = {"kind": "langevin", "time_step": 0.1, "friction": 0.5}
NEWTON = {"kind": "newton", "time_step": 0.05}
ADVECTION = {"kind": "advection", "time_step": 0.05}
SGD = {"kind": "sgd", "learning_rate": 0.05, "weight_dtype": "bfloat16"}
SHEET = {"name": "sheet", "shape": {"kind": "sheet", "side": [4, 4], "spacing": 0.2},
         "place": {"kind": "centroid", "of": "gas"}}  # fmt: skip
CHARGED = {"name": "gas", "from": {"kind": "gaussian", "count": 3, "spread": 1.0}, "charge": 1.0,
           "velocities": {"kind": "given", "velocity": [1, 0, 0]}}  # fmt: skip
WELL: dict[str, Any] = {"forces": [HARMONIC], "dynamics": LANGEVIN, "temperature": 0.4}
LESSON: dict[str, Any] = WELL | {
    "space": FREE | {"dimensions": 1},
    "gas": [{"name": "gas", "from": CLOUD}, {"name": "teacher", "from": CLOUD}],
    "forces": [HARMONIC | {"train": ["stiffness"], "groups": ["gas"]},
               {"kind": "double_well", "groups": ["teacher"]}],
    "operations": [{"kind": "train_field", "group": "gas", "teacher": "teacher", "trigger": 10}],
    "run": {"steps": 120, "observe_every": 40},
}  # fmt: skip
DEPTH: dict[str, Any] = {
    "space": FREE | {"dimensions": LLAMA.config["hidden_size"]},
    "gas": [{"name": "gas", "from": {"kind": "prompt", "model": LLAMA_FOLDER, "tokens": TOKENS}}],
    "forces": [{"kind": "transformer_attention", "model": LLAMA_FOLDER},
               {"kind": "transformer_mlp", "model": LLAMA_FOLDER}],
    "dynamics": {"kind": "layers"},
    "run": {"steps": 2 * LAYERS},
}  # fmt: skip
GOOD: dict[str, dict[str, Any]] = {
    "bonds": WELL | {"tracers": [SHEET]},
    "deformation": WELL | {"tracers": [SHEET]},
    "cells": {"forces": [HARMONIC], "dynamics": SGD},
    "lifecycle": {"forces": [HARMONIC], "dynamics": SGD},
    "distinct": {"forces": [HARMONIC], "dynamics": SGD},
    "rounding": {"forces": [HARMONIC], "dynamics": SGD | {"weight_decay": 0.1}},
    "freezing": {"forces": [HARMONIC], "dynamics": SGD},
    "pressure": {"space": BOX, "dynamics": LANGEVIN, "temperature": 0.4},
    "radial_distribution": {"space": PERIODIC, "dynamics": LANGEVIN, "temperature": 0.4},
    "clusters": {"forces": [GRAVITY], "dynamics": NEWTON},
    "breathing": {"forces": [GRAVITY], "dynamics": NEWTON},
    "orbit": {"gas": [CHARGED], "forces": [{"kind": "lorentz", "field": [0, 0, 9.0]}], "dynamics": NEWTON},
    "order": {"space": SPHERE, "forces": [{"kind": "attention"}], "dynamics": ADVECTION},
    "retrieval": {"forces": [{"kind": "hopfield", "patterns": [[2, 0, 0], [-2, 0, 0]]}], "dynamics": ADVECTION},
    "force_table": {"forces": [{"kind": "emission_receptivity", "softening": 0.3}], "dynamics": ADVECTION},
    "routing": WELL | {"forces": [{"kind": "experts"}]},
    "training": LESSON,
    "student_density": LESSON,
    "replicas": {"forces": [HARMONIC], "dynamics": LANGEVIN, "replicas": {"temperatures": [0.3, 0.4], "every": 2}},
    "basins": WELL | {"forces": [{"kind": "double_well"}]},
    "heads": DEPTH,
    **dict.fromkeys(("alignment", "gram_entropy", "final_distance"), DEPTH),
}
"""Keys of a run to which a diagnostic applies; a warm harmonic well where there are none."""


TRACED = ("layer_motion", "layer_work", "lens", "attention_reach")
"""Diagnostics of a recorded trace."""


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """A text in an open trace."""
    pytest.importorskip("transformers")
    with open_trajectory(tiny_trace(tmp_path_factory.mktemp("trace"))[0]) as trajectory:
        yield group_of(trajectory, trajectory.names[0])


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Any:
    """Makes the group that a diagnostic is shown."""

    def make(kind: str) -> Group:
        if kind == "live_work":  # of recordings only
            return group_of(gasfield.open(Lesson().write(tmp_path_factory.mktemp(kind) / "made.h5")), "live")
        if kind in TRACED:
            return request.getfixturevalue("traced")
        keys = GOOD.get(kind, WELL)
        usual = {"title": "a test", "question": "Does it draw?", "space": FREE, "gas": [{"name": "gas", "from": CLOUD}]}
        scenario = usual | {"run": {"steps": 120}, "diagnostics": []} | keys
        folder = tmp_path_factory.mktemp(kind)
        with run(Scenario.model_validate(scenario), output=folder / "out", pictures="none").open() as trajectory:
            spec = DIAGNOSTICS[kind]
            if issubclass(spec, Diagnostic) and spec.scope is Scope.WHOLE:
                return whole_of(trajectory)
            return group_of(trajectory, "sheet" if "sheet" in trajectory.names else "gas")

    return make


@pytest.mark.parametrize("kind", DIAGNOSTICS)
def test_every_diagnostic_keeps_the_contract(kind: str, good: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_diagnostic(DIAGNOSTICS[kind](), good(kind))


@pytest.mark.parametrize("kind", DIAGNOSTICS)
def test_every_picture_is_drawn_into_given_axes(kind: str, good: Any) -> None:
    """Into one panel of a page of somebody else's, whose others stay empty."""
    group = good(kind)
    figure = new_figure(9.0, 4.0)
    projection = "mollweide" if kind == "directions" else None
    mine, other = figure.add_subplot(1, 2, 1, projection=projection), figure.add_subplot(1, 2, 2)
    drawn = DIAGNOSTICS[kind]().compute(group).plot(mine)
    figure.canvas.draw()
    assert drawn is mine
    assert has_content(mine)
    assert not has_content(other)


# The contract itself.


class _Broken(Result):
    """A result with a fault."""

    def draw(self, ax: Any = None) -> Any:
        """Nothing."""
        return new_figure().add_subplot() if ax is None else ax


def broken(**faults: bool) -> Diagnostic[Result]:
    """A diagnostic with some faults."""

    class Faulty(Diagnostic[Result]):
        """Counts rows."""

        needs_motion: ClassVar[bool] = True

        kind: Literal["faulty"] = "faulty"

        def measure(self, group: Group, notes: list[str]) -> Result:
            """The number."""
            if faults.get("changes"):
                np.asarray(group.positions)[...] = 0.0
            value = exact(group.count, "rows") if group.count > 1 else missing("rows")
            if faults.get("drifts"):
                value = exact(np.random.default_rng().random(), "rows")
            if group.count < 2 and not faults.get("silent"):
                notes.append("too few rows")
            return _Broken(group=group.name, estimates={"faulty.rows": value}, notes=tuple(notes))

    return Faulty()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("empty", "the picture is empty"),
        ("changes", "changes the group"),
        ("drifts", "is not reproducible"),
        ("silent", "is undefined without a note"),
    ],
)
def test_the_contract_finds_faults(fault: str, says: str, good: Any) -> None:
    group = good("cloud")
    diagnostic = broken(**{fault: True})
    register(type(diagnostic))
    try:
        with pytest.raises(AssertionError, match=says):
            check_diagnostic(diagnostic, None if fault == "silent" else group)
    finally:
        DIAGNOSTICS.remove("faulty")
    with pytest.raises(KeyError):
        check_diagnostic(diagnostic, group)
