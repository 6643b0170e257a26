"""`gasfield new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.output import put

SCHEMA = "# yaml-language-server:"
"""How a line begins that names a JSON Schema to editors."""


def new(
    name: Annotated[str, typer.Argument(help="Name of the new scenario; written to NAME.yaml.")],
    like: Annotated[str, typer.Option("--like", help="The scenario to copy.")] = "dead-token-drift",
) -> None:
    """Creates a new scenario as a commented copy of an existing one."""
    from gasfield.errors import about
    from gasfield.files import write_file
    from gasfield.resources import check_output, find_scenario

    path = Path(f"{name.removesuffix('.yaml')}.yaml")
    check_output(path, overwrite=False, parameter="name")
    with about("like"):
        source = find_scenario(like)
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    own = [line for line in lines if not line.startswith(SCHEMA)]  # it points to a file beside the shipped scenarios
    write_file(path, "".join(own))
    put(f"{path}: a copy of {like}. Edit it, then `gasfield check {path}` and `gasfield run {path}`.")
    put(
        "For an editor that completes it: `gasfield schema > scenario.schema.json`, and as the first line "
        f"`{SCHEMA} $schema=scenario.schema.json`."
    )
