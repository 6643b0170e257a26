"""`gasfield view --serve`: the page of a trajectory, or of two side by side, to a browser on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from gasfield.trajectory import Trajectory
from gasfield.viewing import document
from gasfield.viewing.answers import Answers
from gasfield.viewing.choice import Choice
from gasfield.viewing.projection import Wanted
from gasfield.viewing.server import serve_until_interrupted
from gasfield.viewing.writing import scenes_of


def serve(
    trajectory: Trajectory | str | Path,
    other: Trajectory | str | Path | None = None,
    *,
    projection: Wanted = "all",
    groups: Sequence[str] | None = None,
    frames: int | None = None,
    rows: int | None = None,
    port: int = 0,
    ready: Callable[[str], None],
    progress: document.Progress = lambda text: None,
) -> None:
    """Serves a trajectory, or two side by side, to a browser on this machine until it is interrupted (Ctrl-C).

    Args:
        trajectory, other, projection, groups, frames, rows, progress: as for `gasfield.view`.
        port: to listen at; a free one if it is 0.
        ready: called with the address when it can be opened.

    Raises:
        InputError: if something of this is not possible, the port is in use, or the coordinates do not fit into memory.
    """
    with ExitStack() as stack:
        choice = Choice(projection, groups, frames, rows)
        answers = Answers(scenes_of(stack, trajectory, other, choice, progress))
        serve_until_interrupted(answers, port, ready)
