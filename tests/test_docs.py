"""The examples in the documentation are executed unchanged."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paths import RECORDINGS

from gasfield.forces import FORCES

DOCS = Path(__file__).parent.parent / "docs"


def run_page(page: str) -> dict[str, Any]:
    """Runs all Python blocks of a page in order; returns the names that they define."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert len(blocks) >= 4
    Path("recordings").symlink_to(RECORDINGS)
    names: dict[str, Any] = {}
    exec(compile("\n".join(blocks), page, "exec"), names)
    return names


def test_getting_started_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_page("getting-started.md")
    assert names["positions"].shape == (501, 64, 64)
    assert (tmp_path / "my-run" / "summary.json").exists()


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ring is stretched by the gyre; the well is at the temperature of its bath within four standard errors."""
    monkeypatch.chdir(tmp_path)
    names = run_page("notebook.md")
    assert names["length"] > 3 * 2 * np.pi * 0.1
    assert np.all((names["ring_later"] > [0.0, 0.0]) & (names["ring_later"] < [2.0, 1.0]))  # walls are streamlines
    warm = np.array(names["warm"][2:])  # each the mean of 1,500 squares, 10 relaxation times apart
    assert abs(warm.mean() - 0.4) < 4 * 0.4 * np.sqrt(2 / 1500 / len(warm)) + 0.4 * 0.1**2 / 4  # and h^2/4 of BAOAB
    kinetic = names["found"].results["gas"]["thermodynamics"].quantities()["temperature.kinetic"]
    assert abs(kinetic.value - 0.4) < 4 * kinetic.error + 0.4 * 0.1**2 / 4
    assert (tmp_path / "double-gyre.png").stat().st_size > 10_000


def test_the_page_of_exports_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("pandas", "xarray"):
        pytest.importorskip(package, reason="needs the extra `gasfield[tables]`")
    monkeypatch.chdir(tmp_path)
    names = run_page("export.md")
    assert names["mean"].index.tolist() == list(range(100))
    assert names["last"].shape == (names["data"].sizes["row"], 64)
    radius = names["numbers"].query("name == 'radius.end'")["value"].item()
    assert names["by_group"]["radius.end"].item() == radius
    assert names["curves"]["radius"].iloc[-1] == pytest.approx(radius, rel=1e-12)
    assert names["units"]["radius"] == "length"


@pytest.mark.parametrize("page", [*sorted(path.name for path in DOCS.glob("*.md")), "../README.md"])
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", (DOCS / page).read_text()):
        if "://" not in link:
            assert (DOCS / page).parent.joinpath(link).exists(), f"{page}: {link}"


def words_that_become_links(docstring: str) -> Iterator[str]:
    """What docutils takes for an address, because a scheme and a colon come before it."""
    schemes = pytest.importorskip("docutils.utils.urischemes").schemes
    plain = re.sub(r"`[^`]*`", "", docstring)
    for found in re.finditer(r"(?<![\w.+-])([A-Za-z][A-Za-z0-9.+-]*):(?=[\w%])\S*", plain):
        if found[1].lower() in schemes:
            yield found[0]


def test_docstrings_make_no_links_of_words() -> None:
    assert list(words_that_become_links('a place: "file:line", "mine.yaml:12" or `file:line`')) == ['file:line",']
    for path in (DOCS.parent / "gasfield").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                assert not list(words_that_become_links(ast.get_docstring(node) or "")), path


def test_every_force_has_its_line() -> None:
    page = (DOCS / "forces.md").read_text()
    assert [kind for kind in FORCES if f"| `{kind}` |" not in page] == []


def test_every_scenario_is_told_of() -> None:
    """In the gallery, or on the pages about the dead cloud and about equilibrium."""
    text = "".join((DOCS / name).read_text() for name in ("gallery.md", "equilibrium.md", "science.md", "../README.md"))
    names = [path.stem for path in (DOCS.parent / "scenarios").glob("*.yaml")]
    assert [name for name in names if f"`{name}`" not in text and name not in text] == []
