"""Scenarios, trajectories and runs of before the first scenario format are read, diagnosed and resumed.

`tests/data/before-format-1.tar.xz` holds two scenarios, and what revision eb60b3b made of them: finished runs, and the
directories of runs that were killed after step 34 of 60.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from paths import unpack

import gasfield
from gasfield.errors import InputError
from gasfield.renames import RenamedWarning, former_names
from gasfield.scenario import Scenario, load_scenario

ARCHIVE = Path(__file__).parent.parent / "data" / "before-format-1.tar.xz"
NAMES = ("crowd", "rows")


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    unpack(ARCHIVE, tmp_path)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # files that are stored are read without notes
        yield tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_run_goes_on_as_it_would_have(name: str, old: Path) -> None:
    """To the positions of the run that was not killed; to the bit where arithmetic has no elementary functions that
    libraries round in different ways."""
    gasfield.resume(old / f"{name}-killed")
    with gasfield.open(old / f"{name}-killed") as resumed, gasfield.open(old / f"{name}-finished") as whole:
        np.testing.assert_array_equal(resumed.steps, whole.steps)
        np.testing.assert_allclose(resumed.positions(), whole.positions(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_run_is_diagnosed_with_its_physics(name: str, old: Path) -> None:
    """No diagnostic is left out because the scenario could not be rebuilt."""
    diagnosis = gasfield.diagnose(old / f"{name}-finished")
    assert not [entry for entry in diagnosis.left_out if "rebuilt" in entry.reason]
    if name == "crowd":  # pair forces in a periodic box: known only from the scenario
        assert "pressure" in diagnosis.whole


@pytest.mark.parametrize("name", NAMES)
def test_a_former_vocabulary_is_read_with_notes(name: str, old: Path) -> None:
    """And resolves to the same scenario as the present one, which is read without."""
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        scenario = load_scenario(old / f"{name}.yaml")
    assert [str(note.message) for note in noted if note.category is RenamedWarning]
    (old / "present.yaml").write_text(scenario.yaml())
    assert load_scenario(old / "present.yaml").digest() == scenario.digest()  # with warnings as errors


def test_a_declared_format_refuses_former_names(old: Path) -> None:
    path = old / "crowd.yaml"
    path.write_text("format: 1\n" + path.read_text())
    with pytest.raises(InputError, match=r"'range' is now called 'cutoff'"):
        load_scenario(path)


def test_a_format_of_the_future_is_refused(old: Path) -> None:
    path = old / "crowd.yaml"
    path.write_text("format: 7\n" + path.read_text())
    with pytest.raises(InputError, match="reads formats up to 1") as refused:
        load_scenario(path)
    assert refused.value.location == f"{path}:1"


def test_a_former_name_beside_the_present_one_is_an_unknown_key() -> None:
    both = {"kind": "lennard_jones", "range": 2.0, "cutoff": 2.0}
    with former_names("accept"), pytest.raises(InputError, match="unknown key 'range'"):
        gasfield.Simulation(np.zeros((2, 2)), dynamics={"kind": "newton", "time_step": 0.1}, forces=[both])


def test_the_format_is_written() -> None:
    assert load_scenario("mueller-brown").yaml().startswith("format: 1\n")
    assert Scenario.model_fields["format"].default == 1
