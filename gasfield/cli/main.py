"""The program, assembled from its commands. Slow imports are deferred to the commands that need them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from typer.completion import completion_init

from gasfield.cli import (
    animate,
    audit,
    calibrate,
    check,
    compare,
    dead,
    diagnose,
    export,
    fit,
    forecast,
    hindcast,
    import_,
    inspect,
    list_,
    new,
    play,
    record,
    report,
    resume,
    rows,
    run,
    sample,
    schema,
    show,
    sweep,
    thermo,
    trace,
    view,
)
from gasfield.cli.command import Command, Group, mirror
from gasfield.cli.interrupt import ended_at_once
from gasfield.cli.output import plain_streams
from gasfield.cli.system import open_streams, report_fault, system_faults
from gasfield.version import __version__

_COMPLETION = "_GASFIELD_COMPLETE"
"""The variable by which a shell asks for its script (`source_bash`), and for completions (`complete_bash`)."""

app = typer.Typer(
    cls=Group,
    help="A physics sandbox in which the tokens of a language model are the particles of a gas.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(section: str, command: Callable[..., None], cls: type[Command] = Command, *, like: str | None = None) -> None:
    """Adds a command, named after its function, to a section of the help.

    Args:
        section: title of the section.
        command: the function.
        cls: class of the command.
        like: "module:function" from which defaults are taken.
    """
    kind = mirror(command, like) if like else cls
    app.command(command.__name__.rstrip("_"), cls=kind, rich_help_panel=section)(command)


_add("Scenarios", list_.list_)
_add("Scenarios", show.show)
_add("Scenarios", new.new)
_add("Scenarios", check.check)
_add("Scenarios", calibrate.calibrate)
_add("Scenarios", run.run)
_add("Scenarios", resume.resume)
_add("Scenarios", sweep.sweep, like="gasfield.sweeps:sweep")
_add("Scenarios", schema.schema)
_add("Recordings", record.record, record.Record)
_add("Recordings", import_.import_, like="gasfield.importing:import_recording")
_add("Recordings", audit.audit, like="gasfield.importing.auditing:audit")
_add("Recordings", hindcast.hindcast, like="gasfield.hindcasting:hindcast")
_add("Looking", diagnose.diagnose)
_add("Looking", compare.compare)
_add("Looking", animate.animate, like="gasfield.filming:animate")
_add("Looking", view.view, like="gasfield.viewing:view")
_add("Looking", report.report)
_add("Looking", rows.rows, like="gasfield.row_tables:rows")
_add("Looking", export.export)
_add("Learning", fit.fit, like="gasfield.learning.fit:fit")
_add("Learning", forecast.forecast)
_add("Language models", sample.sample, sample.SampleCommand)
_add("Language models", thermo.thermo)
_add("Language models", trace.trace, like="gasfield.tracing.tracing:trace")
_add("Playing", play.play)
_add("Embeddings", inspect.inspect, like="gasfield.inspection:inspect")
_add("Embeddings", dead.dead, like="gasfield.inspection:find_dead")


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


def main() -> None:
    """Entry point of the program."""
    with ended_at_once():
        from gasfield.kernels.cache import key_by_sources

        open_streams()
        plain_streams()
        sys.excepthook = report_fault
        key_by_sources()
        if _COMPLETION in os.environ:  # Typer adds two options to the help otherwise
            completion_init()
        with system_faults():
            app()


if __name__ == "__main__":
    main()
