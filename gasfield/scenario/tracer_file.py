"""Tracers in a file of their own, for commands that have no scenario."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from gasfield.errors import InputError
from gasfield.resources import find_file
from gasfield.scenario.document import Document
from gasfield.spec import Spec
from gasfield.tracers import Tracer


class _TracerFile(Spec):
    tracers: tuple[Tracer, ...]


def read_tracers(name: str | Path) -> tuple[Tracer, ...]:
    """Tracers from a YAML file with the same `tracers:` list as a scenario.

    Raises:
        InputError: if there is no such file, or (with line and key) if its content is invalid.
    """
    path = find_file(str(name))
    if path is None:
        raise InputError("no such file.", parameter="tracers", value=name)
    document = Document(path)
    try:
        return _TracerFile.model_validate(document.data).tracers
    except ValidationError as error:
        raise document.explain(error) from None
