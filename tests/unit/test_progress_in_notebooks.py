"""The progress bar of a run that is called from a notebook."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import gasfield
from gasfield.runs.notebook import in_notebook


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that a notebook is asked to show, one after the other."""
    seen: list[str] = []
    module, display = ModuleType("IPython"), ModuleType("IPython.display")
    module.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    display.HTML = str  # type: ignore[attr-defined]

    def handle(first: str, **_: Any) -> SimpleNamespace:
        seen.append(first)
        return SimpleNamespace(update=seen.append)

    display.display = handle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return seen


def test_a_run_shows_its_steps_and_then_its_stages(shown: list[str], tmp_path: Path) -> None:
    """And leaves nothing behind."""
    gasfield.run("charge-in-crossed-fields", overrides=["run.steps=300"], output=tmp_path / "run", pictures="none")
    steps = [text for text in shown if "steps" in text]
    assert steps[-1].endswith("300 of 300 steps")
    assert "<progress></progress> light: orbit" in shown[shown.index(steps[-1]) :]
    assert shown[-1] == ""


def test_own_progress_is_the_only_one(shown: list[str], tmp_path: Path) -> None:
    counted: list[int] = []
    gasfield.run(
        "charge-in-crossed-fields",
        overrides=["run.steps=300"],
        output=tmp_path / "run",
        pictures="none",
        progress=lambda _: counted.append,
    )
    assert (sum(counted), shown) == (300, [])


def test_outside_of_a_notebook_there_is_none() -> None:
    assert not in_notebook()
