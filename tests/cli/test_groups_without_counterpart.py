"""A run that is compared also shows groups that its reference does not have."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine

import gasfield
from gasfield.cli.result_tables import print_run

SHEET = "tracers=[{name: sheet, shape: {kind: sheet, side: 3, spacing: 0.05}, place: {kind: centroid, of: dead}}]"


def test_a_structure_that_the_recording_lacks_is_printed_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lattice, which the recording has, is compared instead, and not drawn by itself."""
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda self, figure: None)  # most of the time of drawing
    overrides = ["run.steps=4", "diagnostics=[bonds]", SHEET]
    result = gasfield.run("dead-token-drift", overrides=overrides, output=tmp_path / "run")
    print_run(result)
    lines = capsys.readouterr().out.splitlines()
    pictures = {path.stem for path in result.plots}
    assert result.uncompared == ("sheet",)
    assert any(line.startswith("  displacement error") for line in lines)
    assert "not in kjv-bf16.h5: sheet" in lines
    assert any(line.startswith("bonds.retention ") for line in lines)
    assert "sheet: bonds.retention" in result.shown_numbers()
    assert "lattice: bonds.retention" not in result.shown_numbers()
    assert "sheet-bonds" in pictures
    assert "lattice-bonds" not in pictures
