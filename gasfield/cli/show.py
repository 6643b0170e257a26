"""`gasfield show`."""

from __future__ import annotations

from gasfield.cli.options import Overrides, Plugins, ScenarioName, run_plugins
from gasfield.cli.output import is_plain


def show(name: ScenarioName, overrides: Overrides = None, plugins: Plugins = None) -> None:
    """Prints a resolved scenario: defaults filled in, overrides applied."""
    from gasfield.scenario import load_scenario

    run_plugins(plugins)
    scenario = load_scenario(name, overrides or ())
    text = scenario.yaml()
    print(text if is_plain(text) else scenario.yaml(ascii_only=True), end="")
