"""The page of a sweep: its numbers are those of the table, its links lead to the runs, and no text in it is markup."""

from __future__ import annotations

import base64
import json
import math
import os
import socket
import urllib.parse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from packed_pages import Parsed, unpack
from small_sweeps import scenario

import gasfield
from gasfield.cli import app
from gasfield.errors import InputError
from gasfield.pages import serving
from gasfield.pages.axes import Axis
from gasfield.pages.content import Content
from gasfield.pages.serving import SweepAnswers
from gasfield.sweeps import Sweep
from gasfield.sweeps.points import Point
from gasfield.sweeps.rows import Row
from gasfield.sweeps.table import Table
from gasfield.trajectory import open_trajectory

pytest.importorskip("pyarrow")
HOSTILE = "</script><script>document.title='taken'</script>\u202e"
SCAN: dict[str, Any] = {"temperature": [-1.0, 0.2, 0.5], "forces.0.stiffness": [1.0, 2], "seeds": 2}
RADIUS = "groups.gas.radius.end"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """12 runs, of which those below zero temperature fail."""
    directory = tmp_path_factory.mktemp("pages") / "a sweep #1"
    return gasfield.sweep(scenario(title=HOSTILE, run={"steps": 20, "record_every": 2}), SCAN, output=directory)


def described(page: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Parsed(page.read_text()).data["description"])
    return found


def of_page(page: Parsed, description: dict[str, Any], name: str) -> list[NDArray[np.float64]]:
    """Values and errors of rows; means, their errors, scatter and its ratio of points."""
    number = [each["name"] for each in description["results"]].index(name)
    numbers = unpack(base64.b64decode(page.data[f"result {number}"]), np.float64, (-1,))
    rows = len(description["rows"]["point"])
    return [numbers[:rows], numbers[rows : 2 * rows], *numbers[2 * rows :].reshape(4, -1)]


def test_a_page_has_the_numbers_of_the_table_and_may_load_nothing(made: Sweep, tmp_path: Path) -> None:
    output = gasfield.view(made.directory, output=tmp_path / "a.html")
    page, table = Parsed(output.read_text()), made.table
    assert page.allowed() == page.digests()
    assert len(page.code) == 1
    assert all(word in page.policy for word in ("default-src 'none'", "connect-src 'none'"))
    assert "unsafe" not in page.policy
    about = described(output)
    assert about["title"] == HOSTILE.replace("\u202e", "\\u202e")
    assert {each["name"] for each in about["results"]} == set(table.columns)
    value, error, mean, of_mean, between, ratio = of_page(page, about, RADIUS)
    assert np.array_equal(value, table.columns[RADIUS].value, equal_nan=True)
    assert np.array_equal(error, table.columns[RADIUS].error, equal_nan=True)
    rows = table.to_dataframe()
    for point in range(6):
        mine = np.flatnonzero(np.array(about["rows"]["point"]) == point)
        for key, numbers in zip(about["keys"], about["points"], strict=True):
            assert list(rows[key["name"]][mine]) == [key["values"][numbers[point]]] * 2
        assert np.allclose(mean[point], value[mine].mean(), equal_nan=True)
        assert np.allclose(of_mean[point], value[mine].std(ddof=1) / math.sqrt(2), equal_nan=True)
        assert np.allclose(between[point], rows[f"{RADIUS}.scatter"][mine[0]], equal_nan=True)
        assert np.allclose(ratio[point], rows[f"{RADIUS}.scatter_ratio"][mine[0]], equal_nan=True)
    assert np.isnan(mean).sum() == 2
    assert gasfield.view(made, output=tmp_path / "b.html").read_bytes() == output.read_bytes()


def test_links_lead_from_the_page_to_the_runs(made: Sweep, tmp_path: Path) -> None:
    """Relative to the page, so that both can be moved together; failed runs say why."""
    (tmp_path / "pages").mkdir()
    about = described(gasfield.view(made, output=tmp_path / "pages" / "a.html"))
    rows = about["rows"]
    assert not about["runs"].startswith("/")
    for row, key in enumerate(rows["key"]):
        linked = os.path.join(tmp_path / "pages", urllib.parse.unquote(about["runs"]), key[:2], key)
        assert Path(linked).is_dir() == bool(rows["run"][row]) == (rows["status"][row] == 1)
        if rows["run"][row]:
            with open_trajectory(Path(linked)) as run:
                assert run.count == 4
        else:
            assert "temperature" in about["reasons"][rows["reason"][row]]
    assert rows["status"].count(2) == 4


def test_transitions_are_looked_for_where_a_name_says_how_and_told_with_errors(tmp_path: Path) -> None:
    """A parabola with its vertex at T = 2.2, and a straight line, which has none."""
    random = np.random.default_rng(1)
    points = [
        Point({"temperature": float(t), "law": law}, seed)
        for law in ("peaked", "straight") for t in range(5) for seed in range(4)
    ]  # fmt: skip
    table = Table((f"{number:032x}", point) for number, point in enumerate(points))
    for key, point in zip(table.keys, points, strict=True):
        t = point.values["temperature"]
        law = 3.0 - (t - 2.2) ** 2 if point.values["law"] == "peaked" else t
        found = {"a.susceptibility": (law + 0.02 * random.normal(), 0.02, "1"), "a.mean": (t, 0.1, "1")}
        table.put(Row(point.text(), key, "done", results=found))
    sweep = Sweep(tmp_path, table)
    content = Content.of(sweep, None, None, runs="points/", live=False)
    about = content.description
    assert [about["keys"][each["along"]]["name"] for each in about["transitions"]] == ["temperature"] * 2
    assert {about["results"][each["result"]]["name"] for each in about["transitions"]} == {"a.susceptibility"}
    peaked, straight = about["transitions"]
    key = [each["name"] for each in about["keys"]].index("law")
    assert [each["at"] for each in (peaked, straight)] == [[[key, 0]], [[key, 1]]]
    value, error = peaked["place"]
    assert abs(value - 2.2) < 4 * error < 0.1
    assert straight["place"] is None
    assert "end of the range" in straight["reason"]
    assert about["results"][about["chosen"]]["name"] == "a.susceptibility"
    json.dumps(about, allow_nan=False)
    given = Content.of(sweep, None, sweep.transitions("a.mean", "temperature", method="peak"), runs="", live=False)
    assert {each["result"] for each in given.description["transitions"]} == {content.names.index("a.mean")}


def test_axes_are_numbers_in_their_order_or_names_as_they_came() -> None:
    numbers = Axis.of("a", [3, 1.0, 2, 1])
    assert list(numbers.values) == [1.0, 2.0, 3.0]
    assert (numbers.number(3.0), numbers.logarithmic) == (2, False)
    assert Axis.of("a", [1, 10, 100.0]).logarithmic
    assert not Axis.of("a", [0, 1, 10, 100]).logarithmic
    for given in ([True, False], ["b", "a"], [1, "a"], [{"kind": "x"}, [1]], [math.inf, 1.0]):
        names = Axis.of("a", given)
        assert not names.numeric
        assert [names.number(each) for each in given] == list(range(len(given)))
        json.dumps(names.described(), allow_nan=False)


def test_the_server_has_the_page_of_every_run_and_sees_runs_that_are_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_KEPT", 1)
    short = scenario(run={"steps": 4, "record_every": 2})
    first = gasfield.sweep(short, {"temperature": [0.1], "seeds": 2}, output=tmp_path / "s")
    answers = SweepAnswers(tmp_path / "s", lambda sweep: None)
    try:
        kind, page = answers.answer([""])
        assert kind.startswith("text/html")
        assert json.loads(Parsed(page.decode()).data["description"])["live"]
        for key in [*first.table.keys, first.table.keys[0]]:
            assert b'data-name="description"' in answers.answer(["run", key, ""])[1]
            assert len(answers.answer(["run", key, "cells", "0", "1"])[1]) == 2 * 2 * 4
        elsewhere = ([], ["run"], ["run", first.table.keys[0]], ["run", "..", ""], ["run", "0" * 32, ""], ["x", "", ""])
        for path in elsewhere:
            with pytest.raises((LookupError, ValueError)):
                answers.answer(path)
        with pytest.raises(LookupError):
            answers.answer(["run", first.table.keys[0], "cells", "0", "99"])
    finally:
        answers.close()
    stopped = gasfield.sweep(short, {"temperature": [0.1, 0.3], "seeds": 2}, output=tmp_path / "s")
    last = stopped.directory / "points" / stopped.table.keys[-1][:2] / stopped.table.keys[-1]
    last.rename(tmp_path / "later")
    answers = SweepAnswers(tmp_path / "s", lambda sweep: None)
    assert b"1 of 4 runs were still to be made" in answers.answer([""])[1]
    (tmp_path / "later").rename(last)
    assert b"still to be made when" not in answers.answer([""])[1]


def test_serving_a_sweep_ends_when_it_is_interrupted(made: Sweep) -> None:
    told = []

    def interrupt(address: str) -> None:
        told.append(urllib.parse.urlsplit(address))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serving.serve_sweep(made.directory, ready=interrupt)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((told[0].hostname, told[0].port), timeout=5)
    with pytest.raises(InputError, match="is not the directory of a sweep"):
        serving.serve_sweep(made.directory.parent, ready=interrupt)


def test_what_no_page_can_show_is_refused(made: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "a.html"
    with pytest.raises(InputError, match="must end in"):
        gasfield.view(made, output=tmp_path / "a.txt")
    with pytest.raises(InputError, match="by itself"):
        gasfield.view(made, "other.h5", output=output)
    failed = gasfield.sweep(scenario(), {"temperature": [0.1], "seeds": 1}, output=tmp_path / "s").table
    empty = Sweep(tmp_path, Table(zip(failed.keys, failed.points, strict=True)))
    with pytest.raises(InputError, match="no point of this sweep has results yet"):
        gasfield.view(empty, output=output)
    monkeypatch.setattr("gasfield.pages.writing.LARGEST_PAGE", 10_000)
    with pytest.raises(InputError, match="too large for one page: 12 runs"):
        gasfield.view(made, output=output)
    monkeypatch.setattr("gasfield.pages.writing.MOST_ROWS", 11)
    for shown in (made, made.directory):
        with pytest.raises(InputError, match="has 12 runs, a page at most 11"):
            gasfield.view(shown, output=output)
    assert not output.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["SWEEP"], "view.html: "),
        (["SWEEP", "--frames", "3"], "--frames 3: is for trajectories"),
        (["SWEEP", "--projection", "last"], "--projection last: is for trajectories"),
        (["SWEEP", "SWEEP"], "is for trajectories, not for a sweep"),
        (["SWEEP", "--along", "temperature"], "give the result, too"),
        (["SWEEP", "--transition", "none"], "there is no such result"),
        (
            ["SWEEP", "--transition", RADIUS],
            "is looked for as a hysteresis, which needs two starts: vary a key that ends in 'from'",
        ),
        (["RUN", "--transition", RADIUS], "is for sweeps, and this is none"),
    ],
)
def test_the_command_shows_a_sweep(
    words: list[str], said: str, made: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = next(made.directory.glob("points/*/*/run.json")).parent
    given = {"SWEEP": str(made.directory), "RUN": str(run)}
    app(["view", *(given.get(word, word) for word in words)], standalone_mode=False)
    out, err = capsys.readouterr()
    assert said in (out + err).replace("\n", " ")
    assert (made.directory / "view.html").exists() == (len(words) == 1)
    (made.directory / "view.html").unlink(missing_ok=True)
