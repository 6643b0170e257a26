"""From what the server asks for to a session, and to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gasfield.playing.keeping import Kept
from gasfield.playing.recorded import digest
from gasfield.playing.session import Session
from gasfield.plugins import run_plugin
from gasfield.scenario import load_scenario
from gasfield.simulation import Simulation

Tell = Callable[[dict[str, Any]], None]


@dataclass
class Playing:
    """A session, and what keeps it.

    Attributes:
        session: it.
        kept: its files; None where nothing is recorded.
    """

    session: Session
    kept: Kept | None = None

    def end(self) -> dict[str, Any]:
        """Finishes what was played; what is said of it."""
        session = self.session
        failed = session.course.failed
        if self.kept is None:
            session.simulation.close()
        elif failed:
            self.kept.abandon(good=False)
        else:
            self.kept.end()
        return {
            "step": session.simulation.gas.step,
            "touches": session.touches,
            "directory": None if self.kept is None else str(self.kept.directory),
            "reason": session.course.reason if failed else None,
        }

    def abandon(self) -> None:
        """Leaves what was played as it is, so that it can be resumed."""
        if self.kept is not None:
            self.kept.abandon(good=not self.session.course.failed)


def begin(request: Mapping[str, Any], tell: Tell) -> Playing:
    """Builds what is asked for.

    Args:
        request: `scenario` with `overrides`, or `resume` with a directory; `output`, `overwrite`, `plugins`, `threads`,
            `paused`; `digests`: whether a digest of each recorded frame is told.
        tell: sends something to all pages.

    Raises:
        GasfieldError: if that is impossible.
    """
    if request.get("threads") is not None:
        import numba
        from threadpoolctl import threadpool_limits

        numba.set_num_threads(min(int(request["threads"]), numba.get_num_threads()))
        threadpool_limits(int(request["threads"]))
    for path in request.get("plugins", ()):
        run_plugin(Path(path))
    kept = _kept(request)
    if kept is not None:
        simulation = kept.simulation
        given: dict[str, Any] = {"keeper": kept, "recording": True, "start": kept.start, "touches": kept.touches}
    else:
        simulation, given = Simulation.from_scenario(load_scenario(request["scenario"], request["overrides"])), {}
    if request.get("digests") and kept is not None:
        kept.when_recorded(lambda one: tell({"recorded": {"step": one.gas.step, "sha256": digest(one)}}))
    try:
        return Playing(Session(simulation, paused=bool(request.get("paused")), **given), kept)
    except BaseException:
        if kept is not None and simulation.steps_done:
            kept.abandon(good=False)
        elif kept is not None:
            kept.drop()
        raise


def _kept(request: Mapping[str, Any]) -> Kept | None:
    if request.get("resume") is not None:
        return Kept.resume(Path(request["resume"]))
    if request.get("output") is None:
        return None
    scenario = load_scenario(request["scenario"], request["overrides"])
    return Kept.begin(scenario, Path(request["output"]), overwrite=bool(request.get("overwrite")))
