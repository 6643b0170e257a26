"""The JSON Schema of scenarios: what an editor completes and checks a YAML file with."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gasfield.scenario.scenario import Scenario
from gasfield.spec import Spec


def scenario_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a scenario, with every registered kind of everything that has kinds."""
    return {"$schema": _Schema.schema_dialect, **schema_of(Scenario)}


def schema_of(spec: type[Spec]) -> dict[str, Any]:
    """The JSON Schema of one specification, in the same way."""
    return spec.model_json_schema(by_alias=True, schema_generator=_Schema)


class _Schema(GenerateJsonSchema):
    """Pydantic's schema, without titles that repeat names, and with a required `kind` where it tells alternatives
    apart."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        if "const" in found.get("properties", {}).get("kind", {}):
            found["required"] = ["kind", *found.get("required", [])]
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False
