"""Where tasks are carried out: in this process, or by others (`clusters.py`). Tasks and outcomes are text."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

Carry = Callable[[str], str]


class Died(Exception):  # noqa: N818 (an event, not a fault)
    """The process that carried out a task has died several times."""


class Pool(ABC):
    """Carries out tasks, in any order.

    Attributes:
        dashboard: address of a page that shows what goes on; None if there is none.
    """

    dashboard: str | None = None

    @property
    @abstractmethod
    def workers(self) -> int:
        """Tasks that can be carried out at the same time now; 0 while no worker has come."""

    @property
    def room(self) -> int:
        """Tasks that may wait or be under way at once; more would only fill a memory."""
        return 3 * max(self.workers, 1) + 2

    @abstractmethod
    def submit(self, name: str, task: str) -> None:
        """Hands over a task under a name of its own."""

    @abstractmethod
    def outcome(self, seconds: float) -> tuple[str, str | Died] | None:
        """Waits for the next outcome; returns the name of its task and the outcome, or None if none came in time."""


class InThisProcess(Pool):
    """One task after the other; `outcome` carries one out, however long that takes."""

    workers, room = 1, 1

    def __init__(self, carry: Carry) -> None:
        self._carry, self._tasks = carry, deque[tuple[str, str]]()

    def submit(self, name: str, task: str) -> None:
        self._tasks.append((name, task))

    def outcome(self, seconds: float) -> tuple[str, str | Died] | None:
        if not self._tasks:
            time.sleep(seconds)
            return None
        name, task = self._tasks.popleft()
        return name, self._carry(task)
