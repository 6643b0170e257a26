"""Sweeps that add points where a result changes, and that say where it has a transition."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gasfield
from gasfield.cli.main import app
from gasfield.errors import InputError
from gasfield.scenario import Scenario
from gasfield.sweeps import Progress, varied_keys
from gasfield.sweeps.diagrams import draw
from gasfield.sweeps.points import Point
from gasfield.sweeps.rows import Row
from gasfield.sweeps.store import TABLE
from gasfield.sweeps.table import Table
from gasfield.sweeps.transitions import transitions

pytest.importorskip("pandas")

WELL = Scenario.model_validate(
    {
        "title": "A well", "question": "How far do particles go?", "seed": 1,
        "space": {"kind": "free", "dimensions": 2},
        "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 4, "spread": 0.5}}],
        "forces": [{"kind": "harmonic", "stiffness": 1.0}],
        "dynamics": {"kind": "langevin", "time_step": 0.1, "friction": 1.0}, "temperature": 0.5,
        "run": {"steps": 20, "record_every": 2}, "diagnostics": ["cloud"],
    }
).named("well")  # fmt: skip
RADIUS = "groups.gas.radius.end"
SCAN: dict[str, Any] = {
    "temperature": {"from": 0.1, "to": 3.3, "count": 3, "refine": {"result": RADIUS, "points": 2}}, "seeds": 2
}  # fmt: skip


class Stopped(Exception):  # noqa: N818
    """The sweep ends here."""


def stop_at(done: int) -> Any:
    def watch(progress: Progress) -> None:
        if progress.done >= done:
            raise Stopped

    return watch


def test_an_interrupted_sweep_adds_the_same_points(tmp_path: Path) -> None:
    """Stopped after 1 and 7 of 10 points, in the grid and among those that were added: the same bytes in the end."""
    whole = gasfield.sweep(WELL, SCAN, output=tmp_path / "whole")
    temperatures = np.array(whole.table.along("temperature"))
    assert len(temperatures) == (3 + 2) * 2
    assert list(temperatures[:6:2]) == [0.1, 1.7, 3.3]
    radius = np.asarray(whole.table.columns[RADIUS].value).reshape(5, 2).mean(axis=1)
    steps = np.abs(np.diff(radius[:3]))
    assert temperatures[6] == pytest.approx([0.9, 2.5][int(np.argmax(steps))])
    assert whole.finished
    for done in (1, 7):
        with pytest.raises(Stopped):
            gasfield.sweep(WELL, SCAN, output=tmp_path / "cut", progress=stop_at(done))
        assert not gasfield.open_sweep(tmp_path / "cut").finished
    gasfield.sweep(WELL, SCAN, output=tmp_path / "cut")
    assert (tmp_path / "cut" / TABLE).read_bytes() == (tmp_path / "whole" / TABLE).read_bytes()
    assert gasfield.open_sweep(tmp_path / "cut").finished


def test_two_scans_add_points_by_turns_and_leave_one_table(tmp_path: Path) -> None:
    """The second scan refines another range of the same scenario while the first is interrupted: rows stand in the
    order of the scans, whatever the order in which they were added."""
    refine = {"result": RADIUS, "points": 2}
    first, second = (
        {key: {"from": 0.5, "to": 8.5, "count": 2, "refine": refine}} for key in ("temperature", "forces.0.stiffness")
    )
    for name in ("whole", "cut"):
        with pytest.raises(Stopped):
            gasfield.sweep(WELL, first, output=tmp_path / name, progress=stop_at(1))
    whole = gasfield.sweep(WELL, second, output=tmp_path / "whole")
    assert len(whole.table.keys) == 4 + 4
    assert whole.table.keys == gasfield.open_sweep(tmp_path / "whole").table.keys
    along = whole.table.along("temperature")
    assert [value != 0.5 for value in along] == [False, True, False, False, True, True, False, False]
    with pytest.raises(Stopped):
        gasfield.sweep(WELL, second, output=tmp_path / "cut", progress=stop_at(6))
    gasfield.sweep(WELL, second, output=tmp_path / "cut")
    assert (tmp_path / "cut" / TABLE).read_bytes() == (tmp_path / "whole" / TABLE).read_bytes()


def test_a_result_that_no_point_has_is_refused(tmp_path: Path) -> None:
    wrong = {
        "temperature": {"from": 0.1, "to": 1.0, "count": 2, "refine": {"result": "groups.gas.radius", "points": 1}}
    }
    with pytest.raises(InputError, match=r"no point has such a result; for example .*radius") as fault:
        gasfield.sweep(WELL, wrong, output=tmp_path / "s")
    assert fault.value.parameter == "scan.temperature.refine.result"
    assert len(gasfield.open_sweep(tmp_path / "s").table.keys) == 2


TOKENS = """
title: Tokens
question: When do they order?
space: {kind: sphere, dimensions: 3}
gas: [{name: gas, from: {kind: uniform, count: 24}}]
forces: [{kind: attention, form: softmax, beta: 1.0}]
dynamics: {kind: brownian, time_step: 0.2}
temperature: 0.3
run: {steps: 800, record_every: 5}
diagnostics: [order]
scan: {temperature: [0.6, 0.9, 1.2], forces.0.beta: [1.0], seeds: 2}
"""


def test_the_command_line_says_where_a_transition_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """T_c = coth(beta)/beta - 1/beta^2, 0.313 at beta = 1, of infinitely many, is lower by an eighth for 24: 0.28."""
    monkeypatch.chdir(tmp_path)
    Path("tokens.yaml").write_text(TOKENS)
    command = ["sweep", "tokens.yaml", "-o", "s", "--workers", "0", "--transition", "groups.gas.order.fluctuation"]
    app([*command, "--json"], standalone_mode=False)
    data = json.loads(capsys.readouterr().out)
    assert [each["at"] for each in data["transitions"]] == [{"forces.0.beta": 1.0}]
    found = data["transitions"][0]["transition"]
    assert found["value"] == pytest.approx(0.28, abs=4 * found["error"])
    assert found["error"] < 0.05
    assert data["plots"][0].endswith("groups-gas-order-fluctuation.png")
    app(command, standalone_mode=False)
    assert "transition at temperature = 0.2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--transition", "groups.gas.order.mean", "--method", "guess"], "is one of crossing"),
        (["--along", "temperature"], "give the result"),
        (
            ["--transition", "groups.gas.order.mean"],
            "hysteresis, which needs two starts: vary a key that ends in 'from'",
        ),
        (["--transition", "groups.gas.order.binder"], "crossing, which needs several sizes: vary a key"),
        (["--transition", "groups.gas.order.fluctuation", "--along", "pressure"], "no such key that is varied"),
        (["--transition", "groups.gas.order.binder", "--sizes", "size"], "no such key that is varied"),
    ],
)
def test_how_a_transition_is_looked_for_is_checked_before_anything_is_run(
    options: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tokens.yaml").write_text(TOKENS)
    app(["sweep", "tokens.yaml", "-o", "s", "--workers", "0", *options], standalone_mode=False)
    assert text in capsys.readouterr().err
    assert not Path("s").exists()


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        ({"sizes": "size"}, "sizes"),
        ({"exponent": 0.0}, "exponent"),
        ({"following": ["size"]}, "following"),
        ({"following": ["nothing"]}, "following"),
    ],
)
def test_options_of_a_transition_that_do_not_fit_are_refused(options: dict[str, Any], parameter: str) -> None:
    """At each temperature there are two sizes, and one of them is 0."""
    points = [Point({"temperature": float(t), "size": size}, 0) for t in range(5) for size in (0, 10)]
    table = Table((str(number), point) for number, point in enumerate(points))
    for number, point in enumerate(points):
        table.put(Row(point.text(), str(number), "done", results={"chi": (1.0, 0.1, "1")}))
    with pytest.raises(InputError) as fault:
        transitions(table, "chi", "temperature", method="peak", **options)
    assert fault.value.parameter == parameter


def test_a_result_without_any_number_has_no_transition_to_tell() -> None:
    point = Point({"temperature": 1.0}, 0)
    table = Table([("a", point)])
    table.put(Row(point.text(), "a", "done", results={"chi": (math.nan, math.nan, "1")}))
    with pytest.raises(InputError, match="no point has a number"):
        transitions(table, "chi", "temperature", method="peak")


def test_transitions_in_diagrams(tmp_path: Path) -> None:
    """On lines, on a map and alone; a key that the method needs is asked for."""
    made = gasfield.sweep(WELL, {"temperature": [0.1, 0.2], "forces.0.stiffness": [1.0, 2.0]}, output=tmp_path / "s")
    with pytest.raises(InputError, match="which needs two starts: vary a key that ends in 'from'") as fault:
        made.transitions(RADIUS, "temperature")
    assert fault.value.parameter == "transition"
    with pytest.raises(InputError, match="no such key"):
        made.transitions(RADIUS, "pressure", method="peak")
    more = {"dynamics.time_step": [0.1]}
    assert varied_keys(WELL, more) == ["dynamics.time_step"]
    assert varied_keys(WELL, more, made.directory) == ["temperature", "forces.0.stiffness", "dynamics.time_step"]
    found = made.transitions(RADIUS, "temperature", method="peak")
    assert {each.reason for each in found} == {"the highest value is at an end of the range"}
    assert draw(made, RADIUS, found).is_file()
