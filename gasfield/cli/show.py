"""`gasfield show`."""

from __future__ import annotations

from gasfield.cli.options import Overrides, Plugins, ScenarioName, run_plugins


def show(name: ScenarioName, overrides: Overrides = None, plugins: Plugins = None) -> None:
    """Prints a resolved scenario: defaults filled in, overrides applied."""
    from gasfield.scenario import load_scenario

    run_plugins(plugins)
    print(load_scenario(name, overrides or ()).yaml(), end="")
