"""`gasfield play`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gasfield.cli.options import Overrides, Overwrite, Plugins, Threads, run_plugins
from gasfield.cli.output import put


def play(
    name: Annotated[str | None, typer.Argument(metavar="[SCENARIO]", help="A scenario's name, or a YAML file.")] = None,
    overrides: Overrides = None,
    plugins: Plugins = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Directory in which the session is kept. Default: nowhere.")
    ] = None,
    overwrite: Overwrite = False,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="DIR", help="Go on with a session that was kept.")
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of the page; 0: a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--open/--no-browser", help="Open the page in a browser.")] = True,
    script: Annotated[
        Path | None, typer.Option("--script", metavar="EVENTS.yaml", help="Send these events, without a browser.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, metavar="N", help="Steps of a script, from the start.")
    ] = None,
    threads: Threads = None,
) -> None:
    """Plays with a scenario in a browser, live: heat it, drop a lattice into it, undo it."""
    from gasfield.playing.play import play as play_live

    run_plugins(plugins)

    def say(text: str) -> None:
        put(text)
        sys.stdout.flush()

    def note(text: str) -> None:
        put(f"note: {text}", stream=sys.stderr)

    ended = play_live(
        name, overrides=overrides or [], plugins=plugins or [], output=output, overwrite=overwrite, resume=resume,
        script=script, steps=steps, port=port, threads=threads, browser=browser, say=say, note=note,
    )  # fmt: skip
    put(f"{ended['step']:,} steps, {ended['touches']:,} touches")
    if ended["reason"] is not None:
        put(f"it ended where it could not go on: {ended['reason']}")
    if ended["directory"] is not None:
        kept = ended["directory"]
        put(f"kept in {kept}: go on with `gasfield play --resume {kept}`; results: `gasfield resume {kept}`")
