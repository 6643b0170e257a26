"""A stopwatch with named sections that may lie within each other: each second belongs to the innermost one."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Clock = Callable[[], float]
Path = tuple[str, ...]


@dataclass
class Section:
    """What a stopwatch knows of one section.

    Attributes:
        seconds: spent in it, without the sections within it.
        calls: how often it was entered.
    """

    seconds: float = 0.0
    calls: int = 0


class Sections:
    """Sections of the thread that made it; the calls of other threads pass uncounted.

    Attributes:
        found: names from the outermost section to this one -> section, in the order in which they were first entered;
            the time in no section belongs to the empty path.
    """

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        """Starts the stopwatch; `clock` gives seconds."""
        self._clock, self._thread = clock, threading.get_ident()
        self.reset()

    def reset(self) -> None:
        """Starts again from zero, in no section."""
        self.found: dict[Path, Section] = {(): Section(calls=1)}
        self._stack: list[tuple[Path, Section]] = [((), self.found[()])]
        self._last = self._clock()

    def enter(self, name: str) -> None:
        """Begins a section, within the present one."""
        now = self._clock()
        above, present = self._stack[-1]
        present.seconds += now - self._last
        self._last = now
        path = (*above, name)
        section = self.found.get(path)
        if section is None:
            section = self.found[path] = Section()
        section.calls += 1
        self._stack.append((path, section))

    def leave(self) -> None:
        """Ends the present section."""
        now = self._clock()
        self._stack.pop()[1].seconds += now - self._last
        self._last = now

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """What is done inside belongs to a section."""
        self.enter(name)
        try:
            yield
        finally:
            self.leave()

    def time(self, owner: object, method: str, name: str) -> None:
        """Times a method of one object, in place: the object stays what it is, with all else that it can do. Nothing
        is done if it has no such method."""
        function: Callable[..., Any] | None = getattr(owner, method, None)
        if function is None:
            return
        wanted, enter, leave, thread = function, self.enter, self.leave, self._thread

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread:
                return wanted(*args, **kwargs)
            enter(name)
            try:
                return wanted(*args, **kwargs)
            finally:
                leave()

        setattr(owner, method, timed)
