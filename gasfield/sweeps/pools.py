"""Where tasks are carried out: in this process, or by workers of Dask. Tasks and outcomes are text.

Dask unpickles what reaches its ports. A local cluster therefore listens on the loopback address only and takes
connections that are authenticated by a certificate made for this sweep (TLS), and a scheduler elsewhere needs TLS too.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gasfield.errors import InputError

Carry = Callable[[str], str]
_ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_AGE = 5.0
"""Seconds after which the number of workers is asked for again."""
_STARTED = 60.0
"""Seconds in which a scheduler must answer."""


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
    def room(self) -> int:
        """Tasks that may wait or be under way at once; more would only fill a memory."""

    @abstractmethod
    def submit(self, name: str, task: str) -> None:
        """Hands over a task under a name of its own."""

    @abstractmethod
    def outcome(self) -> tuple[str, str | Died]:
        """Waits for the next outcome; returns the name of its task, and the outcome."""


class InThisProcess(Pool):
    """One task after the other."""

    def __init__(self, carry: Carry) -> None:
        self._carry, self._tasks = carry, deque[tuple[str, str]]()

    @property
    def room(self) -> int:
        return 1

    def submit(self, name: str, task: str) -> None:
        self._tasks.append((name, task))

    def outcome(self) -> tuple[str, str | Died]:
        name, task = self._tasks.popleft()
        return name, self._carry(task)


class DaskPool(Pool):
    """Workers of `dask.distributed`."""

    def __init__(self, client: Any, carry: Carry) -> None:
        from distributed import as_completed

        self._client, self._carry = client, carry
        self._running = as_completed(raise_errors=False)
        self._asked, self._threads = -_AGE, 1
        found = client.dashboard_link if find_spec("bokeh") else None
        self.dashboard = found or None

    @property
    def room(self) -> int:
        if time.monotonic() - self._asked > _AGE:
            self._threads, self._asked = max(1, sum(self._client.nthreads().values())), time.monotonic()
        return 3 * self._threads + 2

    def submit(self, name: str, task: str) -> None:
        self._running.add(self._client.submit(self._carry, task, key=f"gasfield-{name}", pure=False))

    def outcome(self) -> tuple[str, str | Died]:
        from distributed.scheduler import KilledWorker

        future = next(self._running)
        name = str(future.key).removeprefix("gasfield-")
        try:
            return name, str(future.result())
        except KilledWorker:
            return name, Died()
        finally:
            future.release()


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_dask() -> bool:
    """Whether the extra `cluster` is installed."""
    return not _missing()


def _missing() -> list[str]:
    return [name for name in ("distributed", "cryptography") if find_spec(name) is None]


def require_dask() -> None:
    """Checks that the extra is installed.

    Raises:
        InputError: if it is not.
    """
    if missing := _missing():
        message = f"needs {' and '.join(missing)}: pip install 'gasfield[cluster]'; 0 workers run in this process."
        raise InputError(message, parameter="workers")


@contextmanager
def local_pool(workers: int, carry: Carry) -> Iterator[Pool]:
    """Worker processes on this machine, with one thread each.

    Args:
        workers: their number; 0 for this process.
        carry: function that carries out a task.

    Raises:
        InputError: if Dask is not installed.
    """
    if workers == 0:
        yield InThisProcess(carry)
        return
    require_dask()
    import dask
    from distributed import Client, LocalCluster
    from distributed.security import Security

    quiet = {"logging.distributed": "critical", "distributed.admin.log-format": ""}
    with (
        dask.config.set({**quiet, "distributed.nanny.pre-spawn-environ": _ONE_THREAD}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0" if find_spec("bokeh") else None,
            security=Security.temporary(),
            silence_logs=60,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield DaskPool(client, carry)


@contextmanager
def remote_pool(
    address: str, carry: Carry, *, certificates: tuple[Path, Path, Path] | None, insecure: bool
) -> Iterator[Pool]:
    """The workers of a scheduler that runs already.

    Args:
        address: tls://HOST:PORT, or tcp://HOST:PORT.
        carry: function that carries out a task.
        certificates: of the authority, of this client, and its key; from Dask's configuration if left out.
        insecure: whether a scheduler without TLS is accepted: whoever reaches its port can run code on all workers.

    Raises:
        InputError: if it needs TLS, or does not answer.
    """
    require_dask()
    from distributed import Client
    from distributed.security import Security

    if not address.startswith(("tls://", "tcp://")):
        raise InputError("is no address tls://HOST:PORT.", parameter="scheduler", value=address)
    if address.startswith("tcp://") and not insecure:
        message = (
            "has no TLS: whoever reaches its port can run code on all workers, since Dask unpickles what it receives. "
            "Use tls://, or say that the network is trusted with insecure."
        )
        raise InputError(message, parameter="scheduler", value=address)
    security = Security() if certificates is None else _security(certificates)
    try:
        client = Client(address, security=security, timeout=_STARTED)
    except (OSError, TimeoutError, ValueError, TypeError) as fault:
        raise InputError(f"does not answer: {fault}.", parameter="scheduler", value=address) from None
    with client:
        yield DaskPool(client, carry)


def _security(certificates: tuple[Path, Path, Path]) -> Any:
    from distributed.security import Security

    for path in certificates:
        if not path.is_file():
            raise InputError(f"{path}: there is no such file.", parameter="certificates")
    authority, certificate, key = map(str, certificates)
    return Security(tls_ca_file=authority, tls_client_cert=certificate, tls_client_key=key, require_encryption=True)
