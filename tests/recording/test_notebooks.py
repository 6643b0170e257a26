"""The notebooks of the docs run as they are, and show what they showed."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from paths import ROOT

pytestmark = pytest.mark.validate
FOLDER = ROOT / "docs" / "notebooks"


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.ipynb")))
def test_a_notebook_runs_and_shows_the_same_results(name: str, tmp_path: Path) -> None:
    """Every text of a result; pictures depend on the fonts of the machine, and are counted."""
    nbformat = pytest.importorskip("nbformat", reason="needs the extra `gasfield[docs]`")
    shown = nbformat.read(FOLDER / name, as_version=4)
    now = runpy.run_path(str(FOLDER / "execute.py"))["execute"](FOLDER / name)
    assert [texts_of(cell) for cell in now.cells] == [texts_of(cell) for cell in shown.cells]
    drawn, before = pictures_of(now), pictures_of(shown)
    assert drawn == before
    assert sum(drawn) >= 1


def texts_of(cell: dict) -> list[str]:
    """What a cell printed, and the texts of its results."""
    return [each.get("text", each.get("data", {}).get("text/plain", "")) for each in cell.get("outputs", [])]


def pictures_of(notebook: dict) -> list[int]:
    """How many pictures each cell shows."""
    return [sum("image/png" in each.get("data", {}) for each in cell.get("outputs", [])) for cell in notebook["cells"]]
