"""A stopwatch with named sections that may lie within each other: each second belongs to the innermost one."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Clock = Callable[[], float]
Path = tuple[str, ...]


@dataclass(slots=True)
class Section:
    """What a stopwatch has found of one section.

    Attributes:
        seconds: spent in it, without the sections within it.
        calls: how often it was entered.
        within: the sections entered from it, by name.
    """

    seconds: float = 0.0
    calls: int = 0
    within: dict[str, Section] = field(default_factory=dict)


class Sections:
    """Sections of the thread that made it; the calls of other threads pass uncounted."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        """Starts the stopwatch; `clock` gives seconds."""
        self._clock, self._thread = clock, threading.get_ident()
        self._root = self._present = Section(calls=1)
        self._above: list[Section] = []
        self._last = clock()

    @property
    def found(self) -> dict[Path, Section]:
        """Names from the outermost section to the innermost -> section; the time in none of them has the empty path."""
        return dict(_walk((), self._root))

    def enter(self, name: str) -> None:
        """Begins a section, within the present one."""
        present = self._present
        now = self._clock()
        present.seconds += now - self._last
        self._last = now
        section = present.within.get(name)
        if section is None:
            section = present.within[name] = Section()
        section.calls += 1
        self._above.append(present)
        self._present = section

    def leave(self) -> None:
        """Ends the present section."""
        now = self._clock()
        self._present.seconds += now - self._last
        self._last = now
        self._present = self._above.pop()

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
        wanted, clock, above = function, self._clock, self._above
        identity, thread = threading.get_ident, self._thread

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:  # `enter` and `leave` in line: this is called several times a step
            if identity() != thread:
                return wanted(*args, **kwargs)
            outer = self._present
            now = clock()
            outer.seconds += now - self._last
            self._last = now
            section = outer.within.get(name)
            if section is None:
                section = outer.within[name] = Section()
            section.calls += 1
            above.append(outer)
            self._present = section
            try:
                return wanted(*args, **kwargs)
            finally:
                now = clock()
                section.seconds += now - self._last
                self._last = now
                self._present = above.pop()

        setattr(owner, method, timed)


def _walk(path: Path, section: Section) -> Iterator[tuple[Path, Section]]:
    yield path, section
    for name, inner in section.within.items():
        yield from _walk((*path, name), inner)
