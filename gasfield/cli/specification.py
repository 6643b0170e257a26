"""Options generated from the fields of a specification: one source of names, types, defaults and help."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from gasfield.spec import Spec


def options_of(spec: type[Spec], names: Mapping[str, str], leave_out: tuple[str, ...] = ()) -> list[inspect.Parameter]:
    """A parameter of a command for each field, including the fields of nested specifications.

    Args:
        spec: the specification; every field has a default.
        names: field -> option, where the option is not the field name with hyphens.
        leave_out: fields without an option.
    """
    parameters: list[inspect.Parameter] = []
    for name, field in spec.model_fields.items():
        if name in leave_out:
            continue
        if _is_spec(field):
            parameters += options_of(field.annotation, names, leave_out)  # type: ignore[arg-type]
        else:
            parameters.append(_option(name, field, names.get(name, f"--{name.replace('_', '-')}")))
    return parameters


def values_of(spec: type[Spec], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a command, nested as fields of the specification."""
    return {
        name: values_of(field.annotation, options) if _is_spec(field) else options[name]  # type: ignore[arg-type]
        for name, field in spec.model_fields.items()
        if _is_spec(field) or name in options
    }


def _is_spec(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Spec)


def _option(name: str, field: FieldInfo, option: str) -> inspect.Parameter:
    kind, default, metavar = field.annotation, field.default, None
    if get_origin(kind) is Literal:
        kind, metavar = str, "|".join(get_args(kind))
    elif not (kind in (int, float, str, bool) or get_origin(kind) is tuple):  # parsed from text by the specification
        kind, default, metavar = str, str(default), "TEXT"
    text = " ".join((field.description or "").replace("`", "").split())
    annotation = Annotated[kind, typer.Option(option, metavar=metavar, help=text)]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
