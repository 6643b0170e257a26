"""A worker or the whole sweep is killed: nothing is lost, no point is run twice, the table has the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from sweep_processes import SCENARIO, runs, start, wait_for

psutil = pytest.importorskip("psutil")
pytest.importorskip("distributed")


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Process ids of the workers, which are the descendants that hold a trajectory open."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child.pid for child in children if any("points" in file.path for file in child.open_files())]


@pytest.fixture
def undisturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The table of a sweep that nothing disturbs."""
    monkeypatch.chdir(tmp_path)
    Path("well.yaml").write_text(SCENARIO)
    process = start(Path("whole"))
    output = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return Path("whole/table.parquet").read_bytes()


@pytest.mark.validate
def test_a_killed_worker_loses_its_own_time_only(undisturbed: bytes) -> None:
    process = start(Path("s"))
    wait_for(lambda: len(runs(Path("s"))) >= 2 and len(runs(Path("s"), finished=False)) > len(runs(Path("s"))), process)
    wait_for(lambda: bool(workers_of(process)), process)
    before = runs(Path("s"))
    os.kill(workers_of(process)[0], signal.SIGKILL)
    output = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert before.items() <= runs(Path("s")).items()
    assert Path("s/table.parquet").read_bytes() == undisturbed


@pytest.mark.validate
def test_a_killed_sweep_goes_on_with_the_same_command(undisturbed: bytes) -> None:
    """The scheduler lives in the process of the command; its workers end with it."""
    process = start(Path("s"))
    wait_for(lambda: len(runs(Path("s"))) >= 3, process)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    before = runs(Path("s"))
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive
    assert 3 <= len(before) < 8
    again = start(Path("s"))
    output = again.communicate(timeout=300)
    assert again.returncode == 0, output
    assert before.items() <= runs(Path("s")).items()
    assert len(runs(Path("s"))) == 8
    assert Path("s/table.parquet").read_bytes() == undisturbed
