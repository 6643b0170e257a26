"""A force of one's own: the examples of the documentation are run, and what is wrong with a plug-in is said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from force_cases.case import build, gas_at, pull
from typer.testing import CliRunner

from gasfield import plugins
from gasfield.cli import app
from gasfield.errors import InputError
from gasfield.forces import FORCES
from gasfield.plugins import run_plugin
from gasfield.scenario import load_scenario
from gasfield.spaces import Free
from gasfield.trajectory import Trajectory

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
H = 1e-5


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files that the page shows; afterwards no force of theirs is known."""
    text = PAGE.read_text(encoding="utf-8")
    for name, content in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL):
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    known = set(FORCES)
    yield tmp_path
    for kind in set(FORCES) - known:
        FORCES.remove(kind)
    plugins._run.clear()


def test_the_examples_are_about_30_lines(page: Path) -> None:
    files = sorted(page.glob("*.py"))
    assert [file.name for file in files] == ["gaussian_core.py", "shell.py"]
    for file in files:
        lines = [line for line in file.read_text().splitlines() if line.strip()]
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


def test_without_the_plugin_the_kind_is_unknown(page: Path) -> None:
    with pytest.raises(
        InputError, match=r"on-a-shell.yaml:7: forces.0.kind: there is no kind 'shell'.*A plug-in can bring"
    ):
        load_scenario(page / "on-a-shell.yaml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 +", r"bad.py:1: SyntaxError"),
        ("\nimport gasfield\nraise RuntimeError('no')", r"bad.py:3: RuntimeError: no"),
        ("from gasfield.forces import register, ForceLaw\nregister(ForceLaw)", r"bad.py:2: ValueError: ForceLaw needs"),
        ("from gasfield.forces import register\nfrom gasfield.forces.fields.harmonic import Harmonic\n"
         "class Mine(Harmonic): pass\nregister(Mine)",
         r"bad.py:4: ValueError: there is a force of kind 'harmonic' already"),
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
        name, value, dist = "shells", "my_package.shells", None

        @staticmethod
        def load() -> None:
            run_plugin(page / "shell.py")

    monkeypatch.setattr(plugins, "_installed_seen", False)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [Entry] if group == "gasfield.plugins" else [])
    shell: Any = load_scenario(page / "on-a-shell.yaml").forces[0]
    assert shell.kind == "shell"
