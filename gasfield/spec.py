"""The base of everything that can be written in YAML: unknown keys are errors, instances are immutable, every number is
finite, and every integer fits into 64 bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, TypeAdapter, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from gasfield.errors import InputError, InputErrors, Place, dotted
from gasfield.renames import former_name


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

    @model_validator(mode="wrap")
    @classmethod
    def _know_every_key(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Refuses an unknown key; the message lists the known ones and the closest match."""
        if isinstance(data, dict):
            data = cls.with_present_keys(data)
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known and key not in cls.model_fields:
                    close = get_close_matches(str(key), known, 1)
                    hint = f" Did you mean '{close[0]}'?" if close else ""
                    if key in cls.former_keys:
                        hint = f" '{key}' is now called '{cls.former_keys[key]}'."
                    text = f"unknown key '{key}'; the keys here are {', '.join(known)}.{hint}"
                    raise PydanticCustomError("unknown_key", "{text}", {"text": text, "key": key})
        spec = handler(data)
        for name in cls.model_fields.keys() - {"seed"}:  # seeds are uint64, and say so themselves
            for place, number in _beyond_int64(getattr(spec, name), (cls.model_fields[name].alias or name,)):
                raise fault_within(place, f"should be an integer of 64 bits, not {number}", number)
        return spec

    @classmethod
    def with_present_keys(cls, data: dict[str, Any]) -> dict[str, Any]:
        """The data with former names of keys replaced by the present ones, where those are not given as well."""
        present = dict(data)
        for old, new in cls.former_keys.items():
            if old in present and old not in cls.model_fields and new not in present and former_name(old, new):
                present = {new if key == old else key: value for key, value in present.items()}
        return present


def _beyond_int64(value: Any, place: Place) -> Iterator[tuple[Place, int]]:
    """Integers of a field that do not fit into 64 bits, each with its place."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield place, value
    elif isinstance(value, tuple) and value and not isinstance(value[0], float):
        for index, item in enumerate(value):
            yield from _beyond_int64(item, (*place, index))


def parse(annotation: Any, data: Any) -> Any:
    """A value of a type that specifications have as a field (`AnyForce`, `Tracer`), from the same data as in YAML.

    Raises:
        InputError: if the data does not fit; the parameter is the place within it.
    """
    try:
        return TypeAdapter(annotation).validate_python(data)
    except ValidationError as error:
        raise explain(error, data) from None


def fault_within(place: Place, message: str, given: Any) -> ValidationError:
    """The error that a validator of a whole specification raises about one of its parts."""
    text = PydanticCustomError("value_error", "{text}", {"text": message})
    return ValidationError.from_exception_data("", [InitErrorDetails(type=text, loc=place, input=given)])


def explain(error: ValidationError, data: Any) -> InputError:
    """A validation error of pydantic as an InputError, or as InputErrors if there are several faults.

    Args:
        error: the error of pydantic.
        data: the validated data.
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
    if kind == "value_error":  # from a validator in this package: its message only
        reason = fault["ctx"].get("text") or fault["ctx"]["error"]
        return _fault(place, f"{reason}.")
    if isinstance(given, Mapping | Spec) and not kind.endswith("_type"):  # a mapping was expected; its content is wrong
        return _fault(place, f"{fault['msg']}.")
    plain = isinstance(given, str | int | float | bool) or given is None
    shown = repr(given) if plain else f"a {_yaml_word(given)}"
    return _fault(place, f"{fault['msg'].replace('Input should be', 'should be')}, not {shown}.")


def _fault(place: Place, message: str) -> InputError:
    return InputError(message, parameter=dotted(place) or None)


def _place(fault: Mapping[str, Any], data: Any) -> Place:
    """Location of a fault in the data. Pydantic's includes members of unions, by their `kind` or type."""
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
    """Leaves out consequences of other faults: a list too short because an item is wrong, keys missing because the kind
    is unknown, scalar members of a union for which a mapping or a list was given, and the other members where a number
    is not finite."""
    places = [fault["loc"] for fault in faults]
    not_finite = {fault["loc"] for fault in faults if fault["type"] == "finite_number"}
    unknown_kinds = {place[:-1] for place in places if place and place[-1] == "kind"}

    def follows(fault: dict[str, Any]) -> bool:
        place = fault["loc"]
        if fault["type"] == "missing":
            return place[:-1] in unknown_kinds
        if fault["loc"] in not_finite:
            return bool(fault["type"] != "finite_number")
        deeper = any(len(other) > len(place) and other[: len(place)] == place for other in places)
        return deeper and (fault["type"] == "too_short" or _is_whole_for_a_scalar(fault))

    return [fault for fault in faults if not follows(fault)]


_SCALARS = ("literal_error", "float_type", "int_type", "string_type")


def _is_whole_for_a_scalar(fault: dict[str, Any]) -> bool:
    return isinstance(fault["input"], Mapping | list | tuple) and fault["type"] in _SCALARS


def child(data: Any, part: str | int) -> Any:
    """The value at a key of a mapping or an index of a list; None if absent."""
    if isinstance(data, Mapping):
        return data.get(part)
    if isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _yaml_word(value: Any) -> str:
    return {"dict": "mapping", "list": "list", "tuple": "list"}.get(type(value).__name__, type(value).__name__)
