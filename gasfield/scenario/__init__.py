"""Scenarios: what to simulate, from YAML or from Python."""

from gasfield.scenario.scenario import CompareWith, RunLength, Scenario, load_scenario

__all__ = ["CompareWith", "RunLength", "Scenario", "load_scenario"]
