"""What is wrong with data that do not fit a specification: the errors of pydantic as one clear sentence each.

Where data may be of several forms (a number, a list, a mapping with `kind`), only the faults of the form that was meant
are reported: that which fits best; if none does, what the forms are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from gasfield.errors import InputError, InputErrors, Place, dotted
from gasfield.printable import printable
from gasfield.strict import OR

_LONGEST = 80
"""Characters of a value in a message."""
_EXPECTED = {
    "int_type": "an integer", "int_from_float": "an integer", "int_parsing": "an integer", "float_type": "a number",
    "float_parsing": "a number", "bool_type": "true or false", "bool_parsing": "true or false",
    "string_type": "text", "tuple_type": "a list", "list_type": "a list", "dict_type": "a mapping",
    "mapping_type": "a mapping", "model_type": "a mapping", "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping", "none_required": "null", "finite_number": "a finite number",
}  # fmt: skip
"""Type of an error -> what was expected."""

Fault = dict[str, Any]


def explain(error: ValidationError, data: Any) -> InputError:
    """A validation error of pydantic as an InputError, or as InputErrors if there are several faults.

    Args:
        error: the error of pydantic.
        data: the validated data.
    """
    faults = _meant([dict(fault) for fault in error.errors(include_url=False)])
    faults = [{**fault, "loc": _place(fault, data)} for fault in faults]
    found = [_explain(fault) for fault in _without_consequences(faults)]
    return found[0] if len(found) == 1 else InputErrors(found)


def fault_within(place: Place, message: str, given: Any) -> ValidationError:
    """The error that a validator of a whole specification raises about one of its parts."""
    text = PydanticCustomError("value_error", "{text}", {"text": message})
    return ValidationError.from_exception_data("", [InitErrorDetails(type=text, loc=place, input=given)])


def child(data: Any, part: str | int) -> Any:
    """The value at a key of a mapping or an index of a list; None if absent."""
    if isinstance(data, Mapping):
        return data.get(part)
    if isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


# --- alternatives -----------------------------------------------------------------------------------------------------


def _meant(faults: list[Fault]) -> list[Fault]:
    """The faults without those of alternatives that were not meant, and without labels of alternatives in places."""
    kept: list[Fault] = []
    alternatives: dict[Place, dict[str, list[Fault]]] = {}
    for fault in faults:
        labels = [index for index, part in enumerate(fault["loc"]) if str(part).startswith(OR)]
        if not labels:
            kept.append(fault)
            continue
        place, label = fault["loc"][: labels[0]], str(fault["loc"][labels[0]])
        inner = {**fault, "loc": fault["loc"][labels[0] + 1 :]}
        choices = alternatives.setdefault(place, {})
        if not choices:
            kept.append({"loc": place, "choices": choices})  # in the order of the first fault
        choices.setdefault(label, []).append(inner)
    return [found for fault in kept for found in (_best(**fault) if "choices" in fault else [fault])]


def _best(loc: Place, choices: dict[str, list[Fault]]) -> list[Fault]:
    """The faults of the alternative that fits best; one fault that names all of them if the data have no such type."""
    resolved = {label: _meant(faults) for label, faults in choices.items()}
    engaged = {label: faults for label, faults in resolved.items() if not _is_another_type(faults)}
    if not engaged:
        first = next(iter(resolved.values()))[0]
        return [{"type": "alternatives", "loc": loc, "input": first["input"], "ctx": {"expected": _listed(resolved)}}]
    best = min(engaged.values(), key=_misfit)
    return [{**fault, "loc": (*loc, *fault["loc"])} for fault in best]


def _is_another_type(faults: list[Fault]) -> bool:
    wrong = (*_EXPECTED, "literal_error", "enum", "alternatives")
    return any(not fault["loc"] and fault["type"] in wrong and fault["type"] != "finite_number" for fault in faults)


def _misfit(faults: list[Fault]) -> tuple[int, int]:
    """Smaller for faults that are deeper, then fewer."""
    return -max(len(fault["loc"]) for fault in faults), len(faults)


def _listed(resolved: Mapping[str, list[Fault]]) -> str:
    expected: list[str] = []
    for label, faults in resolved.items():
        inner = [fault["ctx"]["expected"] for fault in faults if fault["type"] == "alternatives" and not fault["loc"]]
        expected += inner or [label.removeprefix(OR)]
    expected = list(dict.fromkeys(expected))
    return " or ".join([", ".join(expected[:-1]), expected[-1]] if len(expected) > 1 else expected)


# --- places -----------------------------------------------------------------------------------------------------------


def _place(fault: Mapping[str, Any], data: Any) -> Place:
    """Location of a fault in the data. Pydantic's includes the kinds of alternatives that are told apart by `kind`."""
    place: list[str | int] = []
    for part in fault["loc"]:
        if not _is_tag(part, data):
            place.append(part)
            data = child(data, part)
    return (*place, fault["ctx"]["key"]) if fault["type"] == "unknown_key" else tuple(place)


def _is_tag(part: str | int, data: Any) -> bool:
    if part == "[key]":
        return True
    if isinstance(part, int) or data is None:
        return False
    if isinstance(data, Mapping):
        return part not in data and data.get("kind") == part
    return not isinstance(data, BaseModel)


def _without_consequences(faults: list[Fault]) -> list[Fault]:
    """Leaves out consequences of other faults: a list too short because an item is wrong, and keys missing because the
    kind is unknown."""
    places = [fault["loc"] for fault in faults]
    unknown_kinds = {place[:-1] for place in places if place and place[-1] == "kind"}

    def follows(fault: Fault) -> bool:
        place = fault["loc"]
        if fault["type"] == "missing":
            return place[:-1] in unknown_kinds
        return fault["type"] == "too_short" and any(
            len(other) > len(place) and other[: len(place)] == place for other in places
        )

    return [fault for fault in faults if not follows(fault)]


# --- sentences --------------------------------------------------------------------------------------------------------


def _explain(fault: Fault) -> InputError:
    place, kind, given, known = fault["loc"], fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "unknown_key":
        return _fault(place, known["text"])
    if kind == "missing":
        what = f"item {place[-1]}, counted from 0," if isinstance(place[-1], int) else f"the key '{place[-1]}'"
        return _fault(place[:-1], f"{what} is missing.")
    if kind == "union_tag_not_found":
        return _fault(place, f"the key 'kind' is missing{_kinds(known)}.")
    if kind == "union_tag_invalid":
        key = (*place, "kind") if isinstance(given, Mapping) else place  # the bare name of a kind may stand for it
        tag = printable(str(known["tag"]))[:_LONGEST]
        return _fault(key, f"there is no kind '{tag}' here; there are {known['expected_tags']}.{known.get('hint', '')}")
    if kind == "value_error":  # from a validator in this package: its message only
        return _fault(place, f"{known.get('text') or known['error']}.")
    if kind == "unprintable":
        return _fault(place, f"{known['wrong']}.")
    if kind in ("too_short", "too_long"):
        return _fault(place, _count_of_items(fault))
    if kind not in (*_EXPECTED, "alternatives", "literal_error") and isinstance(
        given, Mapping | BaseModel
    ):  # its content is wrong
        return _fault(place, f"{fault['msg']}.")
    return _fault(place, f"{_should(fault)}, not {shown(given)}{_hint(fault)}.")


def _should(fault: Fault) -> str:
    """What a value should be."""
    kind, known = fault["type"], fault.get("ctx", {})
    if kind in _EXPECTED and not (kind == "dict_type" and "wanted" in known):
        return f"should be {_EXPECTED[kind]}"
    if kind == "alternatives":
        return f"should be {known['expected']}"
    if kind == "string_pattern_mismatch":
        return "should be a name (up to 100 letters, digits, - and _, a letter first)"
    return str(re.sub(r"^(?:Input|String|Value|List|Tuple|Dictionary) should", "should", fault["msg"]))


def _count_of_items(fault: Fault) -> str:
    known = fault["ctx"]
    limit, bound = (
        (known["min_length"], "at least") if fault["type"] == "too_short" else (known["max_length"], "at most")
    )
    items = "item" if limit == 1 else "items"
    return f"should have {bound} {limit} {items}, not {known['actual_length']}."


def _kinds(known: Mapping[str, Any]) -> str:
    return f"; there are {known['expected_tags']}" if known.get("expected_tags") else ""


def _fault(place: Place, message: str) -> InputError:
    return InputError(printable(message), parameter=printable(dotted(place)) or None)


def shown(given: Any) -> str:
    """A value in a message, shortened."""
    if given is None:
        return "null"
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, str | int | float):
        text = ascii(given) if not str(given).isprintable() else repr(given)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 20]}... ({len(text)} characters)"
    return {"dict": "a mapping", "list": "a list", "tuple": "a list"}.get(type(given).__name__, type(given).__name__)


def _hint(fault: Fault) -> str:
    """What to write instead of text where a number or a truth value is due; empty if nothing can be guessed."""
    given, expected = fault["input"], str(fault.get("ctx", {}).get("expected", ""))
    due = _EXPECTED.get(fault["type"], "") + expected
    if not isinstance(given, str) or not re.search("number|integer|true", due):
        return ""
    if "true" in due:
        return "" if given.lower() not in _TRUTHS else f": write {str(_TRUTHS[given.lower()]).lower()}"
    if given.lower() in _TRUTHS:
        return ": that is no number"
    if re.fullmatch(r"[-+]?0[0-9]+", given):
        return f": write {int(given)}, without leading zeros"
    if re.fullmatch(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?", given) and "_" in given:
        return f": write {given.replace('_', '')}"
    if re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", given):
        return ": write it without quotes"
    return ""


_TRUTHS = {"yes": True, "on": True, "y": True, "true": True, "no": False, "off": False, "n": False, "false": False}
