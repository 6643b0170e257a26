"""A sweep: every point of a scan of a scenario, run once, with its results in one table."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gasfield.errors import InputError, WriteError
from gasfield.extras import TABLES, require_packages
from gasfield.files import remove
from gasfield.runs.directory import OUTPUTS
from gasfield.scenario import Scenario, load_scenario
from gasfield.scenario.scan import Scan
from gasfield.spec import parse
from gasfield.sweeps.points import count_points, points_of, with_values
from gasfield.sweeps.pools import Died, Pool, local_pool, remote_pool
from gasfield.sweeps.rows import Row
from gasfield.sweeps.store import TABLE, Origin, Store
from gasfield.sweeps.table import Table
from gasfield.sweeps.task import Outcome, Task, carry_out

if TYPE_CHECKING:
    import pandas
    import xarray

_TABLE_EVERY = 30.0
"""Seconds between two states of the table."""
_TRIED = 200
"""Points that are checked before a sweep begins."""
_PATIENCE = 2.0
"""Seconds before a point is handed out again that another process is still running."""


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    Attributes:
        done: points with results, those of before included.
        failed: points that cannot be run.
        total: points in all.
        dashboard: address of Dask's page; None if there is none.
    """

    done: int
    failed: int
    total: int
    dashboard: str | None = None


@dataclass(frozen=True)
class Sweep:
    """A sweep, finished or not.

    Attributes:
        directory: with a run directory for each point.
        table: one row for each point and seed.
    """

    directory: Path
    table: Table

    @property
    def failed(self) -> dict[str, str]:
        """Text of each point that cannot be run -> why."""
        rows = zip(self.table.points, self.table.status, self.table.reasons, strict=True)
        return {point.text(): reason for point, status, reason in rows if status == "failed"}

    @property
    def finished(self) -> bool:
        """Whether no point is left."""
        return all(self.table.status)

    def to_dataframe(self) -> pandas.DataFrame:
        """A row for each point and seed: the keys that vary, seed, status, and value, error and scatter between seeds
        of every result. Units are in `table.columns`."""
        return self.table.to_dataframe()

    def to_xarray(self) -> xarray.Dataset:
        """The same over the keys that vary and the seed."""
        return self.table.to_xarray()


def sweep(
    scenario: Scenario | str | Path,
    scan: Scan | Mapping[str, Any] | None = None,
    *,
    overrides: Sequence[str] = (),
    output: Path | str | None = None,
    workers: int = 0,
    scheduler: str | None = None,
    certificates: tuple[Path, Path, Path] | None = None,
    insecure: bool = False,
    plugins: Sequence[Path] = (),
    pictures: bool = False,
    retry: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Sweep:
    """Runs every point of a scan that has not been run yet.

    Args:
        scenario: a scenario, or its path or name.
        scan: what is varied; the scenario's own `scan` if left out.
        overrides: `a.b=value`, where a path or name was given.
        output: directory of the sweep; outputs/NAME-sweep by default. One that exists is continued, or extended by the
            points of another scan of the same scenario.
        workers: processes on this machine, one thread each; 0 for this process, which needs no Dask.
        scheduler: address of a Dask scheduler, instead of workers here.
        certificates, insecure: see `remote_pool`.
        plugins: files of plug-ins that the workers run; those of this process are not seen by others.
        pictures: whether every run draws its pictures.
        retry: whether points that could not be run are tried again.
        progress: called after each point.

    Raises:
        InputError: if pyarrow is not installed, the scenario cannot be run, the scan does not fit, or the directory
            holds something else.
        WriteError: if a worker cannot write; everything is kept, and the same call goes on.
    """
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario, overrides)
    chosen = scenario.scan if scan is None else scan if isinstance(scan, Scan) else parse(Scan, dict(scan))
    if chosen is None:
        raise InputError("nothing is varied: give values of keys, or the scenario a `scan`.", parameter="scan")
    require_packages(("pyarrow",), TABLES, "the table of a sweep")
    origin = Origin.of(scenario)
    _require_points(scenario, chosen, origin.data)
    store = Store.opened_for(Path(output or OUTPUTS / f"{scenario.name}-sweep"), origin, chosen)
    pool = (
        local_pool(workers, carry_out)
        if scheduler is None
        else remote_pool(scheduler, carry_out, certificates=certificates, insecure=insecure)
    )
    with store.kept():
        table = Table(store.points(), store.origin.own)
        runner = _Runner(store, table, tuple(str(Path(path).absolute()) for path in plugins), pictures)
        runner.run(pool, retry=retry, progress=progress or (lambda _: None))
    return Sweep(store.directory, table)


def open_sweep(directory: Path | str) -> Sweep:
    """A sweep as far as it has come.

    Raises:
        InputError: if the directory is not that of a sweep, or a file is damaged.
    """
    store = Store.read(Path(directory))
    if store is None:
        raise InputError(f"{directory}: is not the directory of a sweep.")
    table = Table(store.points(), store.origin.own)
    for key, point in zip(table.keys, table.points, strict=True):
        if (row := store.row(key, point)) is not None:
            table.put(row)
    return Sweep(store.directory, table)


def _require_points(scenario: Scenario, scan: Scan, data: Any) -> None:
    """Checks the size of a scan, and that one of up to 200 points of it, drawn at random beyond so many, fits the
    scenario: where all are refused, the fault is one of the scan; a single one is a row that says why.

    Args:
        scenario: for the places of faults.
        scan: what is varied.
        data: of the scenario as resolved.

    Raises:
        InputError: if not.
    """
    count = count_points(scan, scenario.seed)
    tried = set(random.Random(0).sample(range(count), min(count, _TRIED)))
    first: InputError | None = None
    for point in (each for number, each in enumerate(points_of(scan, scenario.seed)) if number in tried):
        try:
            parse(Scenario, with_values(data, point.values) | {"seed": point.seed})
        except InputError as fault:
            first = first or fault
        else:
            return
    if first is not None:
        raise scenario.fault_at(("scan",), _about_scan(first.faults[0], scan))


def _about_scan(fault: InputError, scan: Scan) -> InputError:
    """The same fault, about the path that was varied."""
    path = next((path for path in scan.along if (fault.parameter or "").startswith(path)), fault.parameter)
    return InputError(fault.message, parameter=path, value=fault.value)


@dataclass
class _Runner:
    """Runs what is left of a sweep."""

    store: Store
    table: Table
    plugins: tuple[str, ...]
    pictures: bool

    def run(self, opened: AbstractContextManager[Pool], *, retry: bool, progress: Callable[[Progress], None]) -> None:
        left = self._left(retry=retry)
        first = next(left, None)
        try:
            if first is not None:
                with opened as pool:
                    self._carry_out(pool, first, left, progress)
        finally:
            self.table.write(self.store.directory / TABLE)

    def _left(self, *, retry: bool) -> Iterator[str]:
        """Keys of the points that are still to be run; rows of the others are entered into the table first."""
        left: list[str] = []
        for key, point in zip(self.table.keys, self.table.points, strict=True):
            row = self.store.row(key, point)
            if row is not None and row.status == "failed" and retry:
                remove(self.store.failure(key))
                row = None
            if row is None:
                left.append(key)
            else:
                self.table.put(row)
        return iter(left)

    def _carry_out(self, pool: Pool, first: str, left: Iterator[str], progress: Callable[[Progress], None]) -> None:
        tasks = dict(zip(self.table.keys, self.table.points, strict=True))
        under_way, written = 0, time.monotonic()
        waiting = [first]
        while True:
            while under_way < pool.room:
                key = waiting.pop() if waiting else next(left, None)
                if key is None:
                    break
                pool.submit(key, self._task(key, tasks[key].text()))
                under_way += 1
            if not under_way:
                return
            key, found = pool.outcome()
            under_way -= 1
            if isinstance(found, Died):
                reason = "the process that ran it has died several times; it may need more memory than there is"
                self.table.put(Row(tasks[key].text(), key, "failed", reason=reason))
            else:
                outcome = Outcome.of(found)
                if outcome.kind == "system":
                    raise WriteError(self.store.directory, outcome.text.rstrip("."))
                if outcome.kind == "busy":
                    time.sleep(_PATIENCE)
                    waiting.append(key)
                    continue
                self.table.put(Row.of(outcome.text))
            progress(self._progress(pool.dashboard))
            if time.monotonic() - written > _TABLE_EVERY:
                self.table.write(self.store.directory / TABLE)
                written = time.monotonic()

    def _task(self, key: str, point: str) -> str:
        files = {name: str(found["path"]) for name, found in self.store.origin.files.items()}
        directory, failure = self.store.run_directory(key), self.store.failure(key)
        return Task(
            str(self.store.directory), str(directory), str(failure), point, key, files, self.plugins, self.pictures
        ).text()

    def _progress(self, dashboard: str | None) -> Progress:
        status = self.table.status
        return Progress(status.count("done"), status.count("failed"), len(status), dashboard)
