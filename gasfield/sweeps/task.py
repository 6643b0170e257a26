"""One point as a task: JSON in, JSON out, so that it can be carried out by any process that sees the directory."""

from __future__ import annotations

import json
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numba
from threadpoolctl import threadpool_limits

from gasfield.errors import BlowUp, GasfieldError, InputError, WriteError
from gasfield.files import make_folder, remove, write_json
from gasfield.memory import is_shortage
from gasfield.plugins import run_plugin
from gasfield.reading import object_of, read_object
from gasfield.runs import Pictures, resume, run
from gasfield.runs.former import SUMMARY
from gasfield.runs.lock import InUse
from gasfield.runs.manifest import SCENARIO, Manifest
from gasfield.scenario import load_scenario
from gasfield.scenario.document import SET
from gasfield.sweeps.points import Point
from gasfield.sweeps.rows import Row, results_of
from gasfield.version import __version__


@dataclass(frozen=True)
class Task:
    """What a worker is given.

    Attributes:
        sweep: directory of the sweep.
        directory: of the run.
        failure: where the reason goes if it cannot be run.
        point: text of the point.
        key: of the point.
        files: name of a data file in the scenario -> its path.
        plugins: files of plug-ins.
        pictures: whether the run draws its pictures.
        release: of gasfield that has made it.
    """

    sweep: str
    directory: str
    failure: str
    point: str
    key: str
    files: dict[str, str] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    pictures: bool = False
    release: str = __version__

    def text(self) -> str:
        """JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Outcome:
    """What a worker returns.

    Attributes:
        kind: "row": `text` is a row; "system": why nothing can be written there; "unfit": why this worker cannot run
            any point; "busy": another process is running this point.
        text: see `kind`.
    """

    kind: Literal["row", "system", "unfit", "busy"]
    text: str

    def as_text(self) -> str:
        """JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Outcome:
        """The outcome of a text that `as_text` has made."""
        return cls(**json.loads(text))


def carry_out(text: str) -> str:
    """Runs a point to its end, from its checkpoint if it was begun. One thread; the bits depend on none.

    Args:
        text: a `Task` as JSON.

    Returns:
        An `Outcome` as JSON. A fault of the point is a row, one of the system ends the sweep.
    """
    given = object_of(text)
    if (reason := _unfit(given)) is not None:
        return Outcome("unfit", f"worker {socket.gethostname()} {reason}").as_text()
    task = Task(**given)
    try:
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            row = _row(task)
    except InUse:
        return Outcome("busy", task.key).as_text()
    except WriteError as fault:
        return Outcome("system", f"{socket.gethostname()}: {fault}").as_text()
    return Outcome("row", row.text()).as_text()


def _unfit(given: Mapping[str, Any]) -> str | None:
    """Why this process can run no point of a sweep; None if it can."""
    if given.get("release") != __version__:
        return (
            f"has gasfield {__version__}, but the sweep {given.get('release', 'another')}; all need the same release."
        )
    if not (Path(given["sweep"]) / SCENARIO).is_file():
        return f"does not see {given['sweep']}; all workers of a sweep share its folder, under the same path."
    return None


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for kernels and BLAS."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        numba.set_num_threads(before)


def _row(task: Task) -> Row:
    sweep, directory = Path(task.sweep), Path(task.directory)
    try:
        for path in task.plugins:
            run_plugin(path)
        if not _is_finished(directory):
            _finish(task, sweep / SCENARIO, directory)
    except (InUse, WriteError):
        raise
    except Exception as fault:  # of one point: the others go on
        return _failed(task, fault)
    return Row(task.point, task.key, "done", results=results_of(read_object(directory / SUMMARY)))


def _is_finished(directory: Path) -> bool:
    manifest = Manifest.read(directory) if directory.is_dir() else None
    return manifest is not None and manifest.finished


def _finish(task: Task, scenario: Path, directory: Path) -> None:
    remove(Path(task.failure))
    drawn: Pictures = "headline" if task.pictures else "none"
    if directory.is_dir():
        resume(directory, pictures=drawn)
        return
    make_folder(directory.parent)
    files = {name: Path(path) for name, path in task.files.items()}
    run(load_scenario(scenario, Point.of(task.point).overrides, files), output=directory, pictures=drawn)


def _reason(fault: Exception) -> str:
    """What an error says; without the place of what the point sets, which nobody has written as an option."""
    if isinstance(fault, InputError):
        texts = [
            each.text(each.parameter).removeprefix(f"{each.location}: ") if _is_set(each) else str(each)
            for each in fault.faults
        ]
        return " ".join(texts)
    return str(fault) if isinstance(fault, GasfieldError) else f"{type(fault).__name__}: {fault}"


def _is_set(fault: InputError) -> bool:
    return fault.location is not None and fault.location.startswith(SET)


def _failed(task: Task, fault: Exception) -> Row:
    """The row of a point that cannot be run. The reason is kept, so that it is not run again, unless it is one of the
    machine, or of gasfield."""
    reason = _reason(fault)
    if isinstance(fault, InputError | BlowUp) and not is_shortage(fault):
        make_folder(Path(task.failure).parent)
        write_json(Path(task.failure), {"point": task.point, "reason": reason})
    return Row(task.point, task.key, "failed", reason=reason)
