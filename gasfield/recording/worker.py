"""A writer thread beside the training: a bounded queue, and the handling of a full queue or a full disk."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from math import isinf
from typing import Any

from gasfield.trajectory import TrajectoryWriter

Job = Callable[[TrajectoryWriter], None]


class Worker:
    """Executes jobs in order. Only its thread accesses the file until `finish`.

    Attributes:
        failure: the error that stopped the writing, or None.
    """

    def __init__(self, writer: TrajectoryWriter, length: int) -> None:
        self.failure: Exception | None = None
        self._writer = writer
        self._jobs: queue.Queue[Job | None] = queue.Queue(maxsize=length)
        self._thread = threading.Thread(target=self._work, name="gasfield-recorder", daemon=True)
        self._thread.start()

    def give(self, job: Job, patience: float) -> bool:
        """Queues a job; False if there was no room for `patience` seconds, in which case the job is dropped."""
        try:
            self._jobs.put(job, timeout=None if isinf(patience) else patience)
        except queue.Full:
            return False
        return True

    def finish(self) -> Exception | None:
        """Executes the queued jobs and closes the file; returns the error, if there was one."""
        self._jobs.put(None)
        self._thread.join()
        if self.failure is None:
            self._guard(self._writer.close)
        if self.failure is not None:
            self._writer.abandon()
        return self.failure

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            self._guard(job, self._writer)

    def _guard(self, work: Callable[..., Any], *given: Any) -> None:
        """Stores any error: a failed recording must not end the training."""
        if self.failure is not None:
            return
        try:
            work(*given)
        except Exception as fault:
            self.failure = fault
