"""The base of everything that can be written in YAML: strict about keys, immutable once read."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError


class Spec(BaseModel):
    """A typed piece of a scenario. Unknown keys are errors; instances are frozen: what is resolved stays as it was."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True)

    @model_validator(mode="wrap")
    @classmethod
    def _know_every_key(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Says of an unknown key which ones there are, and which was probably meant."""
        if isinstance(data, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known and key not in cls.model_fields:
                    close = get_close_matches(str(key), known, 1)
                    hint = f" Did you mean '{close[0]}'?" if close else ""
                    text = f"unknown key '{key}'; the keys here are {', '.join(known)}.{hint}"
                    raise PydanticCustomError("unknown_key", "{text}", {"text": text, "key": key})
        return handler(data)
