"""Plug-ins: the examples of the documentation are run, and faults of plug-ins are reported."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from force_cases.case import build, gas_at, pull
from typer.testing import CliRunner

from gasfield import plugins
from gasfield.cli import app
from gasfield.diagnostics import DIAGNOSTICS
from gasfield.dynamics import DYNAMICS
from gasfield.errors import InputError
from gasfield.forces import FORCES
from gasfield.forces.learned import FIELD_LAWS
from gasfield.importing import IMPORTERS
from gasfield.learning.model import MODELS
from gasfield.operations import OPERATIONS
from gasfield.plugins import run_plugin
from gasfield.registry import Registry
from gasfield.sampling.processors import PROCESSORS
from gasfield.scenario import load_scenario
from gasfield.scenario.sources import GAS_SOURCES
from gasfield.spaces import SPACES, Free
from gasfield.tracers import SHAPES
from gasfield.trajectory import Trajectory

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
H = 1e-5
REGISTRIES: list[Registry[Any]] = [
    FIELD_LAWS,
    MODELS,
    FORCES, DYNAMICS, SPACES, SHAPES, GAS_SOURCES, DIAGNOSTICS, OPERATIONS, IMPORTERS, PROCESSORS,
]  # fmt: skip
FORCE_EXAMPLES = ["gaussian_core.py", "shell.py"]
OTHERS = [
    "asphericity.py",
    "csv_frames.py",
    "half_space.py",
    "heavy_ball.py",
    "radial.py",
    "radius_log.py",
    "spiral.py",
    "student.py",
    "top_a.py",
]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files of the page; their kinds are unregistered afterwards."""
    text = PAGE.read_text(encoding="utf-8")
    for name, content in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL):
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    known = {id(registry): set(registry) for registry in REGISTRIES}
    yield tmp_path
    for registry in REGISTRIES:
        for kind in set(registry) - known[id(registry)]:
            registry.remove(kind)
    plugins._run.clear()
    plugins._installed.clear()


def test_the_examples_are_about_30_lines(page: Path) -> None:
    assert sorted(file.name for file in page.glob("*.py")) == sorted([*FORCE_EXAMPLES, *OTHERS, "contracts.py"])
    for name in FORCE_EXAMPLES:
        lines = [line for line in (page / name).read_text().splitlines() if line.strip()]
        assert len(lines) <= 32


def test_the_example_runs_from_the_command_line(page: Path) -> None:
    """<(r - R)^2> = T/k = .002 in a stiff shell, to first order in T/(k R^2); 200 particles, some 10 times each."""
    done = CliRunner().invoke(app, ["run", "on-a-shell.yaml", "--plugin", "shell.py", "--output", "out"])
    assert done.exit_code == 0, done.output
    assert "running the Python file shell.py" in done.stderr
    with Trajectory(page / "out" / "trajectory.h5") as run:
        late = np.stack([run.frame(k) for k in range(25, len(run.steps))])
        assert "shell.py" in str(run.attributes["plugins"])
    spread = np.var(np.linalg.norm(late, axis=2))
    assert 0.0015 < spread < 0.0025
    summary = json.loads((page / "out" / "summary.json").read_text())
    assert summary["groups"]["gas"]


@pytest.mark.parametrize(
    ("file", "kind", "parameters"),
    [
        ("shell.py", "shell", {"stiffness": 3.0, "radius": 1.5}),
        ("gaussian_core.py", "gaussian_core", {"strength": 2.0, "width": 0.8}),
    ],
)
def test_the_examples_are_gradients(page: Path, file: str, kind: str, parameters: dict[str, float]) -> None:
    run_plugin(page / file)
    force, gas = build(kind, Free(dimensions=3), **parameters), gas_at(np.random.default_rng(0).normal(size=(6, 3)))
    pushed, bends = pull(force, gas), np.zeros(6)
    for i, j in np.ndindex(6, 3):
        ahead, behind = gas.positions.copy(), gas.positions.copy()
        ahead[i, j] += H
        behind[i, j] -= H
        slope = (force.energy(gas.at(ahead)).sum() - force.energy(gas.at(behind)).sum()) / (2 * H)
        assert pushed[i, j] == pytest.approx(-slope, abs=1e-7)
        bends[i] -= (pull(force, gas.at(ahead)) - pull(force, gas.at(behind)))[i, j] / (2 * H)
    np.testing.assert_allclose(force.laplacian(gas), bends, atol=1e-7)


def test_the_examples_fulfil_their_contracts(page: Path) -> None:
    for name in (*FORCE_EXAMPLES, *OTHERS, "contracts.py"):
        run_plugin(page / name)


KINDS = ["asphericity", "half_space", "heavy_ball", "radius_log", "shell", "spiral", "student"]
"""Of the examples, those that a scenario can name."""
ZOO = """
title: One of each kind
question: Are plug-ins of an installed package used from YAML?
space: {kind: half_space, dimensions: 2}
gas:
  - {name: gas, from: {kind: student, count: 12, spread: 0.5, freedom: 5}}
tracers:
  - {name: disc, shape: {kind: spiral, count: 9, spacing: 0.05}, place: {kind: point, at: [1.0, 1.0]}}
forces:
  - {kind: shell, stiffness: 5.0, radius: 1.0}
dynamics: {kind: heavy_ball, time_step: 0.05, friction: 2.0}
run: {steps: 400, record_every: 100}
diagnostics: [{kind: asphericity, every: 2}]
operations:
  - {kind: radius_log, trigger: 10}
"""


NEXT = "--- next ---"
SEVERAL = f"""
import sys
from gasfield.cli.main import app
from gasfield.kernels.cache import key_by_sources

key_by_sources()
for words in sys.argv[1:]:
    print({NEXT!r})
    sys.exit(code) if (code := app(words.split(), standalone_mode=False)) else None
"""
"""Several commands, one after the other, in a process."""


@pytest.mark.validate
def test_an_installed_package_brings_one_of_each_kind(page: Path) -> None:
    """Every example of the page as a module of a package with entry points, and nothing said on the command line. With
    friction, all particles end at rest on the shell of radius 1, on the right side of the wall."""
    site, package = page / "site", page / "site" / "gas_zoo"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    modules = [*FORCE_EXAMPLES, *OTHERS]
    for name in modules:
        (package / name).write_text((page / name).read_text())
    info = site / "gas_zoo-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gas-zoo\nVersion: 1.2\n")
    names = [Path(name).stem for name in modules]
    (info / "entry_points.txt").write_text(
        "\n".join(["[gasfield.plugins]", *(f"{name} = gas_zoo.{name}" for name in names)])
    )
    (page / "zoo.yaml").write_text(ZOO)
    (page / "positions.csv").write_text("0,0,1.0,2.0\n0,1,3.0,4.0\n5,1,3.5,4.5\n5,0,1.5,2.5\n")

    commands = (
        "run zoo.yaml --output out --quiet", "import positions.csv -o positions.h5 --quiet",
        "diagnose positions.h5 --json", "schema",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL, *commands], cwd=page, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *_, diagnosis, schema = done.stdout.split(NEXT)
    with Trajectory(page / "out" / "trajectory.h5") as run:
        end = run.frame(-1 % len(run.steps))
        assert "shell 1.2" in str(run.attributes["plugins"])
    np.testing.assert_allclose(np.linalg.norm(end, axis=1), 1.0, atol=1e-3)
    assert (end[:, 0] >= 0.0).all()
    summary = json.loads((page / "out" / "summary.json").read_text())
    assert all(0.0 < summary["groups"][name]["asphericity"]["end"]["value"] < 1.0 for name in ("gas", "disc"))
    steps, radius = np.loadtxt(page / "out" / "radius.csv", delimiter=",").T
    np.testing.assert_array_equal(steps, np.arange(0, 401, 10))
    assert radius[-1] == pytest.approx(np.sqrt(np.mean(np.sum((end - end.mean(axis=0)) ** 2, axis=1))))

    with Trajectory(page / "positions.h5") as imported:
        assert list(imported.steps) == [0, 5]
        np.testing.assert_array_equal(imported.frame(1), [[1.5, 2.5], [3.5, 4.5]])

    left_out = json.loads(diagnosis)["left_out"]
    assert {"asphericity", "cells"} <= {entry["diagnostic"] for entry in left_out}  # by default, with all others

    assert all(f'"const": "{kind}"' in schema for kind in KINDS)


def test_without_the_plugin_the_kind_is_unknown(page: Path) -> None:
    with pytest.raises(
        InputError, match=r"on-a-shell.yaml:7: forces.0.kind: there is no kind 'shell'.*A plug-in can add"
    ):
        load_scenario(page / "on-a-shell.yaml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 +", r"bad.py:1: SyntaxError"),
        ("\nimport gasfield\nraise RuntimeError('no')", r"bad.py:3: RuntimeError: no"),
        ("from gasfield.forces import register, ForceSpec\nregister(ForceSpec)", r"bad.py:2: ValueError: ForceSp"),
        ("from gasfield.forces import register\nfrom gasfield.forces.fields.harmonic import Harmonic\n"
         "class Mine(Harmonic): pass\nregister(Mine)",
         r"bad.py:4: ValueError: there is already a force of kind 'harmonic'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_plugin_is_said(page: Path, text: str, says: str) -> None:
    (page / "bad.py").write_text(text)
    with pytest.raises(InputError, match=says):
        run_plugin(page / "bad.py")


def test_a_plugin_that_is_not_there(page: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.py: cannot be read"):
        run_plugin("nowhere.py")


def test_installed_plugins_are_imported_when_a_kind_is_unknown(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point of the group `gasfield.plugins`."""

    class Entry:
        name, value, module, dist = "shells", "my_package.shells", "my_package.shells", None

        @staticmethod
        def load() -> None:
            run_plugin(page / "shell.py")

    monkeypatch.setattr(plugins, "_installed_seen", False)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [Entry] if group == "gasfield.plugins" else [])
    shell: Any = load_scenario(page / "on-a-shell.yaml").forces[0]
    assert shell.kind == "shell"


def test_a_run_depends_on_the_installed_plugins_that_it_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on others that happen to have been imported, by the diagnostics of another run, say."""
    scenario = load_scenario("mueller-brown")
    monkeypatch.setattr(plugins, "_installed", {"others": ("some_package", "1.0")})
    assert plugins.plugins_in_use(scenario) == ""
    monkeypatch.setattr(plugins, "_installed", {"ours": ("gasfield", "2.0")})  # as if its forces came from there
    assert plugins.plugins_in_use(scenario) == "ours 2.0"
