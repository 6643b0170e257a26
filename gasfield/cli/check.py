"""`gasfield check`."""

from __future__ import annotations

from typing import Annotated

import typer

from gasfield.cli.options import Overrides, Plugins, run_plugins
from gasfield.errors import InputError, InputErrors


def check(
    names: Annotated[list[str], typer.Argument(metavar="SCENARIO...", help="Names or YAML files.")],
    overrides: Overrides = None,
    plugins: Plugins = None,
) -> None:
    """Validates scenarios: keys, types, files, fields. Exit code 2 and one message per error."""
    from gasfield.simulation import Simulation

    run_plugins(plugins)
    faults: list[InputError] = []
    for name in names:
        try:
            simulation = Simulation.from_scenario(name, overrides or ())
            simulation.require_start()
            print(f"{name}: valid ({simulation.gas.count} particles in {simulation.gas.dimensions} dimensions)")
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputErrors(faults)
