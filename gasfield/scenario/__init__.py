"""Scenarios: what to simulate, from YAML or from Python.

Names are loaded on first use, since `document`, which reads YAML, needs none of what a scenario is made of.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gasfield.scenario.scenario import CompareWith, RunLength, Scenario, load_scenario

__all__ = ["CompareWith", "RunLength", "Scenario", "load_scenario"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'gasfield.scenario' has no attribute '{name}'")
    from gasfield.scenario import scenario

    return getattr(scenario, name)
