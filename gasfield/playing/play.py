"""`gasfield play`: a scenario in a browser until it is ended, or a script of events without one."""

from __future__ import annotations

import asyncio
import signal
import webbrowser
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gasfield.errors import InputError
from gasfield.extras import require_packages

if TYPE_CHECKING:
    from gasfield.playing.server import Server

Say = Callable[[str], None]


def play(
    scenario: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    output: Path | None = None,
    overwrite: bool = False,
    resume: Path | None = None,
    script: Path | None = None,
    steps: int | None = None,
    port: int = 0,
    threads: int | None = None,
    browser: bool = True,
    say: Say = lambda text: None,
    note: Say = lambda text: None,
) -> dict[str, Any]:
    """Plays a scenario until it is interrupted (Ctrl-C), or a script of events to its end.

    Args:
        scenario: its name or path.
        overrides: `a.b=value`.
        plugins: files that the engine runs first.
        output: directory in which the session is kept; it is not kept if left out.
        overwrite: whether an existing one may be replaced.
        resume: the directory of a session to go on with, instead of a scenario.
        script: a file with a list of events, which are sent at their steps; no browser is needed.
        steps: of a script, or of a session without a browser.
        port: to listen at; a free one if it is 0.
        threads: of kernels.
        browser: whether to open one.
        say: called with what the user should know, such as the address.
        note: called with notes of the engine.

    Returns:
        What the engine says at its end: `step`, `touches`, `directory`, and a `reason` if it could not go on.

    Raises:
        InputError: if the scenario cannot be run, an event is refused, the port is in use, or a package is missing.
        GasfieldError: the error with which the engine has ended.
    """
    require_packages(("websockets",), "live", "play")
    from gasfield.playing.script import Script, follow

    if (scenario is None) == (resume is None):
        raise InputError("play needs a scenario, or the directory of a session to resume.", parameter="resume")
    if resume is not None and (output is not None or overrides):
        raise InputError("goes on as it was; it takes no other output or settings.", parameter="resume", value=resume)
    if script is not None and steps is None:
        raise InputError("needs the number of steps.", parameter="script", value=script)
    follows = None if steps is None else Script.read(script, steps)
    request = {
        "scenario": str(scenario), "overrides": list(overrides), "plugins": [str(path) for path in plugins],
        "output": None if output is None else str(output), "overwrite": overwrite,
        "resume": None if resume is None else str(resume), "threads": threads,
        "paused": follows is not None, "unpaced": follows is not None,
    }  # fmt: skip

    async def ready(server: Server) -> None:
        if follows is not None:
            try:
                await follow(follows, server.doors)
            finally:
                await server.stop()
            return
        say(f"{server.doors.address} until Ctrl-C; whoever has this address can play")
        if browser and not await asyncio.to_thread(_open, server.doors.address):
            note("no browser was found; open the address yourself")

    return asyncio.run(serve(request, port, ready, note))


async def serve(
    request: Mapping[str, Any],
    port: int = 0,
    ready: Callable[[Server], Coroutine[Any, Any, None]] | None = None,
    note: Say = lambda text: None,
) -> dict[str, Any]:
    """Starts an engine and a server, until INT, TERM, or the end of the engine.

    Args:
        request: what the engine begins with; see `gasfield.playing.beginning`.
        port: to listen at; a free one if it is 0.
        ready: called when pages can be opened.
        note: called with notes of the engine.

    Returns:
        What the engine says at its end.

    Raises:
        InputError, GasfieldError: as for `play`, and whatever `ready` raises.
    """
    from gasfield.playing.server import Server
    from gasfield.playing.worker import EngineProcess

    server = Server(await EngineProcess.begin(request), note)
    tasks: list[asyncio.Task[None]] = []

    def begin() -> None:
        if ready is not None:
            tasks.append(asyncio.create_task(ready(server)))

    with _ending(lambda: asyncio.ensure_future(server.stop())):
        try:
            await server.run(port, begin)
        finally:
            for task in tasks:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
        for fault in done:
            if isinstance(fault, Exception):
                raise fault
    assert server.ended is not None
    return server.ended


def _open(address: str) -> bool:
    try:
        return webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False


class _ending:  # noqa: N801 (used like a function)
    """The first INT or TERM asks for the end; a second one ends this process at once."""

    def __init__(self, stop: Callable[[], object]) -> None:
        self._stop = stop

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError, ValueError, RuntimeError):
                loop.add_signal_handler(each, self._first, loop)

    def _first(self, loop: asyncio.AbstractEventLoop) -> None:
        self.__exit__()
        self._stop()

    def __exit__(self, *error: object) -> None:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError, ValueError, RuntimeError):
                loop.remove_signal_handler(each)
