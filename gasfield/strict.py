"""Strict scalars in specifications: a number is a number, text is text, and true is not 1.

    integer        an int, also one of NumPy; or a whole float up to 2^53 (1e4 is ten thousand), beyond which floats
                   skip integers. Of 64 bits.
    number         an int or a float, also of NumPy.
    truth value    true or false.
    text           a str without control characters and surrogates, which no file can hold.
    list           a list, a tuple, or an array of NumPy.

`strict` changes the schema of a class, so that fields are annotated with plain Python types. Alternatives of a union
are labelled in words, with which `gasfield.faults` reports what fits none of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

OR = "|"
"""First character of the label of an alternative."""
LARGEST_STEP = 2**53
"""Largest number of steps: beyond it the time of a step, a float, is not exact."""
_BLANK = "\t\n"


def strict(schema: Any) -> Any:
    """The schema of a class with strict scalars and labelled alternatives, in place; twice is the same as once."""
    for key, part in _parts(schema):
        strict(part)
        schema[key] = _guarded(part)
    if isinstance(schema, dict) and schema.get("type") == "union":
        schema["choices"] = [_labelled(choice) for choice in schema["choices"]]
    return schema


def _parts(schema: Any) -> list[tuple[Any, Any]]:
    """The schemas within a schema, with key or index."""
    if isinstance(schema, list):
        pairs: list[tuple[Any, Any]] = list(enumerate(schema))
    elif isinstance(schema, dict):
        pairs = [
            (key, part) for key, part in schema.items() if key not in ("metadata", "serialization", "config", "ref")
        ]
    else:
        pairs = []
    return [(key, part) for key, part in pairs if isinstance(part, dict | list)]


def _guarded(schema: Any) -> Any:
    """A scalar or a list that refuses data of other types."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind not in _GUARDS or schema.get("strict") or schema.get("metadata", {}).get("guarded"):
        return schema
    if kind == "tuple":
        schema["metadata"] = {**schema.get("metadata", {}), "guarded": True}
        return core_schema.no_info_before_validator_function(_list, schema)
    schema["strict"] = True
    guard = _GUARDS[kind]
    if kind == "int" and max(schema.get("lt", 0), schema.get("le", 0)) > 2**63:
        guard = _unsigned
    return core_schema.no_info_before_validator_function(guard, schema)


def _integer(given: Any) -> Any:
    number = _unsigned(given)
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise _too_long(number)
    return number


def _unsigned(given: Any) -> Any:
    whole = isinstance(given, Integral) or (isinstance(given, Real) and _is_exact(float(given)))
    if isinstance(given, bool) or not whole:
        return given
    number = int(given)
    if abs(number) >= 2**64:
        raise _too_long(number)
    return number


def _is_exact(number: float) -> bool:
    return abs(number) <= LARGEST_STEP and number == int(number)


def _too_long(number: int) -> PydanticCustomError:
    return PydanticCustomError("too_large", "should be an integer of 64 bits")


def _number(given: Any) -> Any:
    if isinstance(given, float | bool):
        return given
    if isinstance(given, Real):
        try:
            number = float(given)
            return given if isinstance(given, int) else number
        except OverflowError:
            raise PydanticCustomError("too_large", "should be a number below 1.8e308") from None
    return given


def _truth(given: Any) -> Any:
    return bool(given) if type(given).__name__ == "bool_" or type(given).__module__ == "numpy" else given


def _text(given: Any) -> Any:
    if isinstance(given, str):
        wrong = unprintable(given)
        if wrong is not None:
            raise PydanticCustomError("unprintable", "{wrong}", {"wrong": wrong})
    return given


def _list(given: Any) -> Any:
    if type(given).__module__ == "numpy" and hasattr(given, "tolist"):
        return given.tolist()
    if isinstance(given, set | frozenset | dict):
        raise PydanticCustomError("list_type", "should be a list")
    return given


_GUARDS: dict[str, Callable[[Any], Any]] = {
    "int": _integer, "float": _number, "bool": _truth, "str": _text, "tuple": _list,
}  # fmt: skip


def unprintable(text: str) -> str | None:
    """What is wrong with text that holds a character which cannot be printed; None if nothing is."""
    wrong = next((c for c in text if c not in _BLANK and unicodedata.category(c) in ("Cc", "Cs")), None)
    return None if wrong is None else f"the character U+{ord(wrong):04X} is not allowed in text"


# --- alternatives in words --------------------------------------------------------------------------------------------


def _labelled(choice: Any) -> Any:
    if isinstance(choice, tuple):
        return choice
    return choice, f"{OR}{words(choice)}"


_WORDS = {
    "int": "an integer", "float": "a number", "bool": "true or false", "str": "text", "model": "a mapping",
    "dict": "a mapping", "tagged-union": "a mapping", "none": "null",
}  # fmt: skip
_MANY = {
    "an integer": "integers", "a number": "numbers", "text": "texts", "a mapping": "mappings", "true or false": "truths"
}  # fmt: skip


@dataclass(frozen=True)
class InWords:
    """The annotation of a type that says in words what it accepts."""

    text: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        schema = handler(source)
        said = {"metadata": {**schema.get("metadata", {}), "in_words": self.text}}
        return cast(core_schema.CoreSchema, {**schema, **said})


def words(schema: Any) -> str:
    """What a schema accepts, in words."""
    kind, said = schema.get("type"), schema.get("metadata", {}).get("in_words")
    if said is not None:
        return str(said)
    if kind == "literal":
        return " or ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in schema["expected"])
    if kind == "tuple":
        return f"a list of {_many(schema)}"
    if kind in _WORDS:
        return _WORDS[kind]
    if kind == "union":
        first = schema["choices"][0]
        return words(first[0] if isinstance(first, tuple) else first)
    return words(schema["schema"]) if isinstance(schema.get("schema"), dict) else "a value"


def _many(schema: Any) -> str:
    """The items of a list, in words."""
    items = {words(item) for item in schema.get("items_schema", ())}
    if len(items) != 1:
        return "values"
    item = items.pop()
    if item.startswith("a list of "):
        return f"lists of {item.removeprefix('a list of ')}"
    return _MANY.get(item, "values")
