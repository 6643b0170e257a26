"""What a person calls things: names of compared files, and former names of scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

from gasfield.cli.names import distinct_names
from gasfield.errors import InputError
from gasfield.renames import RenamedWarning, former_names
from gasfield.resources import FORMER_SCENARIOS, find_scenario, scenario_files


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/real.h5", "a/simulated.h5"], ["real", "simulated"]),
        (["outputs/quench/001/trajectory.h5", "outputs/quench/002/trajectory.h5"], ["quench/001", "quench/002"]),
        (["a/run/trajectory.h5", "a/other/trajectory.h5"], ["run", "other"]),
        (["x/a/t.h5", "x/b/t.h5"], ["a/t", "b/t"]),
        (["t.h5", "t.h5"], ["t (1)", "t (2)"]),
    ],
)
def test_names_tell_files_apart(paths: list[str], names: list[str]) -> None:
    assert distinct_names([Path(path) for path in paths]) == names


def test_former_names_of_scenarios_work_and_say_so() -> None:
    shipped = {path.stem for path in scenario_files()}
    for former, now in FORMER_SCENARIOS.items():
        assert former not in shipped
        assert now in shipped
        with pytest.warns(RenamedWarning, match=f"'{former}' is now called '{now}'"):
            assert find_scenario(former).stem == now
    with former_names("refuse"), pytest.raises(InputError, match="no scenario of this name"):
        find_scenario("tidal")


def test_a_scenario_of_ones_own_may_have_a_former_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "tidal.yaml").write_text("title: mine\n")
    monkeypatch.chdir(tmp_path)
    assert find_scenario("tidal") == Path("scenarios/tidal.yaml")
