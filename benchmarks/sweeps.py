"""What a sweep costs besides its simulations.

    python -m benchmarks.sweeps efficiency [--points 64] [--steps 4000] [--rounds 3]     commands on 0, 1, 2 workers
    python -m benchmarks.sweeps overhead [--points 8 100000]     tasks that simulate nothing, by a scheduler of its own
    python -m benchmarks.sweeps table [--points 100000]     the table: time, memory, size

Efficiency: the time of `gasfield sweep ... --workers 0`, all points one after the other in one process, over that of
the same command with W workers, times W. Start, imports and end of all processes are counted in both. The commands of a
round take turns; a ratio is that of one round. Processor time is that of the command without its workers.

Overhead: everything is as in a sweep but the function that workers call, which returns numbers at once.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gasfield.scenario import load_scenario
from gasfield.scenario.scan import Scan
from gasfield.spec import parse
from gasfield.sweeps.clusters import remote_pool
from gasfield.sweeps.points import Point
from gasfield.sweeps.rows import Row
from gasfield.sweeps.runner import Progress, Runner
from gasfield.sweeps.store import TABLE, Origin, Store
from gasfield.sweeps.table import Table
from gasfield.sweeps.task import Outcome

SCENARIO, KEY = "double-well", "temperature"
WORKERS = (0, 1, 2)
RESULTS = 20
"""Numbers that a point gives which simulates nothing."""


def efficiency(points: int, steps: int, rounds: int) -> None:
    """Prints times of whole commands, and efficiencies."""
    scan = f"{{{KEY}: {{from: 0.3, to: 0.8, count: {points}}}}}"
    ratios: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    for number in range(rounds):
        wall: dict[int, float] = {}
        for workers in WORKERS:
            with TemporaryDirectory() as folder:
                where = ["-o", f"{folder}/s", "--workers", str(workers)]
                wall[workers], busy = timed("sweep", SCENARIO, "--scan", scan, "--set", f"run.steps={steps}", *where)
            ratios[workers].append(wall[0] / (max(workers, 1) * wall[workers]))
            what = f"round {number + 1}, {points} points, {workers} workers"
            times = f"{wall[workers]:.2f} s, processors {busy:.2f} s"
            print(f"{what}: {times}, efficiency {ratios[workers][-1]:.1%} (load {load():.1f})", flush=True)
    for workers, found in ratios.items():
        print(f"{workers} workers: median {statistics.median(found):.1%}, {min(found):.1%} to {max(found):.1%}")


def timed(*words: str) -> tuple[float, float]:
    """Seconds of a command, and of the processors in it."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "gasfield.cli", *words], check=True, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def nothing(text: str) -> str:
    """The outcome of a point that simulates nothing."""
    task = json.loads(text)
    results = {f"groups.gas.result{number}": (float(number), 0.1, "1") for number in range(RESULTS)}
    return Outcome("row", Row(task["point"], task["key"], "done", results=results).text()).as_text()


def overhead(points: int, workers: int = 2) -> None:
    """Prints points a second, and the memory of this process and of the scheduler."""
    scenario = load_scenario(SCENARIO)
    values = max(points // 8, 2)
    scan = parse(Scan, {KEY: {"from": 0.3, "to": 0.8, "count": values}, "seeds": points // values})
    with TemporaryDirectory() as folder, scheduler(workers, Path(folder)) as (address, process):
        start = time.perf_counter()
        store = Store.opened_for(Path(folder) / "s", Origin.of(scenario), scan)
        with store.kept():
            table = Table(store.points(), store.origin.own)
            laid_out = time.perf_counter()
            written = [0.0, 0]
            write = table.write

            def watched(path: Path) -> None:
                begun = time.perf_counter()
                write(path)
                written[0], written[1] = written[0] + time.perf_counter() - begun, written[1] + 1

            table.write = watched  # type: ignore[method-assign]
            heaviest = [0.0, 0.0]

            def look(progress: Progress) -> None:
                if (progress.done - 1) % 500 == 0 or progress.done == progress.total:
                    heaviest[0] = heaviest[0] or time.perf_counter()
                    heaviest[1] = max(heaviest[1], megabytes(process.pid))
                if progress.done and progress.done % 10_000 == 0:
                    print(f"  {progress.done}: scheduler {megabytes(process.pid):.0f} MB", flush=True)

            pool = remote_pool(address, nothing, certificates=None, insecure=True)
            Runner(store, table).run(pool, retry=False, progress=look)
        ended = time.perf_counter()
        count, spent = len(table.keys), ended - heaviest[0]
        print(
            f"{count} points that simulate nothing, {workers} workers: laid out in {laid_out - start:.2f} s, first",
            f"after {heaviest[0] - laid_out:.2f} s, the others in {spent:.2f} s: {(count - 1) / spent:.0f} points/s;",
            f"table written {written[1]:.0f} times in {written[0]:.2f} s; memory: scheduler {heaviest[1]:.0f} MB, this",
            f"process {peak():.0f} MB (load {load():.1f})",
            flush=True,
        )


@contextmanager
def scheduler(workers: int, folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler of Dask on the loopback address, in a process of its own, with workers of one thread."""
    port = 18786
    head = dask("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show")
    address = f"tcp://127.0.0.1:{port}"
    scratch = ["--no-dashboard", "--local-directory", str(folder)]
    others = [dask("worker", address, "--nthreads", "1", *scratch) for _ in range(workers)]
    try:
        yield address, head
    finally:
        for process in (head, *others):
            process.terminate()
            process.wait()


def dask(kind: str, *words: str) -> subprocess.Popen[bytes]:
    """A process of Dask."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def load() -> float:
    """Processes that want to run, the mean of the last minute."""
    return os.getloadavg()[0]


def peak() -> float:
    """The most memory that this process has held [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def megabytes(process: int) -> float:
    """Memory that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def table(points: int) -> None:
    """Prints time and memory of a table."""
    from pyarrow.parquet import read_table

    before = megabytes(os.getpid())
    rows = ((f"{number:032x}", Point({KEY: 0.1 + number // 8 * 1e-4}, number % 8)) for number in range(points))
    start = time.perf_counter()
    made = Table(rows)
    for key, point in zip(made.keys, made.points, strict=True):
        results = {f"groups.gas.result{number}": (float(number), 0.1, "1") for number in range(RESULTS)}
        made.put(Row(point.text(), key, "done", results=results))
    filled, holds = time.perf_counter(), megabytes(os.getpid()) - before
    with TemporaryDirectory() as folder:
        path = Path(folder) / TABLE
        made.write(path)
        written, size = time.perf_counter(), path.stat().st_size / 1e6
        read_table(path).to_pandas()
        read = time.perf_counter()
    print(
        f"table of {points} rows and {RESULTS} results: filled in {filled - start:.2f} s, holds {holds:.0f} MB;",
        f"written in {written - filled:.2f} s ({size:.1f} MB), read as a data frame in {read - written:.2f} s;",
        f"process at most {peak():.0f} MB (load {load():.1f})",
    )


def main() -> None:
    """Measures what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("efficiency", "overhead", "table"))
    parser.add_argument("--points", type=int, nargs="*")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.what == "efficiency":
        efficiency((given.points or [64])[0], given.steps, given.rounds)
    for points in (given.points or [8, 100_000]) if given.what == "overhead" else []:
        overhead(points)
    if given.what == "table":
        table((given.points or [100_000])[0])


if __name__ == "__main__":
    main()
