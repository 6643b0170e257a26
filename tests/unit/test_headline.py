"""What a run prints first: the results that answer its question; and what results show of themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import gasfield
from gasfield.cli.headline_table import LINES, print_headline
from gasfield.diagnostics import Diagnosis
from gasfield.quantity import Quantity
from gasfield.scenario import Scenario
from gasfield.shown import Shown

WELL: dict[str, Any] = {
    "question": "Where is a warm particle?",
    "space": {"kind": "free", "dimensions": 2},
    "gas": [{"name": f"g{number}", "from": {"kind": "gaussian", "count": 30, "spread": 1.0}} for number in range(3)],
    "forces": [{"kind": "harmonic", "stiffness": 1.0}],
    "dynamics": {"kind": "langevin", "time_step": 0.05, "friction": 1.0},
    "temperature": 1.0,
    "run": {"steps": 60},
}


def done(tmp_path: Path, **keys: Any) -> gasfield.runs.RunResult:  # type: ignore[name-defined]
    return gasfield.run(Scenario.model_validate(WELL | keys), output=tmp_path / "out")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run with all diagnostics, without pictures."""
    return gasfield.run(Scenario.model_validate(WELL), output=tmp_path_factory.mktemp("all") / "out", pictures="none")


def printed(diagnosis: Diagnosis, asked: list[str] | None, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_headline(diagnosis, diagnosis.headline(asked))
    return capsys.readouterr().out.splitlines()


def test_a_scenario_names_its_headline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = done(tmp_path, headline=["temperature", "radius.end"], diagnostics=["cloud", "thermodynamics", "motion"])
    assert result.headline.keys[-1] == "radius.end"
    assert {key.split(".")[0] for key in result.headline.keys[:-1]} == {"temperature"}
    assert result.summary["headline"] == list(result.headline.keys)
    drawn = {path.name for path in result.plots}
    assert drawn >= {"gas-snapshots.png", "g0-cloud.png"}
    assert not any("motion" in name for name in drawn)
    lines = printed(result.diagnosis, ["radius.end"], capsys)
    assert [line.split()[0] for line in lines[1:4]] == ["g0", "g1", "g2"]
    assert any("more numbers" in line and "--verbose" in line for line in lines)


def test_a_key_that_no_diagnostic_gives_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = done(tmp_path, diagnostics=["cloud"])
    lines = printed(result.diagnosis, ["radius.end", "nonsense", "radius.ennd"], capsys)
    assert "headline: no diagnostic has given a result 'nonsense'." in lines
    assert "headline: no diagnostic has given a result 'radius.ennd'. Did you mean 'radius.end'?" in lines
    lines = printed(result.diagnosis, ["nonsense"], capsys)
    assert not any("no diagnostic that applies" in line for line in lines)


def test_a_diagnostic_that_was_asked_for_and_is_left_out_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = done(tmp_path, diagnostics=["cloud", {"kind": "heads", "model": "/nonexistent"}])
    lines = printed(result.diagnosis, None, capsys)
    assert sum(line.startswith("heads is left out: ") for line in lines) == 1
    assert not any("1 diagnostic left out" in line for line in lines)
    whole = gasfield.diagnose(tmp_path / "out")
    assert whole.left_out
    assert not whole.missing


def test_every_default_headline_key_is_a_result(everything: Any) -> None:
    """A key of a class that its results do not have would show nothing."""
    result = everything
    for diagnostic in result.diagnosis.diagnostics:
        for _, label, found in result.diagnosis.everything():
            if label == diagnostic.label:
                for key in diagnostic.telling or ():
                    known = any(name == key or name.startswith(f"{key}.") for name in found.estimates)
                    assert known, f"{label}: {key}"


def test_many_results_are_cut_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gas = [{"name": f"g{number}", "from": {"kind": "gaussian", "count": 3, "spread": 1.0}} for number in range(20)]
    result = done(tmp_path, gas=gas, diagnostics=["cloud"])
    lines = printed(result.diagnosis, None, capsys)
    assert sum(line.startswith("g") for line in lines) == LINES
    assert len(lines) <= 25


def test_no_cell_is_cut_in_a_narrow_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    result = done(tmp_path, diagnostics=["cloud"])
    lines = printed(result.diagnosis, None, capsys)
    assert not any("…" in line for line in lines)
    assert any("radius.start" in line and "radius.end" in line for line in lines)


def test_an_error_of_arithmetic_is_not_printed() -> None:
    assert Quantity(3.302775637732, "1", 4.2e-16).text() == "3.30278"
    assert Quantity(1.0, "1", 1e-14).text() == "1"
    assert Quantity(1.5, "1", 0.01).text() == "1.500(10)"


def test_results_show_themselves_in_ten_lines(everything: Any) -> None:
    result = everything
    shown: list[Shown] = [result, result.diagnosis, *(found for _, _, found in result.diagnosis.everything())]
    for each in shown:
        text = repr(each)
        assert len(text.splitlines()) <= 10
        assert len(text) < 1500
        assert "<table>" in each._repr_html_()


def test_names_in_a_notebook_are_text() -> None:
    class Hostile(Shown):
        @property
        def shown_title(self) -> str:
            return "<script>alert(1)</script>"

        def shown_numbers(self) -> dict[str, Quantity]:
            return {"<img onerror=x>": Quantity(1.0, "<b>", 0.1), "\x1b[31m\nred": Quantity(2.0, "1")}

    assert "\x1b" not in repr(Hostile())
    assert len(repr(Hostile()).splitlines()) == 3
    text = Hostile()._repr_html_()
    assert "\x1b" not in text
    assert "<script" not in text
    assert "<img" not in text
    assert "<b>&lt;script" in text
    assert "&lt;b&gt;" in text
