"""`gasfield schema`: the JSON Schema of scenarios."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.options import Plugins, run_plugins
from gasfield.cli.output import is_plain, put


def schema(
    plugins: Plugins = None,
    reference: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write pages about all keys there, in Markdown, instead.")
    ] = None,
) -> None:
    """Prints the JSON Schema of scenarios, for completion and validation of YAML files in an editor.

    Save it, and refer to it in the first line of a scenario:  # yaml-language-server: $schema=scenario.schema.json
    """
    from gasfield.plugins import import_installed
    from gasfield.scenario.json_schema import scenario_schema

    run_plugins(plugins)
    import_installed()
    if reference is not None:
        _write_reference(reference)
        return
    text = json.dumps(scenario_schema(), indent=1, ensure_ascii=False)
    print(text if is_plain(text) else json.dumps(scenario_schema(), indent=1))


def _write_reference(folder: Path) -> None:
    from gasfield.files import make_folder
    from gasfield.reference import write_pages

    make_folder(folder)
    written = write_pages(folder)
    put(f"{len(written)} pages in {folder}")
