"""`gasfield sweep`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gasfield.cli.command import LIBRARY
from gasfield.cli.options import Json, Overrides, Plugins, Quiet, run_plugins
from gasfield.cli.output import put, put_json
from gasfield.quantity import Quantity

if TYPE_CHECKING:
    from gasfield.sweeps import Progress, Sweep
    from gasfield.sweeps.agreement import Agreement
    from gasfield.sweeps.compared import Method
    from gasfield.sweeps.transitions import Transition

_ALONG = "temperature"
"""Key of a transition, if none is given."""
_FAILURES = 5
"""Reasons of points that failed which are printed."""


def sweep(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario's name, or a YAML file.")],
    scan: Annotated[
        str | None,
        typer.Option(
            "--scan",
            metavar="{KEY: VALUES, ...}|FILE",
            help="What is varied: '{temperature: [0.2, 0.4], seeds: 8}'. Default: the scenario's own.",
        ),
    ] = None,
    overrides: Overrides = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Directory; one that exists is continued. Default: outputs/NAME-sweep."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=0, help="Processes, one thread each; 0: this one. Default: one for each core."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="tls://HOST:PORT", help="A Dask scheduler that runs already.")
    ] = None,
    certificates: Annotated[
        str | None,
        typer.Option("--certificates", metavar="CA,CERT,KEY", help="Files for TLS. Default: of Dask's configuration."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Use a scheduler without TLS: whoever reaches its port can run code.")
    ] = LIBRARY,
    plot: Annotated[
        list[str] | None,
        typer.Option("--plot", metavar="RESULT", help="Draw a result over what is varied, into DIR/plots; repeatable."),
    ] = None,
    transition: Annotated[
        str | None,
        typer.Option(
            "--transition", metavar="RESULT", help="Where it has a transition along a key: a place with its error."
        ),
    ] = None,
    along: Annotated[
        str | None, typer.Option("--along", metavar="KEY", help="Key of the transition. Default: temperature.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            metavar="crossing|peak|curie_weiss|hysteresis",
            help="How a transition is located. Default: by the name of the result.",
        ),
    ] = None,
    sizes: Annotated[
        str | None, typer.Option("--sizes", metavar="KEY", help="Key of the number of particles, for a transition.")
    ] = None,
    starts: Annotated[
        str | None, typer.Option("--starts", metavar="KEY", help="Key of the two starts of a hysteresis.")
    ] = None,
    plugins: Plugins = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="Draw the pictures of every run.")] = LIBRARY,
    retry: Annotated[bool, typer.Option("--retry", help="Try points again that could not be run.")] = LIBRARY,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Runs a scenario at many values of its keys and with many seeds, each point once, and makes one table of them."""
    from gasfield import forked

    if scheduler is None and workers != 0:
        forked.begin()  # first of all: it imports while this process does
    from gasfield import sweeps
    from gasfield.errors import InputError
    from gasfield.scenario import load_scenario
    from gasfield.sweeps.clusters import processors
    from gasfield.sweeps.compared import keys_of
    from gasfield.sweeps.diagrams import draw

    known = _method(transition, method, {"along": along, "method": method, "sizes": sizes, "starts": starts})
    run_plugins(plugins)
    loaded, chosen = load_scenario(scenario, overrides or []), _scan(scan)
    if transition is not None:  # before points run for hours
        varied = sweeps.varied_keys(loaded, chosen, output)
        keys_of(varied, transition, along or _ALONG, method=known, sizes=sizes, starts=starts)
    if scheduler is None and workers is None:
        workers = processors() if sweeps.has_dask() else 0
    with _bar(quiet or as_json) as progress:
        result = sweeps.sweep(
            loaded,
            chosen,
            output=output,
            workers=workers or 0,
            scheduler=scheduler,
            certificates=_certificates(certificates),
            insecure=insecure,
            plugins=plugins or [],
            pictures=pictures,
            retry=retry,
            progress=progress,
        )
    located: list[Transition] = []
    drawn = [draw(result, name) for name in plot or [] if name != transition]
    if transition is not None:
        located = result.transitions(
            transition, along or _ALONG, method=known, sizes=sizes, starts=starts
        )  # fmt: skip
        with suppress(InputError):  # there may be too many lines, and no transition that could be drawn instead
            drawn.append(draw(result, transition, located))
    if as_json:
        put_json(_as_json(result, drawn) | {"transitions": [each.as_json() for each in located]})
    elif not quiet:
        _print(result, drawn)
        for each in located:
            put(_as_text(each))


def _method(transition: str | None, method: str | None, given: Mapping[str, str | None]) -> Method | None:
    """How a transition is to be looked for, if that is said.

    Raises:
        InputError: if the method is none, or how a transition is looked for is said, but not of which result.
    """
    from gasfield.errors import InputError
    from gasfield.sweeps.compared import METHODS

    if transition is None and (named := [name for name, value in given.items() if value is not None]):
        message = "says how a transition is looked for: give the result, too, with --transition."
        raise InputError(message, parameter=f"--{named[0]}")
    known = next((each for each in METHODS if each == method), None)
    if method is not None and known is None:
        raise InputError(f"is one of {', '.join(METHODS)}.", parameter="method", value=method)
    return known


def _as_text(found: Transition) -> str:
    """One line of a transition."""
    at = ", ".join(f"{path} = {value}" for path, value in found.at.items())
    where = f" at {at}" if at else ""
    if found.place is None:
        span = "..".join(f"{end:g}" for end in found.span)
        return f"no transition in {found.along} = {span}{where}: {found.reason}"
    details = ", ".join(f"{name} {each.text()}" for name, each in found.details.items())
    place = Quantity(found.place.value, found.unit, found.place.error).text()
    return (
        f"transition at {found.along} = {place}{where} ({found.method.replace('_', ' ')}{details and f': {details}'})"
    )


def _scan(given: str | None) -> dict[str, Any] | None:
    """The scan that is given as YAML, or in a file."""
    from gasfield.errors import InputError
    from gasfield.scenario.document import Document, read_value

    if given is None:
        return None
    in_file = "{" not in given and Path(given).is_file()
    data = Document(Path(given)).data if in_file else read_value(given)
    if isinstance(data, dict) and set(data) == {"scan"}:
        data = data["scan"]
    if not isinstance(data, dict):
        message = "should be a mapping such as {temperature: [0.2, 0.4], seeds: 8}, or a file that exists with one."
        raise InputError(message, parameter="scan", value=given[:200])
    return data


def _certificates(given: str | None) -> tuple[Path, Path, Path] | None:
    from gasfield.errors import InputError

    if given is None:
        return None
    files = [Path(name) for name in given.split(",")]
    if len(files) != 3:
        message = "are three files: of the authority, of this client, and its key."
        raise InputError(message, parameter="certificates", value=given)
    return files[0], files[1], files[2]


@contextmanager
def _bar(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A progress bar over points, with what there is to say."""
    from gasfield.cli.terminal import points_bar

    with points_bar(quiet) as bar:
        yield lambda progress: bar(progress.done + progress.failed, progress.total, ", ".join(_notes(progress)))


def _notes(progress: Progress) -> Iterator[str]:
    """What is said of a sweep beside the number of points."""
    from gasfield.cli.cost_table import duration

    if progress.failed:
        yield f"{progress.failed} failed"
    if progress.elsewhere:
        yield f"{progress.elsewhere} still run by another process"
    if progress.workers == 0:
        yield "waiting for a worker"
    if progress.rate > 0.0:
        yield _rate(progress.rate)
    if progress.seconds_left:
        yield f"{duration(progress.seconds_left)} left"
    if progress.dashboard:
        yield progress.dashboard


def _rate(rate: float) -> str:
    """Points in the unit of time in which one ends at least."""
    if rate >= 1.0:
        return f"{rate:.3g} points/s"
    return f"{rate * 60:.3g} points/min" if rate * 60 >= 1.0 else f"{rate * 3600:.3g} points/h"


def _as_json(result: Sweep, drawn: list[Path]) -> dict[str, Any]:
    from gasfield.sweeps.store import TABLE

    status = result.table.status
    return {
        "directory": str(result.directory),
        "table": str(result.directory / TABLE),
        "points": {
            name: {"value": count, "unit": "1", "error": None}
            for name, count in [
                ("total", len(status)), ("done", status.count("done")), ("failed", status.count("failed")),
            ]
        },
        "varied": result.table.parameters,
        "results": {name: column.unit for name, column in sorted(result.table.columns.items())},
        "failed": [
            {"point": point.text(), "reason": reason}
            for point, state, reason in zip(result.table.points, status, result.table.reasons, strict=True)
            if state == "failed"
        ],
        "seeds": _seeds(result.agreement()),
        "plots": [str(path) for path in drawn],
    }  # fmt: skip


def _seeds(agreement: Agreement) -> dict[str, Any]:
    return {
        "tests": {"value": agreement.tests, "unit": "1", "error": None},
        "disagreements": [
            {
                "result": each.result,
                "point": dict(each.values),
                "scatter_ratio": {"value": each.ratio, "unit": "1", "error": None},
                "p": {"value": each.p, "unit": "1", "error": None},
            }
            for each in agreement.disagreements
        ],
    }


def _on_seeds(agreement: Agreement) -> str:
    if not agreement.disagreements:
        return f"seeds agree within their errors in all {agreement.tests} results of points"
    worst = agreement.disagreements[0]
    where = ", ".join(f"{path} = {value}" for path, value in worst.values.items())
    return (
        f"seeds disagree in {len(agreement.disagreements)} of {agreement.tests} results of points: these runs are too "
        f"short for their errors. Worst: {worst.result}{where and f' at {where}'}, scatter {worst.ratio:.3g} times the "
        "error"
    )


def _print(result: Sweep, drawn: list[Path]) -> None:
    from gasfield.sweeps.store import TABLE

    failed, varied = result.failed, result.table.parameters
    put(f"{len(result.table.keys)} points over {', '.join([*varied, 'seed'])}; {len(failed)} failed")
    for point, reason in list(failed.items())[:_FAILURES]:
        put(f"  {point}: {reason}")
    if len(failed) > _FAILURES:
        put(f"  and {len(failed) - _FAILURES} more, in the column reason")
    put(
        f"table: {result.directory / TABLE} ({len(result.table.columns)} results with errors and scatter between seeds)"
    )
    agreement = result.agreement()
    if agreement.tests:
        put(_on_seeds(agreement))
    for path in drawn:
        put(f"plot: {path}")
    if not drawn and result.table.columns:
        put(f"draw a result with --plot NAME, for example {min(result.table.columns)}")
