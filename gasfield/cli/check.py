"""`gasfield check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gasfield.cli.options import Json, Overrides, Plugins, run_plugins
from gasfield.cli.output import put, put_json
from gasfield.errors import InputError, InputErrors


def check(
    names: Annotated[list[str], typer.Argument(metavar="SCENARIO...", help="Names or YAML files.")],
    overrides: Overrides = None,
    plugins: Plugins = None,
    cost: Annotated[
        bool, typer.Option("--cost", help="Predict time, memory and file size of a run, which takes some seconds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Validates scenarios: keys, types, files, fields, room in memory and on the disk. Exit code 2 and one message per
    error."""
    run_plugins(plugins)
    faults: list[InputError] = []
    found: dict[str, Any] = {}
    for name in names:
        try:
            particles, dimensions = _validate(name, overrides or [])
            found[name] = {"particles": particles, "dimensions": dimensions}
            if not as_json:
                put(f"{name}: valid ({particles} particles in {dimensions} dimensions)")
            if cost:
                found[name] |= _cost(name, overrides or [], plugins or [], as_json=as_json)
        except InputError as error:
            faults += error.faults
    if as_json:
        put_json(found)
    if faults:
        raise InputErrors(faults)


def _validate(name: str, overrides: list[str]) -> tuple[int, int]:
    """Opens everything that a run opens; particles and dimensions of its simulation, which is gone after that."""
    from gasfield.runs.start import open_start
    from gasfield.scenario import load_scenario

    simulation, reference = open_start(load_scenario(name, overrides), Path())
    if reference is not None:
        reference.close()
    return simulation.gas.count, simulation.gas.dimensions


def _cost(name: str, overrides: list[str], plugins: list[Path], *, as_json: bool) -> dict[str, Any]:
    """The prediction, which is printed unless it will be as JSON."""
    from gasfield.cli.cost_table import print_cost
    from gasfield.cli.terminal import status
    from gasfield.cost import predict_cost

    with status() as show:
        show(f"running a miniature of {name}")
        predicted = predict_cost(name, overrides=overrides, plugins=plugins)
    if not as_json:
        print_cost(predicted)
    return predicted.as_json()
