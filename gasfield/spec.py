"""The base of everything that can be written in YAML: unknown keys are errors, instances are immutable, scalars are of
their type and nothing else (`gasfield.strict`), and every number is finite."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from gasfield.faults import explain, fault_within
from gasfield.printable import did_you_mean, printable
from gasfield.renames import former_name
from gasfield.strict import strict

__all__ = ["Spec", "explain", "fault_within", "parse"]


class Spec(BaseModel):
    """A typed part of a scenario. Unknown keys are errors; instances are frozen; numbers are finite."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True, allow_inf_nan=False
    )

    former_keys: ClassVar[Mapping[str, str]] = {}
    """Former name of a key -> its present name; former names are accepted with a note (see `renames`)."""

    if not TYPE_CHECKING:  # type checkers use the signature derived from the fields

        def __init__(self, /, **data: Any) -> None:
            """Validates the fields.

            Raises:
                InputError: if one is invalid; it names the parameter.
            """
            try:
                super().__init__(**data)
            except ValidationError as error:
                raise explain(error, data) from None

        __init__.__pydantic_base_init__ = True  # validation of nested data bypasses it

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: CoreSchema = strict(handler(source))
        return schema

    @model_validator(mode="wrap")
    @classmethod
    def _know_every_key(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Refuses an unknown key, unless any is allowed; the message lists the known ones and the closest match."""
        if isinstance(data, dict) and cls.model_config.get("extra") == "forbid":
            data = cls.with_present_keys(data)
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known and key not in cls.model_fields:
                    key = printable(str(key))[:80]
                    hint = did_you_mean(key, known)
                    if key in cls.former_keys:
                        hint = f" '{key}' is now called '{cls.former_keys[key]}'."
                    text = f"unknown key '{key}'; the keys here are {', '.join(known)}.{hint}"
                    raise PydanticCustomError("unknown_key", "{text}", {"text": text, "key": key})
        return handler(data)

    @classmethod
    def with_present_keys(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The data with former names and spellings of keys replaced by the present ones, unless both are given."""
        present = {_spelled(key, cls.model_fields, data): value for key, value in data.items()}
        for old, new in cls.former_keys.items():
            if old in present and old not in cls.model_fields and new not in present and former_name(old, new):
                present = {new if key == old else key: value for key, value in present.items()}
        return present


_SPELLINGS = {"center": "centre"}


def _spelled(key: Any, known: Collection[str], data: Collection[Any]) -> Any:
    """A key as it is spelled here: `center` where there is `centre`."""
    ours = _SPELLINGS.get(key) if isinstance(key, str) and key not in known else None
    return ours if ours in known and ours not in data else key


def parse(annotation: Any, data: Any) -> Any:
    """A value of a type that specifications have as a field (`AnyForce`, `Tracer`), from the same data as in YAML.

    Raises:
        InputError: if the data does not fit; the parameter is the place within it.
    """
    try:
        return TypeAdapter(annotation).validate_python(data)
    except ValidationError as error:
        raise explain(error, data) from None
