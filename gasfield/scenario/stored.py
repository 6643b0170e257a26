"""The scenario that a file holds, read like one of the user: the same YAML, the same limits, the same checks."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from gasfield.errors import InputError, about
from gasfield.memory import require_memory
from gasfield.renames import former_names
from gasfield.scenario.document import MOST_BYTES, read_value
from gasfield.scenario.scenario import Scenario
from gasfield.spec import explain


def stored_scenario(text: object) -> Scenario:
    """The scenario in an attribute of a trajectory; former names are accepted, files that it names are not looked for.

    Args:
        text: the attribute, whatever it is.

    Raises:
        InputError: if it is no text, longer than a scenario may be, no YAML that is read here, or no scenario, or if
            its forces do not fit into memory or into its space; the message gives no file.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not isinstance(text, str):
        raise InputError("it is no text.")
    if len(text) > MOST_BYTES:
        raise InputError(f"it has {len(text) / 1e6:.1f} million characters; at most {MOST_BYTES / 1e6:g} MB are read.")
    data = read_value(text)
    if not isinstance(data, dict):
        raise InputError("it is no mapping of keys (title, question, space, gas, ...).")
    try:
        with former_names("accept"):
            scenario = Scenario.model_validate(data)
    except ValidationError as fault:
        raise explain(fault, data) from None
    _require_sizes(scenario)
    return scenario


def _require_sizes(scenario: Scenario) -> None:
    """Checks of forces what a run checks before it begins: that they fit into memory, and into the space."""
    dimensions = scenario.space.dimensions
    for number, force in enumerate(scenario.forces):
        with about("forces", number):
            kind: Any = force.kind
            require_memory(force.storage(1, dimensions), f"{kind} in {dimensions} dimensions")
            force.memory(dimensions)
