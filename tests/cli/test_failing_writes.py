"""A write that fails ends a command with one message that names the file, and exit code 4; no file is cut short."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from errno import ENOSPC
from pathlib import Path
from typing import Any

import matplotlib.font_manager  # noqa: F401 (creates its folders, which is not counted below)
import numpy as np
import pytest
from failing_writes import ERRORS, failing, unmeasured

from gasfield.errors import InputError, WriteError
from gasfield.files import DRAFT, write_file
from gasfield.gas import Gas
from gasfield.kernels.kernel_cache import KernelCache
from gasfield.resources import check_output
from gasfield.trajectory import TrajectoryWriter

LONG = "n" * 300
COMMANDS = {
    "new": (["new", "mine", "--like", "double-well"], ["mine.yaml"]),
    "dead": (
        ["dead", "--counts", "counts.txt", "-o", "dead.txt", "--save-counts", "counts.npy"],
        ["dead.txt", "counts.npy"],
    ),
    "inspect": (["inspect", "matrix.npy", "--plots", "pictures"], ["pictures"]),
    "diagnose": (["diagnose", "a.h5", "--only", "cloud", "--plots", "pictures"], ["pictures"]),
    "compare": (["compare", "a.h5", "a.h5", "--plots", "pictures"], ["pictures"]),
    "animate": (["animate", "a.h5", "--frames", "2", "-o", "film.gif"], ["film.gif"]),
    "export": (["export", "a.h5", "-o", "a.npy", "--quiet"], ["a.npy", "a.json"]),
    "projector": (["export", "a.h5", "-o", "p", "--format", "projector", "--quiet"], ["p"]),
    "report": (["report", "a.h5", "--only", "cloud", "-o", "r.html"], ["r.html"]),
    "netcdf": (["export", "a.h5", "-o", "a.nc", "--quiet"], ["a.nc"]),
    "import": (["import", "matrix.npy", "-o", "imported.h5", "--quiet"], ["imported.h5"]),
    "copy": (["import", "a.h5", "-o", "imported.h5", "--quiet"], ["imported.h5"]),
}
"""Arguments, and what is written."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a trajectory, a matrix and token counts; kernels that are compiled here are not kept,
    so that the same files are written each time."""
    monkeypatch.setattr(KernelCache, "save_overload", lambda *_: None)
    chance = np.random.default_rng(0)
    gas = Gas(chance.standard_normal((5, 2)), np.zeros(5, np.int64), ["gas"], np.full(5, -1), [""] * 5)
    with TrajectoryWriter(tmp_path / "a.h5", gas, precision="float64", provenance={}) as writer:
        for step in range(6):
            writer.frame(step, step, gas.positions + 0.1 * step * chance.standard_normal((5, 2)))
    np.save(tmp_path / "matrix.npy", chance.standard_normal((12, 4)).astype(np.float32))
    (tmp_path / "counts.txt").write_text("0\n" * 4 + "5\n" * 8)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_failure(call: Callable, folder: Path, command: str, error: int, first: int, whole: dict[str, bytes]) -> None:
    """The command with changes of files failing from number `first` on."""
    arguments, outputs = COMMANDS[command]
    with failing(error, first):
        done = call(*arguments)
    where = f"{command}, {os.strerror(error)} from change {first} on: {done.stderr}"
    lines = done.stderr.splitlines()
    assert done.returncode == 4, where
    assert len(lines) == 1, where
    assert any(output in lines[0] for output in outputs), where
    assert os.strerror(error) in lines[0], where
    for name, content in contents(folder).items():
        assert DRAFT not in name, where
        assert not name.endswith((".png", ".txt", ".yaml")) or content == whole[name], where


def places(count: int, most: int) -> list[int]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)).tolist()


def check_command(call: Callable, folder: Path, command: str, errors: tuple[int, ...], most: int) -> None:
    """Fails at up to `most` places with each error; the command succeeds afterwards."""
    arguments, outputs = COMMANDS[command]
    with failing(errors[0]) as changes:
        assert call(*arguments).returncode == 0
    whole = contents(folder)
    for error in errors:
        for first in places(changes.count, most):
            remove(folder, outputs)
            check_failure(call, folder, command, error, first, whole)
    remove(folder, outputs)
    assert call(*arguments).returncode == 0
    assert set(contents(folder)) == set(whole)


def remove(folder: Path, names: list[str]) -> None:
    for name in names:
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).unlink(missing_ok=True)


@pytest.mark.parametrize(("command", "error"), list(zip(COMMANDS, ERRORS * 3, strict=True)))
def test_a_write_that_fails_is_one_message(gasfield: Callable, folder: Path, command: str, error: int) -> None:
    check_command(gasfield, folder, command, (error,), most=2)


@pytest.mark.validate
@pytest.mark.parametrize("command", COMMANDS)
def test_each_kind_of_failure_at_50_places(gasfield: Callable, folder: Path, command: str) -> None:
    check_command(gasfield, folder, command, ERRORS, most=50)


@pytest.mark.parametrize("place", ["write", "close"])
def test_a_recording_that_cannot_be_written_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    for package in ("torch", "tokenizers"):
        pytest.importorskip(package, reason="recording needs the extra `gasfield[record]`")
    from gasfield.recording.layout import Layout
    from gasfield.recording.plan import RecordingPlan, TrainingPlan
    from gasfield.recording.record import record

    whole = Layout.write

    def fails(layout: Layout, writer: TrajectoryWriter, step: Any) -> None:
        if place == "write" and step.step == 3:
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        whole(layout, writer, step)

    def fails_to_close(writer: TrajectoryWriter) -> None:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    monkeypatch.setattr(Layout, "write", fails)
    if place == "close":
        monkeypatch.setattr(TrajectoryWriter, "close", fails_to_close)
    (tmp_path / "text.txt").write_text("\n".join(f"word{i} follows word{i + 1}." for i in range(400)))
    geometry = {"vocabulary": 300, "dimensions": 8, "feed_forward": 8, "sequence": 8, "layers": 1, "heads": 1}
    training = {"text": str(tmp_path / "text.txt"), "steps": 20, "batch": 2, "dead": 20, "geometry": geometry}
    plan = RecordingPlan(dead_rows=8, live_rows=4, field="none")
    with pytest.raises(WriteError, match="No space left on device; it holds the steps that were written before"):
        record(TrainingPlan.model_validate(training), plan, tmp_path / "a.h5")


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_standard_output_is_one_message(buffered: str) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": buffered}
    command = [sys.executable, "-m", "gasfield.cli", "list"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, text=True)
    assert done.returncode == 4
    assert done.stderr.startswith("gasfield: standard output")
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_standard_output_is_no_error() -> None:
    command = f"{sys.executable} -m gasfield.cli"
    shell = f"{command} list >&-; {command} schema | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")


def test_a_file_system_that_fills_up_ends_a_film_with_one_message(folder: Path) -> None:
    """Real writes fail beyond a size of files."""
    arguments, _ = COMMANDS["animate"]
    done = subprocess.run(
        [sys.executable, "-m", "gasfield.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=unmeasured(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    lines = [line for line in done.stderr.splitlines() if not line.startswith("gasfield: note: ")]
    assert (done.returncode, lines) == (4, ["gasfield: film.gif: cannot be written: File too large."])
    assert sorted(path.name for path in folder.iterdir()) == ["a.h5", "counts.txt", "matrix.npy"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["new", LONG],
        ["new", "no/folder"],
        ["new", "counts.txt/mine"],
        ["new", "dangling"],
        ["dead", "--counts", "counts.txt", "-o", LONG],
        ["dead", "--counts", "counts.txt", "-o", "dangling.yaml"],
        ["animate", "a.h5", "-o", f"{LONG}.gif"],
        ["import", "matrix.npy", "-o", LONG],
        ["import", "matrix.npy", "-o", "counts.txt/a.h5"],
        ["inspect", "matrix.npy", "--plots", "counts.txt"],
        ["diagnose", LONG],
        ["show", f"{LONG}.yaml"],
    ],
)
def test_a_wrong_name_is_refused(refuses: Callable[..., str], folder: Path, arguments: list[str]) -> None:
    (folder / "dangling.yaml").symlink_to("nowhere")
    refuses(*arguments)
    assert not (folder / "nowhere").exists()


def test_a_link_to_nothing_is_replaced_if_that_is_allowed(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    with pytest.raises(InputError, match="exists already"):
        check_output(link, overwrite=False)
    check_output(link, overwrite=True)
    write_file(link, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["link"]
    assert link.read_text() == "new"


@pytest.mark.validate
def test_four_films_at_once_to_one_file(folder: Path) -> None:
    command = [sys.executable, "-m", "gasfield.cli", "animate", "a.h5", "-o", "film.gif", "--overwrite"]
    several = [subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]
    assert [(process.communicate()[1], process.returncode) for process in several] == [(b"", 0)] * 4
    assert sorted(path.name for path in folder.iterdir()) == ["a.h5", "counts.txt", "film.gif", "matrix.npy"]
