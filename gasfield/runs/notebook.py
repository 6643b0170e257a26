"""A progress bar where a run is called from a notebook: HTML that is replaced as the run goes on, and gone at its
end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import wraps
from html import escape
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from gasfield.printable import shortened
from gasfield.simulation import Simulation

P = ParamSpec("P")
R = TypeVar("R")
_EVERY = 0.2
"""Seconds between two pictures of the bar."""


def shows_progress(function: Callable[P, R]) -> Callable[P, R]:
    """A function with the keywords `progress` and `stage`, as `gasfield.run` has them, that shows a bar in a notebook
    unless it is given either of them."""

    @wraps(function)
    def shown(*positional: P.args, **keywords: P.kwargs) -> R:
        if keywords.get("progress") is not None or keywords.get("stage") is not None or not in_notebook():
            return function(*positional, **keywords)
        bar = Bar()
        try:
            return function(*positional, **{**keywords, "progress": bar.listen, "stage": bar.stage})  # type: ignore[arg-type]
        finally:
            bar.clear()

    return shown


def in_notebook() -> bool:
    """Whether the code runs in the kernel of a notebook, which shows HTML."""
    interactive = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(interactive, "kernel", None) is not None


class Bar:
    """A bar of steps, then the name of what is computed after them."""

    def __init__(self) -> None:
        shows = import_module("IPython.display")
        self._html: Callable[[str], Any] = shows.HTML
        self._shown = shows.display(self._html(""), display_id=True)
        self._drawn = 0.0

    def listen(self, simulation: Simulation) -> Callable[[int], None]:
        """What counts the steps of a simulation."""
        done = simulation.steps_done
        total = simulation.scenario.run.steps if simulation.scenario else 0

        def advance(steps: int) -> None:
            nonlocal done
            done += steps
            if done == total or time.monotonic() - self._drawn > _EVERY:
                self._draw(f"<progress value='{done}' max='{total}'></progress> {done:,} of {total:,} steps")

        return advance

    def stage(self, name: str) -> None:
        """Shows what is computed next."""
        self._draw(f"<progress></progress> {escape(shortened(name))}")

    def clear(self) -> None:
        """Leaves nothing in the notebook."""
        self._draw("")

    def _draw(self, html: str) -> None:
        self._drawn = time.monotonic()
        self._shown.update(self._html(html))
