"""The reference of scenarios: complete, equal to what is generated, and its examples are valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

import gasfield
from gasfield.errors import InputError
from gasfield.learning.model import MODELS
from gasfield.reference import BASE, examples, pages
from gasfield.reference.examples import example_of
from gasfield.reference.keys import keys_of
from gasfield.reference.layout import PAGES, sections_of
from gasfield.scenario import Scenario, load_scenario
from gasfield.scenario.yaml_1_2 import read
from gasfield.simulation import Simulation

FOLDER = ROOT / "docs" / "reference"
EXAMPLES = {
    (page.name, section.heading): text
    for page in PAGES
    for section in sections_of(page)
    if (text := example_of(page.name, section))
}


def scenario_of(example: str) -> Scenario:
    data: dict[str, Any] = read(BASE)[0] | read(example)[0]
    return Scenario.model_validate({key: value for key, value in data.items() if value is not None})


@pytest.mark.parametrize(("page", "heading"), EXAMPLES)
def test_an_example_is_valid(page: str, heading: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if page == "models":
        MODELS.parse(read(EXAMPLES[page, heading])[0])
    else:
        Simulation.from_scenario(scenario_of(EXAMPLES[page, heading])).require_start()


def test_every_kind_has_an_example() -> None:
    """But `array`, which only a Python program can give. An example of nothing is an error too."""
    described = {(page.name, section.heading) for page in PAGES for section in sections_of(page)}
    assert described - set(EXAMPLES) == {("gas", "array")}
    assert {(page, heading) for page, own in examples().items() for heading in own} <= described


def test_every_key_has_a_meaning() -> None:
    keys = [
        (section.heading, key) for page in PAGES for section in sections_of(page) for key in keys_of(section.spec, str)
    ]
    assert len(keys) > 500
    assert [(heading, key.name) for heading, key in keys if not key.meaning or "anything" in key.type] == []


def test_the_pages_are_those_of_the_specifications() -> None:
    """`gasfield schema --reference docs/reference` writes them."""
    assert {path.name: path.read_text() for path in FOLDER.glob("*.md")} == pages()


ERRORS = {
    "forces=[{kind: harmonic, stifness: 1}]": "forces.md#harmonic",
    "forces=[{kind: harmonic, stiffness: -1}]": "forces.md#harmonic",
    "forces=[{kind: hopfield, patterns: {kind: drawn}}]": "forces.md#hopfield",
    "forces=[{kind: harmonick}]": "forces.md",
    "gas.0.from={kind: gaussian}": "gas.md#gaussian",
    "gas.0.mass=heavy": "gas.md#group",
    "temperature={kind: ramp, from: 1}": "schedules.md#ramp",
    "dynamics.time_step=no": "dynamics.md#langevin",
    "diagnostics=[{kind: clusters, reach: -1}]": "diagnostics.md#clusters",
    "diagnostics=[{kind: cels}]": "diagnostics.md",
    "diagnostics=[motoin]": "diagnostics.md",
    "diagnostics=[motion, {kind: clusters, reach: x}]": "diagnostics.md#clusters",
    "run.steps=0": "scenario.md#run",
    "spaces=1": "scenario.md#scenario",
    "space=null": "spaces.md",
    "operations=[{kind: trajectory, file: a.h5, trigger: {kind: every}}]": "operations.md#trajectory",
    "events=[{at: 3}]": "events.md#event",
    "forces=[{kind: harmonic, stiffness: [1, 2, 3]}]": "forces.md#harmonic",
}


@pytest.mark.parametrize("override", ERRORS)
def test_an_error_names_the_page_and_heading(override: str, tmp_path: Path) -> None:
    path = tmp_path / "base.yaml"
    path.write_text(BASE)
    with pytest.raises(InputError) as error:
        Simulation.from_scenario(load_scenario(path, [override]))
    page, _, heading = ERRORS[override].partition("#")
    assert {fault.reference for fault in error.value.faults} == {f"docs/reference/{ERRORS[override]}"}
    assert not heading or f"## `{heading}`" in pages()[page]


@pytest.mark.validate
@pytest.mark.parametrize(("page", "heading"), [key for key in EXAMPLES if key[0] not in ("models", "scans")])
def test_an_example_runs(page: str, heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To its end, with its diagnostics: a diagnostic that does not apply says so, and none fails."""
    scenario = scenario_of(EXAMPLES[page, heading])
    monkeypatch.chdir(ROOT)
    result = gasfield.run(scenario, output=tmp_path / "run", pictures="none")
    assert (tmp_path / "run" / "summary.json").exists()
    assert not [text for text in result.diagnosis.left_out if "Error" in str(text)]
