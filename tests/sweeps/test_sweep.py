"""A sweep runs every point once, goes on where it was, and leaves the same table whatever happened."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_sweeps import inodes, scenario

import gasfield
from gasfield.errors import InputError, WriteError
from gasfield.pages.axes import axes_of
from gasfield.sweeps import Progress, task
from gasfield.sweeps.points import Point
from gasfield.sweeps.store import TABLE
from gasfield.sweeps.sweeping import sweep as sweep_it
from gasfield.sweeps.table import ERROR, SCATTER, Table

pandas = pytest.importorskip("pandas")

SCAN: dict[str, Any] = {"temperature": [0.25, 1.0], "forces.0.stiffness": [1.0, 2.0], "seeds": 2}


def test_the_table_has_a_row_for_each_point_and_seed(tmp_path: Path) -> None:
    seen: list[Progress] = []
    made = gasfield.sweep(scenario(), SCAN, output=tmp_path / "s", progress=seen.append)
    assert [(each.done, each.total) for each in seen] == [(n, 8) for n in range(1, 9)]
    frame = made.to_dataframe()
    assert list(frame["temperature"]) == [0.25] * 4 + [1.0] * 4
    assert list(frame["forces.0.stiffness"]) == [1.0, 1.0, 2.0, 2.0] * 2
    assert list(frame["seed"]) == [1, 2] * 4
    assert set(frame["status"]) == {"done"}
    assert made.finished
    assert not made.failed
    for key, row in zip(made.table.keys, frame.to_dict("records"), strict=True):
        directory = made.directory / "points" / key[:2] / key
        summary = json.loads((directory / "summary.json").read_text())
        for name, column in made.table.columns.items():
            leaf: Any = summary
            for part in name.split("."):
                leaf = leaf[part]
            assert leaf["unit"] == column.unit
            np.testing.assert_equal(row[name], np.nan if leaf["value"] is None else leaf["value"])
            np.testing.assert_equal(row[name + ERROR], np.nan if leaf["error"] is None else leaf["error"])
        assert not (directory / "plots").exists()
    name = "groups.gas.radius.end"
    pairs = frame[name].to_numpy().reshape(4, 2)
    np.testing.assert_allclose(frame[name + SCATTER], np.repeat(np.abs(np.diff(pairs)) / np.sqrt(2), 2))
    data = made.to_xarray()
    assert dict(data.sizes) == {"temperature": 2, "forces.0.stiffness": 2, "seed": 2}
    assert data[name].attrs["unit"] == "length"


def test_a_point_of_a_sweep_has_the_bits_of_a_run_of_its_own(tmp_path: Path) -> None:
    made = gasfield.sweep(scenario(), {"temperature": [0.75]}, output=tmp_path / "s")
    (key,) = made.table.keys
    alone = gasfield.run(scenario(temperature=0.75), output=tmp_path / "alone")
    with gasfield.open(made.directory / "points" / key[:2] / key) as one, alone.open() as other:
        np.testing.assert_array_equal(one.positions(), other.positions())


def test_a_sweep_that_is_extended_runs_new_points_only(tmp_path: Path) -> None:
    first = gasfield.sweep(scenario(), {"temperature": [0.25, 0.5]}, output=tmp_path / "s")
    before = inodes(first.directory)
    # 0.5 is the temperature of the scenario: with it, the same points in the other scan.
    second = gasfield.sweep(scenario(), {"temperature": [0.25, 0.5, 1.0], "seeds": 2}, output=tmp_path / "s")
    after = inodes(second.directory)
    assert len(before) == 2
    assert len(after) == 6
    assert before.items() <= after.items()
    third = gasfield.sweep(scenario(), {"forces.0.stiffness": [1.0, 2.0]}, output=tmp_path / "s")
    assert len(inodes(third.directory)) == 7
    assert after.items() <= inodes(third.directory).items()
    assert list(third.to_dataframe()["temperature"])[-1] == 0.5
    again = gasfield.open_sweep(tmp_path / "s")
    assert again.to_dataframe().equals(third.to_dataframe())


def test_a_sweep_that_was_stopped_goes_on_from_its_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table has the bytes of an undisturbed one; finished points are not touched."""
    whole = gasfield.sweep(scenario(), SCAN, output=tmp_path / "whole")

    def stop_at(count: int) -> Callable[[Progress], None]:
        def listen(progress: Progress) -> None:
            if progress.done == count:
                raise KeyboardInterrupt

        return listen

    with pytest.raises(KeyboardInterrupt):
        gasfield.sweep(scenario(), SCAN, output=tmp_path / "s", progress=stop_at(3))
    before = inodes(tmp_path / "s")
    assert len(before) == 3
    assert gasfield.open_sweep(tmp_path / "s").table.status == ["done"] * 3 + [""] * 5
    made = gasfield.sweep(scenario(), SCAN, output=tmp_path / "s")
    assert before.items() <= inodes(tmp_path / "s").items()
    assert (made.directory / TABLE).read_bytes() == (whole.directory / TABLE).read_bytes()


def test_points_that_cannot_run_are_rows_with_a_reason(tmp_path: Path) -> None:
    """One is invalid, one far beyond the stability limit 2/omega; the others go on, and neither is run again unless
    that is asked for."""
    scan = {"dynamics.time_step": [0.1, -1.0, 1e200], "temperature": [0.5]}
    made = gasfield.sweep(scenario(), scan, output=tmp_path / "s")
    assert made.table.status == ["done", "failed", "failed"]
    negative, infinite = made.failed.values()
    assert next(iter(made.failed)) == "dynamics.time_step = -1.0, temperature = 0.5, seed 1"
    assert negative == "dynamics.time_step: should be greater than 0, not -1.0."
    assert "finite" in infinite
    frame = made.to_dataframe()
    assert list(frame["reason"].isna()) == [True, False, False]
    calls: list[Progress] = []
    again = gasfield.sweep(scenario(), scan, output=tmp_path / "s", progress=calls.append)
    assert not calls
    assert again.failed == made.failed
    gasfield.sweep(scenario(), scan, output=tmp_path / "s", progress=calls.append, retry=True)
    assert [(each.done, each.failed) for each in calls] == [(1, 1), (1, 2)]


@pytest.mark.parametrize(
    ("scan", "says"),
    [
        ({"temprature": [1.0]}, "temprature"),
        ({"forces.3.stiffness": [1.0]}, "forces.3.stiffness"),
        ({"forces.0.stifness": [1.0, 2.0]}, "Did you mean 'stiffness'"),
        ({"temperature": [-1.0, -2.0]}, "temperature"),
    ],
)
def test_a_scan_none_of_whose_points_fits_is_refused_before_anything_is_written(
    tmp_path: Path, scan: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        gasfield.sweep(scenario(), scan, output=tmp_path / "s")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("scan", "place"), [({}, "scan"), ({"temperature": 0.4}, "scan.temperature"), ({"seeds": 0}, "scan.seeds")]
)
def test_a_fault_of_a_scan_is_placed_in_it(tmp_path: Path, scan: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError) as fault:
        gasfield.sweep(scenario(), scan, output=tmp_path / "s")
    assert fault.value.parameter == place
    assert not (tmp_path / "s").exists()


def test_one_valid_point_among_many_is_enough(tmp_path: Path) -> None:
    scan = {"temperature": [-1.0 - k for k in range(20)] + [0.25]}
    made = gasfield.sweep(scenario(), scan, output=tmp_path / "s")
    assert made.table.status == ["failed"] * 20 + ["done"]


def test_how_a_number_is_written_makes_no_other_point(tmp_path: Path) -> None:
    made = gasfield.sweep(scenario(), {"temperature": [1], "seeds": [0, 1]}, output=tmp_path / "s")
    made = gasfield.sweep(scenario(), {"temperature": [1.0], "seeds": [1, 2]}, output=tmp_path / "s")
    assert len(made.table.keys) == 3
    assert len(set(made.to_dataframe()["groups.gas.radius.end" + SCATTER])) == 1


def test_whole_numbers_of_any_size_have_a_place_in_the_table(tmp_path: Path) -> None:
    """Up to 64 bits as they are; larger ones, which no scenario accepts, as text."""
    huge = 10**340
    table = Table(
        (str(n), Point({"temperature": each}, seed)) for n, (each, seed) in enumerate([(1, 2**64 - 1), (huge, 1)])
    )
    table.write(tmp_path / TABLE)
    columns = table.arrow().to_pydict()
    assert columns["seed"] == [2**64 - 1, 1]
    assert columns["temperature"] == ["1", str(huge)]
    assert list(table.point_of_rows()) == [0, 1]
    assert [axis.numeric for axis in axes_of(table)[0]] == [False]


SCRIPT = """
import sys, gasfield
print("once")
gasfield.sweep("tiny.yaml", {"temperature": [0.2, 0.4]}, output="made", workers=2)
print(sys.modules["__main__"].__file__)
"""


def test_a_script_that_sweeps_is_executed_once(tmp_path: Path) -> None:
    """Without `if __name__ == "__main__"`: workers need nothing of it."""
    pytest.importorskip("distributed")
    (tmp_path / "tiny.yaml").write_text(
        json.dumps(scenario().model_dump(mode="json", by_alias=True, exclude_unset=True))
    )
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["once", str(tmp_path / "script.py")]
    assert done.stderr == ""
    assert gasfield.open_sweep(tmp_path / "made").finished


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    scan = {"temperature": [0.25]}
    gasfield.sweep(scenario(), scan, output=tmp_path / "s")
    with pytest.raises(InputError, match="another scenario"):
        gasfield.sweep(scenario(run={"steps": 61}), scan, output=tmp_path / "s")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(InputError, match="not the directory of a sweep"):
        gasfield.sweep(scenario(), scan, output=tmp_path / "notes")
    with pytest.raises(InputError, match="not the directory of a sweep"):
        gasfield.open_sweep(tmp_path / "notes")
    stored = json.loads((tmp_path / "s" / "sweep.json").read_text())
    (tmp_path / "s" / "sweep.json").write_text(json.dumps(stored | {"format": 2}))
    with pytest.raises(InputError, match="another format"):
        gasfield.sweep(scenario(), scan, output=tmp_path / "s")
    stored["origin"]["arithmetic"] -= 1
    (tmp_path / "s" / "sweep.json").write_text(json.dumps(stored))
    with pytest.raises(InputError, match="arithmetic"):
        gasfield.sweep(scenario(), scan, output=tmp_path / "s")


def test_a_full_disk_ends_the_sweep_and_the_same_call_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, real = [0], gasfield.run

    def full(*given: Any, **named: Any) -> Any:
        written[0] += 1
        if written[0] == 3:
            raise WriteError(tmp_path / "s", "No space left on device")
        return real(*given, **named)

    monkeypatch.setattr(task, "run", full)
    with pytest.raises(WriteError, match="No space left"):
        gasfield.sweep(scenario(), SCAN, output=tmp_path / "s")
    before = inodes(tmp_path / "s")
    assert len(before) == 2
    made = gasfield.sweep(scenario(), SCAN, output=tmp_path / "s")
    assert made.finished
    assert before.items() <= inodes(tmp_path / "s").items()


def test_two_processes_do_not_sweep_into_one_directory(tmp_path: Path) -> None:
    def second(progress: Progress) -> None:
        if progress.done == 1:
            with pytest.raises(InputError, match="another process"):
                sweep_it(scenario(), SCAN, output=tmp_path / "s")

    gasfield.sweep(scenario(), SCAN, output=tmp_path / "s", progress=second)


def test_workers_of_dask_leave_the_same_table(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    scan = {"temperature": [0.25, 1.0]}
    here = gasfield.sweep(scenario(), scan, output=tmp_path / "here")
    there = gasfield.sweep(scenario(), scan, output=tmp_path / "there", workers=1)
    assert (here.directory / TABLE).read_bytes() == (there.directory / TABLE).read_bytes()


def test_a_scheduler_without_tls_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    for address, says in [("tcp://127.0.0.1:1", "no TLS"), ("localhost", "no address")]:
        with pytest.raises(InputError, match=says):
            gasfield.sweep(scenario(), SCAN, output=tmp_path / "s", scheduler=address)
