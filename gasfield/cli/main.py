"""The program, assembled from its commands. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from gasfield.cli import (
    animate,
    check,
    compare,
    dead,
    diagnose,
    import_,
    inspect,
    list_,
    new,
    record,
    resume,
    run,
    schema,
    show,
)
from gasfield.cli.command import Command, Group
from gasfield.version import __version__

app = typer.Typer(
    cls=Group,
    help="A physics sandbox in which the tokens of a language model are the particles of a gas.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _section(title: str, *commands: Callable[..., None], cls: type[Command] = Command) -> None:
    """Adds commands under a title of the help, each by the name of its function."""
    for command in commands:
        app.command(command.__name__.rstrip("_"), cls=cls, rich_help_panel=title)(command)


_section("Scenarios", list_.list_, show.show, new.new, check.check, run.run, resume.resume, schema.schema)
_section("Recordings", record.record, cls=record.Record)
_section("Recordings", import_.import_)
_section("Looking", diagnose.diagnose, compare.compare, animate.animate)
_section("Embeddings", inspect.inspect, dead.dead)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"gasfield {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> Any:
    """Entry point of the program."""
    from gasfield.kernels.cache import key_by_sources

    key_by_sources()
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
