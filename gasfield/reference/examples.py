"""An example of every kind, which the test suite checks."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from gasfield.reference.layout import Section
from gasfield.scenario.yaml_1_2 import read

BASE = """\
space: {kind: free, dimensions: 2}
gas:
  - {name: gas, from: {kind: gaussian, count: 100, spread: 0.5}}
dynamics: {kind: langevin, time_step: 0.05, friction: 1.0}
temperature: 0.4
run: {steps: 100}
"""
"""The scenario into which an example puts its keys."""

_KEYS = {"diagnostics": "diagnostics: [{kind}]\n", "models": "{kind}\n"}
"""Page -> what an example is where a kind needs no parameters."""


@cache
def examples() -> dict[str, dict[str, str]]:
    """Page -> heading -> keys of a scenario as YAML; of the page `models`, the model."""
    text = files("gasfield.reference").joinpath("examples.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = read(text)[0]
    return found


def example_of(page: str, section: Section) -> str:
    """The example of a kind; empty where it has none of its own, because it is part of another."""
    own = examples().get(page, {}).get(section.heading)
    needed = any(field.is_required() for field in section.spec.model_fields.values())
    if own is None and page in _KEYS and not section.holder and not needed:
        return _KEYS[page].replace("{kind}", section.heading)
    return own or ""
