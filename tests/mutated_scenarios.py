"""Mutated scenarios are read, built and run for ten steps: each is accepted, or refused in one sentence with its place.

    python tests/mutated_scenarios.py --count 10000 --run 1000 --seed 0      a table of verdicts, and every failure
    python tests/mutated_scenarios.py --seed 0 --show 4711                   one mutation: its text and its verdicts

A scenario that is accepted is simulated, diagnosed and drawn as by `gasfield run`. All work is done in processes with a
limit of address space and of time (without the time in which kernels are compiled), one line of JSON a mutation.

Verdicts that are right: `built`, `refused`, `done`, `blow-up`. All others are failures:
    traceback    an exception that is none of gasfield's
    hang         more than `LIMIT` seconds of a processor
    memory       an allocation beyond the limit
    killed       the process died
    message      a refusal that is not one clear line, or has no place
    warning      a warning of NumPy or SciPy on the user's screen
    not finite   NaN or infinity in a file
    caught       a part of the results failed, and was left out with the name of an exception
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 10.0
"""Seconds of a processor in which a scenario is read and built, or run, diagnosed and drawn, without compilation."""
_KILL = 150.0
"""Seconds after which a process is killed."""
_ADDRESS_SPACE = 6 << 30
"""Bytes of address space of a process."""
RIGHT = ("built", "refused", "done", "blow-up")
"""The verdicts that are right."""
_INTERNAL = re.compile(
    r"Input should|Traceback|pydantic|validation error|constrained|function-|dict_type|_type\b|NoneType|object at 0x|"
    r"Errno|valid (?:integer|number|string|tuple|boolean|list)\b.*\bunable|__\w+__|[A-Z]\w+Error\b"
)
"""Words of the machinery that no user should read."""


@dataclass
class Outcome:
    """What became of a mutation.

    Attributes:
        number: of the mutation.
        verdict: see above.
        text: the message, or the traceback.
        seconds: without compilation.
        faults: further verdicts that are wrong, each with its text.
    """

    number: int
    verdict: str
    text: str = ""
    seconds: float = 0.0
    faults: list[tuple[str, str]] = field(default_factory=list)

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Every verdict that is wrong, with its text."""
        return ([] if self.verdict in RIGHT else [(self.verdict, self.text)]) + [(v, t) for v, t in self.faults]


# --- in the process that does the work --------------------------------------------------------------------------------


def judge(path: Path, overrides: Sequence[str], number: int, *, run: bool) -> Outcome:
    """Reads and builds a scenario, or runs it; never raises an Exception."""
    from gasfield.errors import BlowUp, InputError, Note

    outcome = Outcome(number, "?")
    with _compilation() as compiled, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        began, start = time.process_time(), time.monotonic()
        try:
            outcome.verdict = _run(path, overrides, outcome) if run else _build(path, overrides)
        except InputError as error:
            outcome.verdict, outcome.text = "refused", "\n".join(map(str, error.faults))
            for fault in error.faults:
                outcome.faults += [("message", f"{what}: {fault!s}"[:600]) for what in _unclear(fault)]
        except BlowUp as error:
            outcome.verdict, outcome.text = "blow-up", str(error)
            if "\n" in outcome.text or not outcome.text.isprintable():
                outcome.faults.append(("message", outcome.text))
        except MemoryError:
            outcome.verdict, outcome.text = "memory", traceback.format_exc(limit=-4)
        except RecursionError:
            outcome.verdict, outcome.text = "traceback", traceback.format_exc(limit=-4)
        except Exception:
            outcome.verdict, outcome.text = "traceback", traceback.format_exc(limit=-6)
        # A loaded machine makes the one longer, threads that wait for each other the other.
        outcome.seconds = min(time.process_time() - began, time.monotonic() - start) - compiled()
    if outcome.seconds > LIMIT:
        outcome.faults.append(("hang", f"{outcome.seconds:.1f} s"))
    for warning in {str(warning.message): warning for warning in said}.values():
        if not issubclass(warning.category, Note):
            if not issubclass(warning.category, FutureWarning):
                where = f"{Path(warning.filename).name}:{warning.lineno}"
                outcome.faults.append(("warning", f"{warning.category.__name__}: {warning.message} ({where})"))
        elif re.search(r": (?!InputError)[A-Z]\w*(Error|Exception|Warning): ", str(warning.message)):
            outcome.faults.append(("caught", str(warning.message)))
    return outcome


def _build(path: Path, overrides: Sequence[str]) -> str:
    from gasfield.simulation import Simulation

    Simulation.from_scenario(path, overrides)
    return "built"


def _run(path: Path, overrides: Sequence[str], outcome: Outcome) -> str:
    from gasfield.runs import run
    from gasfield.scenario import load_scenario

    steps = load_scenario(path, overrides).run.steps
    few = [*overrides, f"run.steps={min(steps, 10)}"]
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        try:
            run(path, overrides=few, output=directory)
        finally:
            if (directory / "trajectory.h5").is_file():
                outcome.faults += [("not finite", text) for text in _not_finite(directory)]
    return "done"


def _unclear(fault: Any) -> Iterator[str]:
    """What is wrong with a refusal."""
    text = str(fault)
    if fault.location is None and fault.parameter != "overrides":
        yield "no place"
    if not text.isprintable():
        yield "not one line of printable text"
    if found := _INTERNAL.search(re.sub(r"'[^']*'", "", fault.message)):
        yield f"internal '{found.group()}'"
    if len(text) > 1500:
        yield f"{len(text)} characters"


def _not_finite(directory: Path) -> Iterator[str]:
    """The data sets of a trajectory and numbers of a summary that are not finite."""
    import h5py
    import numpy as np

    with h5py.File(directory / "trajectory.h5", "r") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        planted = any(name.endswith("/appears") for name in names)  # particles have no position before
        for name in names:
            values = np.asarray(file[name][()])
            wrong = np.isinf if planted and name.endswith(("position/value", "velocity/value")) else _is_not_finite
            if values.dtype.kind == "f" and wrong(values).any():
                yield f"{name}: {np.count_nonzero(~np.isfinite(values))} of {values.size}"
    summary = directory / "summary.json"
    if summary.is_file():
        found: list[str] = []
        json.loads(summary.read_text("utf-8"), parse_constant=found.append)
        yield from (f"summary.json: {word}" for word in found)


def _is_not_finite(values: Any) -> Any:
    import numpy as np

    return ~np.isfinite(values)


@contextmanager
def _compilation() -> Iterator[Callable[[], float]]:
    """Gives a function that tells how many seconds Numba has compiled since."""
    from numba.core import event

    class Clock(event.Listener):
        depth, since, total = 0, 0.0, 0.0

        def on_start(self, event: Any) -> None:
            if self.depth == 0:
                self.since = time.process_time()
            self.depth += 1

        def on_end(self, event: Any) -> None:
            self.depth -= 1
            if self.depth == 0:
                self.total += time.process_time() - self.since

    clock = Clock()
    cast(Any, event).register("numba:compile", clock)
    try:
        yield lambda: clock.total
    finally:
        cast(Any, event).unregister("numba:compile", clock)


def work(seed: int) -> None:
    """Reads lines `number build` or `number run` and answers each with an outcome as JSON."""
    from mutations import mutation, save

    from gasfield.kernels.cache import key_by_sources

    key_by_sources()
    import matplotlib

    matplotlib.use("agg")
    import gasfield.simulation  # noqa: F401 (loaded before the limit counts)

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what else is printed does not mix with the answers
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    os.chdir(tempfile.mkdtemp())
    for line in sys.stdin:
        number, what = line.split()
        made = mutation(seed, int(number))
        outcome = judge(save(made, Path()), made.overrides, made.number, run=what == "run")
        answers.write(json.dumps(asdict(outcome)) + "\n")
        answers.flush()


# --- in the process that asks -----------------------------------------------------------------------------------------


class Worker:
    """A process that judges mutations; a new one is started where one died."""

    def __init__(self, seed: int) -> None:
        self._seed, self._process = seed, None  # type: tuple[int, subprocess.Popen[str] | None]

    def ask(self, number: int, what: str) -> Outcome:
        """The outcome of a mutation."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(_KILL, process.kill)
        timer.start()
        try:
            process.stdin.write(f"{number} {what}\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        finally:
            late = not timer.is_alive()
            timer.cancel()
        if line:
            return Outcome(**json.loads(line))
        code = process.wait()
        self._process = None
        return Outcome(number, "hang" if late else "killed", f"over {_KILL:g} s" if late else f"exit code {code}")

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = [sys.executable, str(Path(__file__).resolve()), "--work", "--seed", str(self._seed)]
            threads = {"NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **threads}
            )
        return self._process


def judge_all(
    seed: int, numbers: Sequence[int], what: str, jobs: int, report: Callable[[Outcome], None]
) -> list[Outcome]:
    """Judges mutations in several processes."""
    local = threading.local()
    workers: list[Worker] = []

    def one(number: int) -> Outcome:
        if not hasattr(local, "worker"):
            local.worker = Worker(seed)
            workers.append(local.worker)
        outcome: Outcome = local.worker.ask(number, what)
        report(outcome)
        return outcome

    try:
        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(one, numbers))
    finally:
        for worker in workers:
            worker.close()


def campaign(seed: int, count: int, runs: int, jobs: int, *, first: int = 0, verbose: bool = False) -> list[Outcome]:
    """Reads and builds `count` mutations, and runs the first `runs` of those that were built; all outcomes."""

    def report(outcome: Outcome) -> None:
        if verbose:
            for verdict, text in outcome.failures:
                print(f"--- {outcome.number}: {verdict}: {text.strip()}", flush=True)

    outcomes = judge_all(seed, range(first, first + count), "build", jobs, report)
    built = [outcome.number for outcome in outcomes if outcome.verdict == "built"]
    return outcomes + judge_all(seed, built[:runs], "run", jobs, report)


def table(outcomes: Sequence[Outcome]) -> str:
    """How many outcomes have each verdict."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    faults = Counter(verdict for outcome in outcomes for verdict, _ in outcome.faults)
    lines = [f"{verdict:12} {count:6}" for verdict, count in sorted(counts.items())]
    lines += [f"of these with {verdict:12} {count:6}" for verdict, count in sorted(faults.items())]
    slowest = max(outcomes, key=lambda outcome: outcome.seconds, default=None)
    return "\n".join([*lines, f"slowest: {slowest.seconds:.1f} s ({slowest.number})" if slowest else ""])


def main() -> int:
    """Runs a campaign; exit code 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="mutations to read and build")
    parser.add_argument("--run", type=int, default=10, help="of those that were built: to run for ten steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--show", type=int, help="shows one mutation and judges it in this process")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if arguments.work:
        work(arguments.seed)
        return 0
    if arguments.show is not None:
        return show(arguments.seed, arguments.show)
    outcomes = campaign(
        arguments.seed, arguments.count, arguments.run, arguments.jobs, first=arguments.first, verbose=True
    )
    print(table(outcomes))
    failed = sorted({outcome.number for outcome in outcomes if outcome.failures})
    print(f"{len(failed)} mutations of seed {arguments.seed} failed: {' '.join(map(str, failed))}")
    return int(bool(failed))


def show(seed: int, number: int) -> int:
    """Prints a mutation, and what became of it."""
    from mutations import mutation, save

    from gasfield.kernels.cache import key_by_sources

    key_by_sources()
    made = mutation(seed, number)
    print(f"{made.base}: {'; '.join(made.changes)}\n{made.text.decode('utf-8', 'backslashreplace')[:3000]}")
    print("overrides:", [ascii(override)[:200] for override in made.overrides])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for run in (False, True):
            outcome = judge(save(made, Path()), made.overrides, number, run=run)
            print(f"{'run' if run else 'build'}: {outcome.verdict} in {outcome.seconds:.1f} s: {outcome.text}")
            for verdict, text in outcome.faults:
                print(f"  {verdict}: {text}")
            if outcome.verdict != "built":
                break
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    sys.exit(main())
