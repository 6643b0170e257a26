"""A scheduler in a process of its own is killed: the command ends with a message, and goes on with another one."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sweep_processes import SCENARIO, runs, start, wait_for

pytest.importorskip("psutil")
pytest.importorskip("distributed")


@contextmanager
def scheduler(port: int, workers: int) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler on the loopback address, with workers of one thread."""
    with ExitStack() as stack:
        words = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show"]
        head = stack.enter_context(dask(*words))
        for number in range(workers):
            folder = ["--local-directory", f"scratch-{port}-{number}", "--death-timeout", "60"]
            stack.enter_context(dask("worker", f"tcp://127.0.0.1:{port}", "--nthreads", "1", "--no-dashboard", *folder))
        yield head


@contextmanager
def dask(kind: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Dask, killed at the end."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.validate
def test_a_killed_scheduler_is_replaced_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost, no finished point is touched again, and the table has the bytes of an undisturbed sweep."""
    monkeypatch.chdir(tmp_path)
    Path("well.yaml").write_text(SCENARIO)
    whole = start(Path("whole"))
    output = whole.communicate(timeout=300)
    assert whole.returncode == 0, output
    port = free_port()
    remote = ["--scheduler", f"tcp://127.0.0.1:{port}", "--insecure"]
    with scheduler(port, 2) as head:
        process = start(Path("s"), *remote)
        wait_for(lambda: len(runs(Path("s"))) >= 3, process)
        head.kill()
        killed = time.monotonic()
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 4
    assert time.monotonic() - killed < 60.0
    assert errors.decode().splitlines()[-1].endswith("What was run is kept; the same command goes on.")
    assert "Traceback" not in errors.decode()
    before = runs(Path("s"))
    assert 3 <= len(before) < 8
    with scheduler(port, 2):
        again = start(Path("s"), *remote)
        output = again.communicate(timeout=300)
    assert again.returncode == 0, output
    assert before.items() <= runs(Path("s")).items()
    assert len(runs(Path("s"))) == 8
    assert Path("s/table.parquet").read_bytes() == Path("whole/table.parquet").read_bytes()
