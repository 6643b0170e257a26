"""Runs what is left of a sweep: hands tasks to a pool, enters what comes back into the table, says how far it is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from gasfield.errors import ClusterError, WriteError
from gasfield.files import remove
from gasfield.sweeps.points import Point
from gasfield.sweeps.pools import Died, Pool
from gasfield.sweeps.rows import Row
from gasfield.sweeps.store import TABLE, Store
from gasfield.sweeps.table import Table
from gasfield.sweeps.task import Outcome, Task

_TABLE_EVERY, _TABLE_SHARE = 30.0, 0.01
"""Seconds between two states of the table, and the largest part of all time that is spent on writing them."""
_PATIENCE = 2.0
"""Seconds before a point is handed out again that another process is still running, and between two reports of a sweep
that waits."""


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    Attributes:
        done: points with results, those of before included.
        failed: points that cannot be run.
        total: points in all.
        dashboard: address of Dask's page; None if there is none.
        elsewhere: points that another process is running; they are taken over when it has ended.
        workers: that there are now.
        rate: points that end in a second, the mean since this call has begun.
    """

    done: int
    failed: int
    total: int
    dashboard: str | None = None
    elsewhere: int = 0
    workers: int = 1
    rate: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None before the first point has ended."""
        return (self.total - self.done - self.failed) / self.rate if self.rate > 0.0 else None


Listener = Callable[[Progress], None]


class _Keys:
    """Keys of points that are still to be handed out; one that comes back waits for a while."""

    def __init__(self, keys: Iterator[str]) -> None:
        self._fresh, self._back = iter(keys), deque[tuple[float, str]]()
        self._next = next(self._fresh, None)

    def __bool__(self) -> bool:
        return self._next is not None or bool(self._back)

    def take(self) -> str | None:
        """The next one that may be handed out now; None if there is none."""
        if self._back and self._back[0][0] <= time.monotonic():
            return self._back.popleft()[1]
        taken, self._next = self._next, next(self._fresh, None)
        return taken

    def put_back(self, key: str) -> None:
        """For later."""
        self._back.append((time.monotonic() + _PATIENCE, key))


@dataclass
class Runner:
    """Runs what is left of a sweep.

    Attributes:
        store: its directory.
        table: rows are entered here.
        plugins: files of plug-ins that workers run.
        pictures: whether runs draw theirs.
    """

    store: Store
    table: Table
    plugins: tuple[str, ...] = ()
    pictures: bool = False
    _looked_at: int = field(default=0, init=False)
    """Rows from the first whose runs have been looked for."""
    _begun: float | None = field(default=None, init=False)
    _before: int = field(default=0, init=False)
    """When the first task was handed out, and how many points had ended then."""
    _due: float = field(default=0.0, init=False)
    _done: int = field(default=0, init=False)
    _failed: int = field(default=0, init=False)
    _elsewhere: set[str] = field(default_factory=set, init=False)

    def run(self, opened: AbstractContextManager[Pool], *, retry: bool, progress: Listener) -> None:
        """Runs all rows that the table has got since the last call. The table is written every half minute, and
        otherwise left to the caller.

        Args:
            opened: where; not entered if nothing is left.
            retry: whether points that could not be run are tried again.
            progress: called after each point, and every two seconds while none ends.

        Raises:
            WriteError: if a worker or this process cannot write.
            ClusterError: if the workers are lost, or cannot run points.
        """
        left = self._left(retry=retry)
        if left:
            with opened as pool:
                self._carry_out(pool, left, progress)

    def write(self) -> None:
        """Writes the table."""
        self.table.write(self.store.directory / TABLE)

    def _left(self, *, retry: bool) -> dict[str, Point]:
        """Points that are still to be run, by their keys; rows of the others are entered into the table first."""
        left: dict[str, Point] = {}
        first, self._looked_at = self._looked_at, len(self.table.keys)
        for key, point in zip(self.table.keys[first:], self.table.points[first:], strict=True):
            row = self.store.row(key, point)
            if row is not None and row.status == "failed" and retry:
                remove(self.store.failure(key))
                row = None
            if row is None:
                left[key] = point
            else:
                self._enter(row)
        return left

    def _carry_out(self, pool: Pool, tasks: dict[str, Point], progress: Listener) -> None:
        if self._begun is None:
            self._begun, self._before = time.monotonic(), self._done + self._failed
            self._due = self._begun + _TABLE_EVERY
        keys, under_way = _Keys(iter(tasks)), 0
        while keys or under_way:
            while under_way < pool.room and (key := keys.take()) is not None:
                pool.submit(key, self._task(key, tasks[key]))
                under_way += 1
            ended = pool.outcome(_PATIENCE)
            if ended is not None:
                under_way -= 1
                self._receive(*ended, tasks, keys)
            rate = (self._done + self._failed - self._before) / max(time.monotonic() - self._begun, 1e-9)
            progress(self._progress(pool, rate))
            if time.monotonic() > self._due:
                self._due = self._written()

    def _receive(self, key: str, found: str | Died, tasks: dict[str, Point], keys: _Keys) -> None:
        """Enters what a task has given."""
        if isinstance(found, Died):
            reason = "the process that ran it has died several times; it may need more memory than there is"
            self._enter(Row(tasks[key].text(), key, "failed", reason=reason))
            return
        outcome = Outcome.of(found)
        if outcome.kind == "system":
            raise WriteError(self.store.directory, outcome.text.rstrip("."))
        if outcome.kind == "unfit":
            raise ClusterError(outcome.text)
        if outcome.kind == "busy":
            self._elsewhere.add(key)
            keys.put_back(key)
        else:
            self._elsewhere.discard(key)
            self._enter(Row.of(outcome.text))

    def _enter(self, row: Row) -> None:
        self.table.put(row)
        self._done, self._failed = self._done + (row.status == "done"), self._failed + (row.status == "failed")

    def _written(self) -> float:
        """Writes the table; returns when to write it again, so that little time goes into it however large it is."""
        begun = time.monotonic()
        self.write()
        ended = time.monotonic()
        return ended + max(_TABLE_EVERY, (ended - begun) / _TABLE_SHARE)

    def _task(self, key: str, point: Point) -> str:
        files = {name: str(found["path"]) for name, found in self.store.origin.files.items()}
        return Task(
            sweep=str(self.store.directory),
            directory=str(self.store.run_directory(key)),
            failure=str(self.store.failure(key)),
            point=point.text(),
            key=key,
            files=files,
            plugins=self.plugins,
            pictures=self.pictures,
        ).text()

    def _progress(self, pool: Pool, rate: float) -> Progress:
        total = len(self.table.keys)
        return Progress(
            self._done, self._failed, total, pool.dashboard, len(self._elsewhere), pool.workers, rate
        )  # fmt: skip
