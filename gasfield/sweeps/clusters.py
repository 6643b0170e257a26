"""Workers of `dask.distributed`: processes of this machine, or of a scheduler that runs already.

Dask unpickles what reaches its ports. A local cluster therefore listens on the loopback address only and takes
connections that are authenticated by a certificate made for this sweep (TLS), and a scheduler elsewhere needs TLS too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from asyncio import CancelledError
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from gasfield import forked
from gasfield.errors import ClusterError, InputError
from gasfield.sweeps.pools import Carry, Died, InThisProcess, Pool

_AGE = 5.0
"""Seconds after which the number of workers is asked for again."""
_STARTED = 60.0
"""Seconds in which a scheduler must answer."""
_CLOSED = 5.0
"""Seconds in which a connection is closed, whether the other side answers or not."""
_LOGGERS = ("distributed", "tornado", "asyncio")
Certificates = tuple[Path, Path, Path]


class DaskPool(Pool):
    """Workers of a scheduler.

    Args:
        client: connected to it.
        carry: function that carries out a task.
        foreign: whether they were started by others, so that they may have another release.
    """

    def __init__(self, client: Any, carry: Carry, *, foreign: bool = False) -> None:
        self._client, self._carry, self._address = client, carry, str(client.scheduler.address)
        self._foreign, self._known = foreign, set[str]()
        self._ended: SimpleQueue[Any] = SimpleQueue()
        self._futures: dict[str, Any] = {}
        self._asked, self._threads = -_AGE, 0
        found = client.dashboard_link if find_spec("bokeh") else None
        self.dashboard = found or None

    @property
    def workers(self) -> int:
        if time.monotonic() - self._asked > _AGE:
            with self._reached():
                found = self._client.nthreads()
                if self._foreign and not self._known.issuperset(found):
                    _require_same_release(self._client)
            self._known.update(found)
            self._threads, self._asked = sum(found.values()), time.monotonic()
        return self._threads

    def submit(self, name: str, task: str) -> None:
        with self._reached():
            future = self._client.submit(self._carry, task, key=f"gasfield-{name}", pure=False)
            self._futures[name] = future  # Dask forgets what nobody holds
            future.add_done_callback(self._ended.put)

    def outcome(self, seconds: float) -> tuple[str, str | Died] | None:
        try:
            future = self._ended.get(timeout=seconds)
        except Empty:
            return None
        name = str(future.key).removeprefix("gasfield-")
        del self._futures[name]
        return name, self._result(future)

    def _result(self, future: Any) -> str | Died:
        from distributed.scheduler import KilledWorker

        with self._reached():
            if future.status == "cancelled":
                raise CancelledError
            fault = future.exception() if future.status == "error" else None
            if fault is None:
                return str(future.result())
        if isinstance(fault, KilledWorker):
            return Died()
        first = next(iter(str(fault).splitlines()), "")
        raise ClusterError(f"a worker cannot carry out tasks ({type(fault).__name__}: {first}). {_SAME}")

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Turns what Dask raises where its scheduler is gone into one error."""
        from distributed.client import ClosedClientError

        try:
            yield
        except (OSError, TimeoutError, CancelledError, ClosedClientError) as fault:
            lost = f"the scheduler at {self._address} was lost, or has cancelled the tasks"
            raise ClusterError(f"{lost}. What was run is kept; the same command goes on.") from fault


_SAME = "The scheduler and all workers need the Python environment of this process, with this release of gasfield."


def _require_same_release(client: Any) -> None:
    """Checks scheduler and workers. A worker that cannot import the function of a task ends without a word.

    Raises:
        ClusterError: if one has another release of gasfield, or none.
    """
    found = client.get_versions(packages=["gasfield"])
    members = {"the scheduler": found["scheduler"]}
    members |= {f"the worker at {address}": versions for address, versions in found["workers"].items()}
    ours = found["client"]["packages"].get("gasfield")
    for where, versions in members.items():
        if (theirs := versions["packages"].get("gasfield")) != ours:
            raise ClusterError(f"{where} has gasfield {theirs or '(not installed)'}, this process {ours}. {_SAME}")


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

    forked.begin()
    settings = {
        "distributed.worker.multiprocessing-method": "forkserver" if forked.AVAILABLE else "spawn",
        "logging.distributed": "critical",
        "distributed.admin.log-format": "",
        "distributed.nanny.pre-spawn-environ": forked.ONE_THREAD,
        "distributed.worker.profile.enabled": False,  # it takes 4% of a worker's time
    }
    with (
        forked.main_hidden(),
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            security=Security.temporary(),
            silence_logs=60,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield DaskPool(client, carry)


@contextmanager
def remote_pool(address: str, carry: Carry, *, certificates: Certificates | None, insecure: bool) -> Iterator[Pool]:
    """The workers of a scheduler that runs already.

    Args:
        address: tls://HOST:PORT, or tcp://HOST:PORT.
        carry: function that carries out a task.
        certificates: of the authority, of this client, and its key; from Dask's configuration if left out.
        insecure: whether a scheduler without TLS is accepted: whoever reaches its port can run code on all workers.

    Raises:
        InputError: if it needs TLS, or does not answer.
        ClusterError: if the connection is lost.
    """
    require_dask()
    if not address.startswith(("tls://", "tcp://")):
        raise InputError("is no address tls://HOST:PORT.", parameter="scheduler", value=address)
    if address.startswith("tcp://") and not insecure:
        message = (
            "has no TLS: whoever reaches its port can run code on all workers, since Dask unpickles what it receives. "
            "Use tls://, or say that the network is trusted with insecure."
        )
        raise InputError(message, parameter="scheduler", value=address)
    security = _security(address, certificates)
    from distributed import Client

    with _quiet():
        _require_answer(address, security)
        client = Client(address, security=security, timeout=_STARTED, set_as_default=False)
        try:
            yield DaskPool(client, carry, foreign=True)
        finally:
            with suppress(OSError, TimeoutError, CancelledError):
                client.close(timeout=_CLOSED)


def _require_answer(address: str, security: Any) -> None:
    """Checks that a scheduler answers. A `Client` that cannot reach one takes two minutes to end.

    Raises:
        InputError: if it does not.
    """
    from distributed.comm import connect

    async def greet() -> None:
        comm = await connect(address, timeout=_STARTED, **security.get_connection_args("client"))
        await comm.close()

    try:
        with ThreadPoolExecutor(1) as thread:  # in a notebook, this one has a loop that runs already
            thread.submit(asyncio.run, greet()).result()
    except (OSError, TimeoutError, ValueError, TypeError, CancelledError, ImportError) as fault:
        raise InputError(f"does not answer: {_words(fault)}.", parameter="scheduler", value=address) from None


def _security(address: str, certificates: Certificates | None) -> Any:
    from distributed.security import Security

    if certificates is None:
        security = Security()
        if address.startswith("tls://") and not (security.tls_ca_file and security.tls_client_cert):
            message = "are needed: Dask's configuration (distributed.comm.tls) names none."
            raise InputError(message, parameter="certificates")
        return security
    for path in certificates:
        if not path.is_file():
            raise InputError(f"{path}: there is no such file.", parameter="certificates")
    authority, certificate, key = map(str, certificates)
    return Security(tls_ca_file=authority, tls_client_cert=certificate, tls_client_key=key, require_encryption=True)


def _words(fault: BaseException) -> str:
    """What a fault says, with that of TLS behind it."""
    found = [str(each).strip(".") for each in (fault, fault.__cause__) if each is not None and str(each)]
    return ": ".join(found) or type(fault).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the logs of Dask, which tell of lost connections with tracebacks, from the terminal."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _LOGGERS]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def pool_of(
    workers: int,
    scheduler: str | None,
    carry: Carry,
    *,
    certificates: Certificates | None = None,
    insecure: bool = False,
) -> AbstractContextManager[Pool]:
    """Processes of this machine, or the workers of a scheduler if one is given."""
    if scheduler is None:
        return local_pool(workers, carry)
    return remote_pool(scheduler, carry, certificates=certificates, insecure=insecure)
