"""The base of everything that can be written in YAML: strict about keys, immutable once read."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, TypeAdapter, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from gasfield.errors import InputError, InputErrors, Place, dotted


class Spec(BaseModel):
    """A typed piece of a scenario. Unknown keys are errors; instances are frozen: what is resolved stays as it was."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True)

    if not TYPE_CHECKING:  # type checkers see the signature that the fields make

        def __init__(self, /, **data: Any) -> None:
            """Validates the fields.

            Raises:
                InputError: if one is wrong; it names the parameter.
            """
            try:
                super().__init__(**data)
            except ValidationError as error:
                raise explain(error, data) from None

        __init__.__pydantic_base_init__ = True  # validation of nested data goes round it

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


def parse(annotation: Any, data: Any) -> Any:
    """A value of a type that specifications have as a field (`ForceSpec`, `Tracer`), from the same data as in YAML.

    Raises:
        InputError: if the data does not fit; the parameter is the place within it.
    """
    try:
        return TypeAdapter(annotation).validate_python(data)
    except ValidationError as error:
        raise explain(error, data) from None


def fault_within(place: Place, message: str, given: Any) -> ValidationError:
    """What a validator of a whole specification raises about one of its parts."""
    text = PydanticCustomError("value_error", "{text}", {"text": message})
    return ValidationError.from_exception_data("", [InitErrorDetails(type=text, loc=place, input=given)])


def explain(error: ValidationError, data: Any) -> InputError:
    """A validation error as an error of the user's input; several in one where there are several faults.

    Args:
        error: what pydantic found.
        data: what was validated.
    """
    faults = [{**fault, "loc": _place(fault, data)} for fault in error.errors(include_url=False)]
    found = [_explain(fault) for fault in _without_consequences(faults)]
    return found[0] if len(found) == 1 else InputErrors(found)


def _explain(fault: dict[str, Any]) -> InputError:
    place, kind, given = fault["loc"], fault["type"], fault["input"]
    if kind == "unknown_key":
        return _fault(place, fault["ctx"]["text"])
    if kind == "missing":
        return _fault(place[:-1], f"the key '{place[-1]}' is missing.")
    if kind == "union_tag_not_found":
        return _fault(place, "the key 'kind' is missing.")
    if kind == "union_tag_invalid":
        tag, known = fault["ctx"]["tag"], fault["ctx"]["expected_tags"]
        key = (*place, "kind") if isinstance(given, Mapping) else place  # the bare name of a kind may stand for it
        return _fault(key, f"there is no kind '{tag}' here; there are {known}.{fault['ctx'].get('hint', '')}")
    if kind == "value_error":  # a validator of ours: its words alone
        reason = fault["ctx"].get("text") or fault["ctx"]["error"]
        return _fault(place, f"{reason}.")
    if isinstance(given, Mapping | Spec) and not kind.endswith("_type"):  # the mapping is right; what it says is not
        return _fault(place, f"{fault['msg']}.")
    plain = isinstance(given, str | int | float | bool) or given is None
    shown = repr(given) if plain else f"a {_yaml_word(given)}"
    return _fault(place, f"{fault['msg'].replace('Input should be', 'should be')}, not {shown}.")


def _fault(place: Place, message: str) -> InputError:
    return InputError(message, parameter=dotted(place) or None)


def _place(fault: Mapping[str, Any], data: Any) -> Place:
    """Where a fault is in the data. Pydantic names the member of a union too, by its `kind` or its type."""
    place: list[str | int] = []
    for part in fault["loc"]:
        if not _is_tag(part, data):
            place.append(part)
            data = child(data, part)
    return (*place, fault["ctx"]["key"]) if fault["type"] == "unknown_key" else tuple(place)


def _is_tag(part: str | int, data: Any) -> bool:
    if isinstance(part, int) or data is None:
        return False
    if isinstance(data, Mapping):
        return part not in data and (data.get("kind") == part or not part.isidentifier())
    return not isinstance(data, Spec)


def _without_consequences(faults: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leaves out what only follows from another fault: a list too short because an item in it is wrong, keys that are
    missing because the kind is unknown, and members of a union that a mapping or a list was not meant for."""
    places = [fault["loc"] for fault in faults]
    unknown_kinds = {place[:-1] for place in places if place and place[-1] == "kind"}

    def follows(fault: dict[str, Any]) -> bool:
        place = fault["loc"]
        if fault["type"] == "missing":
            return place[:-1] in unknown_kinds
        deeper = any(len(other) > len(place) and other[: len(place)] == place for other in places)
        return deeper and (fault["type"] == "too_short" or _is_whole_for_a_scalar(fault))

    return [fault for fault in faults if not follows(fault)]


_SCALARS = ("literal_error", "float_type", "int_type", "string_type")


def _is_whole_for_a_scalar(fault: dict[str, Any]) -> bool:
    return isinstance(fault["input"], Mapping | list | tuple) and fault["type"] in _SCALARS


def child(data: Any, part: str | int) -> Any:
    """What stands under a key of a mapping or an index of a list; None where there is nothing."""
    if isinstance(data, Mapping):
        return data.get(part)
    if isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _yaml_word(value: Any) -> str:
    return {"dict": "mapping", "list": "list", "tuple": "list"}.get(type(value).__name__, type(value).__name__)
