"""The examples in the documentation run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from paths import RECORDINGS

from gasfield.forces import FORCES

DOCS = Path(__file__).parent.parent / "docs"


def test_getting_started_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "getting-started.md").read_text(), re.DOTALL)
    assert len(blocks) >= 4
    (tmp_path / "recordings").symlink_to(RECORDINGS)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile("\n".join(blocks), "getting-started.md", "exec"), names)
    assert names["positions"].shape == (501, 64, 64)
    assert (tmp_path / "my-run" / "summary.json").exists()


@pytest.mark.parametrize("page", [*sorted(path.name for path in DOCS.glob("*.md")), "../README.md"])
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", (DOCS / page).read_text()):
        if "://" not in link:
            assert (DOCS / page).parent.joinpath(link).exists(), f"{page}: {link}"


def test_every_force_has_its_line() -> None:
    page = (DOCS / "forces.md").read_text()
    assert [kind for kind in FORCES if f"| `{kind}` |" not in page] == []


def test_every_scenario_is_told_of() -> None:
    """In the gallery, or on the pages about the dead cloud and about equilibrium."""
    text = "".join((DOCS / name).read_text() for name in ("gallery.md", "equilibrium.md", "science.md", "../README.md"))
    names = [path.stem for path in (DOCS.parent / "scenarios").glob("*.yaml")]
    assert [name for name in names if f"`{name}`" not in text and name not in text] == []
