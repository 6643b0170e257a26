"""`gasfield new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasfield.errors import InputError


def new(
    name: Annotated[str, typer.Argument(help="Name of the new scenario; written to NAME.yaml.")],
    like: Annotated[str, typer.Option("--like", help="The scenario to copy.")] = "dead-token-drift",
) -> None:
    """Creates a new scenario as a commented copy of an existing one."""
    from gasfield.resources import find_scenario

    path = Path(f"{name.removesuffix('.yaml')}.yaml")
    if path.exists():
        raise InputError("exists already; choose another name.", parameter="name", value=path)
    path.write_text(find_scenario(like).read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{path}: a copy of {like}. Edit it, then `gasfield check {path}` and `gasfield run {path}`.")
