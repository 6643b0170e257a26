"""`gasfield schema`: the JSON Schema of scenarios."""

from __future__ import annotations

import json

from gasfield.cli.options import Plugins, run_plugins
from gasfield.cli.output import is_plain


def schema(plugins: Plugins = None) -> None:
    """Prints the JSON Schema of scenarios, for completion and validation of YAML files in an editor.

    Save it, and refer to it in the first line of a scenario:  # yaml-language-server: $schema=scenario.schema.json
    """
    from gasfield.plugins import import_installed
    from gasfield.scenario.json_schema import scenario_schema

    run_plugins(plugins)
    import_installed()
    text = json.dumps(scenario_schema(), indent=1, ensure_ascii=False)
    print(text if is_plain(text) else json.dumps(scenario_schema(), indent=1))
