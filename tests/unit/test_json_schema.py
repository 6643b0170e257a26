"""The JSON Schema of scenarios: it accepts what is shipped, and refuses what the program refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from gasfield.cli import app
from gasfield.dynamics import DYNAMICS
from gasfield.forces import FORCES
from gasfield.scenario.document import Document
from gasfield.scenario.json_schema import scenario_schema
from gasfield.spaces import SPACES
from gasfield.spec import Spec
from gasfield.tracers import SHAPES

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
PUBLISHED = ROOT / "docs" / "scenario.schema.json"

GOOD: dict[str, Any] = {
    "title": "t",
    "question": "q",
    "space": {"kind": "free", "dimensions": 2},
    "gas": [{"name": "gas", "from": {"kind": "gaussian", "count": 3, "spread": 1}}],
    "forces": [{"kind": "harmonic", "stiffness": 1}],
    "dynamics": {"kind": "langevin", "time_step": 0.1, "friction": 1},
    "temperature": {"kind": "by_group", "groups": {"gas": 0.4}},
    "run": {"steps": 3},
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = scenario_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_published_schema_is_up_to_date() -> None:
    """`gasfield schema > docs/scenario.schema.json` writes it."""
    done = CliRunner().invoke(app, ["schema"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads(PUBLISHED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_shipped_scenarios_are_accepted_and_name_the_schema(path: Path, validator: Draft202012Validator) -> None:
    assert [fault.message for fault in validator.iter_errors(Document(path).data)] == []
    first = path.read_text(encoding="utf-8").splitlines()[0]
    prefix, _, schema = first.partition("=")
    assert prefix == "# yaml-language-server: $schema"
    assert (path.parent / schema).resolve() == PUBLISHED


@pytest.mark.parametrize("temperature", [0.4, 1, {"kind": "ramp", "from": 1, "to": 0.1, "steps": 10}])
def test_a_number_stands_for_a_schedule(temperature: Any, validator: Draft202012Validator) -> None:
    assert validator.is_valid(GOOD)
    assert validator.is_valid(GOOD | {"temperature": temperature})


@pytest.mark.parametrize(
    "changes",
    [
        {"forces": [{"kind": "harmonic", "stiffnes": 1}]},
        {"forces": [{"kind": "harmonic", "stiffness": 1, "extra": 1}]},
        {"forces": [{"kind": "harmonic"}]},
        {"forces": [{"kind": "harmonic", "stiffness": "much"}]},
        {"forces": [{"kind": "gravitation"}]},
        {"forces": [{"stiffness": 1}]},
        {"forces": {"kind": "harmonic", "stiffness": 1}},
        {"space": {"kind": "torus", "dimensions": 2}},
        {"space": {"dimensions": 2}},
        {"space": {"kind": "free", "dimensions": 0}},
        {"dynamics": {"kind": "adam", "learning_rate": 0.1}},
        {"dynamics": {"kind": "adamw", "learning_rate": -1}},
        {"dynamics": {"kind": "adamw", "learningrate": 0.1}},
        {"temperature": "hot"},
        {"temperature": -1},
        {"temperature": {"kind": "ramp", "from": 1, "steps": 10}},
        {"gas": [{"name": "gas", "from": {"kind": "gaussian"}}]},
        {"tracers": [{"name": "a", "shape": {"kind": "square", "side": 2}, "place": {"kind": "point", "at": [0, 0]}}]},
        {"run": 500},
        {"run": {"record_every": 3}},
        {"colour": "red"},
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, Any], validator: Draft202012Validator) -> None:
    assert not validator.is_valid(GOOD | changes)


def test_every_kind_is_in_it_with_its_fields_and_what_they_mean() -> None:
    schema = scenario_schema()
    specified = list(specifications(schema))
    for registry in (FORCES, DYNAMICS, SPACES, SHAPES):
        for kind, spec in registry.items():
            found = next(each for each in specified if says(each, kind, spec))
            assert found["additionalProperties"] is False
            fields = {field.alias or name: field for name, field in spec.model_fields.items()}
            for name, field in fields.items():
                assert name == "kind" or found["properties"][name]["description"] == field.description


def specifications(node: Any) -> Any:
    """Every mapping of the schema that describes an object."""
    if isinstance(node, dict):
        if "properties" in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from specifications(each)


def says(found: dict[str, Any], kind: str, spec: type[Spec]) -> bool:
    """Whether it describes a kind, in the words of its docstring."""
    told = " ".join(str(found.get("description", "")).split()) == " ".join((spec.__doc__ or "").split())
    return found["properties"].get("kind", {}).get("const") == kind and told
