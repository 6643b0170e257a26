"""What a sweep makes of points that others run, workers that cannot run any, a lost scheduler, too little memory."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numba
import pytest
from small_sweeps import inodes, scenario
from threadpoolctl import threadpool_info

import gasfield
from gasfield import forked, memory
from gasfield.cli.sweep import _notes
from gasfield.cli.terminal import points_bar
from gasfield.errors import ClusterError
from gasfield.sweeps import Progress, runner
from gasfield.sweeps.clusters import DaskPool, local_pool
from gasfield.sweeps.diagrams import _labels
from gasfield.sweeps.store import TABLE
from gasfield.sweeps.task import Outcome, carry_out

pytest.importorskip("pandas")
SCAN: dict[str, Any] = {"temperature": [0.25, 1.0, 2.0]}


def use(monkeypatch: pytest.MonkeyPatch, carry: Callable[[str], str]) -> None:
    """Lets sweeps in this process carry out their tasks with another function."""
    monkeypatch.setattr(importlib.import_module("gasfield.sweeps.sweeping"), "carry_out", carry)
    monkeypatch.setattr(runner, "_PATIENCE", 0.02)


def test_a_point_that_another_process_runs_keeps_no_other_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for again until it is there."""
    seen: list[Progress] = []
    asked: list[str] = []

    def carry(text: str) -> str:
        key = json.loads(text)["key"]
        asked.append(key)
        waits = key == asked[0] and len(seen) < 8
        return Outcome("busy", key).as_text() if waits else carry_out(text)

    use(monkeypatch, carry)
    made = gasfield.sweep(scenario(), SCAN, output=tmp_path / "s", progress=seen.append)
    assert made.finished
    assert (seen[0].done, seen[0].elsewhere) == (0, 1)
    assert {(each.done, each.elsewhere) for each in seen[1:-1]} >= {(1, 1), (2, 1)}
    assert {each.elsewhere for each in seen[1:-1]} == {1}
    assert (seen[-1].done, seen[-1].elsewhere) == (3, 0)
    assert len(asked) > 4
    use(monkeypatch, carry_out)
    whole = gasfield.sweep(scenario(), SCAN, output=tmp_path / "whole")
    assert (made.directory / TABLE).read_bytes() == (whole.directory / TABLE).read_bytes()


@pytest.mark.parametrize(
    ("other", "says"),
    [({"release": "0.0.9"}, "has gasfield .* but the sweep 0.0.9"), ({"sweep": "/nowhere"}, "does not see /nowhere")],
)
def test_a_worker_that_can_run_no_point_ends_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: dict[str, str], says: str
) -> None:
    """One of another release, or without the folder. What was run stays, and the same call goes on."""
    count = 0

    def carry(text: str) -> str:
        nonlocal count
        count += 1
        return carry_out(json.dumps(json.loads(text) | (other if count == 2 else {})))

    use(monkeypatch, carry)
    with pytest.raises(ClusterError, match=says):
        gasfield.sweep(scenario(), SCAN, output=tmp_path / "s")
    assert ClusterError.exit_code == 4
    before = inodes(tmp_path / "s")
    assert len(before) == 1
    assert gasfield.sweep(scenario(), SCAN, output=tmp_path / "s").finished
    assert before.items() <= inodes(tmp_path / "s").items()


def test_a_point_without_memory_is_tried_again_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unlike one that is invalid: that stays as it is."""
    scan = {"gas.0.from.count": [4, 20_000, -1]}
    given = scenario(run={"steps": 2, "record_every": 2}, diagnostics=["cloud"])
    with monkeypatch.context() as patch:
        patch.setattr(memory, "free_memory", lambda: 8_000_000)
        made = gasfield.sweep(given, scan, output=tmp_path / "s")
    assert made.table.status == ["done", "failed", "failed"]
    assert "more than the memory that is free" in made.table.reasons[1]
    assert gasfield.open_sweep(tmp_path / "s").table.status == ["done", "", "failed"]
    calls: list[Progress] = []
    again = gasfield.sweep(given, scan, output=tmp_path / "s", progress=calls.append)
    assert again.table.status == ["done", "done", "failed"]
    assert len(calls) == 1


def test_a_lost_scheduler_is_one_error() -> None:
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=0, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=60
    )
    client = distributed.Client(cluster.scheduler_address, set_as_default=False)
    try:
        pool = DaskPool(client, carry_out)
        assert pool.workers == 0
        pool.submit("a", "{}")
        assert pool.outcome(0.01) is None
        cluster.close()
        with pytest.raises(ClusterError, match="was lost, or has cancelled the tasks"):
            pool.outcome(10.0)
    finally:
        client.close(timeout=1)
        cluster.close()


def state_of_a_worker(text: str) -> str:
    """Whether this process had everything imported, and how many threads kernels and BLAS have."""
    threads = {numba.config.NUMBA_NUM_THREADS, *(each["num_threads"] for each in threadpool_info())}
    return f"{'gasfield.sweeps.warm' in sys.modules}, {threads}"


@pytest.mark.skipif(not forked.AVAILABLE, reason="workers are forked on Linux only")
def test_workers_are_forked_with_everything_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    with local_pool(1, state_of_a_worker) as pool:
        pool.submit("a", "")
        name, found = pool.outcome(60.0) or ("", "")
    assert (name, found) == ("a", "True, {1}")
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"  # that of this process stays


def test_what_is_said_of_a_sweep() -> None:
    assert not list(_notes(Progress(0, 0, 9)))
    whole = Progress(3, 1, 10, "http://h:8787/status", elsewhere=2, workers=0, rate=0.05)
    assert list(_notes(whole)) == [
        "1 failed", "2 still run by another process", "waiting for a worker", "3 points/min", "2 min left",
        "http://h:8787/status",
    ]  # fmt: skip
    assert whole.seconds_left == pytest.approx(120.0)


def test_without_a_terminal_progress_is_a_line_now_and_then_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for quiet, expected in ((False, "1 of 4 points, 2 points/s\n4 of 4 points\n"), (True, "")):
        stream = StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        with points_bar(quiet) as show:
            show(1, 4, "2 points/s")
            show(2, 4, "2 points/s")
            show(4, 4, "")
        assert stream.getvalue() == expected


def test_lines_of_a_diagram_have_the_digits_that_tell_them_apart() -> None:
    assert _labels(["t", "k"], [[0.1, "a"], [0.2, "a"]]) == ["t = 0.1, k = a", "t = 0.2, k = a"]
    assert _labels(["t"], [[0.100001], [0.100002]]) == ["t = 0.100001", "t = 0.100002"]
