"""`gasfield view SWEEP_DIR --serve`: the page of a sweep, with the page of each run behind it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from gasfield.pages.writing import content_of, opened_for_page, page_of
from gasfield.resources import TRAJECTORY
from gasfield.sweeps import Sweep
from gasfield.sweeps.store import run_directory
from gasfield.sweeps.transitions import Transition
from gasfield.viewing.answers import Answers
from gasfield.viewing.choice import Choice
from gasfield.viewing.server import serve_until_interrupted
from gasfield.viewing.writing import scenes_of

_KEPT = 4
"""Runs whose trajectories are kept open, those that were looked at last."""


class SweepAnswers:
    """The page under the secret path, and under `run/KEY/` of a run that of its trajectory.

    The page is made anew whenever it is loaded, so that a sweep that is still running can be watched.
    """

    def __init__(self, directory: Path, located: Callable[[Sweep], Sequence[Transition] | None]) -> None:
        """Makes the first page.

        Args:
            directory: of a sweep.
            located: its transitions; None for those that the page looks for itself.

        Raises:
            InputError: if there is no sweep, it has no results yet, or is too large for a page.
        """
        self._directory, self._located = directory, located
        self._lock, self._keys = threading.Lock(), frozenset[str]()
        self._open = OrderedDict[str, tuple[Answers, ExitStack]]()
        self._page: bytes | None = None
        self._made()

    def answer(self, path: list[str]) -> tuple[str, bytes]:
        """See `gasfield.viewing.server.Answering`. One at a time: trajectories are closed in between."""
        with self._lock:
            if path == [""]:
                return "text/html; charset=utf-8", self._made()
            what, key, *rest = path
            if what != "run" or key not in self._keys or not rest:
                raise LookupError
            return self._run(key).answer(rest)

    def close(self) -> None:
        """Closes all trajectories."""
        with self._lock:
            while self._open:
                self._open.popitem()[1][1].close()

    def _made(self) -> bytes:
        """The page of the sweep as it is now; one that is finished is made once."""
        if self._page is None:
            sweep = opened_for_page(self._directory)
            self._keys = frozenset(sweep.table.keys)
            page = b"".join(page_of(content_of(sweep, self._located(sweep), runs="run/", live=True)))
            if not sweep.finished:
                return page
            self._page = page
        return self._page

    def _run(self, key: str) -> Answers:
        if key not in self._open:
            path = run_directory(self._directory, key) / TRAJECTORY
            if not path.is_file():
                raise LookupError
            with ExitStack() as stack:
                answers = Answers(scenes_of(stack, path, None, Choice(), lambda _: None))
                self._open[key] = answers, stack.pop_all()
            while len(self._open) > _KEPT:
                self._open.popitem(last=False)[1][1].close()
        self._open.move_to_end(key)
        return self._open[key][0]


def serve_sweep(
    sweep: str | Path,
    *,
    located: Callable[[Sweep], Sequence[Transition] | None] = lambda sweep: None,
    port: int = 0,
    ready: Callable[[str], None],
) -> None:
    """Serves a sweep to a browser on this machine until it is interrupted (Ctrl-C).

    Args:
        sweep: its directory; it may still be running.
        located: its transitions, for each page anew.
        port: to listen at; a free one if it is 0.
        ready: called with the address when it can be opened.

    Raises:
        InputError: if there is no sweep, it has no results yet, is too large for a page, or the port is in use.
    """
    answers = SweepAnswers(Path(sweep).absolute(), located)
    try:
        serve_until_interrupted(answers, port, ready)
    finally:
        answers.close()
