"""A sweep: every point of a scan of a scenario, run once, with its results in one table."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gasfield.errors import InputError, about
from gasfield.extras import TABLES, require_packages
from gasfield.runs.directory import OUTPUTS
from gasfield.scenario import Scenario, load_scenario
from gasfield.scenario.scan import Scan
from gasfield.spec import parse
from gasfield.sweeps.agreement import Agreement, agreement_of, r_hat
from gasfield.sweeps.clusters import pool_of
from gasfield.sweeps.points import Point, count_points, points_of, with_values
from gasfield.sweeps.pools import Pool
from gasfield.sweeps.refinement import Refiner
from gasfield.sweeps.runner import Listener, Runner
from gasfield.sweeps.store import Origin, Store
from gasfield.sweeps.table import Table
from gasfield.sweeps.task import carry_out
from gasfield.sweeps.transitions import Transition, transitions

if TYPE_CHECKING:
    import pandas
    import xarray

    from gasfield.statistics.r_hat import RHat

_TRIED = 200
"""Points that are checked before a sweep begins."""


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
        """Each point that cannot be run, in words -> why."""
        rows = zip(self.table.points, self.table.status, self.table.reasons, strict=True)
        return {point.words(): reason for point, status, reason in rows if status == "failed"}

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

    def agreement(self) -> Agreement:
        """Which results scatter between seeds more than their errors explain."""
        return agreement_of(self.table)

    def r_hat(self, observable: str, skip: float = 0.5) -> list[tuple[Point, RHat]]:
        """Split R-hat over the seeds of each point; see `gasfield.sweeps.agreement.r_hat`."""
        return r_hat(self.directory, self.table, observable, skip)

    def transitions(self, result: str, along: str, **options: Any) -> list[Transition]:
        """Where a result has a transition along a key, for each combination of the others; see
        `gasfield.sweeps.transitions.transitions`."""
        return transitions(self.table, result, along, **options)


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
    progress: Listener | None = None,
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
        progress: called after each point, and every two seconds while none ends.

    Raises:
        InputError: if pyarrow is not installed, the scenario cannot be run, the scan does not fit, or the directory
            holds something else.
        WriteError: if a worker cannot write; everything is kept, and the same call goes on.
        ClusterError: if the workers are lost, or cannot run points; the same holds.
    """
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario, overrides)
    chosen = _chosen(scenario, scan)
    require_packages(("pyarrow",), TABLES, "the table of a sweep")
    origin = Origin.of(scenario)
    _require_points(scenario, chosen, origin.data)
    store = Store.opened_for(_directory(scenario, output), origin, chosen)
    pool = pool_of(workers, scheduler, carry_out, certificates=certificates, insecure=insecure)
    with store.kept(), ExitStack() as stack:
        refiners = store.refiners()
        table = Table(store.points_with(refiners), store.origin.own)
        runner = Runner(store, table, tuple(str(Path(path).absolute()) for path in plugins), pictures)
        try:
            _run_all(runner, refiners, chosen, _OnceOpened(pool, stack), retry=retry, progress=progress)
        finally:
            if len(refiners) > 1:  # points were added to all scans by turns
                table.arrange(key for key, _ in store.points_with(refiners))
            runner.write()
        return Sweep(store.directory, table)


def _chosen(scenario: Scenario, scan: Scan | Mapping[str, Any] | None) -> Scan:
    """What is varied: the scan that is given, or else that of the scenario.

    Raises:
        InputError: if there is none, or it is not valid.
    """
    if scan is not None:
        with about("scan"):
            return scan if isinstance(scan, Scan) else parse(Scan, dict(scan))
    if scenario.scan is None:
        raise InputError("nothing is varied: give values of keys, or the scenario a `scan`.", parameter="scan")
    return scenario.scan


def _directory(scenario: Scenario, output: Path | str | None) -> Path:
    return Path(output or OUTPUTS / f"{scenario.name}-sweep")


def varied_keys(
    scenario: Scenario, scan: Scan | Mapping[str, Any] | None = None, output: Path | str | None = None
) -> list[str]:
    """The keys that will vary in a sweep, as `Table.parameters`: those of a scan, and of scans that its directory has
    already. Arguments are those of `sweep`.

    Raises:
        InputError: if the scan is not valid, or the directory is damaged.
    """
    store = Store.read(_directory(scenario, output))
    scans = (*(store.scans if store is not None else ()), _chosen(scenario, scan))
    return list(dict.fromkeys(path for each in scans for path in each.along))


def _run_all(
    runner: Runner,
    refiners: list[Refiner],
    scan: Scan,
    kept: AbstractContextManager[Pool],
    *,
    retry: bool,
    progress: Listener | None,
) -> None:
    """Runs what is in the table, and what refinement adds to it when that has been run, until nothing is added."""
    store, table = runner.store, runner.table

    def found(point: Point, result: str) -> float | None:
        return table.value(store.origin.key(point), result)

    before = -1
    while len(table.keys) > before:
        before = len(table.keys)
        runner.run(kept, retry=retry, progress=progress or (lambda _: None))
        _require_result(table, scan)
        for refiner in refiners:
            table.extend((store.origin.key(point), point) for point in refiner.advance(found))


class _OnceOpened(AbstractContextManager[Pool]):
    """A pool that is opened when it is first needed, and closed with a stack."""

    def __init__(self, opened: AbstractContextManager[Pool], stack: ExitStack) -> None:
        self._opened, self._stack = opened, stack
        self._pool: Pool | None = None

    def __enter__(self) -> Pool:
        if self._pool is None:
            self._pool = self._stack.enter_context(self._opened)
        return self._pool

    def __exit__(self, *_: object) -> None:
        """Leaves it open."""


def _require_result(table: Table, scan: Scan) -> None:
    """Checks that some point has the result by which a scan is refined.

    Raises:
        InputError: if none has.
    """
    if scan.refined is None:
        return
    path, _, refinement = scan.refined
    if table.columns and refinement.result not in table.columns:
        close = get_close_matches(refinement.result, table.columns, 3) or sorted(table.columns)[:3]
        message = f"no point has such a result; for example {', '.join(close)}."
        raise InputError(message, parameter=f"scan.{path}.refine.result", value=refinement.result)


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
        raise scenario.fault_at(("scan",), about_scan(first.faults[0], scan))


def about_scan(fault: InputError, scan: Scan) -> InputError:
    """The same fault, about the path that was varied: the one that its place is in, else the first one within it."""
    place = (fault.parameter or "").split(".")
    paths = {path: path.split(".") for path in scan.along}
    around = [path for path, keys in paths.items() if keys == place[: len(keys)]]
    within = [path for path, keys in paths.items() if place == keys[: len(place)]]
    path = next(iter(around + within), fault.parameter)
    return InputError(fault.message, parameter=path, value=fault.value)
