"""The text of `played.yaml`: a scenario with the events and the steps of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gasfield.errors import InputError
from gasfield.scenario import Scenario
from gasfield.scenario.document import MOST_BYTES
from gasfield.scenario.events import Event
from gasfield.scenario.scenario import RunLength

_TEXTS = ("title", "question", "name", "kind", "headline", "try")
"""Keys whose texts are no names of files."""


def with_files_found(scenario: Scenario) -> Scenario:
    """The same scenario with the absolute paths of the data files that were found, so that it can be run from any
    folder."""
    if not scenario.files:
        return scenario
    data = scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
    found: Scenario = Scenario.model_validate(_replaced(data, scenario.files)).named(scenario.name)
    return found


def _replaced(data: Any, files: Mapping[str, Path]) -> Any:
    if isinstance(data, dict):
        return {key: value if key in _TEXTS else _replaced(value, files) for key, value in data.items()}
    if isinstance(data, list):
        return [_replaced(item, files) for item in data]
    return str(files[data]) if isinstance(data, str) and data in files else data


def as_played(scenario: Scenario, events: Sequence[Event], steps: int, start: int, lasts: int) -> Scenario:
    """A scenario as it was played.

    Args:
        scenario: what was played.
        events: all of them, those to come included.
        steps: that were done.
        start: step of the start.
        lasts: the last step at which something is planned.
    """
    steps = max(steps, 1)
    early = True if lasts > start + steps else None
    length: RunLength = scenario.run.model_copy(update={"steps": steps, "early": early})
    return scenario.model_copy(update={"events": tuple(events), "run": length})


def last_plan(scenario: Scenario, events: Sequence[Event]) -> int:
    """The last step at which a scenario with some events plants or does something."""
    return max([*(tracer.plant_at for tracer in scenario.tracers), *(event.at for event in events)], default=0)


def text_of(scenario: Scenario) -> str:
    """It in YAML.

    Raises:
        InputError: if it is too long to be read again.
    """
    text = scenario.yaml()
    if len(text.encode()) > MOST_BYTES:
        raise InputError(f"a scenario has at most {MOST_BYTES / 1e6:g} MB; this session has too many touches for it.")
    return text
