"""Tracers in the file of a trace: groups that appear where they are planted, and what diagnostics find in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gasfield
from gasfield.errors import InputError
from gasfield.tracers import Tracer
from gasfield.tracing import open_trace
from gasfield.tracing.tracing import trace

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_streams import IDS as FIRST  # noqa: E402
from tiny_streams import LAYERS, WIDTH, saved  # noqa: E402

SECOND = [8, 1, 55, 23]

LATTICE = {"name": "lattice", "shape": {"kind": "cubic", "side": 3, "spacing": 0.002}, "place": {"kind": "token"}}


def tracer(**given: Any) -> Tracer:
    return Tracer.model_validate({**LATTICE, **given})


def test_tracers_are_groups_that_appear_where_they_are_planted(tmp_path: Path) -> None:
    folder, path = saved(tmp_path / "m", "llama"), tmp_path / "t.h5"
    late = tracer(name="late", place={"kind": "token", "index": 2, "of": "text-1"}, plant_at=1)
    result = trace(folder, path, ids=[FIRST, SECOND], tracers=[tracer(), late])
    assert result.tracers == {"lattice-text-1": 27, "lattice-text-2": 27, "late": 27}
    assert 0 < result.tracer_error < 1e-5
    trace(folder, tmp_path / "without.h5", ids=[FIRST, SECOND])
    with gasfield.open(path) as opened, open_trace(path) as found, open_trace(tmp_path / "without.h5") as alone:
        assert found.texts == ("text-1", "text-2")
        assert found.tracers == tuple(result.tracers)
        assert opened.names == [*found.texts, *found.tracers]
        for text in found.texts:  # the host has the same bits
            np.testing.assert_array_equal(found.stream(text), alone.stream(text))
            np.testing.assert_array_equal(found.work(text, 2), alone.work(text, 2))
            np.testing.assert_array_equal(found.energy(text), alone.energy(text))
        places = opened.positions(opened.members("late"))
        assert np.isnan(places[:2]).all()
        assert np.isfinite(places[2:]).all()
        np.testing.assert_allclose(places[2].mean(axis=0), found.stream("text-1")[2, 2], atol=1e-5)
        start = opened.positions(opened.members("lattice-text-2"))[0]
        np.testing.assert_allclose(start.mean(axis=0), found.stream("text-2")[0, -1], atol=1e-5)
        assert set(opened.appears[opened.members("late")]) == {2}
        stated = json.loads(str(opened.attributes["tracers"]))
        assert stated[2] == {"name": "late", "text": "text-1", "host": 2, "step": 2}
        bonds = opened.gas(0).bonds["lattice-text-1"]
        assert set(bonds.ravel()) == set(opened.members("lattice-text-1").tolist())


@pytest.mark.parametrize("kind", ["llama", "gpt_neox, parallel"])
def test_the_deformation_of_a_lattice_is_that_of_the_jacobian(kind: str, tmp_path: Path) -> None:
    """`diagnose` finds the stretches of J times the frame; the spacing is small."""
    from gasfield.language.open import open_module
    from gasfield.tracing.families import transformer_of
    from gasfield.tracing.jacobian import jacobian
    from gasfield.tracing.passive import run_host

    folder, path = saved(tmp_path / "m", kind), tmp_path / "t.h5"
    trace(folder, path, ids=[FIRST], tracers=[tracer(frame={"kind": "axes"})])
    host = run_host(transformer_of("m", open_module(folder).module), FIRST)
    expected = torch.linalg.svdvals(jacobian(host, -1, 2 * LAYERS)[:, :3]).numpy()
    found = gasfield.diagnose(path, diagnostics=["deformation"]).as_json()["groups"]["lattice"]["stretch"]
    np.testing.assert_allclose(found["principal"]["value"], expected, rtol=0.02)


def test_what_a_stream_cannot_hold_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    folder, path = saved(tmp_path / "m", "llama"), tmp_path / "t.h5"
    for given, message in (
        ({"place": {"kind": "token", "index": 4}}, r"tracers\.0\.place\.index: there is no token 4; the text has 4"),
        ({"place": {"kind": "token", "index": -5}}, r"there is no token -5; the text has 4: 0 to 3, or -1 to -4"),
        ({"place": {"kind": "token", "of": "text-9"}}, r"there is no text 'text-9'; the texts are text-1"),
        (
            {"place": {"kind": "point", "at": [0.0] * WIDTH}},
            r"place\.kind: a point has no token that",
        ),
        ({"plant_at": 3}, r"plant_at 3: the model has 3 layers; tracers are planted before one of them, at 0 to 2"),
        ({"active": True}, r"active: tracers of a trace are passive"),
        ({"name": "text-1"}, r"the name 'text-1' is taken"),
        ({"frame": {"kind": "given", "vectors": [[1.0, 0.0]] * 3}}, r"3 vectors of 16 numbers are expected"),
        ({"place": {"kind": "token", "offset": [1.0]}}, r"1 coordinates are given; the space has 16"),
        ({"frame": {"kind": "axes", "axes": [0, 1, 16]}}, "3 distinct numbers from 0 to 15 are needed"),
        (
            {"shape": {"kind": "simplex", "dimensions": WIDTH + 1, "spacing": 0.1}},
            "17 dimensions, but the space has",
        ),
    ):
        with pytest.raises(InputError, match=message):
            trace(folder, path, ids=[SECOND], tracers=[tracer(**given)])
    assert not list(tmp_path.glob("*.h5"))
    assert not list(tmp_path.glob(".gasfield-*"))


def test_a_wrong_mask_is_seen_in_the_tracer_without_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: tracers that also attend to their host's own key are refused."""
    from gasfield.tracing import passive

    folder, right = saved(tmp_path / "m", "llama"), passive._mask
    for wrong, error in ((torch.zeros_like, r"[\d.]+,"), (lambda mask: mask * 0, "nan")):
        monkeypatch.setattr(passive, "_mask", lambda *given, wrong=wrong: wrong(right(*given)))
        with pytest.raises(InputError, match=rf"departs from its token \(relative distance {error}"):
            trace(folder, tmp_path / "t.h5", ids=[FIRST], tracers=[tracer()])
    assert not list(tmp_path.glob("*.h5"))


def test_the_command_takes_tracers_from_a_file(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from gasfield.cli import app

    folder, tracers = saved(tmp_path / "m", "llama"), tmp_path / "tracers.yaml"
    given = "tracers:\n  - {name: pair, shape: {kind: line, count: 2, spacing: 0.1}, place: {kind: %s}}\n"
    command = ["trace", str(folder), "--ids", "1,2,3", "--tracers", str(tracers), "--seed", "3"]
    tracers.write_text(given % "token")
    result = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "t.h5")])
    assert result.exit_code == 0, result.output
    assert "tracers: pair (2)" in result.output
    tracers.write_text(given % "tok")
    result = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "u.h5")])
    assert result.exit_code == 2
    assert f"{tracers}:2" in result.output.replace("\n", "")
    assert not (tmp_path / "u.h5").exists()
